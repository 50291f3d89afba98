// The pointer, the keys and the buttons.

function place(view, event) {
  const box = byId('view').getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

function laneAt(view, y) {
  return view.layout.lanes.findIndex((box) => y >= box.top && y < box.top + box.height);
}

// The event, operation, fault or message that is drawn nearest to a place.
function nearest(view, x, y) {
  const { model, layout } = view;
  const height = y + view.scroll;
  if (x < view.gutter || y < AXIS) return NONE;
  const lane = laneAt(view, height);
  if (lane === NONE) return faultAt(view, x, height);
  if (lane >= model.nodes) {
    const operation = operationAt(view, lane, x, height);
    if (operation !== NONE) return operation;
  }
  const rows = model.rows[lane];
  let best = NONE;
  let distance = 8;
  const far = Math.abs(height - layout.lanes[lane].base);
  if (far <= 14 || lane >= model.nodes) {
    const first = upTo(model, rows, atOf(view, x - 8));
    for (let index = first; index < rows.length; index += 1) {
      const off = Math.abs(xOf(view, model.at[rows[index]]) - x);
      if (off > 8 && model.at[rows[index]] > atOf(view, x)) break;
      if (off < distance && passes(view, rows[index])) { best = rows[index]; distance = off; }
    }
  }
  if (best !== NONE && (distance < 4 || far < 5)) return best;
  const arrowRow = messageAt(view, x, height);
  return arrowRow === NONE ? best : arrowRow;
}

function faultAt(view, x, height) {
  const found = view.model.faults.find((fault) => {
    const y = view.layout.faults + fault.level * FAULT_ROW;
    return height >= y && height < y + FAULT_ROW && x >= xOf(view, fault.from) - 3
      && x <= Math.max(xOf(view, fault.to), xOf(view, fault.from) + 8);
  });
  return found ? found.row : NONE;
}

function operationAt(view, lane, x, height) {
  const top = view.layout.lanes[lane].top + 3;
  const found = view.model.operations[lane].filter((operation) => {
    const y = top + operation.level * view.operationRow;
    return height >= y - 1 && height < y + view.operationRow - 1 && x >= xOf(view, operation.from) - 2
      && x <= xOf(view, operation.to) + 2 && passes(view, operation.row);
  }).pop();
  return found ? found.row : NONE;
}

function messageAt(view, x, height) {
  let best = NONE;
  let nearestSoFar = 5;
  for (const message of view.drawn.messages) {
    const { x0, y0, x1, y1 } = ends(view, message);
    if (x < Math.min(x0, x1) - 5 || x > Math.max(x0, x1) + 5) continue;
    const length = (x1 - x0) ** 2 + (y1 - y0) ** 2 || 1;
    const along = Math.max(0, Math.min(1, ((x - x0) * (x1 - x0) + (height - y0) * (y1 - y0)) / length));
    const off = Math.hypot(x - x0 - along * (x1 - x0), height - y0 - along * (y1 - y0));
    if (off < nearestSoFar) {
      nearestSoFar = off;
      best = message.last === NONE ? message.first : message.last;
    }
  }
  return best;
}

function hover(view, event) {
  const { x, y } = place(view, event);
  const row = nearest(view, x, y);
  const tip = byId('tip');
  if (row === NONE) {
    tip.hidden = true;
  } else {
    const { model } = view;
    tip.replaceChildren(
      make('b', {}, `${laneName(model, model.lane[row])} ${brief(model, row)}`.slice(0, 140)),
      make('p', { class: 'mono' }, `${preciseTime(model.at[row])}  ${fateNote(model, row)}`),
    );
    const body = bodiesOf(model, row)[0];
    if (body) tip.append(make('p', {}, body.length > 220 ? `${body.slice(0, 220)}…` : body));
    tip.hidden = false;
    tip.style.left = `${Math.max(4, Math.min(view.width - tip.offsetWidth - 8, x + 14))}px`;
    tip.style.top = `${y + 20 + tip.offsetHeight > view.height ? Math.max(0, y - tip.offsetHeight - 10) : y + 16}px`;
  }
  if (row !== view.hovered) {
    view.hovered = row;
    paintFocus(view);
  }
}

function fateNote(model, row) {
  const message = model.messageOf.get(row);
  if (message) return FATES[message.fate];
  const operation = model.operationOf.get(row);
  return operation ? operation.outcome : '';
}

function listenToPointer(view) {
  const stage = byId('view');
  let drag = null;
  stage.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    drag = { x: event.clientX, y: event.clientY, moved: false };
  });
  stage.addEventListener('pointermove', (event) => {
    if (!drag) { hover(view, event); return; }
    const dx = event.clientX - drag.x;
    const dy = event.clientY - drag.y;
    if (!drag.moved && Math.hypot(dx, dy) < 4) return;
    drag = { x: event.clientX, y: event.clientY, moved: true };
    byId('tip').hidden = true;
    stage.classList.add('dragging');
    view.scroll = Math.max(0, Math.min(view.scrollMax, view.scroll - dy));
    pan(view, -dx);
  });
  stage.addEventListener('pointerup', (event) => {
    const click = drag && !drag.moved;
    drag = null;
    stage.classList.remove('dragging');
    if (!click) return;
    const { x, y } = place(view, event);
    const row = nearest(view, x, y);
    const lane = laneAt(view, y + view.scroll);
    if (row !== NONE) {
      select(view, row, false);
    } else {
      if (lane !== NONE) view.lane = lane;
      if (x > view.gutter) setCursor(view, atOf(view, x));
      select(view, NONE, false);
    }
  });
  stage.addEventListener('pointerleave', () => { byId('tip').hidden = true; });
  stage.addEventListener('wheel', (event) => {
    event.preventDefault();
    const { x } = place(view, event);
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      pan(view, event.deltaX || event.deltaY);
    } else if (x < view.gutter) {
      view.scroll = Math.max(0, Math.min(view.scrollMax, view.scroll + event.deltaY));
      draw(view);
    } else {
      zoom(view, Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.06 : 0.0022)), x);
    }
  }, { passive: false });
  listenToOverview(view);
}

