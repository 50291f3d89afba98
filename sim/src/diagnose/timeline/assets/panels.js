// The parts of the page that are text: header, details, filters, help. Everything that comes from the
// trace goes in as text nodes, never as markup.

const byId = (id) => document.getElementById(id);

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  Object.entries(attributes || {}).forEach(([name, value]) => {
    if (name === 'onclick') element.addEventListener('click', value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? '' : value);
  });
  children.forEach((child) => element.append(child));
  return element;
}

function laneName(model, lane) {
  return lane === NONE ? 'world' : model.lanes[lane].name;
}

// One line about an event, for lists, the tooltip and the voice.
function brief(model, row) {
  const { code } = model;
  const word = model.text(model.label[row]);
  const detail = model.text(model.detail[row]);
  const peer = model.peer[row] === NONE ? '' : model.lanes[model.peer[row]].name;
  const zxid = model.zxid[row] > 0 ? model.zxids[model.zxid[row] - 1] : '';
  const message = model.messageOf.get(row);
  const path = message ? `${laneName(model, message.from)} → ${laneName(model, message.to)}` : '';
  switch (model.type[row]) {
    case code.send: return `sends ${word} to ${peer}`;
    case code.deliver: return `receives ${word} from ${peer}`;
    case code.frame: return detail === 'sent' ? `sends ${word} to ${peer}` : `receives ${word} from ${peer}`;
    case code.lose: return `loses ${message ? model.text(message.label) : 'a message'} ${path}: ${word}`;
    case code.duplicate: return `duplicates ${message ? model.text(message.label) : 'a message'} ${path}`;
    case code.link: return `link to ${peer} ${word}`;
    case code.timer: case code.client_timer: return `timer ${word}`;
    case code.disk: return `disk ${word} ${detail}`;
    case code.crash: return `crashes (${word})`;
    case code.refused: return `refuses to boot: ${word}`;
    case code.standing: return `is ${word} in ${detail}`;
    case code.apply: return `applies ${zxid}`;
    case code.commit: return `commits ${zxid}`;
    case code.restore: return `restores ${zxid}`;
    case code.fact: return `states: ${word || 'fact'}`;
    case code.client_link: return `connection to ${peer} ${word}`;
    case code.session: return `session ${detail} ${word}`;
    case code.invoke: return `invokes ${word}`;
    case code.sent: return `sends operation ${model.number[row]} to ${peer}`;
    case code.complete: return `operation ${model.number[row]} ends ${word}`;
    case code.watch_event: return `watch ${word} ${detail}`;
    case code.fault: return `fault: ${detail}`;
    case code.undo: return `fault ${model.number[row]} ends`;
    case code.heal: return `heals ${detail}`;
    case code.action: return `${word} ${detail}`;
    case code.violation: return `violation of ${word}`;
    default: return `${model.typeOf(row)}s`;
  }
}

const VERDICTS = {
  pass: '✓ PASS', fail: '✕ FAIL', unknown: '? UNKNOWN', vacuous: '○ VACUOUS',
};

function fillHead(view) {
  const { head, totals, window: part } = view.model;
  const badge = byId('verdict');
  badge.textContent = VERDICTS[head.verdict] || head.verdict;
  badge.classList.add(head.verdict);
  byId('name').append(head.scenario, ' ', make('small', {}, `on ${head.protocol}`));
  const fact = (name, value) => make('span', {}, `${name} `, make('b', {}, value));
  const facts = [fact('seed', head.seed), fact('hash', head.hash)];
  if (head.mutations.length > 0) facts.push(fact('mutations', head.mutations.join(', ')));
  facts.push(fact('virtual time', timeText(head.end, 1e6)));
  if (head.healed !== null) facts.push(fact('healed at', timeText(head.healed, 1e6)));
  facts.push(fact('events', totals.events.toLocaleString('en')));
  facts.push(fact('messages', view.model.messages.length.toLocaleString('en')));
  byId('facts').append(...facts);
  fillCommands(head.commands);
  head.failures.forEach((failure) => byId('reasons').append(make(
    'button',
    { class: 'reason', type: 'button', title: failure.reason, onclick: () => view.toViolation(rowOf(view.model, failure)) },
    make('b', {}, `✕ ${failure.checker}`),
    make('span', { class: 'mono' }, preciseTime(failure.at)),
    make('span', { class: 'text' }, failure.reason),
  )));
  const notes = [];
  if (part) {
    notes.push(`This page shows a part of the run: ${part.events.toLocaleString('en')} of `
      + `${totals.events.toLocaleString('en')} events, from ${preciseTime(part.from)} to ${preciseTime(part.to)}, `
      + `${part.around}. What was in force before it is included; the other events are in events.jsonl.`);
  }
  if (totals.left_off > 0) {
    notes.push(`The trace ends early: ${totals.left_off.toLocaleString('en')} events at the end were not recorded.`);
  }
  byId('window').hidden = notes.length === 0;
  byId('window').textContent = notes.join(' ');
}

// The event of a failure that the header names.
function rowOf(model, failure) {
  return model.violations.find((row) => model.at[row] === failure.at
    && model.text(model.label[row]) === failure.checker);
}

