//! Traces made by hand, as lines of the file format: five servers, an election, writes that are
//! proposed, acknowledged and committed, a crash, a partition, and texts that want to break out.

use serde_json::{Value, json};

/// A text that would end the element it stands in, run, or load something.
pub const HOSTILE: &str =
    "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'\"{{data}}\u{2028}";

/// Which server leads.
const LEADER: u64 = 3;
const SERVERS: u64 = 5;
/// The operations that contradict each other: long before the violation, by different clients.
pub const DISPUTED: [u64; 2] = [2, 4];
const CLIENTS: u64 = 6;

/// Writes events down in the order of their making; [`Scribe::lines`] brings them into that of
/// time.
struct Scribe {
    events: Vec<(u64, Option<u64>, Value)>,
    messages: u64,
}

impl Scribe {
    /// One more event; gives its number.
    fn tell(&mut self, at: u64, cause: Option<u64>, event: Value) -> u64 {
        self.events.push((at, cause, event));
        self.events.len() as u64 - 1
    }

    /// The events sorted by time, numbered anew. A cause is never later than what it makes happen,
    /// so a stable order keeps it in front.
    fn lines(self) -> Vec<String> {
        let mut order: Vec<usize> = (0..self.events.len()).collect();
        order.sort_by_key(|number| self.events[*number].0);
        let mut place = vec![0; order.len()];
        for (seq, number) in order.iter().enumerate() {
            place[*number] = seq;
        }
        let line = |number: usize| {
            let (at, cause, mut event) = self.events[number].clone();
            event["seq"] = json!(place[number]);
            event["at"] = json!(at);
            event["cause"] = json!(cause.map(|cause| place[cause as usize]));
            event.to_string()
        };
        order.into_iter().map(line).collect()
    }

    fn send(
        &mut self,
        at: u64,
        cause: u64,
        from: u64,
        to: u64,
        kind: &str,
        body: Value,
    ) -> (u64, u64) {
        self.messages += 1;
        let id = self.messages;
        let event = json!({"type": "send", "id": id, "from": from, "to": to, "via": "stream",
                           "kind": kind, "body": body});
        (id, self.tell(at, Some(cause), event))
    }

    fn deliver(&mut self, at: u64, sent: (u64, u64), from: u64, node: u64, kind: &str) -> u64 {
        let event =
            json!({"type": "deliver", "id": sent.0, "node": node, "from": from, "kind": kind});
        self.tell(at, Some(sent.1), event)
    }

    fn frame(&mut self, at: u64, cause: u64, client: u64, direction: &str, kind: &str) -> u64 {
        self.messages += 1;
        let frame = |phase: &str| {
            json!({"type": "frame", "id": self.messages, "conn": client, "client": client,
                   "server": LEADER, "direction": direction, "phase": phase, "kind": kind})
        };
        let (leaves, arrives) = (frame("sent"), frame("delivered"));
        let sent = self.tell(at, Some(cause), leaves);
        self.tell(at + 300_000, Some(sent), arrives)
    }
}

/// A failing run of at least `events` events, as the lines of a file.
pub fn failing(events: usize) -> String {
    let mut scribe = Scribe {
        events: Vec::new(),
        messages: 0,
    };
    elect(&mut scribe);
    let mut write = 0;
    while scribe.events.len() + 3 < events {
        write += 1;
        round(&mut scribe, write);
    }
    let healed = start_of(write) + 30_000_000;
    let violated = healed + 4_000_000;
    scribe.tell(healed, None, json!({"type": "undo", "index": 0}));
    let heal = json!({"type": "heal", "core": [1, 2, 3, 4, 5]});
    let heal = scribe.tell(healed, None, heal);
    let reason = format!("a read of /p1 is stale: {HOSTILE}");
    let violation = json!({"type": "violation", "checker": "linearizability", "reason": reason});
    scribe.tell(violated, Some(heal), violation);
    let header = json!({
        "schema": 2, "scenario": "sample", "protocol": "zab", "ballots": false, "seed": u64::MAX,
        "mutations": ["Z20"], "hash": "00c0ffee00c0ffee", "verdict": "fail",
        "failures": [{"checker": "linearizability", "at": violated, "reason": reason,
                      "subjects": {"ops": DISPUTED}}],
        "nodes": (1..=SERVERS).map(|id| json!({"id": id, "observer": id == 5})).collect::<Vec<_>>(),
        "clients": CLIENTS,
        "reproduce": format!("menagerie run {RUN}"), "run": RUN,
        "end": violated + 3_000_000, "healed": healed, "left_off": 0,
    });
    let mut lines = vec![header.to_string()];
    lines.extend(scribe.lines());
    lines.join("\n") + "\n"
}

/// A run whose name has everything that a shell and a page must not take for their own.
const RUN: &str = "'it'\\''s <b>.toml' --protocol zab --seed 18446744073709551615";

/// When a write begins.
fn start_of(write: u64) -> u64 {
    3_000_000 + write * 1_300_000
}

