// How the page is drawn: one canvas for what the view shows, one above it for what is selected, one
// for the overview. All of it reads the view `view` and changes nothing but `view.drawn`.

const AXIS = 26;
const FAULT_ROW = 17;
const OPERATION_ROWS = [13, 8];
const ARROWS_MAX = 2000;
const IRREGULAR_MAX = 500;
const FLAGS = 20;
const GLYPHS_MAX = 6000;

// The room that every lane takes, from top to bottom, before scrolling. Where it is scarce, the bars
// of operations become thin and lose their texts.
function layOut(view) {
  const { model } = view;
  const lanes = [];
  const flags = AXIS + 8 + model.faultLevels * FAULT_ROW;
  let y = flags + FLAGS;
  const free = (row) => view.height - y - clientsHeight(model, row) - 24;
  view.operationRow = free(OPERATION_ROWS[0]) >= 64 * model.nodes ? OPERATION_ROWS[0] : OPERATION_ROWS[1];
  const share = Math.floor(free(view.operationRow) / Math.max(1, model.nodes));
  const tall = Math.max(54, Math.min(140, share));
  for (let lane = 0; lane < model.nodes; lane += 1) {
    lanes.push({ top: y, height: tall, base: y + Math.round(tall * 0.52) });
    y += tall;
  }
  y += 10;
  for (let lane = model.nodes; lane < model.lanes.length; lane += 1) {
    const height = model.levels[lane] * view.operationRow + 7;
    lanes.push({ top: y, height, base: y + Math.round(height / 2) });
    y += height;
  }
  view.layout = { lanes, faults: AXIS + 6, flags, bottom: y + 8 };
  view.scrollMax = Math.max(0, view.layout.bottom - view.height);
  view.scroll = Math.min(view.scroll, view.scrollMax);
}

function clientsHeight(model, row) {
  let height = 10;
  for (let lane = model.nodes; lane < model.lanes.length; lane += 1) {
    height += model.levels[lane] * row + 7;
  }
  return height;
}

const xOf = (view, at) => view.gutter + (at - view.from) * view.scale;
const atOf = (view, x) => view.from + (x - view.gutter) / view.scale;

// 1.2 s, 34 ms, 5.678 ms: as exact as the unit of `step` asks for.
function timeText(at, step) {
  const [unit, name] = at >= 1e9 || step >= 1e9 ? [1e9, 's'] : at < 1e6 && step < 1e5 ? [1e3, 'µs'] : [1e6, 'ms'];
  const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10(step / unit) - 1e-9)));
  return `${(at / unit).toFixed(digits)} ${name}`;
}

function preciseTime(at) {
  return `${(at / 1e6).toFixed(6).replace(/0{1,3}$/, '')} ms`;
}

function paint(view) {
  const { context: c, model, colours } = view;
  view.drawn = { messages: [], hidden: 0, density: false };
  c.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  c.fillStyle = colours.paper;
  c.fillRect(0, 0, view.width, view.height);
  c.save();
  c.beginPath();
  c.rect(view.gutter, AXIS, view.width - view.gutter, view.height - AXIS);
  c.clip();
  c.translate(0, -view.scroll);
  paintGrid(view);
  paintLanes(view);
  paintFaults(view);
  paintOperations(view);
  paintMessages(view);
  paintEvents(view);
  paintRoles(view);
  paintMarks(view);
  c.restore();
  paintAxis(view);
  paintGutter(view);
}

function ticks(view) {
  const span = (view.width - view.gutter) / view.scale;
  const raw = span / Math.max(2, (view.width - view.gutter) / 120);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw);
  const list = [];
  for (let at = Math.ceil(view.from / step) * step; at <= view.from + span; at += step) list.push(at);
  return { step, list };
}

