//! Who may do what to a node.
//!
//! A request carries entries as the client wrote them; [`expand`] checks them, replaces the scheme
//! `auth` by the identities of the asker, and gives the [`Acl`] that is stored.

use core::fmt;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::error::ErrorCode;
use super::sha1;

/// Read the content and the children.
pub const READ: i32 = 1;
/// Set the content.
pub const WRITE: i32 = 2;
/// Create a child.
pub const CREATE: i32 = 4;
/// Delete a child.
pub const DELETE: i32 = 8;
/// Set the ACL.
pub const ADMIN: i32 = 16;
/// All of them.
pub const ALL: i32 = 31;

/// Whom a connection has proved to be: each has its address, and what `addauth` added.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The scheme: `ip`, `digest` or `super`.
    pub scheme: Arc<str>,
    /// The scheme's name of it.
    pub id: Arc<str>,
}

impl Identity {
    /// An identity.
    pub fn new(scheme: &str, id: &str) -> Identity {
        Identity {
            scheme: Arc::from(scheme),
            id: Arc::from(id),
        }
    }

    /// The user's name, which is what whoAmI returns instead of the password's hash.
    pub fn user(&self) -> &str {
        match &*self.scheme {
            "digest" => self.id.split(':').next().unwrap_or_default(),
            "ip" => &self.id,
            // A scheme without a provider has no users.
            _other => "",
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.scheme, self.id)
    }
}

/// One entry of an ACL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ace {
    /// What is permitted, a bit each; unknown bits are kept.
    pub perms: i32,
    /// How the asker is recognised.
    pub scheme: Arc<str>,
    /// Whom it permits; `None` is jute's null, which only a request can hold.
    pub id: Option<Arc<str>>,
}

impl Ace {
    /// An entry.
    pub fn new(perms: i32, scheme: &str, id: &str) -> Ace {
        Ace {
            perms,
            scheme: Arc::from(scheme),
            id: Some(Arc::from(id)),
        }
    }

    fn permits(&self, ids: &[Identity], perm: i32) -> bool {
        let Some(id) = self.id.as_deref().filter(|_| self.perms & perm != 0) else {
            return false;
        };
        match &*self.scheme {
            "world" => id == "anyone",
            "digest" => ids
                .iter()
                .any(|asker| &*asker.scheme == "digest" && &*asker.id == id),
            "ip" => ids
                .iter()
                .any(|asker| &*asker.scheme == "ip" && ip_matches(&asker.id, id)),
            // No such entry passes the check of a request.
            _other => false,
        }
    }
}

/// The checked ACL of a node, shared by all nodes that were given the same one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Acl(
    /// `None` is the usual one, everything to everybody, so that it costs nothing.
    Option<Arc<[Ace]>>,
);

impl Acl {
    /// Everything to everybody.
    pub const OPEN: Acl = Acl(None);

    /// An ACL of these entries.
    pub fn of(entries: Vec<Ace>) -> Acl {
        if let [only] = entries.as_slice()
            && *only == Ace::new(ALL, "world", "anyone")
        {
            return Acl::OPEN;
        }
        Acl(Some(Arc::from(entries)))
    }

    /// Its entries, unless it is [`Acl::OPEN`].
    pub(super) fn stored(&self) -> Option<&[Ace]> {
        self.0.as_deref()
    }

    /// Its entries, in order.
    pub fn entries(&self) -> Vec<Ace> {
        match &self.0 {
            None => vec![Ace::new(ALL, "world", "anyone")],
            Some(entries) => entries.to_vec(),
        }
    }

    /// Whether any of `perm` is granted to an asker with these identities.
    pub fn permits(&self, ids: &[Identity], perm: i32) -> bool {
        let Some(entries) = &self.0 else {
            return ALL & perm != 0;
        };
        ids.iter().any(|asker| &*asker.scheme == "super")
            || entries.iter().any(|entry| entry.permits(ids, perm))
    }

    /// What those see who may read but not administer: without the hashes of passwords.
    #[must_use]
    pub fn masked(&self) -> Acl {
        let mask = |entry: Ace| match entry.id.as_deref().and_then(|id| id.split_once(':')) {
            Some((user, _)) if &*entry.scheme == "digest" => {
                Ace::new(entry.perms, "digest", &format!("{user}:x"))
            }
            Some(_) | None => entry,
        };
        match &self.0 {
            None => Acl::OPEN,
            Some(entries) => Acl::of(entries.iter().cloned().map(mask).collect()),
        }
    }
}

