//! What a disk holds, and how much of it would survive a loss of power.
//!
//! The store is the *written* view (the page cache), with enough beside it to go back: how far
//! each object is synced, and for each directory operation since the last directory sync what it
//! replaced. A loss of power undoes a drawn suffix of the directory operations, the newest first,
//! and loses a drawn suffix of each object's unsynced writes.

use menagerie::ids::Zxid;
use menagerie::protocol::{FileName, Image};
use menagerie::tree::Snapshot;
use std::collections::BTreeMap;

use super::fate::Fate;

/// One file of the log.
#[derive(Clone, Debug)]
struct Segment<R> {
    /// The index of its first record.
    first: u64,
    records: Vec<R>,
    /// How many records are clean: synced, or in doubt after a failed sync.
    clean: usize,
    /// Clean records of which a failed sync left open whether they are durable: places, ascending.
    doubtful: Vec<usize>,
}

/// The content of a small file.
#[derive(Clone, Debug)]
struct File<R> {
    /// The durable content; `None` if it is torn or was never synced.
    durable: Option<R>,
    /// Writes whose sync failed, oldest first.
    doubtful: Vec<R>,
    /// Writes since the last sync, oldest first.
    unsynced: Vec<R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durability {
    Unsynced,
    Doubtful,
    Synced,
}

#[derive(Clone, Debug)]
struct SnapshotFile {
    snapshot: Snapshot,
    durability: Durability,
}

/// A directory operation that is not durable yet, with what it takes to undo it.
#[derive(Clone, Debug)]
enum DirectoryOp<R> {
    /// Everything above this index was cut off, and a new segment opened.
    Cut { after: u64, tail: Vec<Segment<R>> },
    /// These leading segments were removed.
    Dropped { head: Vec<Segment<R>> },
    /// A file came into being.
    NewFile(FileName),
    /// A file was renamed over another.
    Renamed {
        from: FileName,
        to: FileName,
        replaced: Option<File<R>>,
    },
    /// A snapshot file came into being, over an older one of the same name.
    NewSnapshot {
        zxid: Zxid,
        replaced: Option<SnapshotFile>,
    },
    /// These snapshot files were removed.
    DroppedSnapshots(Vec<SnapshotFile>),
}

/// The content of one disk.
#[derive(Clone, Debug)]
pub(super) struct Store<R> {
    /// The log; never empty, the last one is open. Invariant: each begins where the one before
    /// ends.
    segments: Vec<Segment<R>>,
    torn_tail: bool,
    files: BTreeMap<FileName, File<R>>,
    snapshots: BTreeMap<Zxid, SnapshotFile>,
    /// Directory operations since the last directory sync, oldest first.
    directory: Vec<DirectoryOp<R>>,
}

impl<R> Segment<R> {
    fn empty(first: u64) -> Segment<R> {
        Segment {
            first,
            records: Vec::new(),
            clean: 0,
            doubtful: Vec::new(),
        }
    }

    fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    fn sync(&mut self) {
        self.clean = self.records.len();
    }

    fn fail_sync(&mut self) {
        self.doubtful.extend(self.clean..self.records.len());
        self.clean = self.records.len();
    }

    /// Cuts off everything from the place `at` on.
    fn split_off(&mut self, at: usize) -> Segment<R> {
        let from = self.doubtful.partition_point(|place| *place < at);
        let doubtful = self.doubtful.split_off(from);
        let tail = Segment {
            first: self.first + at as u64,
            records: self.records.split_off(at),
            clean: self.clean.saturating_sub(at),
            doubtful: doubtful.into_iter().map(|place| place - at).collect(),
        };
        self.clean = self.clean.min(at);
        tail
    }

    /// Loses what a loss of power takes; says whether that was anything, and whether the record at
    /// the new end is torn.
    fn lose(&mut self, fate: &mut Fate<'_>) -> (bool, bool) {
        let written = self.records.len();
        let survivors = fate.writes(written - self.clean);
        let mut keep = self.clean + survivors.whole;
        let mut torn = survivors.torn;
        let lost = self.doubtful.iter().find(|_| !fate.keeps_doubtful());
        if let Some(place) = lost {
            // Recovery reads up to the first hole.
            keep = *place;
            torn = true;
        }
        self.records.truncate(keep);
        self.clean = keep;
        self.doubtful.clear();
        (keep < written, torn)
    }
}

impl<R> File<R> {
    fn sync(&mut self) {
        if let Some(content) = self.unsynced.pop() {
            self.unsynced.clear();
            self.doubtful.clear();
            self.durable = Some(content);
        }
    }

    fn fail_sync(&mut self) {
        self.doubtful.append(&mut self.unsynced);
    }

    fn written(&self) -> Option<&R> {
        let newest = self.unsynced.last().or(self.doubtful.last());
        newest.or(self.durable.as_ref())
    }

