// What is drawn above the view: the cursor, the selected event and its causal past; and the overview
// of the whole run below it.

function paintFocus(view) {
  const { focus: c, colours } = view;
  c.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  c.clearRect(0, 0, view.width, view.height);
  c.save();
  c.beginPath();
  c.rect(view.gutter, 0, view.width - view.gutter, view.height);
  c.clip();
  c.save();
  c.beginPath();
  c.rect(view.gutter, AXIS, view.width - view.gutter, view.height - AXIS);
  c.clip();
  c.translate(0, -view.scroll);
  if (view.past) {
    veil(view);
    chain(view);
  }
  view.disputed.forEach((operation) => dispute(view, operation));
  view.matches.forEach((row) => ring(view, row, 6, colours.match, 2));
  if (view.selected !== NONE) ring(view, view.selected, 8, colours.select, 2.5);
  view.story.rows.forEach((row) => { if (row !== view.selected) ring(view, row, 7, colours.select, 1.8); });
  if (view.hovered !== NONE && view.hovered !== view.selected) ring(view, view.hovered, 7, colours.muted, 1.5);
  c.restore();
  storyTicks(view);
  cursorLine(view);
  c.restore();
}

// What cannot have influenced the selected event is veiled.
function veil(view) {
  const { focus: c, model, colours, layout } = view;
  c.fillStyle = colours.veil;
  for (let lane = 0; lane < model.lanes.length; lane += 1) {
    const box = layout.lanes[lane];
    const last = view.past.frontier[lane];
    const x = last === NONE ? view.gutter : Math.max(view.gutter, xOf(view, model.at[last]) + 1);
    if (x < view.width) c.fillRect(x, box.top, view.width - x, box.height);
    if (last !== NONE && x > view.gutter) {
      c.fillRect(x, box.top, 1.5, box.height);
    }
  }
}

function chain(view) {
  const { focus: c, model, colours } = view;
  const place = (row) => ({ x: xOf(view, model.at[row]), y: heightOf(view, row) });
  c.lineJoin = 'round';
  for (const pass of [[colours.paper, 5], [colours.select, 2.2]]) {
    c.strokeStyle = pass[0];
    c.lineWidth = pass[1];
    c.beginPath();
    view.past.chain.forEach((row, index) => {
      const { x, y } = place(row);
      if (index === 0) c.moveTo(x, y); else c.lineTo(x, y);
    });
    c.stroke();
  }
  view.past.chain.forEach((row) => {
    const { x, y } = place(row);
    dot(c, x, y, 3.4, colours.select, colours.paper);
  });
}

// Where an event of the run is drawn, from the top of the lanes.
function heightOf(view, row) {
  const { model, layout } = view;
  const lane = model.lane[row];
  const message = model.messageOf.get(row);
  // What happens on the way is drawn on the way.
  if (lane === NONE && message && message.from !== NONE && message.to !== NONE) {
    return (layout.lanes[message.from].base + layout.lanes[message.to].base) / 2;
  }
  if (lane === NONE) {
    const fault = model.faults.find((one) => one.row === row || one.last === row);
    return layout.faults + (fault ? fault.level * FAULT_ROW : 0) + FAULT_ROW / 2 - 2;
  }
  const operation = model.operationOf.get(row);
  if (operation) return layout.lanes[lane].top + 2 + (operation.level + 0.5) * view.operationRow;
  return layout.lanes[lane].base;
}

function ring(view, row, radius, colour, width) {
  const { focus: c, model } = view;
  const x = xOf(view, model.at[row]);
  if (x < view.gutter - 10 || x > view.width + 10) return;
  c.lineWidth = width;
  dot(c, x, heightOf(view, row), radius, null, colour);
}