function paintGrid(view) {
  const { context: c, colours } = view;
  c.strokeStyle = colours.grid;
  c.lineWidth = 1;
  c.beginPath();
  for (const at of ticks(view).list) {
    const x = Math.round(xOf(view, at)) + 0.5;
    c.moveTo(x, 0);
    c.lineTo(x, view.layout.bottom);
  }
  c.stroke();
}

function paintAxis(view) {
  const { context: c, colours } = view;
  c.fillStyle = colours.panel;
  c.fillRect(0, 0, view.width, AXIS);
  c.fillStyle = colours.line;
  c.fillRect(0, AXIS - 1, view.width, 1);
  c.font = view.fonts.small;
  c.textBaseline = 'middle';
  c.textAlign = 'center';
  c.fillStyle = colours.muted;
  const { step, list } = ticks(view);
  for (const at of list) {
    const x = xOf(view, at);
    if (x < view.gutter + 24 || x > view.width - 24) continue;
    c.fillText(timeText(at, step), x, AXIS / 2);
    c.fillRect(Math.round(x), AXIS - 5, 1, 4);
  }
  c.textAlign = 'left';
}

// A flag on a line; it turns to the left near the right border.
function flag(view, x, colour, ink, text) {
  const { context: c } = view;
  const y = view.layout.flags;
  c.font = view.fonts.smallBold;
  const width = c.measureText(text).width + 12;
  const left = x + width > view.width ? x - width : x;
  c.fillStyle = colour;
  c.fillRect(left, y, width, FLAGS - 4);
  c.fillStyle = ink;
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  c.fillText(text, left + 6, y + (FLAGS - 4) / 2 + 0.5);
}

function roleColour(view, role) {
  return view.colours[role] || view.colours.faint;
}

function paintLanes(view) {
  const { context: c, model, colours, layout } = view;
  const right = view.from + (view.width - view.gutter) / view.scale;
  for (let lane = 0; lane < model.lanes.length; lane += 1) {
    const box = layout.lanes[lane];
    if (lane === view.lane) {
      c.fillStyle = colours.focused;
      c.fillRect(view.gutter, box.top, view.width, box.height);
    }
    c.fillStyle = colours.grid;
    c.fillRect(view.gutter, box.top + box.height - 1, view.width, 1);
    if (lane >= model.nodes) continue;
    for (const stretch of model.stretches[lane]) {
      if (stretch.to < view.from || stretch.from > right) continue;
      paintStretch(view, box, stretch);
    }
    paintProgress(view, lane, box);
  }
}

function paintStretch(view, box, stretch) {
  const { context: c, colours } = view;
  const x0 = Math.max(view.gutter - 2, xOf(view, stretch.from));
  const x1 = Math.min(view.width + 2, xOf(view, stretch.to));
  const width = Math.max(1, x1 - x0);
  if (!stretch.up) {
    c.fillStyle = view.patterns.down;
    c.fillRect(x0, box.top + 3, width, box.height - 6);
    return;
  }
  const colour = roleColour(view, stretch.role);
  c.globalAlpha = view.dark ? 0.13 : 0.09;
  c.fillStyle = colour;
  c.fillRect(x0, box.top + 3, width, box.height - 6);
  c.globalAlpha = 1;
  c.fillRect(x0, box.top + 3, Math.max(1, width - 0.5), 3);
  if (stretch.paused) {
    c.fillStyle = view.patterns.paused;
    c.fillRect(x0, box.top + 6, width, box.height - 9);
  }
  c.strokeStyle = colours.baseline;
  c.lineWidth = 1;
  c.setLineDash(stretch.paused ? [2, 4] : []);
  c.beginPath();
  c.moveTo(x0, box.base + 0.5);
  c.lineTo(x1, box.base + 0.5);
  c.stroke();
  c.setLineDash([]);
}

