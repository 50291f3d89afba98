// What the page knows: the embedded columns, and what follows from them (messages and their fates,
// roles over time, operations, the causal past). Nothing here touches the document.

const NONE = -1;

const FATES = ['delivered', 'delayed', 'duplicated', 'dropped', 'blocked', 'in flight'];
const [DELIVERED, DELAYED, DUPLICATED, DROPPED, BLOCKED, IN_FLIGHT] = [0, 1, 2, 3, 4, 5];

// A delivery counts as delayed from this multiple of the run's median latency on.
const DELAYED_FROM = 4;

function decode(text) {
  const raw = JSON.parse(text);
  const count = raw.rows;
  const column = (Type, name) => Type.from(raw.columns[name]);
  const summed = (name) => {
    const sums = new Float64Array(count);
    let sum = 0;
    raw.columns[name].forEach((step, row) => { sum += step; sums[row] = sum; });
    return sums;
  };
  const backwards = (name) => {
    const rows = column(Int32Array, name);
    for (let row = 0; row < count; row += 1) {
      rows[row] = rows[row] === 0 ? NONE : row - rows[row];
    }
    return rows;
  };
  return {
    head: raw.head,
    story: raw.story,
    totals: raw.totals,
    window: raw.window,
    lanes: raw.lanes,
    types: raw.types,
    strings: raw.strings,
    zxids: raw.zxids,
    count,
    carried: raw.carried,
    seq: summed('seq'),
    at: summed('at'),
    cause: backwards('cause'),
    origin: backwards('origin'),
    type: column(Uint8Array, 'type'),
    lane: column(Int16Array, 'lane'),
    peer: column(Int16Array, 'peer'),
    label: column(Int32Array, 'label'),
    detail: column(Int32Array, 'detail'),
    body: column(Int32Array, 'body'),
    zxid: column(Int32Array, 'zxid'),
    number: column(Float64Array, 'number'),
  };
}

function derive(trace) {
  const code = {};
  trace.types.forEach((name, index) => { code[name] = index; });
  const model = Object.assign(trace, { code });
  model.text = (id) => trace.strings[id];
  model.typeOf = (row) => trace.types[trace.type[row]];
  model.nodes = trace.lanes.filter((lane) => lane.kind === 'node').length;
  model.begin = trace.window ? trace.window.from : 0;
  model.end = trace.window ? trace.window.to : trace.head.end;
  if (trace.count > 0) model.end = Math.max(model.end, trace.at[trace.count - 1]);
  if (model.end <= model.begin) model.end = model.begin + 1;
  byLane(model);
  messages(model);
  roles(model);
  operations(model);
  disputes(model);
  faults(model);
  return model;
}

function byLane(model) {
  const rows = model.lanes.map(() => []);
  model.previous = new Int32Array(model.count).fill(NONE);
  model.place = new Int32Array(model.count).fill(NONE);
  model.world = [];
  model.violations = [];
  model.effects = new Map();
  for (let row = 0; row < model.count; row += 1) {
    const lane = model.lane[row];
    if (lane === NONE) {
      model.world.push(row);
    } else {
      const list = rows[lane];
      if (list.length > 0) model.previous[row] = list[list.length - 1];
      model.place[row] = list.length;
      list.push(row);
    }
    if (model.type[row] === model.code.violation) model.violations.push(row);
    const cause = model.cause[row];
    if (cause !== NONE) {
      const known = model.effects.get(cause);
      if (known) known.push(row); else model.effects.set(cause, [row]);
    }
  }
  model.rows = rows.map((list) => Int32Array.from(list));
}

