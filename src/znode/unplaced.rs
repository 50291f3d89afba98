//! Unplaced writes: what each may do, and to which nodes.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::has_effect;
use super::constraint::Kind;
use super::constraints::Constraints;
use super::footprints::{Touch, ephemerals_of, footprint_of, is_numbered};
use crate::history::Operation;
use crate::ids::SessionId;
use crate::tree::{ANY_VERSION, CreateMode, Part, Path, Request, Write};
use crate::znode::model::parent_of;

/// An unplaced constraint and what it may touch.
#[derive(Debug)]
pub(super) struct Unplaced {
    pub constraint: u32,
    pub session: SessionId,
    /// Whether it surely happened, at a zxid that no answer names.
    pub is_sure: bool,
    /// What it does, if it does anything.
    pub actions: Vec<Action>,
    touches: BTreeSet<(Path, Touch)>,
    /// Sequential creates: the path is known up to the number.
    pub prefixes: Vec<Path>,
    /// Of the end of a session: the nodes that go with it.
    pub owned: Option<Vec<OwnedNode>>,
}

/// An ephemeral node of a session.
#[derive(Clone, Debug)]
pub(super) struct OwnedNode {
    pub path: Path,
    /// Whether a number that nobody knows follows the path.
    is_numbered: bool,
    /// When it was created, if that is known.
    pub at: Option<u64>,
}

/// One thing that a write does, with the version that it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Create(Path),
    /// A number that nobody knows follows the path.
    Numbered(Path),
    Delete(Path, i32),
    Set(Path, i32),
    Check(Path, i32),
}

impl Action {
    pub fn path(&self) -> &Path {
        match self {
            Action::Create(path)
            | Action::Numbered(path)
            | Action::Delete(path, _)
            | Action::Set(path, _)
            | Action::Check(path, _) => path,
        }
    }
}

impl OwnedNode {
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

impl Unplaced {
    /// All unplaced constraints, in the order of their numbers.
    pub fn all(constraints: &Constraints<'_>) -> Vec<Unplaced> {
        let owned = owned(constraints, constraints.unplaced.iter().copied());
        let unplaced = constraints.unplaced.iter();
        unplaced
            .map(|index| unplaced_of(constraints, *index, &owned))
            .collect()
    }

    /// The ends of sessions with known places, ascending: what goes with them is as little known.
    pub fn known_ends(constraints: &Constraints<'_>) -> Vec<(u64, Unplaced)> {
        let effects = constraints.effects.iter();
        let ends: Vec<(u64, u32)> = effects
            .filter(|(_, index)| is_done_end(constraints.get(*index).op))
            .copied()
            .collect();
        let owned = owned(constraints, ends.iter().map(|(_, index)| *index));
        ends.into_iter()
            .map(|(zxid, index)| (zxid, unplaced_of(constraints, index, &owned)))
            .collect()
    }

    pub fn touches(&self, path: &str, how: &[Touch]) -> bool {
        let path_of = Path::from(path);
        how.iter()
            .any(|touch| self.touches.contains(&(path_of.clone(), *touch)))
            || (how.contains(&Touch::Create)
                && self.prefixes.iter().any(|prefix| is_numbered(path, prefix)))
            || (how.contains(&Touch::Delete)
                && self.owned.iter().flatten().any(|node| node.is(path)))
    }

    /// As `touches`, of any node below this one.
    pub fn touches_below(&self, path: &str, how: &[Touch]) -> bool {
        let is_below = |other: &Path| {
            let below = other.strip_prefix(path);
            path == "/" || below.is_some_and(|rest| rest.starts_with('/'))
        };
        let mut touches = self.touches.iter();
        let mut owned = self.owned.iter().flatten();
        touches.any(|(path, touch)| is_below(path) && how.contains(touch))
            || (how.contains(&Touch::Create) && self.prefixes.iter().any(is_below))
            || (how.contains(&Touch::Delete) && owned.any(|node| is_below(&node.path)))
    }

    /// What it may touch: paths, and those that a number follows.
    pub fn subjects(&self) -> (Vec<Path>, Vec<Path>) {
        let owned = self.owned.iter().flatten();
        let (numbered, named): (Vec<&OwnedNode>, Vec<&OwnedNode>) =
            owned.partition(|node| node.is_numbered);
        let touched = self.touches.iter().map(|(path, _)| path.clone());
        let prefixes = self.prefixes.iter().cloned();
        (
            touched
                .chain(named.into_iter().map(|node| node.path.clone()))
                .collect(),
            prefixes
                .chain(numbered.into_iter().map(|node| node.path.clone()))
                .collect(),
        )
    }