// What a node is, written over the messages that cross its lane.
function paintRoles(view) {
  const { context: c, model, colours, layout } = view;
  const right = view.from + (view.width - view.gutter) / view.scale;
  c.font = view.fonts.small;
  for (let lane = 0; lane < model.nodes; lane += 1) {
    for (const stretch of model.stretches[lane]) {
      if (stretch.to < view.from || stretch.from > right) continue;
      const x0 = Math.max(view.gutter, xOf(view, stretch.from));
      const width = Math.min(view.width, xOf(view, stretch.to)) - x0;
      const epoch = stretch.epoch === '' ? '' : ` · ${stretch.epoch}`;
      const long = !stretch.up ? 'down' : stretch.paused ? 'paused' : `${stretch.role || 'booting'}${epoch}`;
      const text = c.measureText(long).width + 10 <= width ? long : stretch.role;
      const wide = c.measureText(text).width + 8;
      if (text === '' || wide + 2 > width) continue;
      const y = layout.lanes[lane].top + 7;
      c.globalAlpha = 0.8;
      c.fillStyle = colours.paper;
      c.fillRect(x0 + 1, y, wide, 13);
      c.globalAlpha = 1;
      c.textAlign = 'left';
      c.textBaseline = 'middle';
      c.fillStyle = stretch.up ? colours.ink : colours.muted;
      c.fillText(text, x0 + 5, y + 7);
    }
  }
}

function label(view, text, x, y, width, height, colour) {
  if (width < 34 || text === '') return;
  const { context: c } = view;
  const from = Math.max(x, view.gutter);
  c.save();
  c.beginPath();
  c.rect(from, y - 1, x + width - from - 3, height + 2);
  c.clip();
  c.font = view.fonts.small;
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  c.fillStyle = colour;
  // A stump of a word says less than nothing.
  if (c.measureText(text.slice(0, 12)).width < x + width - from - 5) c.fillText(text, from + 5, y + height / 2);
  c.restore();
}

// The commit index as a line of steps along the foot of the lane, what is applied dotted above it.
function paintProgress(view, lane, box) {
  const { context: c, model, colours } = view;
  const top = box.base + 8;
  const room = box.top + box.height - 4 - top;
  if (room < 6 || model.zxids.length === 0) return;
  const draw = (rows, dash, width, colour) => {
    if (rows.length === 0) return;
    c.strokeStyle = colour;
    c.lineWidth = width;
    c.setLineDash(dash);
    c.beginPath();
    const first = Math.max(0, upTo(model, rows, view.from) - 1);
    let pen = NONE;
    let height = 0;
    for (let index = first; index < rows.length; index += 1) {
      const x = xOf(view, model.at[rows[index]]);
      const y = top + room * (1 - model.zxid[rows[index]] / model.zxids.length);
      if (pen === NONE) c.moveTo(x, y);
      else if (x - pen < 0.7 && index + 1 < rows.length) continue;
      else { c.lineTo(x, height); c.lineTo(x, y); }
      height = y;
      pen = x;
      if (x > view.width) break;
    }
    const last = xOf(view, model.end);
    if (pen < last) c.lineTo(Math.min(view.width, last), height);
    c.stroke();
    c.setLineDash([]);
  };
  draw(model.applied[lane], [1.5, 2.5], 1, colours.muted);
  draw(model.committed[lane], [], 1.5, colours.commit);
}

function paintFaults(view) {
  const { context: c, model, colours, layout } = view;
  for (const fault of model.faults) {
    const x0 = xOf(view, fault.from);
    const x1 = Math.max(x0 + 3, xOf(view, fault.to));
    if (x1 < view.gutter || x0 > view.width) continue;
    const y = layout.faults + fault.level * FAULT_ROW;
    const height = FAULT_ROW - 3;
    c.fillStyle = colours.faultSoft;
    c.fillRect(x0, y, x1 - x0, height);
    c.fillStyle = view.patterns.fault;
    c.fillRect(x0, y, x1 - x0, height);
    c.fillStyle = colours.fault;
    c.fillRect(x0, y, 3, height);
    if (!fault.open) c.fillRect(x1 - 1, y, 1, height);
    const next = model.faults.find((other) => other.level === fault.level && other.from > fault.from);
    const room = Math.max(x1, Math.min(next ? xOf(view, next.from) : view.width, x0 + 260)) - x0;
    label(view, fault.text, x0 + 2, y, room, height, colours.ink);
    if (view.selected === fault.row) outline(view, x0 - 1, y - 1, x1 - x0 + 2, height + 2);
  }
}

