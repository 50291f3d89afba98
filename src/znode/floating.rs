//! What a write that nobody places may do, and to what.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{Claims, Kind, has_effect};
use super::touches::{Touch, ephemerals_of, is_numbered, touches_of};
use crate::history::Operation;
use crate::ids::SessionId;
use crate::tree::{ANY_VERSION, CreateMode, Part, Path, Request, Write};
use crate::znode::model::parent_of;

/// A floating claim and what it may touch.
#[derive(Debug)]
pub(super) struct Floating {
    pub claim: u32,
    pub session: SessionId,
    /// Whether it surely happened, at a zxid that nobody tells.
    pub is_sure: bool,
    /// What it does, if it does anything.
    pub deeds: Vec<Deed>,
    touches: BTreeSet<(Path, Touch)>,
    /// Sequential creates: the path is known up to the number.
    pub prefixes: Vec<Path>,
    /// Of the end of a session: the nodes that go with it.
    pub births: Option<Vec<Birth>>,
}

/// An ephemeral node of a session.
#[derive(Clone, Debug)]
pub(super) struct Birth {
    pub path: Path,
    /// Whether a number that nobody knows follows the path.
    is_numbered: bool,
    /// When it was created, if that is known.
    pub at: Option<u64>,
}

/// One thing that a write does, with the version that it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Create(Path),
    /// A number that nobody knows follows the path.
    Numbered(Path),
    Delete(Path, i32),
    Set(Path, i32),
    Check(Path, i32),
}

impl Deed {
    pub fn path(&self) -> &Path {
        match self {
            Deed::Create(path)
            | Deed::Numbered(path)
            | Deed::Delete(path, _)
            | Deed::Set(path, _)
            | Deed::Check(path, _) => path,
        }
    }
}

impl Birth {
    pub fn is(&self, path: &str) -> bool {
        match self.is_numbered {
            true => is_numbered(path, &self.path),
            false => *self.path == *path,
        }
    }
}

pub(super) const ALL_TOUCHES: &[Touch] = &[
    Touch::Create,
    Touch::Delete,
    Touch::Set,
    Touch::Acl,
    Touch::Children,
];

impl Floating {
    /// All floating claims, in the order of their numbers.
    pub fn all(claims: &Claims<'_>) -> Vec<Floating> {
        let births = births(claims, claims.floating.iter().copied());
        let floating = claims.floating.iter();
        floating
            .map(|index| floating_of(claims, *index, &births))
            .collect()
    }

    /// The ends of sessions with known places, ascending: what goes with them is as little known.
    pub fn known_ends(claims: &Claims<'_>) -> Vec<(u64, Floating)> {
        let effects = claims.effects.iter();
        let ends: Vec<(u64, u32)> = effects
            .filter(|(_, index)| is_done_end(claims.get(*index).op))
            .copied()
            .collect();
        let births = births(claims, ends.iter().map(|(_, index)| *index));
        ends.into_iter()
            .map(|(zxid, index)| (zxid, floating_of(claims, index, &births)))
            .collect()
    }

    pub fn touches(&self, path: &str, how: &[Touch]) -> bool {
        let path_of = Path::from(path);
        how.iter()
            .any(|touch| self.touches.contains(&(path_of.clone(), *touch)))
            || (how.contains(&Touch::Create)
                && self.prefixes.iter().any(|prefix| is_numbered(path, prefix)))
            || (how.contains(&Touch::Delete)
                && self.births.iter().flatten().any(|birth| birth.is(path)))
    }

    /// As `touches`, of any node below this one.
    pub fn touches_below(&self, path: &str, how: &[Touch]) -> bool {
        let is_below = |other: &Path| {
            let below = other.strip_prefix(path);
            path == "/" || below.is_some_and(|rest| rest.starts_with('/'))
        };
        let mut touches = self.touches.iter();
        let mut births = self.births.iter().flatten();
        touches.any(|(path, touch)| is_below(path) && how.contains(touch))
            || (how.contains(&Touch::Create) && self.prefixes.iter().any(is_below))
            || (how.contains(&Touch::Delete) && births.any(|birth| is_below(&birth.path)))
    }