impl fmt::Debug for Acl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = out.debug_list();
        for entry in self.entries() {
            let id = entry.id.unwrap_or_default();
            list.entry(&format_args!("{}:{}:{}", entry.perms, entry.scheme, id));
        }
        list.finish()
    }
}

/// Checks the entries of a request. The order of the entries stays, repeated ones go.
///
/// # Errors
/// `InvalidAcl`; or `MarshallingError` where ZooKeeper stumbles over a null.
pub fn expand(entries: &[Ace], ids: &[Identity]) -> Result<Acl, ErrorCode> {
    let mut expanded = Vec::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate() {
        if entries[..place].contains(entry) {
            continue;
        }
        match (&*entry.scheme, entry.id.as_deref()) {
            ("world" | "digest" | "ip", None) => return Err(ErrorCode::MarshallingError),
            ("world", Some("anyone")) => expanded.push(entry.clone()),
            ("digest", Some(id)) if is_digest(id) => expanded.push(entry.clone()),
            ("ip", Some(id)) if network(id).is_some() => expanded.push(entry.clone()),
            ("auth", _) => {
                let before = expanded.len();
                let proved = ids.iter().filter(|asker| &*asker.scheme == "digest");
                expanded.extend(proved.map(|asker| Ace {
                    perms: entry.perms,
                    scheme: asker.scheme.clone(),
                    id: Some(asker.id.clone()),
                }));
                if expanded.len() == before {
                    return Err(ErrorCode::InvalidAcl);
                }
            }
            (_, _) => return Err(ErrorCode::InvalidAcl),
        }
    }
    if expanded.is_empty() {
        return Err(ErrorCode::InvalidAcl);
    }
    Ok(Acl::of(expanded))
}

/// What `addauth` proves. `superuser` is the digest of the user who may do everything.
///
/// # Errors
/// `AuthFailed` if the scheme is unknown or the proof is a null.
pub fn authenticate(
    scheme: &str,
    proof: Option<&[u8]>,
    address: &str,
    superuser: Option<&str>,
) -> Result<Vec<Identity>, ErrorCode> {
    match (scheme, proof) {
        ("ip", _) => Ok(vec![Identity::new("ip", address)]),
        ("digest", Some(proof)) => {
            let digest = digest_of(&String::from_utf8_lossy(proof));
            let mut proved = Vec::new();
            if superuser == Some(digest.as_str()) {
                proved.push(Identity::new("super", ""));
            }
            proved.push(Identity::new("digest", &digest));
            Ok(proved)
        }
        (_, _) => Err(ErrorCode::AuthFailed),
    }
}

/// Identities, followed by newly proved ones, without repetitions.
pub fn joined(ids: &Arc<[Identity]>, proved: Vec<Identity>) -> Arc<[Identity]> {
    let news: Vec<Identity> = proved.into_iter().filter(|id| !ids.contains(id)).collect();
    if news.is_empty() {
        return ids.clone();
    }
    ids.iter().cloned().chain(news).collect()
}

/// The identity of `user:password`: `user:base64(sha1(user:password))`.
pub fn digest_of(credentials: &str) -> String {
    let user = credentials.split(':').next().unwrap_or_default();
    format!(
        "{user}:{}",
        sha1::base64(&sha1::sha1(credentials.as_bytes()))
    )
}

/// Two parts around a colon, where parts that are empty at the end do not count.
fn is_digest(id: &str) -> bool {
    let parts: Vec<&str> = id.split(':').collect();
    let last = parts.iter().rposition(|part| !part.is_empty());
    last == Some(1)
}

/// An IPv4 network: the address and how many of its bits count.
fn network(expression: &str) -> Option<(u32, u32)> {
    let (address, bits) = match expression.split_once('/') {
        None => (expression, 32),
        Some((address, bits)) => (address, number(bits).filter(|bits| *bits <= 32)?),
    };
    let mut value = 0u32;
    let mut parts = 0;
    for part in address.split('.') {
        parts += 1;
        if parts > 4 {
            return None;
        }
        value = (value << 8) | number(part).filter(|byte| *byte <= 255)?;
    }
    (parts == 4).then_some((value, bits))
}