// One entry for each copy of a message or frame that was sent.
function messages(model) {
  const { code, type } = model;
  const copies = [];
  const copyOf = new Map();
  const sent = model.strings.indexOf('sent');
  const cut = model.strings.indexOf('cut');
  for (let row = 0; row < model.count; row += 1) {
    const origin = model.origin[row];
    const leaves = type[row] === code.send || (type[row] === code.frame && model.detail[row] === sent);
    if (leaves) {
      const copy = { row, first: row, last: NONE, fate: IN_FLIGHT, extra: false };
      copyOf.set(row, copy);
      copies.push(copy);
    } else if (type[row] === code.duplicate && origin !== NONE) {
      const of = copyOf.get(origin);
      const copy = { row, first: of ? of.first : origin, last: NONE, fate: IN_FLIGHT, extra: true };
      copyOf.set(row, copy);
      copies.push(copy);
    } else if (origin !== NONE && copyOf.has(origin)) {
      const copy = copyOf.get(origin);
      if (copy.last !== NONE) continue;
      copy.last = row;
      if (type[row] === code.lose) copy.fate = model.label[row] === cut ? BLOCKED : DROPPED;
      else copy.fate = copy.extra ? DUPLICATED : DELIVERED;
    }
  }
  measure(model, copies);
  model.messageOf = new Map();
  copies.forEach((copy) => {
    model.messageOf.set(copy.row, copy);
    if (copy.last !== NONE) model.messageOf.set(copy.last, copy);
  });
  model.messages = copies;
  const kinds = new Map();
  copies.forEach((copy) => kinds.set(copy.label, (kinds.get(copy.label) || 0) + 1));
  model.kinds = [...kinds].sort((left, right) => right[1] - left[1] || left[0] - right[0])
    .map(([label, count], index) => ({ label, count, index, name: model.text(label) }));
  model.kindOf = new Map(model.kinds.map((kind) => [kind.label, kind]));
}

// Where each copy begins and ends, and which of them are late: measured separately between servers
// and between clients and servers.
function measure(model, copies) {
  const { at } = model;
  const isFrame = (copy) => model.type[copy.first] === model.code.frame;
  const median = (frames) => {
    const latencies = copies
      .filter((copy) => copy.fate === DELIVERED && isFrame(copy) === frames
        && model.lane[copy.first] !== model.peer[copy.first])
      .map((copy) => at[copy.last] - at[copy.first])
      .sort((left, right) => left - right);
    return latencies.length > 0 ? latencies[latencies.length >> 1] : 1e6;
  };
  // A run without any flight still needs a scale.
  model.latency = Math.max(1000, median(false));
  const usual = [model.latency, median(true)];
  copies.forEach((copy) => {
    copy.from = model.lane[copy.first];
    copy.to = model.peer[copy.first];
    copy.frame = isFrame(copy);
    copy.start = at[copy.first];
    copy.stop = copy.last === NONE ? model.end : at[copy.last];
    if (copy.fate === DELIVERED && copy.stop - copy.start > DELAYED_FROM * usual[copy.frame ? 1 : 0]) {
      copy.fate = DELAYED;
    }
    // A loss that is decided at sending is drawn as far as half a usual flight.
    if (copy.fate === DROPPED || copy.fate === BLOCKED) {
      copy.stop = Math.max(copy.stop, copy.start + model.latency / 2);
    }
    copy.label = model.label[copy.first];
  });
}

// For each node the stretches of one role, and its progress through the log.
function roles(model) {
  const { code } = model;
  model.stretches = [];
  model.applied = [];
  model.committed = [];
  for (let lane = 0; lane < model.nodes; lane += 1) {
    const stretches = [];
    const applied = [];
    const committed = [];
    let now = { row: NONE, from: model.begin, role: '', epoch: '', up: true, paused: false };
    const turn = (row, change) => {
      const next = { ...now, ...change, row, from: model.at[row] };
      const same = next.role === now.role && next.epoch === now.epoch
        && next.up === now.up && next.paused === now.paused;
      if (same) return;
      now.to = next.from;
      if (now.to > now.from) stretches.push(now);
      now = next;
    };
    for (const row of model.rows[lane]) {
      switch (model.type[row]) {
        // What was applied is memory: a process starts without it.
        case code.boot:
          turn(row, { up: true, paused: false, role: '', epoch: '' });
          applied.push(row);
          committed.push(row);
          break;
        case code.crash:
          turn(row, { up: false, paused: false, role: '', epoch: '' });
          applied.push(row);
          committed.push(row);
          break;
        case code.refused: turn(row, { up: false, role: '' }); break;
        case code.pause: turn(row, { paused: true }); break;
        case code.resume: turn(row, { paused: false }); break;
        case code.standing:
          turn(row, { role: model.text(model.label[row]), epoch: model.text(model.detail[row]) });
          break;
        case code.apply: applied.push(row); break;
        case code.commit: committed.push(row); break;
        case code.restore: applied.push(row); break;
        default: break;
      }
    }
    now.to = model.end;
    stretches.push(now);
    model.stretches.push(stretches);
    model.applied.push(Int32Array.from(applied));
    model.committed.push(Int32Array.from(committed));
  }
}