    /// What it may touch: paths, and those that a number follows.
    pub fn subjects(&self) -> (Vec<Path>, Vec<Path>) {
        let births = self.births.iter().flatten();
        let (numbered, named): (Vec<&Birth>, Vec<&Birth>) =
            births.partition(|birth| birth.is_numbered);
        let touched = self.touches.iter().map(|(path, _)| path.clone());
        let prefixes = self.prefixes.iter().cloned();
        (
            touched
                .chain(named.into_iter().map(|birth| birth.path.clone()))
                .collect(),
            prefixes
                .chain(numbered.into_iter().map(|birth| birth.path.clone()))
                .collect(),
        )
    }

    /// Whether it may do all of this.
    pub fn does(&self, deeds: &BTreeSet<(Path, Touch)>) -> bool {
        deeds.iter().all(|(path, touch)| {
            let ways: &[Touch] = match touch {
                Touch::Create => &[Touch::Create],
                Touch::Delete => &[Touch::Delete],
                Touch::Set => &[Touch::Set, Touch::Create],
                Touch::Acl => &[Touch::Acl],
                Touch::Children => &[Touch::Children, Touch::Create],
            };
            self.touches(path, ways)
        })
    }

    /// Under what it is looked up: what it touches, up to the number where one follows.
    fn places(&self) -> BTreeSet<Path> {
        let touched = self.touches.iter().map(|(path, _)| path.clone());
        let births = self.births.iter().flatten().map(|birth| birth.path.clone());
        touched
            .chain(self.prefixes.iter().cloned())
            .chain(births)
            .collect()
    }
}

/// The path without a number that it may end with.
fn unnumbered(path: &str) -> &str {
    let cut = path.len().saturating_sub(10);
    match path.split_at_checked(cut) {
        Some((prefix, number)) if number.bytes().all(|b| b.is_ascii_digit()) => prefix,
        Some(_) | None => path,
    }
}

/// Which floating claims may touch a node.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// By path, or by the prefix of one: positions among the floating claims, ascending.
    by_path: BTreeMap<Path, Vec<usize>>,
    created: BTreeSet<Path>,
    prefixes: BTreeSet<Path>,
    set: BTreeSet<Path>,
    /// Whether anybody may have done anything.
    is_boundless: bool,
}

impl Reach {
    pub fn of(all: &[Floating]) -> Reach {
        let mut reach = Reach::default();
        for (position, floating) in all.iter().enumerate() {
            for path in floating.places() {
                reach.by_path.entry(path).or_default().push(position);
            }
            for deed in &floating.deeds {
                match deed {
                    Deed::Create(path) => reach.created.insert(path.clone()),
                    Deed::Numbered(prefix) => reach.prefixes.insert(prefix.clone()),
                    Deed::Set(path, _) => reach.set.insert(path.clone()),
                    Deed::Delete(..) | Deed::Check(..) => false,
                };
            }
        }
        reach
    }

    /// Where nobody knows who else was there.
    pub fn boundless() -> Reach {
        Reach {
            is_boundless: true,
            ..Reach::default()
        }
    }

    /// Positions of those that may touch it.
    pub fn near(&self, path: &str) -> Vec<usize> {
        let mut near: Vec<usize> = Vec::new();
        let lookups = [path, unnumbered(path)];
        let lookups = &lookups[..if lookups[0] == lookups[1] { 1 } else { 2 }];
        for lookup in lookups {
            near.extend(self.by_path.get(*lookup).into_iter().flatten());
        }
        near.sort_unstable();
        near.dedup();
        near
    }

    /// Whether one may create it, so that it may have lives that nobody has seen.
    pub fn may_create(&self, path: &str) -> bool {
        self.is_boundless || self.created.contains(path) || self.prefixes.contains(unnumbered(path))
    }

