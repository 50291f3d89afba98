// The marks of single things: message arrows with their fates, and one mark for each type of event.

function paintMessages(view) {
  const { model, drawn } = view;
  const right = view.from + (view.width - view.gutter) / view.scale;
  const plain = [];
  const special = [];
  for (const message of model.messages) {
    if (message.start > right || message.stop < view.from) continue;
    if (message.from === message.to || message.from === NONE || message.to === NONE) continue;
    if (!view.passesMessage(message)) continue;
    (message.fate === DELIVERED || message.fate === IN_FLIGHT ? plain : special).push(message);
  }
  // Too many arrows are a grey wall: then only irregular ones are drawn, evenly thinned out, what is
  // lost before what is late.
  const lost = thinned(special.filter((message) => message.fate !== DELAYED), IRREGULAR_MAX);
  const late = special.filter((message) => message.fate === DELAYED);
  const irregular = lost.concat(thinned(late, IRREGULAR_MAX - Math.min(IRREGULAR_MAX, lost.length)));
  const regular = plain.length + irregular.length > ARROWS_MAX ? [] : plain;
  drawn.hidden = plain.length - regular.length + special.length - irregular.length;
  drawn.density = drawn.hidden > 0;
  const crowd = regular.length + irregular.length;
  const faint = drawn.density ? 0.25 : crowd > 1200 ? 0.22 : crowd > 500 ? 0.35 : crowd > 150 ? 0.6 : 1;
  for (const message of regular) arrow(view, view.context, message, message.frame ? faint * 0.6 : faint, 1);
  for (const message of irregular) arrow(view, view.context, message, Math.min(1, faint + 0.2), 1.3);
  drawn.messages = irregular.concat(regular);
  if (crowd <= 70) for (const message of drawn.messages) arrowLabel(view, message);
}

function thinned(list, most) {
  if (most <= 0) return [];
  if (list.length <= most) return list;
  const stride = list.length / most;
  return Array.from({ length: most }, (_, index) => list[Math.floor(index * stride)]);
}

function messageColour(view, message) {
  const kind = view.model.kindOf.get(message.label);
  return kind && kind.index < view.colours.kinds.length ? view.colours.kinds[kind.index] : view.colours.muted;
}

// Where a message begins and ends on the canvas; what is lost ends half way.
function ends(view, message) {
  const { lanes } = view.layout;
  const x0 = xOf(view, message.start);
  const x1 = xOf(view, message.stop);
  const y0 = lanes[message.from].base;
  const y1 = lanes[message.to].base;
  const lost = message.fate === DROPPED || message.fate === BLOCKED || message.fate === IN_FLIGHT;
  if (!lost) return { x0, y0, x1, y1 };
  // As steep as a delivered message would be, and no wider than the view makes sense of.
  const wide = Math.min(x1 - x0, view.model.latency * view.scale / 2, 160);
  return { x0, y0, x1: x0 + Math.max(wide, 4), y1: y0 + (y1 - y0) * 0.5 };
}

const DASHES = [[], [9, 4], [6, 3, 1.5, 3], [2, 3], [4, 3], [1, 5]];

function arrow(view, c, message, alpha, width) {
  const { x0, y0, x1, y1 } = ends(view, message);
  const { colours } = view;
  const lost = message.fate === DROPPED || message.fate === BLOCKED;
  const colour = lost ? colours.lost : messageColour(view, message);
  c.globalAlpha = alpha;
  c.strokeStyle = colour;
  c.fillStyle = colour;
  c.lineWidth = width;
  c.setLineDash(DASHES[message.fate]);
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
  c.setLineDash([]);
  endMark(c, message.fate, x0, y0, x1, y1);
  c.globalAlpha = 1;
}

// delivered: a full head. delayed: a hollow head. duplicated: two heads. dropped: a cross.
// blocked: a bar. in flight: none.
function endMark(c, fate, x0, y0, x1, y1) {
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  const ux = (x1 - x0) / length;
  const uy = (y1 - y0) / length;
  const head = (back) => {
    const x = x1 - ux * back;
    const y = y1 - uy * back;
    c.beginPath();
    c.moveTo(x, y);
    c.lineTo(x - ux * 6 - uy * 2.6, y - uy * 6 + ux * 2.6);
    c.lineTo(x - ux * 6 + uy * 2.6, y - uy * 6 - ux * 2.6);
    c.closePath();
  };
  if (fate === DELIVERED || fate === DUPLICATED) {
    head(2);
    c.fill();
    if (fate === DUPLICATED) { head(9); c.fill(); }
  } else if (fate === DELAYED) {
    head(2);
    c.lineWidth = 1.2;
    c.stroke();
  } else if (fate === DROPPED) {
    c.lineWidth = 1.6;
    c.beginPath();
    c.moveTo(x1 - 3.5, y1 - 3.5);
    c.lineTo(x1 + 3.5, y1 + 3.5);
    c.moveTo(x1 + 3.5, y1 - 3.5);
    c.lineTo(x1 - 3.5, y1 + 3.5);
    c.stroke();
  } else if (fate === BLOCKED) {
    c.lineWidth = 2.4;
    c.beginPath();
    c.moveTo(x1 - uy * 5, y1 + ux * 5);
    c.lineTo(x1 + uy * 5, y1 - ux * 5);
    c.stroke();
  }
}