function operations(model) {
  const { code } = model;
  model.operations = model.lanes.map(() => []);
  const open = new Map();
  const done = new Map();
  for (let row = 0; row < model.count; row += 1) {
    const type = model.type[row];
    if (type === code.invoke) {
      const operation = {
        row, last: NONE, lane: model.lane[row], from: model.at[row], to: model.end,
        given: model.end, outcome: 'unknown', request: model.text(model.label[row]), points: [], level: 0,
      };
      open.set(`${model.lane[row]}/${model.number[row]}`, operation);
      model.operations[model.lane[row]].push(operation);
    } else if (type === code.complete) {
      const operation = open.get(`${model.lane[row]}/${model.number[row]}`);
      if (!operation) continue;
      operation.last = row;
      operation.outcome = model.text(model.label[row]);
      // What is unknown may still take effect: it stays open, but its client gave up here.
      operation.given = model.at[row];
      if (operation.outcome !== 'unknown') operation.to = model.at[row];
      if (model.zxid[row] > 0) {
        const list = done.get(model.zxid[row]);
        if (list) list.push(operation); else done.set(model.zxid[row], [operation]);
      }
    }
  }
  // A write takes effect where it is first committed, or else first applied.
  const committed = new Map();
  const applied = new Map();
  for (let row = 0; row < model.count; row += 1) {
    const type = model.type[row];
    const zxid = model.zxid[row];
    if (type === code.commit && !committed.has(zxid)) committed.set(zxid, row);
    if (type === code.apply && !applied.has(zxid)) applied.set(zxid, row);
  }
  done.forEach((list, zxid) => {
    const row = committed.has(zxid) ? committed.get(zxid) : applied.get(zxid);
    if (row === undefined) return;
    list.forEach((operation) => {
      const at = model.at[row];
      // A read names the zxid that it saw, which was committed before it began.
      if (at >= operation.from && at <= operation.to) operation.points.push(row);
    });
  });
  model.levels = model.operations.map((list) => {
    const ends = [];
    list.forEach((operation) => {
      let level = ends.findIndex((end) => end <= operation.from);
      if (level === NONE && ends.length < 4) { ends.push(0); level = ends.length - 1; }
      if (level === NONE) level = ends.indexOf(Math.min(...ends));
      ends[level] = operation.given;
      operation.level = level;
    });
    return Math.max(1, ends.length);
  });
  model.operationOf = new Map();
  model.operations.forEach((list) => list.forEach((operation) => {
    model.operationOf.set(operation.row, operation);
    if (operation.last !== NONE) model.operationOf.set(operation.last, operation);
  }));
}

// The operations that each violation is about: those that contradict each other.
function disputes(model) {
  const all = model.operations.flat();
  model.disputes = new Map();
  model.head.failures.forEach((failure) => {
    const ops = (failure.subjects && failure.subjects.ops) || [];
    const row = rowOf(model, failure);
    if (row === undefined) return;
    model.disputes.set(row, all.filter((operation) => ops.includes(model.number[operation.row])));
  });
}