    fn lose(&mut self, fate: &mut Fate<'_>) {
        for content in self.doubtful.drain(..) {
            if fate.keeps_doubtful() {
                self.durable = Some(content);
            }
        }
        let survivors = fate.writes(self.unsynced.len());
        if survivors.torn {
            self.durable = None;
        } else if survivors.whole > 0 {
            self.durable = self.unsynced.drain(..survivors.whole).next_back();
        }
        self.unsynced.clear();
    }
}

impl<R: Clone> Store<R> {
    pub(super) fn empty() -> Store<R> {
        Store {
            segments: vec![Segment::empty(1)],
            torn_tail: false,
            files: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            directory: Vec::new(),
        }
    }

    /// What a process reads.
    pub(super) fn image(&self) -> Image<R> {
        let records = self.segments.iter().flat_map(|segment| &segment.records);
        Image {
            log_first: self.segments[0].first,
            log: records.cloned().collect(),
            torn_tail: self.torn_tail,
            files: self
                .files
                .iter()
                .map(|(name, file)| (*name, file.written().cloned()))
                .collect(),
            snapshots: self
                .snapshots
                .values()
                .map(|file| file.snapshot.clone())
                .collect(),
        }
    }

    /// The index of the last record.
    pub(super) fn log_last(&self) -> u64 {
        let open = self.segments.last().expect("a segment is always open");
        open.end() - 1
    }

    pub(super) fn append(&mut self, record: R) {
        // The first record written after a recovery replaces the torn one.
        self.torn_tail = false;
        self.open_segment().records.push(record);
    }

    pub(super) fn cut_after(&mut self, index: u64) {
        let first = self.segments[0].first;
        let end = self.open_segment().end();
        assert!(
            index + 1 >= first,
            "a cut after {index} reaches below the log's first record {first}"
        );
        assert!(
            index < end,
            "a cut after {index} would leave a hole behind the log's end {end}"
        );
        self.torn_tail = false;
        let tail = self.take_after(index);
        self.segments.push(Segment::empty(index + 1));
        self.directory.push(DirectoryOp::Cut { after: index, tail });
    }

    pub(super) fn drop_through(&mut self, index: u64) {
        let end = self.open_segment().end();
        assert!(
            index < end,
            "dropping through {index} reaches beyond the log's end {end}"
        );
        let mut kept = Vec::new();
        let mut head = Vec::new();
        for mut segment in core::mem::take(&mut self.segments) {
            if segment.first > index {
                kept.push(segment);
                continue;
            }
            let dropped = (index + 1).min(segment.end()) - segment.first;
            let rest = segment.split_off(dropped as usize);
            head.push(segment);
            if !rest.records.is_empty() {
                kept.push(rest);
            }
        }
        if kept.is_empty() {
            kept.push(Segment::empty(index + 1));
        }
        self.segments = kept;
        if !head.is_empty() {
            self.directory.push(DirectoryOp::Dropped { head });
        }
    }

    pub(super) fn write(&mut self, name: FileName, content: R) {
        let file = self.files.entry(name).or_insert_with(|| {
            self.directory.push(DirectoryOp::NewFile(name));
            File {
                durable: None,
                doubtful: Vec::new(),
                unsynced: Vec::new(),
            }
        });
        file.unsynced.push(content);
    }

    pub(super) fn rename(&mut self, from: FileName, to: FileName) {
        let file = self.files.remove(&from);
        let file = file.expect("a file is written before it is renamed");
        let replaced = self.files.insert(to, file);
        self.directory
            .push(DirectoryOp::Renamed { from, to, replaced });
    }

    pub(super) fn save(&mut self, snapshot: Snapshot) {
        let zxid = snapshot.zxid;
        let file = SnapshotFile {
            snapshot,
            durability: Durability::Unsynced,
        };
        let replaced = self.snapshots.insert(zxid, file);
        self.directory
            .push(DirectoryOp::NewSnapshot { zxid, replaced });
    }

    pub(super) fn drop_snapshots_before(&mut self, zxid: Zxid) {
        let kept = self.snapshots.split_off(&zxid);
        let dropped = core::mem::replace(&mut self.snapshots, kept);
        if !dropped.is_empty() {
            let files = dropped.into_values().collect();
            self.directory.push(DirectoryOp::DroppedSnapshots(files));
        }
    }

    pub(super) fn log_is_dirty(&self) -> bool {
        let open = self.segments.last().expect("a segment is always open");
        open.clean < open.records.len()
    }

    pub(super) fn file_is_dirty(&self, name: FileName) -> bool {
        let file = self.files.get(&name);
        file.is_some_and(|file| !file.unsynced.is_empty())
    }

    pub(super) fn snapshot_is_dirty(&self) -> bool {
        let newest = self.snapshots.values().next_back();
        newest.is_some_and(|file| file.durability == Durability::Unsynced)
    }