function arrowLabel(view, message) {
  const { x0, y0, x1, y1 } = ends(view, message);
  const length = Math.hypot(x1 - x0, y1 - y0);
  const { context: c, colours } = view;
  const text = view.model.text(message.label);
  c.font = view.fonts.tiny;
  const width = c.measureText(text).width;
  if (length < width + 34 || Math.abs(y1 - y0) / length > 0.93) return;
  c.save();
  c.translate(x0 + (x1 - x0) * 0.34, y0 + (y1 - y0) * 0.34);
  c.rotate(Math.atan2(y1 - y0, x1 - x0));
  c.textAlign = 'center';
  c.textBaseline = 'middle';
  c.fillStyle = colours.paper;
  c.globalAlpha = 0.85;
  c.fillRect(-width / 2 - 2, -6, width + 4, 12);
  c.globalAlpha = 1;
  c.fillStyle = colours.ink;
  c.fillText(text, 0, 0);
  c.restore();
}

function paintEvents(view) {
  const { model, layout } = view;
  const right = view.from + (view.width - view.gutter) / view.scale;
  for (let lane = 0; lane < model.lanes.length; lane += 1) {
    const rows = model.rows[lane];
    const first = upTo(model, rows, view.from - 4 / view.scale);
    const last = upTo(model, rows, right);
    if (last - first > GLYPHS_MAX / model.lanes.length && last - first > view.width / 2) {
      density(view, lane, rows, first, last);
      view.drawn.density = true;
    }
    const crowded = last - first > view.width / 3;
    for (let index = first; index < last; index += 1) {
      const row = rows[index];
      if (crowded && !isMilestone(model, row)) continue;
      if (view.passes(row)) glyph(view, view.context, row, xOf(view, model.at[row]), layout.lanes[lane].base);
    }
  }
}

// What is drawn however crowded a lane is.
function isMilestone(model, row) {
  const { code } = model;
  const type = model.type[row];
  return type === code.boot || type === code.crash || type === code.refused || type === code.restore
    || type === code.pause || type === code.resume;
}

function density(view, lane, rows, first, last) {
  const { context: c, model, layout, colours } = view;
  const bins = new Uint16Array(Math.ceil((view.width - view.gutter) / 2) + 1);
  let most = 1;
  for (let index = first; index < last; index += 1) {
    if (!view.passes(rows[index])) continue;
    const bin = Math.max(0, Math.floor((xOf(view, model.at[rows[index]]) - view.gutter) / 2));
    bins[bin] += 1;
    if (bins[bin] > most) most = bins[bin];
  }
  const box = layout.lanes[lane];
  const room = lane < model.nodes ? Math.min(11, box.height * 0.18) : 4;
  const foot = lane < model.nodes ? box.base : box.top + box.height - 2;
  c.fillStyle = colours.density;
  for (let bin = 0; bin < bins.length; bin += 1) {
    if (bins[bin] === 0) continue;
    const height = Math.max(1, room * Math.sqrt(bins[bin] / most));
    c.fillRect(view.gutter + bin * 2, foot - height, 1.6, height);
  }
}

// One mark for each type of event; those of clients are bars already.
function glyph(view, c, row, x, y) {
  const { model, colours } = view;
  const { code } = model;
  c.lineWidth = 1.2;
  switch (model.type[row]) {
    case code.send:
      dot(c, x, y, 1.8, colours.paper, colours.ink);
      break;
    case code.deliver:
      dot(c, x, y, 2, colours.ink, null);
      break;
    case code.timer:
      line(c, colours.muted, x, y - 6, x, y - 1);
      break;
    case code.disk:
      c.fillStyle = colours.muted;
      c.fillRect(x - 1.5, y + 2, 3, 3);
      break;
    case code.apply:
      line(c, colours.muted, x, y + 1, x, y + 7);
      break;
    case code.commit:
      c.fillStyle = colours.commit;
      diamond(c, x, y + 6, 2.8);
      c.fill();
      break;
    case code.restore:
      c.fillStyle = colours.commit;
      c.fillRect(x - 3, y + 3, 6, 6);
      break;
    case code.boot:
      triangle(c, x, y, 5, colours.ok);
      break;
    case code.crash:
    case code.refused:
      line(c, colours.bad, x - 5, y - 5, x + 5, y + 5, 2.4);
      line(c, colours.bad, x + 5, y - 5, x - 5, y + 5, 2.4);
      break;
    case code.pause:
      line(c, colours.fault, x - 2, y - 5, x - 2, y + 5, 2);
      line(c, colours.fault, x + 2, y - 5, x + 2, y + 5, 2);
      break;
    case code.resume:
      triangle(c, x, y, 4.5, colours.fault);
      break;
    case code.standing:
      dot(c, x, y, 3.6, roleColour(view, model.text(model.label[row])), colours.paper);
      break;
    case code.link:
      line(c, colours.muted, x - 3, y - 4, x + 3, y - 4);
      break;
    case code.violation:
      diamond(c, x, y, 6);
      c.fillStyle = colours.bad;
      c.fill();
      break;
    case code.watch_event:
      triangle(c, x, y, 3.4, colours.observing);
      break;
    case code.sent:
    case code.frame:
    case code.client_link:
      line(c, colours.muted, x, y - 2, x, y + 2);
      break;
    case code.fact:
      dot(c, x, y - 7, 1.3, colours.muted, null);
      break;
    default:
      break;
  }
}

function dot(c, x, y, radius, fill, stroke) {
  c.beginPath();
  c.arc(x, y, radius, 0, 2 * Math.PI);
  if (fill) { c.fillStyle = fill; c.fill(); }
  if (stroke) { c.strokeStyle = stroke; c.stroke(); }
}

function line(c, colour, x0, y0, x1, y1, width) {
  c.strokeStyle = colour;
  if (width) c.lineWidth = width;
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
}

function triangle(c, x, y, size, colour) {
  c.fillStyle = colour;
  c.beginPath();
  c.moveTo(x - size * 0.7, y - size);
  c.lineTo(x + size, y);
  c.lineTo(x - size * 0.7, y + size);
  c.closePath();
  c.fill();
}