/// A number that is not negative, with an optional sign.
fn number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value: u32 = digits.parse().ok().filter(|_| is_number)?;
    (value == 0 || !text.starts_with('-')).then_some(value)
}

fn ip_matches(address: &str, expression: &str) -> bool {
    let (Some((address, _)), Some((wanted, bits))) = (network(address), network(expression)) else {
        return false;
    };
    let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
    address & mask == wanted & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(scheme: &str, id: &str) -> Result<Acl, ErrorCode> {
        expand(&[Ace::new(ALL, scheme, id)], &[])
    }

    #[test]
    fn a_digest_has_two_parts_and_empty_ones_at_the_end_do_not_count() {
        for good in ["a:b", ":b", "a:b:", "a:b::"] {
            assert!(checked("digest", good).is_ok(), "{good}");
        }
        for bad in ["", ":", "a", "a:", "a::b", "a:b:c"] {
            assert_eq!(checked("digest", bad), Err(ErrorCode::InvalidAcl), "{bad}");
        }
    }

    #[test]
    fn an_address_has_four_bytes_and_at_most_32_bits_count() {
        for good in [
            "127.0.0.1",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "1.2.3.4/32",
            "+1.2.3.4",
        ] {
            assert!(checked("ip", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "::1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.-1",
            "1.2.3.4/",
            "1.2.3.4/33",
            "1.2.3.4/8/8",
            "a.b.c.d",
        ] {
            assert_eq!(checked("ip", bad), Err(ErrorCode::InvalidAcl), "{bad}");
        }
        assert!(ip_matches("127.0.0.1", "126.0.0.0/7"));
        assert!(ip_matches("127.0.0.1", "9.9.9.9/0"));
        assert!(!ip_matches("127.0.0.1", "127.0.0.2"));
    }

    #[test]
    fn auth_becomes_what_the_asker_has_proved() {
        let entries = [
            Ace::new(READ, "auth", "ignored"),
            Ace::new(ALL, "world", "anyone"),
        ];
        assert_eq!(expand(&entries, &[]), Err(ErrorCode::InvalidAcl));
        let here = Identity::new("ip", "127.0.0.1");
        assert_eq!(
            expand(&entries, std::slice::from_ref(&here)),
            Err(ErrorCode::InvalidAcl)
        );
        let bob = authenticate("digest", Some(b"bob:pw"), "127.0.0.1", None).expect("proved");
        let acl = expand(&entries, &bob).expect("valid");
        let hash = "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=";
        assert_eq!(acl.entries()[0], Ace::new(READ, "digest", hash));
        assert_eq!(acl.masked().entries()[0], Ace::new(READ, "digest", "bob:x"));
        assert!(acl.permits(&[here], READ));
    }

    #[test]
    fn the_super_user_may_do_everything() {
        let digest = digest_of("super:test");
        let proved = authenticate("digest", Some(b"super:test"), "", Some(&digest));
        let ids = proved.expect("proved");
        let acl = Acl::of(vec![Ace::new(0, "world", "anyone")]);
        assert!(acl.permits(&ids, ADMIN));
        assert!(!acl.permits(&ids[1..], ALL));
        assert_eq!(ids[0].user(), "");
        assert_eq!(ids[1].user(), "super");
    }

    #[test]
    fn nulls_and_unknown_schemes_are_refused() {
        let null = |scheme: &str| Ace {
            id: None,
            ..Ace::new(ALL, scheme, "")
        };
        let refused = |scheme| expand(&[null(scheme)], &[]);
        assert_eq!(refused("world"), Err(ErrorCode::MarshallingError));
        assert_eq!(refused("bogus"), Err(ErrorCode::InvalidAcl));
        assert_eq!(expand(&[], &[]), Err(ErrorCode::InvalidAcl));
        assert_eq!(checked("world", "someone"), Err(ErrorCode::InvalidAcl));
        assert_eq!(checked("super", "x"), Err(ErrorCode::InvalidAcl));
        let twice = [
            Ace::new(ALL, "world", "anyone"),
            Ace::new(ALL, "world", "anyone"),
        ];
        assert_eq!(expand(&twice, &[]), Ok(Acl::OPEN));
    }
}
