//! The world of a transcript of an ensemble, and the frames of its clients.

use menagerie::conform::{Value, limits};
use menagerie::ids::{SessionId, Span, Zxid};
use menagerie::mutation::Mutations;
use menagerie::protocol::QuorumRule;
use menagerie::server::ServerSettings;
use menagerie::tree::{Request, acl};
use menagerie::wire::ClientFrame;

use crate::chance::decision::Source;
use crate::chance::latency::Latency;
use crate::world::WorldSpec;
use crate::world::channels::NetworkSpec;
use crate::world::clock::ClockSpec;
use crate::world::disk::DiskSpec;
use crate::world::knobs::AllKnobs;

/// The first frame of a connection.
pub(super) fn connect_frame(
    session: SessionId,
    password: u64,
    timeout: Span,
    last_zxid: Zxid,
) -> ClientFrame {
    ClientFrame::Connect {
        session,
        password,
        timeout,
        last_zxid,
    }
}

/// A request.
pub(super) fn request_frame(xid: u32, seq: u32, request: Request) -> ClientFrame {
    ClientFrame::Request {
        xid,
        seq,
        acked: 0,
        request,
    }
}

/// Three voters and an observer, and nothing that goes wrong.
pub(super) fn spec_of(config: &Value) -> Result<WorldSpec, String> {
    let tick = limits::tick_ms(config)?.unwrap_or(2_000);
    let mut knobs = AllKnobs::default();
    knobs.shared.tick = Span::millis(tick);
    Ok(WorldSpec {
        seed: 1,
        voters: 3,
        observers: 1,
        quorums: QuorumRule::Majority,
        clients: 0,
        homes: Vec::new(),
        mutations: Mutations::NONE,
        settings: ServerSettings {
            session_timeout_min: knobs.shared.tick.times(2),
            session_timeout_max: knobs.shared.tick.times(20),
            capture_chunk: 8,
            // Transcripts say when it is time.
            removal_interval: Span::secs(1_000_000),
            superuser: config
                .text("superDigest")
                .map(|user| acl::digest_of(user).into()),
        },
        session_timeout: knobs.shared.tick.times(15),
        knobs,
        network: NetworkSpec::reliable(Latency::Constant(Span::micros(100))),
        disk: DiskSpec {
            write: Latency::Constant(Span::micros(20)),
            sync: Latency::Constant(Span::micros(200)),
            read: Latency::Constant(Span::micros(500)),
        },
        clock: ClockSpec::default(),
        micro_step: Span::micros(5),
        decisions: Source::Dice,
        record: false,
        checks: false,
        trace: false,
    })
}
