// What is shown and found: the filter and the search.

const GROUPS = ['node', 'client', 'kind', 'event', 'fate'];

// Filters: within a group any, between groups all; an empty group lets everything pass.

function passes(view, row) {
  const { model, chosen } = view;
  const lane = model.lane[row];
  const peer = model.peer[row];
  const among = (set) => set.has(lane) || set.has(peer);
  const ofNode = lane !== NONE && lane < model.nodes;
  if (chosen.node.size > 0 || chosen.client.size > 0) {
    const named = (chosen.node.size > 0 && among(chosen.node)) || (chosen.client.size > 0 && among(chosen.client));
    if (!named && lane !== NONE) return false;
  }
  if (chosen.event.size > 0 && !chosen.event.has(model.type[row])) return false;
  if (chosen.kind.size > 0) {
    const message = model.messageOf.get(row);
    if (message ? !chosen.kind.has(message.label) : ofNode) return false;
  }
  if (chosen.fate.size > 0) {
    const message = model.messageOf.get(row);
    if (message ? !chosen.fate.has(message.fate) : ofNode) return false;
  }
  return true;
}

function passesMessage(view, message) {
  const { chosen, model } = view;
  if (chosen.kind.size > 0 && !chosen.kind.has(message.label)) return false;
  if (chosen.fate.size > 0 && !chosen.fate.has(message.fate)) return false;
  if (chosen.event.size > 0 && !chosen.event.has(model.code.send)) return false;
  if (chosen.node.size > 0 || chosen.client.size > 0) {
    if (!chosen.node.has(message.from) && !chosen.node.has(message.to)) return false;
  }
  return true;
}

function optionsOf(view, group) {
  const { model } = view;
  const lanes = (kind) => model.lanes.map((lane, index) => ({ value: index, name: lane.name, kind: lane.kind }))
    .filter((lane) => lane.kind === kind);
  switch (group) {
    case 'node': return lanes('node');
    case 'client': return lanes('client');
    case 'kind': return model.kinds.map((kind) => ({ value: kind.label, name: kind.name, count: kind.count }));
    case 'event': {
      const counts = new Uint32Array(model.types.length);
      model.type.forEach((type) => { counts[type] += 1; });
      return model.types.map((name, value) => ({ value, name, count: counts[value] })).filter((one) => one.count > 0);
    }
    default: {
      const counts = new Uint32Array(FATES.length);
      model.messages.forEach((message) => { counts[message.fate] += 1; });
      return FATES.map((name, value) => ({ value, name, count: counts[value] })).filter((one) => one.count > 0);
    }
  }
}

function fillFilters(view) {
  const panel = byId('filters');
  view.options = {};
  GROUPS.forEach((group) => {
    const options = optionsOf(view, group);
    view.options[group] = options;
    if (options.length === 0) return;
    const chips = make('div', { class: 'chips', role: 'group', 'aria-label': `Filter by ${group}` });
    options.forEach((option) => {
      const chip = make('button', { type: 'button', class: 'chip', 'aria-pressed': 'false' }, option.name);
      if (option.count !== undefined) chip.append(make('i', {}, option.count.toLocaleString('en')));
      chip.addEventListener('click', () => {
        const set = view.chosen[group];
        if (set.has(option.value)) set.delete(option.value); else set.add(option.value);
        refresh(view);
      });
      option.chip = chip;
      chips.append(chip);
    });
    panel.append(make('div', { class: 'row' }, make('span', {}, group), chips));
  });
  const clear = make('button', { type: 'button', id: 'clear' }, 'Show everything');
  clear.addEventListener('click', () => { GROUPS.forEach((group) => view.chosen[group].clear()); refresh(view); });
  panel.append(make('div', { class: 'row' }, make('span', {}, ''), clear));
}

// After the filter, the search or the address changed.
function refresh(view) {
  let active = 0;
  GROUPS.forEach((group) => view.options[group].forEach((option) => {
    const on = view.chosen[group].has(option.value);
    active += on ? 1 : 0;
    option.chip.setAttribute('aria-pressed', `${on}`);
  }));
  byId('filtered').hidden = active === 0;
  byId('filtered').textContent = `${active}`;
  let shown = view.model.count;
  if (active > 0) {
    shown = 0;
    for (let row = 0; row < view.model.count; row += 1) shown += passes(view, row) ? 1 : 0;
  }
  view.shown = shown;
  const total = view.model.count.toLocaleString('en');
  byId('shown').textContent = active > 0 ? `${shown.toLocaleString('en')} of ${total} events` : `${total} events`;
  byId('violation').disabled = view.model.violations.length === 0;
  find(view);
  fillState(view);
  fillEvent(view);
  draw(view);
}

// Search: every word has to occur in what an event is: its lane, type, label, body or zxid.

function find(view) {
  const { model } = view;
  const words = view.query.toLowerCase().split(/\s+/).filter((word) => word !== '');
  view.matches = [];
  view.allMatches = [];
  byId('found').textContent = '';
  if (words.length === 0) return;
  const tests = words.map((word) => holding(model, word));
  for (let row = 0; row < model.count; row += 1) {
    if (tests.every((test) => test(row)) && passes(view, row)) view.allMatches.push(row);
  }
  const count = view.allMatches.length;
  byId('found').textContent = count === 0 ? 'no match' : `${count.toLocaleString('en')} found`;
  // Rings around thousands of events would hide them.
  if (count <= 2000) view.matches = view.allMatches;
}

// Whether a row holds a word. A lane is meant by its whole name: c1 is not c11.
function holding(model, word) {
  const hits = Uint8Array.from(model.strings, (text) => (text.toLowerCase().includes(word) ? 1 : 0));
  const zxids = Uint8Array.from(model.zxids, (text) => (text === word ? 1 : 0));
  const types = Uint8Array.from(model.types, (name) => (name.includes(word) ? 1 : 0));
  const lane = model.lanes.findIndex((one) => one.name === word);
  return (row) => hits[model.label[row]] || hits[model.detail[row]] || hits[model.body[row]]
    || types[model.type[row]] || (model.zxid[row] > 0 && zxids[model.zxid[row] - 1])
    || (lane !== NONE && model.lane[row] === lane);
}

function nextMatch(view, backwards) {
  const list = view.allMatches;
  if (list.length === 0) return;
  const at = view.selected === NONE ? rowAt(view.model, view.cursor) : view.selected;
  let index = list.findIndex((row) => row > at);
  if (backwards) index = (index === NONE ? list.length : index) - (list.includes(at) ? 2 : 1);
  if (index < 0) index = backwards ? list.length - 1 : 0;
  select(view, list[index], true);
  byId('found').textContent = `${index + 1} of ${list.length.toLocaleString('en')}`;
}