function faults(model) {
  const { code } = model;
  const open = new Map();
  model.faults = [];
  model.heals = [];
  const finish = (row) => (fault) => { fault.to = model.at[row]; fault.last = row; };
  for (let row = 0; row < model.count; row += 1) {
    const type = model.type[row];
    if (type === code.fault) {
      const fault = {
        row, last: NONE, from: model.at[row], to: model.end, open: true,
        family: model.text(model.label[row]), text: model.text(model.detail[row]), level: 0,
      };
      open.set(model.number[row], fault);
      model.faults.push(fault);
    } else if (type === code.undo && open.has(model.number[row])) {
      finish(row)(open.get(model.number[row]));
      open.delete(model.number[row]);
    } else if (type === code.heal) {
      model.heals.push(row);
      open.forEach(finish(row));
      open.clear();
    }
  }
  const ends = [];
  model.faults.forEach((fault) => {
    let level = ends.findIndex((end) => end <= fault.from);
    if (level === NONE) level = ends.length < 5 ? ends.push(0) - 1 : ends.indexOf(Math.min(...ends));
    ends[level] = fault.to;
    fault.level = level;
  });
  model.faultLevels = Math.max(1, ends.length);
}

// The number of rows of a sorted list whose time is at most `at`.
function upTo(model, rows, at) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (model.at[rows[middle]] <= at) low = middle + 1; else high = middle;
  }
  return low;
}

// The last row of a sorted list that is not behind `row`.
function lastBefore(rows, row) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle] <= row) low = middle + 1; else high = middle;
  }
  return low === 0 ? NONE : rows[low - 1];
}

// The last row whose time is at most `at`.
function rowAt(model, at) {
  let low = 0;
  let high = model.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (model.at[middle] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function rowOfSeq(model, seq) {
  let low = 0;
  let high = model.count - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (model.seq[middle] === seq) return middle;
    if (model.seq[middle] < seq) low = middle + 1; else high = middle - 1;
  }
  return NONE;
}

// A node after `row`: what it is and how far it has come.
function stateOf(model, lane, row) {
  const stretches = model.stretches[lane];
  let found = stretches[0];
  for (const stretch of stretches) {
    if (stretch.row <= row) found = stretch; else break;
  }
  const reached = (rows) => {
    const last = lastBefore(rows, row);
    return last === NONE || model.zxid[last] === 0 ? '–' : model.zxids[model.zxid[last] - 1];
  };
  const state = found.up ? (found.paused ? 'paused' : 'up') : 'down';
  return {
    role: found.role, epoch: found.epoch, state,
    applied: reached(model.applied[lane]), committed: reached(model.committed[lane]),
  };
}

// The causal past of a row: for each lane the last row that may have influenced it (program order
// makes everything before it on that lane part of the past), and the chain of direct causes.
function pastOf(model, row) {
  const frontier = new Int32Array(model.lanes.length).fill(NONE);
  const world = new Set();
  // What happens to the run as a whole is seen against everything before it.
  const everything = model.lane[row] === NONE && !model.messageOf.has(row);
  if (everything) model.rows.forEach((rows, lane) => { frontier[lane] = lastBefore(rows, row); });
  const todo = [row];
  while (todo.length > 0) {
    const next = todo.pop();
    const lane = model.lane[next];
    let from = next;
    if (lane === NONE) {
      if (world.has(next)) continue;
      world.add(next);
      if (model.cause[next] !== NONE) todo.push(model.cause[next]);
      if (model.origin[next] !== NONE) todo.push(model.origin[next]);
      continue;
    }
    const until = frontier[lane];
    if (next <= until) continue;
    frontier[lane] = next;
    while (from !== NONE && from > until) {
      if (model.cause[from] !== NONE) todo.push(model.cause[from]);
      if (model.origin[from] !== NONE) todo.push(model.origin[from]);
      from = model.previous[from];
    }
  }
  const chain = [];
  for (let at = row; at !== NONE; at = before(model, at)) chain.push(at);
  return { frontier, world, chain, row };
}

// The direct cause: what the world says, or else the send of what was delivered.
function before(model, row) {
  return model.cause[row] !== NONE ? model.cause[row] : model.origin[row];
}
