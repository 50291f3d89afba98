//! Stub.
#![allow(missing_docs)]
use crate::ids::LocalTime;
use crate::protocol::*;
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zab;
impl Protocol for Zab {
    const NAME: &'static str = "zab";
    const REPLICATES: Replicates = Replicates::Deltas;
    const PROMISES: Promises = Promises {
        linearizable_barrier: false,
        at_most_once: false,
    };
    type Config = ();
    type Msg = u64;
    type Record = u64;
    type Timer = u64;
    fn configure(_: &Ensemble) {}
    fn recover(
        _: &(),
        _: LocalTime,
        _: &Image<u64>,
        _: &mut Outbox<Self>,
    ) -> Result<Self, Refusal> {
        Ok(Zab)
    }
    fn step(&mut self, _: LocalTime, _: Input<Self>, _: &mut Outbox<Self>) {}
    fn standing(&self) -> Standing {
        unimplemented!()
    }
    fn persisted(_: &Image<u64>) -> Persisted {
        Persisted::default()
    }
    fn kind(_: &u64) -> &'static str {
        "x"
    }
}
