//! Multi-Paxos's messages and records as text.

use menagerie::ids::{NodeId, SessionId};
use menagerie::paxos::{Ballot, Msg, Notice, Paxos, Record, Value};
use menagerie::tree::{Command, Payload, Write};

use super::stage::{Shown, letter};

impl Shown for Paxos {
    fn message(msg: &Msg) -> String {
        let kind = msg.kind();
        match msg {
            Msg::PreVote { ballot } => format!("{kind} {}", of(*ballot)),
            Msg::PreVoteReply {
                ballot,
                granted,
                promised,
            } => {
                let answer = if *granted { "granted" } else { "refused" };
                format!(
                    "{kind} {} {answer}, promised {}",
                    of(*ballot),
                    of(*promised)
                )
            }
            Msg::Prepare { ballot, first } => format!("{kind} {} from slot {first}", of(*ballot)),
            Msg::Promise(report) => {
                let votes = report.votes.iter().map(|vote| {
                    let (slot, ballot) = (vote.slot, of(vote.ballot));
                    format!("{slot}: {} at {ballot}", value(&vote.value))
                });
                let votes: Vec<String> = votes.collect();
                format!(
                    "{kind} {}, chosen through {}, votes [{}]",
                    of(report.ballot),
                    report.chosen,
                    votes.join(", ")
                )
            }
            Msg::Accept(proposal) => format!(
                "{kind} {} slot {} {}, chosen through {}",
                of(proposal.ballot),
                proposal.slot,
                value(&proposal.value),
                proposal.commit
            ),
            Msg::Accepted { ballot, slot } => format!("{kind} {} slot {slot}", of(*ballot)),
            Msg::Nack { ballot, promised } => {
                format!("{kind} {}, promised {}", of(*ballot), of(*promised))
            }
            Msg::Commit(notice) => format!("{kind} {}", of_notice(notice)),
            Msg::Heartbeat { notice, seq } => format!("{kind} {}, round {seq}", of_notice(notice)),
            Msg::HeartbeatAck { ballot, seq } => format!("{kind} {}, round {seq}", of(*ballot)),
            Msg::LearnReq { first } => format!("{kind} from slot {first}"),
            Msg::Learn {
                first,
                values,
                chosen,
            } => {
                let values: Vec<String> = values.iter().map(value).collect();
                let values = values.join(", ");
                format!("{kind} from slot {first} [{values}], chosen through {chosen}")
            }
            Msg::Snap { snapshot, chosen } => {
                format!("{kind} at {}, chosen through {chosen}", snapshot.zxid)
            }
            Msg::ReadIndex { token, asked: _ } => format!("{kind} {}", token.0),
            Msg::ReadIndexReply {
                notice,
                token,
                asked: _,
            } => format!("{kind} {}, {}", token.0, of_notice(notice)),
        }
    }

    fn record(record: &Record) -> String {
        match record {
            Record::Checkpoint { snapshot, promised } => {
                format!("checkpoint {snapshot}, promised {}", of(*promised))
            }
            Record::Promised(ballot) => format!("promised {}", of(*ballot)),
            Record::Accepted {
                ballot,
                slot,
                value: voted,
            } => format!("vote {} slot {slot} {}", of(*ballot), value(voted)),
        }
    }

    fn epoch(epoch: u64) -> String {
        format!("{}.{}", epoch >> 8, epoch & 0xff)
    }

    fn payload(number: u64) -> Payload {
        Payload::command(Command {
            session: SessionId(number),
            seq: 1,
            acked: 0,
            time_ms: 0,
            write: Write::CloseSession,
        })
    }
}

/// Ballots as docs/paxos.md writes them: round and owner.
fn of(ballot: Ballot) -> String {
    let NodeId(owner) = ballot.owner;
    format!("{}.{owner}", ballot.round)
}

fn of_notice(notice: &Notice) -> String {
    let (base, commit) = (notice.base, notice.commit);
    format!(
        "{}, chosen above {base} through {commit}",
        of(notice.ballot)
    )
}

fn value(value: &Value) -> String {
    match value {
        Value::Noop => "no-op".to_string(),
        Value::Commands(commands) => commands.iter().map(letter).collect(),
    }
}