    pub(super) fn directory_is_dirty(&self) -> bool {
        !self.directory.is_empty()
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.directory_is_dirty()
            || self
                .segments
                .iter()
                .any(|segment| segment.clean < segment.records.len())
            || self.files.values().any(|file| !file.unsynced.is_empty())
            || self
                .snapshots
                .values()
                .any(|file| file.durability == Durability::Unsynced)
    }

    pub(super) fn sync_log(&mut self, success: bool) {
        let open = self.open_segment();
        if success {
            open.sync();
        } else {
            open.fail_sync();
        }
    }

    pub(super) fn sync_file(&mut self, name: FileName, success: bool) {
        let Some(file) = self.files.get_mut(&name) else {
            // Renamed away since: there is nothing of this name to sync.
            return;
        };
        if success {
            file.sync();
        } else {
            file.fail_sync();
        }
    }

    pub(super) fn sync_snapshot(&mut self, success: bool) {
        if let Some(file) = self.snapshots.values_mut().next_back() {
            file.sync(success);
        }
    }

    /// A failed directory sync decides nothing: the directory is journaled, and a later sync
    /// carries the same operations again.
    pub(super) fn sync_directory(&mut self, success: bool) {
        if success {
            self.directory.clear();
        }
    }

    pub(super) fn sync_all(&mut self, success: bool) {
        for segment in &mut self.segments {
            if success {
                segment.sync();
            } else {
                segment.fail_sync();
            }
        }
        for file in self.files.values_mut() {
            if success {
                file.sync();
            } else {
                file.fail_sync();
            }
        }
        for file in self.snapshots.values_mut() {
            file.sync(success);
        }
        self.sync_directory(success);
    }

    /// Turns the store into what a loss of power leaves; all of that is durable.
    pub(super) fn lose_power(&mut self, mut fate: Fate<'_>) {
        let kept = fate.prefix(self.directory.len());
        while self.directory.len() > kept {
            let undone = self.directory.pop().expect("more are there than are kept");
            self.undo(undone);
        }
        self.directory.clear();
        self.lose_log(&mut fate);
        for file in self.files.values_mut() {
            file.lose(&mut fate);
        }
        self.snapshots.retain(|_, file| match file.durability {
            Durability::Synced => true,
            Durability::Doubtful => fate.keeps_doubtful(),
            Durability::Unsynced => fate.writes(1).whole == 1,
        });
        for file in self.snapshots.values_mut() {
            file.durability = Durability::Synced;
        }
    }

    fn lose_log(&mut self, fate: &mut Fate<'_>) {
        for place in 0..self.segments.len() {
            let (lost, torn) = self.segments[place].lose(fate);
            if lost {
                // A hole: recovery cannot read on, whatever the later segments hold.
                self.torn_tail = torn;
                self.segments.truncate(place + 1);
                return;
            }
        }
    }

    fn undo(&mut self, op: DirectoryOp<R>) {
        match op {
            DirectoryOp::Cut { after, tail } => {
                // What was appended after the cut went into the segment that never was.
                self.take_after(after);
                self.segments.extend(tail);
                if self.segments.is_empty() {
                    self.segments.push(Segment::empty(after + 1));
                }
            }
            DirectoryOp::Dropped { mut head } => {
                head.append(&mut self.segments);
                self.segments = head;
            }
            DirectoryOp::NewFile(name) => {
                self.files.remove(&name);
            }
            DirectoryOp::Renamed { from, to, replaced } => {
                let file = self.files.remove(&to);
                let file = file.expect("whatever moved it on was undone before");
                self.files.insert(from, file);
                if let Some(file) = replaced {
                    self.files.insert(to, file);
                }
            }
            DirectoryOp::NewSnapshot { zxid, replaced } => {
                self.snapshots.remove(&zxid);
                if let Some(file) = replaced {
                    self.snapshots.insert(zxid, file);
                }
            }
            DirectoryOp::DroppedSnapshots(files) => {
                for file in files {
                    self.snapshots.insert(file.snapshot.zxid, file);
                }
            }
        }
    }

    /// Takes off everything above an index, in pieces.
    fn take_after(&mut self, index: u64) -> Vec<Segment<R>> {
        let whole = self
            .segments
            .partition_point(|segment| segment.first <= index);
        let mut tail = self.segments.split_off(whole);
        if let Some(last) = self.segments.last_mut()
            && last.end() > index + 1
        {
            let at = (index + 1 - last.first) as usize;
            tail.insert(0, last.split_off(at));
        }
        tail
    }

    fn open_segment(&mut self) -> &mut Segment<R> {
        self.segments.last_mut().expect("a segment is always open")
    }
}

impl SnapshotFile {
    fn sync(&mut self, success: bool) {
        if self.durability == Durability::Unsynced {
            self.durability = if success {
                Durability::Synced
            } else {
                Durability::Doubtful
            };
        }
    }
}
