//! Phase 2: synchronisation. The leader chooses how to make a learner's history equal to its own,
//! and the learner takes it over: durably, before it says so.

mod leader;
mod learner;