function listenToOverview(view) {
  const strip = byId('overview');
  const travel = (event) => {
    const box = strip.getBoundingClientRect();
    const part = (event.clientX - box.left - view.gutter) / (box.width - view.gutter);
    const span = (view.width - view.gutter) / view.scale;
    view.from = view.model.begin + part * (view.model.end - view.model.begin) - span / 2;
    keepInside(view);
    draw(view);
  };
  strip.addEventListener('pointerdown', (event) => { strip.setPointerCapture(event.pointerId); travel(event); });
  strip.addEventListener('pointermove', (event) => { if (event.buttons === 1) travel(event); });
}

// The next or previous event of the lane that the filter lets pass.
function walk(view, step) {
  const { model } = view;
  const rows = model.rows[view.lane];
  if (!rows || rows.length === 0) return;
  const held = view.selected !== NONE && model.lane[view.selected] === view.lane;
  let index = held ? model.place[view.selected] + step
    : upTo(model, rows, view.cursor) - (step < 0 ? 1 : 0);
  while (index >= 0 && index < rows.length && !passes(view, rows[index])) index += step;
  if (index < 0 || index >= rows.length) {
    say(step > 0 ? 'no later event in this lane' : 'no earlier event in this lane');
    return;
  }
  select(view, rows[index], true);
}

function toLane(view, step) {
  view.lane = Math.max(0, Math.min(view.model.lanes.length - 1, view.lane + step));
  scrollTo(view, view.lane);
  say(`lane ${view.model.lanes[view.lane].name}`);
  draw(view);
}

function toViolation(view) {
  const { violations } = view.model;
  const index = violations.indexOf(view.selected);
  view.toViolation(violations[(index + 1) % violations.length]);
}

function toCause(view) {
  if (view.selected === NONE) return;
  const cause = before(view.model, view.selected);
  if (cause === NONE) say('this event has no recorded cause'); else select(view, cause, true);
}