// The commands that begin with this run: one is shown, and can be copied; the others by their verbs.
function fillCommands(commands) {
  const box = byId('commands');
  const code = make('code', {});
  const button = make('button', { type: 'button' }, 'Copy');
  const verbs = commands.map((command) => make(
    'button',
    { type: 'button', title: command, onclick: () => show(command) },
    command.split(' ')[1] || command,
  ));
  const show = (command) => {
    code.textContent = command;
    code.title = command;
    button.setAttribute('aria-label', `Copy: ${command}`);
    verbs.forEach((verb, index) => verb.setAttribute('aria-pressed', `${commands[index] === command}`));
  };
  button.addEventListener('click', () => {
    const say = (word) => { button.textContent = word; setTimeout(() => { button.textContent = 'Copy'; }, 1500); };
    const select = () => { getSelection().selectAllChildren(code); say('Selected'); };
    if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(() => say('Copied'), select);
    else select();
  });
  if (commands.length > 1) box.append(make('div', { class: 'verbs', role: 'group', 'aria-label': 'Which command' }, ...verbs));
  box.append(make('div', { class: 'command' }, code, button));
  show(commands[0]);
}

function fillState(view) {
  const { model } = view;
  byId('when').textContent = preciseTime(view.cursor);
  const body = byId('state').tBodies[0];
  body.replaceChildren();
  for (let lane = 0; lane < model.nodes; lane += 1) {
    const state = stateOf(model, lane, view.cursorRow);
    const shape = state.state === 'up' ? swatchOf(state.role) : state.state;
    const role = state.state === 'up' ? state.role || 'booting' : state.state;
    body.append(make(
      'tr',
      { class: state.state },
      make('td', {}, model.lanes[lane].name, ...(model.lanes[lane].observer ? [make('small', {}, ' obs.')] : [])),
      make('td', {}, make('i', { class: `swatch ${shape}` }), role),
      make('td', {}, state.epoch === '' ? '–' : state.epoch),
      make('td', {}, state.applied),
      make('td', {}, state.committed),
    ));
  }
}

function swatchOf(role) {
  return role === '' ? 'booting' : role;
}

const KEYS = [
  ['← →', 'move the view; with Shift by a whole page'],
  ['↑ ↓', 'the lane above, the lane below'],
  ['+ −', 'zoom in, zoom out at the cursor'],
  ['0', 'the whole run'],
  ['n p', 'next, previous event of the lane'],
  ['c', 'to the cause of the selected event'],
  ['Enter', 'read the selected event; from the search: the next match'],
  ['v', 'the first violation, again: the next one'],
  ['j k', 'next, previous step of the story'],
  ['s', 'show or hide the story'],
  ['/', 'search'],
  ['f', 'filter by node, client, kind and fate'],
  ['t', 'light or dark'],
  ['?', 'this help'],
  ['Esc', 'close, clear the selection'],
  ['wheel, drag', 'zoom, move; drag the overview to travel'],
];

function fillHelp(view) {
  KEYS.forEach(([keys, text]) => byId('keys').append(
    make('dt', {}, ...keys.split(' ').map((key) => make('kbd', {}, key))),
    make('dd', {}, text),
  ));
  const marks = byId('marks');
  MARKS.forEach(([name, text]) => marks.append(make('span', {}, sample(view, name, 46, 16), text)));
  marks.append(make('span', {}, `A message is delayed from ${DELAYED_FROM} times the median latency on (here ${preciseTime(view.model.latency)}).`));
  marks.append(make('span', {}, 'Selecting an event veils everything that cannot have influenced it; the bold line is the chain of direct causes.'));
}

const MARKS = [
  ['delivered', 'delivered'], ['delayed', 'delayed'], ['duplicated', 'duplicated'],
  ['dropped', 'dropped'], ['blocked', 'blocked'],
  ['ok', 'operation ok'], ['error', 'error'], ['refused', 'refused'], ['unknown', 'outcome unknown'],
  ['point', 'takes effect'], ['committed', 'commit index'], ['applied', 'applied'],
];

function fillLegend(view) {
  const legend = byId('legend');
  legend.replaceChildren();
  MARKS.forEach(([name, text]) => legend.append(make('span', {}, sample(view, name, 34, 12), text)));
  const kinds = view.model.kinds.slice(0, view.colours.kinds.length);
  kinds.forEach((kind) => legend.append(make('span', {}, sample(view, `kind ${kind.index}`, 14, 12), kind.name)));
}

// A mark of the legend, drawn as the view draws it.
function sample(view, name, width, height) {
  const canvas = make('canvas', { width: width * view.ratio, height: height * view.ratio, 'aria-hidden': 'true' });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const c = canvas.getContext('2d');
  c.scale(view.ratio, view.ratio);
  const middle = height / 2;
  const fate = FATES.indexOf(name);
  const { colours } = view;
  if (fate !== NONE) {
    const colour = fate === DROPPED || fate === BLOCKED ? colours.lost : colours.ink;
    const end = fate === DROPPED || fate === BLOCKED ? width - 6 : width - 1;
    c.setLineDash(DASHES[fate]);
    line(c, colour, 1, middle, end, middle, 1.4);
    c.setLineDash([]);
    c.fillStyle = colour;
    endMark(c, fate, 1, middle, end, middle);
  } else if (name === 'point') {
    c.fillStyle = colours.paper;
    c.strokeStyle = colours.ink;
    diamond(c, width / 2, middle, 4);
    c.fill();
    c.stroke();
  } else if (name === 'committed' || name === 'applied') {
    c.setLineDash(name === 'applied' ? [1.5, 2.5] : []);
    const colour = name === 'applied' ? colours.muted : colours.commit;
    line(c, colour, 2, height - 3, width / 2, height - 3, 1.5);
    line(c, colour, width / 2, height - 3, width / 2, 3, 1.5);
    line(c, colour, width / 2, 3, width - 2, 3, 1.5);
  } else if (name.startsWith('kind ')) {
    line(c, colours.kinds[Number(name.slice(5))], 1, middle, width - 1, middle, 3);
  } else {
    paintOperation({ ...view, context: c, gutter: 0 }, { outcome: name, request: '' }, 2, width - 3, middle - 5, 10);
  }
  return canvas;
}