function outline(view, x, y, width, height) {
  const { context: c, colours } = view;
  c.strokeStyle = colours.select;
  c.lineWidth = 2;
  c.strokeRect(x, y, width, height);
}

const OPERATION_COLOURS = { ok: 'ok', error: 'fail', refused: 'fail', unknown: 'unknown' };

function paintOperations(view) {
  const { model } = view;
  for (let lane = model.nodes; lane < model.lanes.length; lane += 1) {
    const shown = model.operations[lane].filter((operation) => xOf(view, operation.to) >= view.gutter
      && xOf(view, operation.from) <= view.width && view.passes(operation.row));
    // What is unknown reaches far to the right, below what came after it.
    shown.filter((operation) => operation.outcome === 'unknown').forEach((operation) => paintTail(view, operation));
    shown.forEach((operation) => paintBar(view, operation));
  }
}

function barOf(view, operation) {
  const x0 = xOf(view, operation.from);
  return {
    x0, x1: Math.max(x0 + 2, xOf(view, operation.given)),
    y: view.layout.lanes[operation.lane].top + 3 + operation.level * view.operationRow,
    height: view.operationRow - (view.operationRow > 10 ? 3 : 2),
  };
}

function paintTail(view, operation) {
  const { context: c, colours } = view;
  const { x1, y, height } = barOf(view, operation);
  c.setLineDash([1, 4]);
  line(c, colours.unknown, x1, y + height / 2, xOf(view, operation.to), y + height / 2, 1);
  c.setLineDash([]);
}

function paintBar(view, operation) {
  const { context: c, model, colours } = view;
  const { x0, x1, y, height } = barOf(view, operation);
  paintOperation(view, operation, x0, x1, y, height);
  if (operation.row === view.selected || operation.last === view.selected) {
    outline(view, x0 - 1.5, y - 1.5, x1 - x0 + 3, height + 3);
  }
  if (x1 - x0 < 6) return;
  for (const row of operation.points) {
    c.fillStyle = colours.paper;
    c.strokeStyle = colours.ink;
    c.lineWidth = 1.2;
    diamond(c, xOf(view, model.at[row]), y + height / 2, height < 9 ? 2.6 : 3.4);
    c.fill();
    c.stroke();
  }
}

// ok: a full bar. error: a bar with a notch at its end. refused: an empty bar with the notch.
// unknown: a hatched bar with an open end.
function paintOperation(view, operation, x0, x1, y, height) {
  const { context: c, colours } = view;
  const colour = colours[OPERATION_COLOURS[operation.outcome]];
  const notch = operation.outcome === 'error' || operation.outcome === 'refused'
    ? Math.min(5, (x1 - x0) / 2) : 0;
  c.strokeStyle = colour;
  c.lineWidth = 1.2;
  if (operation.outcome === 'unknown') {
    c.fillStyle = view.patterns.unknown;
    c.fillRect(x0, y, x1 - x0, height);
    c.beginPath();
    c.moveTo(x1, y);
    c.lineTo(x0, y);
    c.lineTo(x0, y + height);
    c.lineTo(x1, y + height);
    c.stroke();
  } else {
    c.beginPath();
    c.moveTo(x0, y);
    c.lineTo(x1, y);
    c.lineTo(x1 - notch, y + height / 2);
    c.lineTo(x1, y + height);
    c.lineTo(x0, y + height);
    c.closePath();
    c.globalAlpha = operation.outcome === 'refused' ? 0.12 : 0.9;
    c.fillStyle = colour;
    c.fill();
    c.globalAlpha = 1;
    if (operation.outcome === 'refused') c.stroke();
  }
  const ink = operation.outcome === 'ok' ? colours.onOk
    : operation.outcome === 'error' ? colours.onFail : colours.ink;
  if (height >= 9) label(view, operation.request, x0 - 2, y, x1 - x0 - notch, height, ink);
}

