//! Who may do what, as ZooKeeper's documentation and its server have it.

use std::sync::Arc;

use crate::tree::{Ace, Acl, ErrorCode, Identity};

/// Permissions, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Perm(i32);

impl Perm {
    pub const READ: Perm = Perm(1 << 0);
    pub const WRITE: Perm = Perm(1 << 1);
    pub const CREATE: Perm = Perm(1 << 2);
    pub const DELETE: Perm = Perm(1 << 3);
    pub const ADMIN: Perm = Perm(1 << 4);
    pub const READ_OR_ADMIN: Perm = Perm(Perm::READ.0 | Perm::ADMIN.0);
}

/// The ACL of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rights {
    /// Everything to everybody.
    Open,
    /// What these entries say.
    Listed(Arc<[Ace]>),
}

impl Rights {
    /// Of an ACL that was checked before.
    pub fn of(entries: Vec<Ace>) -> Rights {
        match entries.as_slice() {
            [only] if *only == Ace::new(31, "world", "anyone") => Rights::Open,
            _listed => Rights::Listed(Arc::from(entries)),
        }
    }

    /// Everybody may read.
    pub fn world_may_read() -> Rights {
        Rights::of(vec![Ace::new(Perm::READ.0, "world", "anyone")])
    }

    /// Whether somebody who has proved to be these has one of the permissions.
    pub fn grant(&self, ids: &[Identity], perm: Perm) -> bool {
        match self {
            Rights::Open => true,
            Rights::Listed(entries) => {
                ids.iter().any(|id| &*id.scheme == "super")
                    || entries
                        .iter()
                        .any(|entry| entry.perms & perm.0 != 0 && is_meant(entry, ids))
            }
        }
    }

    /// As `grant`, with ZooKeeper's error.
    pub fn demand(&self, ids: &[Identity], perm: Perm) -> Result<(), ErrorCode> {
        if self.grant(ids, perm) {
            return Ok(());
        }
        Err(ErrorCode::NoAuth)
    }

    /// What getACL returns: the hashes of passwords are for administrators.
    pub fn told_to(&self, ids: &[Identity]) -> Acl {
        let Rights::Listed(entries) = self else {
            return Acl::OPEN;
        };
        let may_know = self.grant(ids, Perm::ADMIN);
        let told = entries.iter().cloned().map(|mut entry| {
            let user = entry.id.as_deref().and_then(|id| id.split_once(':'));
            if let (false, "digest", Some((user, _hash))) = (may_know, &*entry.scheme, user) {
                entry.id = Some(Arc::from(format!("{user}:x")));
            }
            entry
        });
        Acl::of(told.collect())
    }
}

/// Whether an entry is about one of the identities.
fn is_meant(entry: &Ace, ids: &[Identity]) -> bool {
    let Some(id) = entry.id.as_deref() else {
        return false;
    };
    let mut of_scheme = ids.iter().filter(|asker| asker.scheme == entry.scheme);
    match &*entry.scheme {
        "world" => id == "anyone",
        "digest" => of_scheme.any(|asker| &*asker.id == id),
        "ip" => network(id).is_some_and(|(wanted, bits)| {
            of_scheme
                .filter_map(|asker| network(&asker.id))
                .any(|(address, _)| prefix(address, bits) == prefix(wanted, bits))
        }),
        // Nothing else gets past `expand`.
        _unknown => false,
    }
}

/// The ACL that a request's entries come to: each once, `auth` replaced by whom the asker has
/// proved to be.
pub(super) fn expand(entries: &[Ace], ids: &[Identity]) -> Result<Rights, ErrorCode> {
    let mut expanded: Vec<Ace> = Vec::with_capacity(entries.len());
    let mut seen: Vec<&Ace> = Vec::with_capacity(entries.len());
    for entry in entries {
        if seen.contains(&entry) {
            continue;
        }
        seen.push(entry);
        if &*entry.scheme == "auth" {
            let users = ids.iter().filter(|asker| &*asker.scheme == "digest");
            let mut users = users.map(|user| Ace::new(entry.perms, "digest", &user.id));
            expanded.push(users.next().ok_or(ErrorCode::InvalidAcl)?);
            expanded.extend(users);
            continue;
        }
        let is_scheme = matches!(&*entry.scheme, "world" | "digest" | "ip");
        let is_id = match (is_scheme, entry.id.as_deref()) {
            // The server stumbles over the null.
            (true, None) => return Err(ErrorCode::MarshallingError),
            (false, _) => false,
            (true, Some(id)) => match &*entry.scheme {
                "world" => id == "anyone",
                "digest" => is_digest(id),
                _ip => network(id).is_some(),
            },
        };
        if !is_id {
            return Err(ErrorCode::InvalidAcl);
        }
        expanded.push(entry.clone());
    }
    if expanded.is_empty() {
        return Err(ErrorCode::InvalidAcl);
    }
    Ok(Rights::of(expanded))
}

/// `user:hash`, as Java splits it: colons at the end vanish, and so does an empty text between.
fn is_digest(id: &str) -> bool {
    let parts = id.trim_end_matches(':').split(':').count();
    parts == 2
}

/// An address and how many of its bits count: `1.2.3.4` or `1.2.3.0/24`.
fn network(text: &str) -> Option<(u32, u32)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, number(bits, 32)?),
        None => (text, 32),
    };
    let bytes: Vec<u32> = address
        .split('.')
        .map(|part| number(part, 255))
        .collect::<Option<_>>()?;
    let [a, b, c, d] = *bytes.as_slice() else {
        return None;
    };
    Some((a << 24 | b << 16 | c << 8 | d, bits))
}

/// As Java's parser: a sign may stand before it.
fn number(text: &str, max: i64) -> Option<u32> {
    let number: i64 = text.parse().ok()?;
    (0..=max)
        .contains(&number)
        .then(|| u32::try_from(number).unwrap_or(u32::MAX))
}

fn prefix(address: u32, bits: u32) -> u32 {
    if bits == 0 { 0 } else { address >> (32 - bits) }
}
