// The panel of the selected event: its fields, its body, what it follows from and what follows from it.

function fieldsOf(view, row) {
  const { model } = view;
  const { code } = model;
  const type = model.type[row];
  const fields = [['event', `${model.seq[row]}`], ['at', preciseTime(model.at[row])]];
  const message = model.messageOf.get(row);
  const word = model.text(model.label[row]);
  const detail = model.text(model.detail[row]);
  const peer = model.peer[row];
  if (message) {
    fields.push(['message', `${laneName(model, message.from)} → ${laneName(model, message.to)}`]);
    fields.push(['fate', message.fate === DELIVERED || message.fate === DELAYED || message.fate === DUPLICATED
      ? `${FATES[message.fate]} after ${preciseTime(message.stop - model.at[message.first])}` : FATES[message.fate]]);
  } else if (peer !== NONE) {
    fields.push(['peer', laneName(model, peer)]);
  }
  if (word !== '') fields.push([wordName(type, code), word]);
  if (detail !== '') fields.push([detailName(type, code), detail]);
  if (model.zxid[row] > 0) fields.push(['zxid', model.zxids[model.zxid[row] - 1]]);
  if (model.number[row] >= 0) fields.push([numberName(type, code), `${model.number[row]}`]);
  const operation = model.operationOf.get(row);
  if (operation) {
    fields.push(['outcome', operation.outcome]);
    if (operation.outcome !== 'unknown') fields.push(['took', preciseTime(operation.to - operation.from)]);
    operation.points.forEach((point) => fields.push(
      ['takes effect', `${preciseTime(model.at[point])} on ${laneName(model, model.lane[point])}`],
    ));
  }
  return fields;
}

function wordName(type, code) {
  switch (type) {
    case code.standing: return 'role';
    case code.violation: return 'checker';
    case code.fault: return 'family';
    case code.disk: return 'operation';
    case code.lose: case code.refused: return 'why';
    case code.link: case code.client_link: return 'link';
    case code.complete: return 'outcome';
    case code.invoke: return 'request';
    case code.action: return 'action';
    case code.fact: return 'fact';
    case code.session: return 'session';
    case code.timer: return 'timer';
    default: return 'kind';
  }
}

function detailName(type, code) {
  switch (type) {
    case code.standing: return 'epoch';
    case code.disk: case code.frame: return 'phase';
    case code.send: return 'via';
    case code.fault: return 'fault';
    case code.violation: return 'reason';
    case code.heal: return 'core';
    case code.session: return 'session';
    case code.action: return 'where';
    case code.link: return 'link';
    case code.watch_event: return 'path';
    case code.sent: return 'session, xid';
    default: return 'detail';
  }
}

function numberName(type, code) {
  switch (type) {
    case code.fault: case code.undo: return 'fault';
    case code.frame: case code.client_link: return 'connection';
    case code.disk: return 'ticket';
    case code.action: return 'amount';
    default: return 'operation';
  }
}

function fillEvent(view) {
  const { model } = view;
  const row = view.selected;
  const panel = byId('event');
  panel.replaceChildren();
  if (row === NONE) {
    panel.append(
      make('h2', {}, 'Event'),
      make('p', { class: 'empty' }, `Click an event or an arrow${view.model.story ? ' or a step of the story' : ''}, or walk with n and p: its body, its causes and its effects appear here.`),
    );
    return;
  }
  panel.append(
    make('h3', {}, `${laneName(model, model.lane[row])} ${brief(model, row)}`.slice(0, 200)),
    make('p', {}, model.typeOf(row).replace('_', ' ')),
  );
  const list = make('dl', {});
  fieldsOf(view, row).forEach(([name, value]) => list.append(make('dt', {}, name), make('dd', {}, value)));
  panel.append(list);
  bodiesOf(model, row).forEach((body) => panel.append(make('pre', { tabindex: '0', 'aria-label': 'Body' }, pretty(body))));
  const causes = view.past.chain.slice(1);
  if (causes.length > 0) steps(view, panel, 'Because of', causes, causes.length, 'steps');
  const effects = model.effects.get(row) || [];
  if (effects.length > 0) steps(view, panel, 'Leads to', effects, effects.length, 'steps after');
}

function steps(view, panel, title, rows, count, kind) {
  const { model } = view;
  const most = 60;
  const note = count > most ? ` the first ${most} of ${count}` : ` ${count}`;
  const list = make('ol', { class: kind });
  rows.slice(0, most).forEach((row) => list.append(make('li', {}, make(
    'button',
    { type: 'button', title: brief(model, row), onclick: () => view.select(row, true) },
    make('span', { class: 'mono' }, preciseTime(model.at[row])),
    make('b', {}, laneName(model, model.lane[row])),
    make('span', {}, brief(model, row)),
  ))));
  panel.append(make('h4', {}, title, make('small', {}, note)), list);
}

// The bodies that tell of an event: its own, and that of the message it delivers.
function bodiesOf(model, row) {
  const own = model.text(model.body[row]);
  if (own !== '') return [own];
  const message = model.messageOf.get(row);
  const sent = message ? model.text(model.body[message.first]) : '';
  return sent === '' ? [] : [sent];
}

// A structured body with its fields below each other; what is short stays on its line.
function pretty(body) {
  let value;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return body;
  }
  return laidOut(value, '');
}

function laidOut(value, indent) {
  const flat = JSON.stringify(value);
  if (value === null || typeof value !== 'object' || flat.length + indent.length < 44) {
    return flat.replace(/^"|"$/g, indent === '' ? '' : '"');
  }
  const inner = `${indent}  `;
  const items = Array.isArray(value)
    ? value.map((item) => `${inner}${laidOut(item, inner)}`)
    : Object.entries(value).map(([name, item]) => `${inner}${name}: ${laidOut(item, inner)}`);
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
  return `${open}\n${items.join(',\n')}\n${indent}${close}`;
}