function diamond(c, x, y, size) {
  c.beginPath();
  c.moveTo(x, y - size);
  c.lineTo(x + size, y);
  c.lineTo(x, y + size);
  c.lineTo(x - size, y);
  c.closePath();
}

// Upright lines over every lane: healing and violations.
function paintMarks(view) {
  const { context: c, model, colours, layout } = view;
  for (const row of model.heals) {
    const x = Math.round(xOf(view, model.at[row])) + 0.5;
    c.setLineDash([5, 4]);
    line(c, colours.ok, x, AXIS, x, layout.bottom, 1.4);
    c.setLineDash([]);
    flag(view, x, colours.ok, colours.onOk, 'healed');
  }
  for (const row of model.violations) {
    const x = Math.round(xOf(view, model.at[row])) + 0.5;
    line(c, colours.bad, x, AXIS, x, layout.bottom, 1.6);
    flag(view, x, colours.bad, colours.onBad, `✕ ${model.text(model.label[row])}`);
  }
}

// The names of the lanes and what each node is at the cursor.
function paintGutter(view) {
  const { context: c, model, colours, layout } = view;
  c.fillStyle = colours.panel;
  c.fillRect(0, AXIS, view.gutter - 1, view.height - AXIS);
  c.fillStyle = colours.line;
  c.fillRect(view.gutter - 1, 0, 1, view.height);
  c.save();
  c.beginPath();
  c.rect(0, AXIS, view.gutter - 1, view.height - AXIS);
  c.clip();
  c.translate(0, -view.scroll);
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  c.font = view.fonts.small;
  c.fillStyle = colours.muted;
  c.fillText('faults', 12, layout.faults + FAULT_ROW / 2 - 2);
  for (let lane = 0; lane < model.lanes.length; lane += 1) gutterLane(view, lane);
  c.restore();
  c.font = view.fonts.small;
  c.fillStyle = colours.muted;
  c.fillText('virtual time', 12, AXIS / 2);
}

function gutterLane(view, lane) {
  const { context: c, model, colours, layout } = view;
  const box = layout.lanes[lane];
  if (lane === view.lane) {
    c.fillStyle = colours.focused;
    c.fillRect(0, box.top, view.gutter - 1, box.height - 1);
    c.fillStyle = colours.select;
    c.fillRect(0, box.top, 3, box.height - 1);
  }
  c.fillStyle = colours.ink;
  if (lane >= model.nodes) {
    c.font = view.fonts.smallBold;
    c.fillText(model.lanes[lane].name, 12, box.base);
    return;
  }
  const state = stateOf(model, lane, view.cursorRow);
  const middle = box.top + box.height / 2;
  c.font = view.fonts.bold;
  c.fillText(model.lanes[lane].name, 12, middle);
  c.fillStyle = state.state === 'down' ? colours.muted : roleColour(view, state.role);
  c.fillRect(40, middle - 15, 3, 30);
  if (view.gutter < 150) return;
  c.fillStyle = colours.ink;
  c.font = view.fonts.small;
  const role = state.state === 'up' ? `${state.role || 'booting'}` : state.state;
  const epoch = state.epoch === '' ? '' : ` · ${state.epoch}`;
  // A long ballot needs the room of its word.
  const fits = c.measureText(role + epoch).width < view.gutter - 60;
  c.fillText(role + (fits ? epoch : epoch.replace('ballot ', '')), 50, middle - 8);
  c.fillStyle = colours.muted;
  c.fillText(`commit ${state.committed}`, 50, middle + 8);
}