// An operation that a violation is about: framed, with its name behind it.
function dispute(view, operation) {
  const { focus: c, model, colours } = view;
  const { x0, x1, y, height } = barOf(view, operation);
  const end = Math.max(x0 + 4, x1);
  if (end < view.gutter || x0 > view.width) return;
  c.strokeStyle = colours.bad;
  c.lineWidth = 2;
  c.strokeRect(x0 - 2.5, y - 2.5, end - x0 + 5, height + 5);
  c.font = view.fonts.smallBold;
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  const text = `op${model.number[operation.row]}`;
  const left = Math.max(view.gutter, Math.min(end + 5, view.width - 40));
  c.fillStyle = colours.paper;
  c.fillRect(left, y - 2, c.measureText(text).width + 6, height + 4);
  c.fillStyle = colours.bad;
  c.fillText(text, left + 3, y + height / 2);
}

function cursorLine(view) {
  const { focus: c, colours } = view;
  const x = Math.round(xOf(view, view.cursor)) + 0.5;
  if (x < view.gutter || x > view.width) return;
  line(c, colours.select, x, AXIS, x, view.height, 1);
  c.font = view.fonts.smallBold;
  const text = preciseTime(view.cursor);
  const width = c.measureText(text).width + 12;
  const left = Math.max(view.gutter, Math.min(view.width - width, x - width / 2));
  c.fillStyle = colours.select;
  c.fillRect(left, 3, width, AXIS - 7);
  c.fillStyle = colours.onSelect;
  c.textAlign = 'left';
  c.textBaseline = 'middle';
  c.fillText(text, left + 6, 3 + (AXIS - 7) / 2);
}

// The whole run: how much happens when, faults above, violations, and where the view is.
function paintOverview(view) {
  const { overview: c, model, colours } = view;
  const width = view.overviewWidth;
  const height = view.overviewHeight;
  const scale = (width - view.gutter) / (model.end - model.begin);
  const x = (at) => view.gutter + Math.max(0, at - model.begin) * scale;
  c.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  c.fillStyle = colours.panel;
  c.fillRect(0, 0, width, height);
  const bins = overviewBins(view, Math.max(1, Math.floor((width - view.gutter) / 3)));
  c.fillStyle = colours.density;
  const room = height - 16;
  bins.counts.forEach((count, bin) => {
    const tall = room * Math.sqrt(count / bins.most);
    if (count > 0) c.fillRect(view.gutter + bin * 3, height - 2 - tall, 2.2, Math.max(1, tall));
  });
  c.fillStyle = colours.fault;
  model.faults.forEach((fault) => c.fillRect(x(fault.from), 4, Math.max(2, x(fault.to) - x(fault.from)), 4));
  c.fillStyle = colours.ok;
  model.heals.forEach((row) => c.fillRect(x(model.at[row]) - 1, 2, 2, height));
  c.fillStyle = colours.bad;
  model.violations.forEach((row) => c.fillRect(x(model.at[row]) - 1, 0, 2, height));
  const left = Math.max(view.gutter, x(view.from));
  const right = Math.min(width, x(view.from + (view.width - view.gutter) / view.scale));
  c.fillStyle = colours.shade;
  c.fillRect(view.gutter, 0, left - view.gutter, height);
  c.fillRect(right, 0, width - right, height);
  c.strokeStyle = colours.select;
  c.lineWidth = 1.5;
  c.strokeRect(left + 0.5, 0.75, Math.max(3, right - left - 1), height - 1.5);
  c.fillStyle = colours.select;
  c.fillRect(x(view.cursor) - 0.5, 0, 1, height);
  c.font = view.fonts.small;
  c.textBaseline = 'middle';
  c.fillStyle = colours.muted;
  c.fillText(model.window ? 'this part' : 'whole run', 12, height / 2 - 7);
  c.fillText(timeText(model.end, 10 ** Math.floor(Math.log10(model.end) - 2)), 12, height / 2 + 7);
}

function overviewBins(view, count) {
  const { model } = view;
  if (view.bins && view.bins.counts.length === count) return view.bins;
  const counts = new Uint32Array(count);
  let most = 1;
  for (let row = 0; row < model.count; row += 1) {
    const bin = Math.floor((model.at[row] - model.begin) / (model.end - model.begin) * count);
    if (bin < 0) continue;
    const place = Math.min(count - 1, bin);
    counts[place] += 1;
    if (counts[place] > most) most = counts[place];
  }
  view.bins = { counts, most };
  return view.bins;
}
