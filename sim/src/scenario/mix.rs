//! How often the workload draws each operation: `[workload.mix]`.

use serde::{Deserialize, Serialize};

/// `[workload.mix]`: weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// Create a plain node.
    pub create: u32,
    /// Create an ephemeral or sequential node under a contended parent.
    pub create_special: u32,
    /// Delete a node.
    pub delete: u32,
    /// Set a node's content.
    pub set_data: u32,
    /// Several with a check, all or none.
    pub multi: u32,
    /// Read a node's content.
    pub get_data: u32,
    /// Read a node's Stat.
    pub exists: u32,
    /// Read a node's children.
    pub get_children: u32,
    /// Sync, and at once a read behind it.
    pub sync: u32,
    /// Close the session and open another.
    pub close_session: u32,
    /// Create a container, a TTL node, a child of a container or a node with an ACL.
    pub create_any: u32,
    /// One to five of whatever a multi may hold, on any nodes.
    pub multi_any: u32,
    /// Replace a node's ACL.
    pub set_acl: u32,
    /// Prove to be a user: usually oneself.
    pub auth: u32,
    /// Read a node's ACL.
    pub get_acl: u32,
    /// Ask for the session's own ephemeral nodes.
    pub get_ephemerals: u32,
    /// Count the nodes below a node (getAllChildrenNumber).
    pub count_descendants: u32,
    /// Ask who one has proved to be.
    pub who_am_i: u32,
    /// Read several nodes at once.
    pub multi_read: u32,
    /// Leave a persistent or recursive watch.
    pub add_watch: u32,
    /// Take watches away.
    pub remove_watches: u32,
    /// Ask whether there are watches.
    pub check_watches: u32,
    /// Leave the server for another one, with the session.
    pub hop: u32,
    /// Ask for the session with a wrong password, and then with the right one.
    pub wrong_password: u32,
    /// Die, forgetting the session, and come back as a new process.
    pub die: u32,
}

impl Default for Mix {
    fn default() -> Self {
        Mix {
            create: 12,
            create_special: 10,
            delete: 9,
            set_data: 22,
            multi: 6,
            get_data: 16,
            exists: 7,
            get_children: 7,
            sync: 10,
            close_session: 1,
            create_any: 0,
            multi_any: 0,
            set_acl: 0,
            auth: 0,
            get_acl: 0,
            get_ephemerals: 0,
            count_descendants: 0,
            who_am_i: 0,
            multi_read: 0,
            add_watch: 0,
            remove_watches: 0,
            check_watches: 0,
            hop: 0,
            wrong_password: 0,
            die: 0,
        }
    }
}

impl Mix {
    /// The weights in a fixed order, which the workload's draws rely on.
    pub fn weights(&self) -> [u32; 25] {
        [
            self.create,
            self.create_special,
            self.delete,
            self.set_data,
            self.multi,
            self.get_data,
            self.exists,
            self.get_children,
            self.sync,
            self.close_session,
            self.create_any,
            self.multi_any,
            self.set_acl,
            self.auth,
            self.get_acl,
            self.get_ephemerals,
            self.count_descendants,
            self.who_am_i,
            self.multi_read,
            self.add_watch,
            self.remove_watches,
            self.check_watches,
            self.hop,
            self.wrong_password,
            self.die,
        ]
    }

    /// Whether any of the kinds behind `close_session` has a weight.
    pub fn is_wide(&self) -> bool {
        self.weights()[10..].iter().any(|weight| *weight > 0)
    }

    /// A mix that gives every kind the same weight.
    #[cfg(test)]
    pub(crate) fn everything() -> Mix {
        Mix {
            create: 1,
            create_special: 1,
            delete: 1,
            set_data: 1,
            multi: 1,
            get_data: 1,
            exists: 1,
            get_children: 1,
            sync: 1,
            close_session: 1,
            create_any: 1,
            multi_any: 1,
            set_acl: 1,
            auth: 1,
            get_acl: 1,
            get_ephemerals: 1,
            count_descendants: 1,
            who_am_i: 1,
            multi_read: 1,
            add_watch: 1,
            remove_watches: 1,
            check_watches: 1,
            hop: 1,
            wrong_password: 1,
            die: 1,
        }
    }
}