/// Everybody starts and votes; one leads.
fn elect(scribe: &mut Scribe) {
    for node in 1..=SERVERS {
        let boot = scribe.tell(0, None, json!({"type": "boot", "node": node}));
        let looking = json!({"type": "standing", "node": node, "role": "looking", "epoch": 0,
                             "leader": null});
        scribe.tell(0, Some(boot), looking);
    }
    for node in 1..=SERVERS {
        let vote = json!({"vote": {"leader": LEADER, "text": HOSTILE}});
        for peer in (1..=SERVERS).filter(|peer| *peer != node) {
            let sent = scribe.send(1_000_000, node, node, peer, "NOTIFICATION", vote.clone());
            scribe.deliver(1_500_000 + 7_000 * node, sent, node, peer, "NOTIFICATION");
        }
    }
    for node in 1..=SERVERS {
        let role = match node {
            LEADER => "leading",
            5 => "observing",
            _ => "following",
        };
        let standing =
            json!({"type": "standing", "node": node, "role": role, "epoch": 1, "leader": LEADER});
        scribe.tell(3_000_000, None, standing);
    }
}

/// A client writes; now and then something goes wrong.
fn round(scribe: &mut Scribe, write: u64) {
    let client = write % CLIENTS + 1;
    let zxid = (1 << 32) + write;
    let start = start_of(write);
    let request = json!({"set": {"path": "/p1", "data": if write == 2 { HOSTILE } else { "v" }}});
    let invoke = json!({"type": "invoke", "client": client, "op": write, "request": request,
                        "text": format!("set /p{} v{write}", write % 9), "synced": false});
    let invoked = scribe.tell(start, None, invoke);
    let asked = scribe.frame(start, invoked, client, "up", "set");
    if write == 3 {
        let fault = json!({"type": "fault", "index": 0, "family": "partition",
                           "fault": {"partition": {"shape": "split", "node": 1}}});
        scribe.tell(start, None, fault);
    }
    if write == 7 {
        let crash = scribe.tell(
            start,
            None,
            json!({"type": "crash", "node": 2, "kind": "power"}),
        );
        scribe.tell(
            start + 4_000_000,
            Some(crash),
            json!({"type": "boot", "node": 2}),
        );
    }
    let mut acknowledged = asked;
    for peer in [1, 2, 4] {
        let heard = proposal(scribe, write, peer, asked, &request);
        if heard != asked {
            acknowledged = heard;
        }
    }
    let done = start + 1_700_000 + 10_000 * (write % 7);
    let apply = json!({"type": "apply", "node": LEADER, "zxid": zxid, "body": {"set": "/p1"}});
    let applied = scribe.tell(done, Some(acknowledged), apply);
    scribe.tell(
        done,
        Some(applied),
        json!({"type": "commit", "node": LEADER, "zxid": zxid}),
    );
    let outcome =
        ["ok", "ok", "ok", "error", "ok", "unknown", "ok", "refused"][(write % 8) as usize];
    let answered = scribe.frame(done, applied, client, "down", "reply");
    let complete = json!({"type": "complete", "client": client, "op": write, "outcome": outcome,
                          "zxid": (outcome == "ok").then_some(zxid), "answer": HOSTILE,
                          "invoked": start});
    scribe.tell(done + 300_000, Some(answered), complete);
}

/// A proposal on its way to one follower, to its disk and back. Returns the event after which the
/// leader may commit.
fn proposal(scribe: &mut Scribe, write: u64, peer: u64, asked: u64, request: &Value) -> u64 {
    let zxid = (1 << 32) + write;
    let start = start_of(write);
    let sent = scribe.send(
        start + 400_000,
        asked,
        LEADER,
        peer,
        "PROPOSAL",
        json!({"zxid": zxid, "payload": request}),
    );
    if peer == 1 && write % 5 == 3 {
        scribe.tell(
            start + 500_000,
            Some(sent.1),
            json!({"type": "lose", "id": sent.0, "why": "cut"}),
        );
        return asked;
    }
    if peer == 4 && write % 11 == 4 {
        scribe.messages += 1;
        let copy = json!({"type": "duplicate", "id": scribe.messages, "of": sent.0});
        let copied = scribe.tell(start + 450_000, Some(sent.1), copy);
        let id = scribe.messages;
        scribe.deliver(start + 900_000, (id, copied), LEADER, peer, "PROPOSAL");
    }
    let late = if write % 13 == 5 { 9_000_000 } else { 0 };
    let at = start + 870_000 + 11_000 * ((write * peer) % 9) + late;
    let arrived = scribe.deliver(at, sent, LEADER, peer, "PROPOSAL");
    let disk = json!({"type": "disk", "node": peer, "ticket": write, "op": "append",
                      "phase": "durable"});
    let durable = scribe.tell(at + 150_000, Some(arrived), disk);
    let ack = scribe.send(
        at + 150_000,
        durable,
        peer,
        LEADER,
        "ACK",
        json!({"zxid": zxid}),
    );
    let heard = scribe.deliver(at + 620_000, ack, peer, LEADER, "ACK");
    let apply = json!({"type": "apply", "node": peer, "zxid": zxid, "body": {"set": "/p1"}});
    let applied = scribe.tell(at + 1_400_000, Some(durable), apply);
    let commit = json!({"type": "commit", "node": peer, "zxid": zxid});
    scribe.tell(at + 1_400_000, Some(applied), commit);
    if late == 0 { heard } else { asked }
}
