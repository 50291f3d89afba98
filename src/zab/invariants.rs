//! Invariants that span fields, asserted after every step. Mostly what the server itself knows, so
//! no delayed packet can violate them.

use super::Zab;
use super::roles::{Leading, Phase, State};

impl Zab {
    /// What holds after every step, whatever was lost, repeated or delayed.
    pub(super) fn assert_invariants(&self) {
        let (handed, applied) = (self.handed, self.applied);
        assert!(
            applied <= handed,
            "{applied} is applied, {handed} was handed over"
        );
        if let Some((last, _)) = self.window.back() {
            assert!(
                *last == handed,
                "the window ends at {last}, {handed} was handed over"
            );
        }
        self.storage.assert_invariants();
        match &self.state {
            State::Draining => assert!(
                self.reloads > 0,
                "a server drains, and no reload is under way"
            ),
            State::Electing(_) => assert!(
                self.reloads == 0 && handed == self.storage.last(),
                "a vote at {handed}, but the log ends at {}",
                self.storage.last()
            ),
            State::Learning(learning) => learning.assert_invariants(self.reloads),
            State::Leading(leading) => {
                leading.assert_invariants(self.config.knobs.outstanding_max as usize);
                self.assert_epoch(leading);
            }
            State::Halted => {}
        }
    }

    /// A leader's epoch is promised from `CollectPromises` on, and entered from `CollectHistories`
    /// on; it proposes in no other.
    fn assert_epoch(&self, leading: &Leading) {
        let epoch = leading.epoch;
        let (accepted, current) = (self.storage.accepted_epoch(), self.storage.current_epoch());
        match leading.phase {
            Phase::CollectEpochs => assert!(
                epoch > accepted,
                "epoch {epoch} is to be named, but {accepted} is accepted"
            ),
            Phase::CollectPromises => assert!(
                epoch == accepted,
                "epoch {epoch} is named, but {accepted} is accepted"
            ),
            Phase::CollectHistories | Phase::Broadcast => {
                assert!(
                    epoch == current,
                    "a leader of {epoch} has entered {current}"
                );
                let proposed = leading.last_proposed.epoch();
                assert!(
                    epoch == proposed,
                    "a leader of {epoch} proposes in {proposed}"
                );
            }
        }
    }
}
