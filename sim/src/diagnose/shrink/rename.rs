//! Taking a server or a client out of a run: those with higher numbers move up.

use menagerie::ids::{ClientId, NodeId};
use menagerie::protocol::QuorumRule;
use std::sync::Arc;

use crate::chance::decision::{Name, Source, Table};
use crate::run::resolve::Resolved;
use crate::scenario::fault::Fault;

/// The run without a client and its operations.
pub(super) fn without_client(run: &Resolved, gone: u16) -> Resolved {
    let mut run = run.clone();
    let moved = |client: u16| match client.cmp(&gone) {
        core::cmp::Ordering::Less => Some(client),
        core::cmp::Ordering::Equal => None,
        core::cmp::Ordering::Greater => Some(client - 1),
    };
    run.world.clients -= 1;
    run.workload.clients -= 1;
    if let Some(script) = &mut run.script {
        script.operations.retain_mut(|operation| {
            let client = moved(operation.client.0);
            operation.client = ClientId(client.unwrap_or(operation.client.0));
            client.is_some()
        });
    }
    rename(&mut run, |name| {
        Some(match name {
            Name::Frame {
                client,
                conn,
                toward,
                number,
            } => Name::Frame {
                client: moved(client)?,
                conn,
                toward,
                number,
            },
            Name::ConnBreak {
                client,
                conn,
                toward,
            } => Name::ConnBreak {
                client: moved(client)?,
                conn,
                toward,
            },
            Name::ClientTimer {
                client,
                timer,
                number,
            } => Name::ClientTimer {
                client: moved(client)?,
                timer,
                number,
            },
            Name::Order { client } => Name::Order {
                client: moved(client)?,
            },
            Name::Message { .. }
            | Name::StreamBreak { .. }
            | Name::Disk { .. }
            | Name::Power { .. }
            | Name::Timer { .. }
            | Name::Drift { .. } => name,
        })
    });
    run
}

/// The run without a server; faults that hit only it go with it.
pub(super) fn without_server(run: &Resolved, gone: u8) -> Resolved {
    let mut run = run.clone();
    if gone <= run.world.voters {
        run.world.voters -= 1;
    } else {
        run.world.observers -= 1;
    }
    let moved = |node: u8| match node.cmp(&gone) {
        core::cmp::Ordering::Less => Some(node),
        core::cmp::Ordering::Equal => None,
        core::cmp::Ordering::Greater => Some(node - 1),
    };
    let id = |node: NodeId| moved(node.0).map(NodeId);
    if let QuorumRule::Groups(groups) = &mut run.world.quorums {
        for group in groups.iter_mut() {
            let moved = |(node, weight): (NodeId, u32)| id(node).map(|node| (node, weight));
            *group = group.iter().copied().filter_map(moved).collect();
        }
        groups.retain(|group| !group.is_empty());
        if groups.iter().flatten().all(|(_, weight)| *weight == 0) {
            run.world.quorums = QuorumRule::Majority; // Nobody is left that counts.
        }
    }
    for planned in &mut run.plan.faults {
        if let Fault::Actions(actions) = &mut planned.fault {
            *actions = actions.iter().filter_map(|one| one.moved(id)).collect();
        }
    }
    run.plan
        .faults
        .retain(|planned| planned.fault != Fault::Actions(Vec::new()));
    if let Some(core) = run.script.as_mut().and_then(|script| script.core.as_mut()) {
        *core = core.iter().filter_map(|node| id(*node)).collect();
    }
    if let Some(matrix) = &mut run.world.network.matrix {
        let place = usize::from(gone) - 1;
        matrix.remove(place);
        for row in matrix {
            row.remove(place);
        }
    }
    rename(&mut run, |name| server_name(name, moved));
    run
}

fn server_name(name: Name, moved: impl Fn(u8) -> Option<u8>) -> Option<Name> {
    Some(match name {
        Name::Message {
            channel,
            from,
            to,
            number,
            part,
        } => Name::Message {
            channel,
            from: moved(from)?,
            to: moved(to)?,
            number,
            part,
        },
        Name::StreamBreak {
            dialler,
            dial,
            toward,
        } => Name::StreamBreak {
            dialler: moved(dialler)?,
            dial,
            toward,
        },
        Name::Disk { node, batch, phase } => Name::Disk {
            node: moved(node)?,
            batch,
            phase,
        },
        Name::Power {
            node,
            loss,
            question,
        } => Name::Power {
            node: moved(node)?,
            loss,
            question,
        },
        Name::Timer {
            node,
            timer,
            number,
        } => Name::Timer {
            node: moved(node)?,
            timer,
            number,
        },
        Name::Drift { node } => Name::Drift { node: moved(node)? },
        // An order of other servers means nothing.
        Name::Order { .. } => return None,
        Name::Frame { .. } | Name::ConnBreak { .. } | Name::ClientTimer { .. } => name,
    })
}

fn rename(run: &mut Resolved, name: impl Fn(Name) -> Option<Name>) {
    if let Source::Table(table) = &run.world.decisions {
        let kept = table
            .0
            .iter()
            .filter_map(|(key, value)| Some((name(*key)?, *value)));
        run.world.decisions = Source::Table(Arc::new(Table(kept.collect())));
    }
}