    pub fn may_set(&self, path: &str) -> bool {
        self.is_boundless || self.set.contains(path)
    }
}

fn floating_of(
    claims: &Claims<'_>,
    index: u32,
    births: &BTreeMap<SessionId, Vec<Birth>>,
) -> Floating {
    let claim = claims.get(index);
    let op = claim.op;
    let Request::Write(write) = &op.request else {
        unreachable!("only writes float");
    };
    let (mut touches, prefixes) = touches_of(write, op.answer());
    let mut own = None;
    if let Write::CloseSession | Write::ExpireSession = write.bare() {
        let of_session = births.get(&op.session).cloned().unwrap_or_default();
        for birth in &of_session {
            let parent = parent_of(&birth.path);
            touches.extend(parent.map(|parent| (Path::from(parent), Touch::Children)));
        }
        own = Some(of_session);
    }
    Floating {
        claim: index,
        session: op.session,
        is_sure: claim.kind == Kind::Somewhere,
        deeds: deeds_of(write),
        touches,
        prefixes,
        births: own,
    }
}

fn deeds_of(write: &Write) -> Vec<Deed> {
    let create = |path: &Path, mode: CreateMode| match mode.is_sequential() {
        true => Deed::Numbered(path.clone()),
        false => Deed::Create(path.clone()),
    };
    match write.bare() {
        Write::Create { path, mode, .. } | Write::CreateWith { path, mode, .. } => {
            vec![create(path, *mode)]
        }
        Write::Delete { path, version } => vec![Deed::Delete(path.clone(), *version)],
        Write::SetData { path, version, .. } => vec![Deed::Set(path.clone(), *version)],
        Write::Check { path, version } => vec![Deed::Check(path.clone(), *version)],
        Write::Multi(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Create { path, mode, .. } | Part::CreateWith { path, mode, .. } => {
                    Some(create(path, *mode))
                }
                Part::Delete { path, version } => Some(Deed::Delete(path.clone(), *version)),
                Part::SetData { path, version, .. } => Some(Deed::Set(path.clone(), *version)),
                Part::Check { path, version } => Some(Deed::Check(path.clone(), *version)),
                Part::Refused(_) => None,
            })
            .collect(),
        Write::DeleteContainer { path } => vec![Deed::Delete(path.clone(), ANY_VERSION)],
        // What these do is not counted.
        Write::SetAcl { .. }
        | Write::Refused(_)
        | Write::As { .. }
        | Write::CreateSession { .. }
        | Write::CloseSession
        | Write::ExpireSession => Vec::new(),
    }
}

/// Whether a session was ended by it.
fn is_done_end(op: &Operation) -> bool {
    match &op.request {
        Request::Write(write) => {
            has_effect(op) && matches!(write.bare(), Write::CloseSession | Write::ExpireSession)
        }
        Request::Read(_) | Request::Watch(_) | Request::Sync | Request::Auth { .. } => false,
    }
}

/// The ephemeral nodes that the sessions of these claims may have created.
fn births(claims: &Claims<'_>, of: impl Iterator<Item = u32>) -> BTreeMap<SessionId, Vec<Birth>> {
    let mut births: BTreeMap<SessionId, Vec<Birth>> = BTreeMap::new();
    for index in of {
        births.entry(claims.get(index).op.session).or_default();
    }
    for claim in &claims.all {
        let Request::Write(write) = &claim.op.request else {
            continue;
        };
        let Some(own) = births.get_mut(&claim.op.session) else {
            continue;
        };
        let at = match claim.kind {
            Kind::Effect(zxid) => Some(zxid),
            Kind::Observation | Kind::Somewhere | Kind::Perhaps => None,
        };
        let (paths, prefixes) = ephemerals_of(write, claim.op.answer());
        let known = paths.into_iter().map(|path| (path, false));
        let prefixes = prefixes.into_iter().map(|path| (path, true));
        own.extend(known.chain(prefixes).map(|(path, is_numbered)| Birth {
            path,
            is_numbered,
            at,
        }));
    }
    births
}
