// The page at work: the view's state, what the pointer and the keys do to it, filters, search, and
// the address that remembers all of it.

function start() {
  const model = derive(decode(byId('trace').textContent));
  const canvas = byId('canvas');
  const view = {
    model, canvas,
    context: canvas.getContext('2d', { alpha: false }),
    focus: byId('focus').getContext('2d'),
    overview: byId('map').getContext('2d', { alpha: false }),
    gutter: 176, ratio: 1, width: 0, height: 0, scroll: 0, scrollMax: 0,
    from: model.begin, scale: 1, cursor: model.begin, cursorRow: NONE,
    lane: 0, selected: NONE, hovered: NONE, past: null, matches: [], allMatches: [], query: '',
    chosen: Object.fromEntries(GROUPS.map((group) => [group, new Set()])),
    dark: false, pending: 0,
  };
  behave(view);
  document.documentElement.classList.remove('plain');
  readColours(view);
  resize(view);
  fit(view);
  fillHead(view);
  fillStory(view);
  fillFilters(view);
  fillHelp(view);
  fillLegend(view);
  view.disputed = model.disputes.get(model.violations[0]) || [];
  readAddress(view);
  refresh(view);
  drawNow(view);
  listenToPointer(view);
  listenToKeys(view);
  listenToTools(view);
  addEventListener('hashchange', () => { if (location.hash !== view.address) { readAddress(view); refresh(view); } });
  new ResizeObserver(() => { resize(view); draw(view); }).observe(byId('view'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => recolour(view));
  // For whoever measures how long opening takes: milliseconds since the page was asked for.
  document.documentElement.dataset.ready = `${Math.round(performance.now())}`;
}

// What other parts ask of the view.
function behave(view) {
  view.passes = (row) => passes(view, row);
  view.passesMessage = (message) => passesMessage(view, message);
  view.select = (row, reveal) => select(view, row, reveal);
  view.toViolation = (row) => { if (row !== undefined) toDispute(view, row); };
}

function readColours(view) {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(`--${name}`).trim();
  const colours = {};
  ['paper', 'panel', 'ink', 'muted', 'faint', 'line', 'grid', 'baseline', 'density', 'focused', 'select',
    'match', 'veil', 'shade', 'leading', 'following', 'looking', 'observing', 'ok', 'fail', 'unknown',
    'bad', 'lost', 'commit', 'fault'].forEach((name) => { colours[name] = value(name); });
  colours.onSelect = value('on-select');
  colours.onOk = value('on-ok');
  colours.onFail = value('on-fail');
  colours.onBad = value('on-bad');
  colours.faultSoft = value('fault-soft');
  colours.kinds = [0, 1, 2, 3, 4, 5, 6].map((kind) => value(`kind-${kind}`));
  view.colours = colours;
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const theme = document.documentElement.dataset.theme;
  view.dark = theme ? theme === 'dark' : dark;
  const family = getComputedStyle(document.body).fontFamily;
  view.fonts = {
    tiny: `9.5px ${family}`, small: `11px ${family}`, smallBold: `600 11px ${family}`, bold: `600 14px ${family}`,
  };
  view.ratio = Math.max(1, devicePixelRatio || 1);
  const hatch = (colour, step, slant) => hatching(view, colour, step, slant);
  view.patterns = {
    down: hatch(colours.faint, 7, 1), paused: hatch(colours.faint, 5, 0), fault: hatch(colours.faint, 6, -1),
    unknown: hatch(colours.unknown, 5, 1),
  };
}

// A pattern of lines: slanted up (1), down (-1) or upright (0).
function hatching(view, colour, step, slant) {
  const tile = document.createElement('canvas');
  tile.width = step;
  tile.height = step;
  const c = tile.getContext('2d');
  c.globalAlpha = 0.65;
  for (const shift of [-step, 0, step]) {
    if (slant === 0) line(c, colour, 0.5, 0, 0.5, step, 1);
    else line(c, colour, shift, slant > 0 ? step : 0, shift + step, slant > 0 ? 0 : step, 1);
  }
  return view.context.createPattern(tile, 'repeat');
}

function recolour(view) {
  readColours(view);
  fillLegend(view);
  byId('marks').replaceChildren();
  byId('keys').replaceChildren();
  fillHelp(view);
  draw(view);
}

function resize(view) {
  const before = view.width - view.gutter;
  const span = before > 0 ? before / view.scale : 0;
  view.ratio = Math.max(1, devicePixelRatio || 1);
  const size = (canvas, width, height) => {
    canvas.width = Math.round(width * view.ratio);
    canvas.height = Math.round(height * view.ratio);
  };
  const box = byId('view').getBoundingClientRect();
  view.gutter = box.width < 600 ? 96 : 176;
  view.width = Math.max(view.gutter + 50, box.width);
  view.height = Math.max(60, box.height);
  size(byId('canvas'), view.width, view.height);
  size(byId('focus'), view.width, view.height);
  const strip = byId('overview').getBoundingClientRect();
  view.overviewWidth = Math.max(view.gutter + 50, strip.width);
  view.overviewHeight = strip.height;
  size(byId('map'), view.overviewWidth, view.overviewHeight);
  if (span > 0) view.scale = (view.width - view.gutter) / span;
  layOut(view);
}

function draw(view) {
  if (view.pending === 0) view.pending = requestAnimationFrame(() => drawNow(view));
}

function drawNow(view) {
  view.pending = 0;
  paint(view);
  paintFocus(view);
  paintOverview(view);
  const hint = byId('hint');
  hint.hidden = !view.drawn.density;
  hint.textContent = view.drawn.hidden > 0
    ? `${view.drawn.hidden.toLocaleString('en')} messages not drawn: zoom in (+)`
    : 'events drawn as density: zoom in (+)';
  writeAddress(view);
}

// The view.

function fit(view) {
  const span = (view.model.end - view.model.begin) * 1.02;
  view.scale = (view.width - view.gutter) / span;
  view.from = view.model.begin - span * 0.01;
}

function zoom(view, factor, x) {
  const at = atOf(view, x);
  const room = view.width - view.gutter;
  const whole = (view.model.end - view.model.begin) * 1.2;
  view.scale = Math.min(room / 2000, Math.max(room / whole, view.scale * factor));
  view.from = at - (x - view.gutter) / view.scale;
  keepInside(view);
  draw(view);
}

function pan(view, pixels) {
  view.from += pixels / view.scale;
  keepInside(view);
  draw(view);
}

function keepInside(view) {
  const span = (view.width - view.gutter) / view.scale;
  const margin = span * 0.08;
  view.from = Math.max(view.model.begin - margin, Math.min(view.model.end - span + margin, view.from));
}

function reveal(view, row) {
  const at = view.model.at[row];
  const span = (view.width - view.gutter) / view.scale;
  // Coming from the whole run, an event is shown with what happens around it.
  const wanted = 40 * view.model.latency;
  if (span > wanted * 3) {
    view.scale = (view.width - view.gutter) / wanted;
    view.from = at - wanted * 0.6;
  } else if (at < view.from + span * 0.05 || at > view.from + span * 0.95) {
    view.from = at - span * 0.6;
  }
  keepInside(view);
  scrollTo(view, view.model.lane[row]);
}

// Selects a violation, and shows it together with the operations that contradict each other.
function toDispute(view, row) {
  select(view, row, true);
  const { model } = view;
  view.disputed = model.disputes.get(row) || [];
  if (view.disputed.length === 0) return;
  const first = Math.min(model.at[row], ...view.disputed.map((operation) => operation.from));
  const last = Math.max(model.at[row], ...view.disputed.map((operation) => operation.from));
  const room = view.width - view.gutter;
  const margin = room / view.scale * 0.04;
  if (first < view.from + margin || last > view.from + room / view.scale - margin) {
    const span = Math.max((last - first) * 1.3, 40 * model.latency);
    view.scale = room / span;
    view.from = (first + last - span) / 2;
    keepInside(view);
  }
  view.disputed.forEach((operation) => scrollTo(view, operation.lane));
  const names = view.disputed.map((operation) => disputeName(model, operation));
  say(`violation at ${preciseTime(model.at[row])}, about ${names.join(' and ')}`);
  draw(view);
}

function disputeName(model, operation) {
  return `op${model.number[operation.row]} of ${laneName(model, operation.lane)}`;
}

function scrollTo(view, lane) {
  if (lane === NONE) return;
  const box = view.layout.lanes[lane];
  if (box.top - view.scroll < AXIS) view.scroll = Math.max(0, box.top - AXIS);
  if (box.top + box.height - view.scroll > view.height) {
    view.scroll = Math.min(view.scrollMax, box.top + box.height - view.height);
  }
}

function setCursor(view, at) {
  view.cursor = Math.max(view.model.begin, Math.min(view.model.end, at));
  view.cursorRow = rowAt(view.model, view.cursor);
  fillState(view);
}

function select(view, row, revealing) {
  const { model } = view;
  view.selected = row;
  view.past = row === NONE ? null : pastOf(model, row);
  if (row !== NONE) {
    if (model.lane[row] !== NONE) view.lane = model.lane[row];
    setCursor(view, model.at[row]);
    // Of several events of one instant, the state is the one after this event.
    view.cursorRow = row;
    fillState(view);
    if (revealing) reveal(view, row);
    say(`${laneName(model, model.lane[row])} ${brief(model, row)}, at ${preciseTime(model.at[row])}`);
  }
  followStory(view);
  fillEvent(view);
  draw(view);
}

function say(text) {
  byId('live').textContent = text;
}

// The address: #t=<ns>&e=<seq>&w=<ns of the view's width>&filter=<group:name,name;...>&q=<search>

function writeAddress(view) {
  const parts = [`t=${Math.round(view.cursor)}`];
  if (view.selected !== NONE) parts.push(`e=${view.model.seq[view.selected]}`);
  const span = (view.width - view.gutter) / view.scale;
  parts.push(`v=${Math.round(view.from)},${Math.round(span)}`);
  const filter = GROUPS.filter((group) => view.chosen[group].size > 0).map((group) => {
    const names = view.options[group].filter((option) => view.chosen[group].has(option.value));
    return `${group}:${names.map((option) => encodeURIComponent(option.name)).join(',')}`;
  });
  if (filter.length > 0) parts.push(`filter=${filter.join(';')}`);
  if (view.query.trim() !== '') parts.push(`q=${encodeURIComponent(view.query)}`);
  const address = `#${parts.join('&')}`;
  if (address === view.address) return;
  view.address = address;
  clearTimeout(view.addressTimer);
  // Browsers refuse more than a few changes a second.
  view.addressTimer = setTimeout(() => history.replaceState(null, '', view.address), 150);
}

function readAddress(view) {
  const { model } = view;
  const fields = new Map(location.hash.slice(1).split('&').map((part) => {
    const split = part.indexOf('=');
    return [part.slice(0, split), part.slice(split + 1)];
  }));
  GROUPS.forEach((group) => view.chosen[group].clear());
  (fields.get('filter') || '').split(';').forEach((part) => {
    const [group, names] = part.split(':');
    if (!GROUPS.includes(group) || !names) return;
    const wanted = new Set(names.split(',').map(decoded));
    view.options[group].filter((option) => wanted.has(option.name))
      .forEach((option) => view.chosen[group].add(option.value));
  });
  view.query = decoded(fields.get('q') || '');
  byId('search').value = view.query;
  const [from, span] = (fields.get('v') || '').split(',').map(Number);
  const placed = Number.isFinite(from) && span > 0;
  const event = fields.has('e') ? rowOfSeq(model, Number(fields.get('e'))) : NONE;
  const at = Number(fields.get('t'));
  if (placed) {
    view.from = from;
    view.scale = (view.width - view.gutter) / Math.max(2000, span);
    keepInside(view);
  }
  if (event !== NONE) {
    select(view, event, !placed);
  } else if (fields.has('t') && Number.isFinite(at)) {
    setCursor(view, at);
    if (!placed && rowAt(model, at) !== NONE) reveal(view, rowAt(model, at));
  } else if (model.violations.length > 0) {
    setCursor(view, model.at[model.violations[0]]);
  } else {
    setCursor(view, model.end);
  }
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    return text;
  }
}