function toggleFilters(view, open) {
  const panel = byId('filters');
  panel.hidden = open === undefined ? !panel.hidden : !open;
  byId('filter').setAttribute('aria-expanded', `${!panel.hidden}`);
  if (!panel.hidden) panel.querySelector('.chip').focus();
}

function toggleHelp(open) {
  const helper = byId('helper');
  helper.hidden = !open;
  byId('help').setAttribute('aria-expanded', `${open}`);
  (open ? byId('close') : byId('view')).focus();
}

function toggleTheme(view) {
  document.documentElement.dataset.theme = view.dark ? 'light' : 'dark';
  recolour(view);
}

function escape(view) {
  if (!byId('helper').hidden) toggleHelp(false);
  else if (!byId('filters').hidden) { toggleFilters(view, false); byId('view').focus(); }
  else if (document.activeElement === byId('search')) byId('view').focus();
  else select(view, NONE, false);
}

function listenToKeys(view) {
  const page = () => (view.width - view.gutter) * 0.9;
  const middle = () => {
    const x = xOf(view, view.cursor);
    return x > view.gutter && x < view.width ? x : (view.gutter + view.width) / 2;
  };
  const keys = {
    ArrowLeft: (event) => pan(view, event.shiftKey ? -page() : -80),
    ArrowRight: (event) => pan(view, event.shiftKey ? page() : 80),
    ArrowUp: () => toLane(view, -1),
    ArrowDown: () => toLane(view, 1),
    '+': () => zoom(view, 1.5, middle()),
    '=': () => zoom(view, 1.5, middle()),
    '-': () => zoom(view, 1 / 1.5, middle()),
    0: () => { fit(view); draw(view); },
    n: () => walk(view, 1),
    p: () => walk(view, -1),
    c: () => toCause(view),
    v: () => toViolation(view),
    s: () => toggleStory(view),
    j: () => walkStory(view, 1),
    k: () => walkStory(view, -1),
    t: () => toggleTheme(view),
    '/': () => byId('search').focus(),
    f: () => toggleFilters(view),
    '?': () => toggleHelp(true),
    Escape: () => escape(view),
    Enter: () => { if (view.selected === NONE) walk(view, 1); byId('event').focus(); },
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target instanceof HTMLInputElement;
    const pressing = event.target instanceof HTMLButtonElement;
    if (typing && event.key !== 'Escape') return;
    if (pressing && (event.key === 'Enter' || event.key === ' ')) return;
    if (!byId('helper').hidden) {
      if (event.key === 'Escape' || event.key === '?') toggleHelp(false);
      // The dialog has one control: the focus stays on it.
      if (event.key === 'Escape' || event.key === '?' || event.key === 'Tab') event.preventDefault();
      return;
    }
    // Arrow keys scroll the panels while the focus is inside them.
    if (event.key.startsWith('Arrow') && event.target.closest && event.target.closest('.side')) return;
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
  });
}

function listenToTools(view) {
  const click = (id, action) => byId(id).addEventListener('click', action);
  const centre = () => (view.gutter + view.width) / 2;
  click('violation', () => toViolation(view));
  click('fit', () => { fit(view); draw(view); });
  click('in', () => zoom(view, 1.8, centre()));
  click('out', () => zoom(view, 1 / 1.8, centre()));
  click('next', () => walk(view, 1));
  click('previous', () => walk(view, -1));
  click('story-toggle', () => toggleStory(view));
  click('story-on', () => walkStory(view, 1));
  click('story-back', () => walkStory(view, -1));
  click('filter', () => toggleFilters(view));
  click('theme', () => toggleTheme(view));
  click('help', () => toggleHelp(true));
  click('close', () => toggleHelp(false));
  byId('helper').addEventListener('click', (event) => { if (event.target === byId('helper')) toggleHelp(false); });
  const search = byId('search');
  let wait = 0;
  search.addEventListener('input', () => {
    clearTimeout(wait);
    wait = setTimeout(() => { view.query = search.value; find(view); draw(view); }, 120);
  });
  search.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    clearTimeout(wait);
    if (view.query !== search.value) { view.query = search.value; find(view); }
    nextMatch(view, event.shiftKey);
  });
}

start();