    /// Whether it may do all of this.
    pub fn does(&self, actions: &BTreeSet<(Path, Touch)>) -> bool {
        actions.iter().all(|(path, touch)| {
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
        let owned = self.owned.iter().flatten().map(|node| node.path.clone());
        touched
            .chain(self.prefixes.iter().cloned())
            .chain(owned)
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

/// Which unplaced constraints may touch a node.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// By path, or by the prefix of one: positions among the unplaced constraints, ascending.
    by_path: BTreeMap<Path, Vec<usize>>,
    created: BTreeSet<Path>,
    prefixes: BTreeSet<Path>,
    set: BTreeSet<Path>,
    /// Whether anybody may have done anything.
    is_boundless: bool,
}

impl Reach {
    pub fn of(all: &[Unplaced]) -> Reach {
        let mut reach = Reach::default();
        for (position, unplaced) in all.iter().enumerate() {
            for path in unplaced.places() {
                reach.by_path.entry(path).or_default().push(position);
            }
            for action in &unplaced.actions {
                match action {
                    Action::Create(path) => reach.created.insert(path.clone()),
                    Action::Numbered(prefix) => reach.prefixes.insert(prefix.clone()),
                    Action::Set(path, _) => reach.set.insert(path.clone()),
                    Action::Delete(..) | Action::Check(..) => false,
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

fn unplaced_of(
    constraints: &Constraints<'_>,
    index: u32,
    owned: &BTreeMap<SessionId, Vec<OwnedNode>>,
) -> Unplaced {
    let constraint = constraints.get(index);
    let op = constraint.op;
    let Request::Write(write) = &op.request else {
        unreachable!("only writes float");
    };
    let (mut touches, prefixes) = footprint_of(write, op.answer());
    let mut own = None;
    if let Write::CloseSession | Write::ExpireSession = write.bare() {
        let of_session = owned.get(&op.session).cloned().unwrap_or_default();
        for node in &of_session {
            let parent = parent_of(&node.path);
            touches.extend(parent.map(|parent| (Path::from(parent), Touch::Children)));
        }
        own = Some(of_session);
    }
    Unplaced {
        constraint: index,
        session: op.session,
        is_sure: constraint.kind == Kind::Somewhere,
        actions: deeds_of(write),
        touches,
        prefixes,
        owned: own,
    }
}

fn deeds_of(write: &Write) -> Vec<Action> {
    let create = |path: &Path, mode: CreateMode| match mode.is_sequential() {
        true => Action::Numbered(path.clone()),
        false => Action::Create(path.clone()),
    };
    match write.bare() {
        Write::Create { path, mode, .. } | Write::CreateWith { path, mode, .. } => {
            vec![create(path, *mode)]
        }
        Write::Delete { path, version } => vec![Action::Delete(path.clone(), *version)],
        Write::SetData { path, version, .. } => vec![Action::Set(path.clone(), *version)],
        Write::Check { path, version } => vec![Action::Check(path.clone(), *version)],
        Write::Multi(parts) => parts
            .iter()
            .filter_map(|part| match part {
                Part::Create { path, mode, .. } | Part::CreateWith { path, mode, .. } => {
                    Some(create(path, *mode))
                }
                Part::Delete { path, version } => Some(Action::Delete(path.clone(), *version)),
                Part::SetData { path, version, .. } => Some(Action::Set(path.clone(), *version)),
                Part::Check { path, version } => Some(Action::Check(path.clone(), *version)),
                Part::Refused(_) => None,
            })
            .collect(),
        Write::DeleteContainer { path } => vec![Action::Delete(path.clone(), ANY_VERSION)],
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

/// The ephemeral nodes that the sessions of these constraints may have created.
fn owned(
    constraints: &Constraints<'_>,
    of: impl Iterator<Item = u32>,
) -> BTreeMap<SessionId, Vec<OwnedNode>> {
    let mut owned: BTreeMap<SessionId, Vec<OwnedNode>> = BTreeMap::new();
    for index in of {
        owned.entry(constraints.get(index).op.session).or_default();
    }
    for constraint in &constraints.all {
        let Request::Write(write) = &constraint.op.request else {
            continue;
        };
        let Some(own) = owned.get_mut(&constraint.op.session) else {
            continue;
        };
        let at = match constraint.kind {
            Kind::Effect(zxid) => Some(zxid),
            Kind::Observation | Kind::Somewhere | Kind::Perhaps => None,
        };
        let (paths, prefixes) = ephemerals_of(write, constraint.op.answer());
        let known = paths.into_iter().map(|path| (path, false));
        let prefixes = prefixes.into_iter().map(|path| (path, true));
        own.extend(known.chain(prefixes).map(|(path, is_numbered)| OwnedNode {
            path,
            is_numbered,
            at,
        }));
    }
    owned
}
