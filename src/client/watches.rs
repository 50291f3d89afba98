//! The watches that a client has armed, as its servers come and go.

use std::collections::BTreeSet;

use crate::ids::Zxid;
use crate::tree::{
    Answer, EventKind, Path, Read, WatchEvent, WatchKind, WatchRequest, WatchTables,
};
use crate::wire::ClientFrame;

/// The watches that a client has to set again after a reconnect.
#[derive(Clone, Debug, Default)]
pub(super) struct ArmedWatches {
    data: BTreeSet<Path>,
    exist: BTreeSet<Path>,
    child: BTreeSet<Path>,
    persistent: BTreeSet<Path>,
    recursive: BTreeSet<Path>,
}

impl ArmedWatches {
    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.all().iter().all(|paths| paths.is_empty())
    }

    fn all(&self) -> [&BTreeSet<Path>; 5] {
        [
            &self.data,
            &self.exist,
            &self.child,
            &self.persistent,
            &self.recursive,
        ]
    }

    /// Everything, to be set again.
    pub(super) fn frame(&self, relative: Zxid) -> ClientFrame {
        let [data, exist, child, persistent, recursive] =
            self.all().map(|paths| paths.iter().cloned().collect());
        ClientFrame::SetWatches {
            relative,
            data,
            exist,
            child,
            persistent,
            recursive,
        }
    }

    /// A granted request leaves or takes watches.
    pub(super) fn note_request(&mut self, request: &WatchRequest) {
        match request {
            WatchRequest::Add { path, recursive } => {
                let list = if *recursive {
                    &mut self.recursive
                } else {
                    &mut self.persistent
                };
                list.insert(path.clone());
            }
            WatchRequest::Remove { path, of } => {
                let lists: &mut [&mut BTreeSet<Path>] = match of {
                    WatchTables::Children => &mut [&mut self.child],
                    WatchTables::Data => &mut [&mut self.data, &mut self.exist],
                    WatchTables::Any => &mut [
                        &mut self.data,
                        &mut self.exist,
                        &mut self.child,
                        &mut self.persistent,
                        &mut self.recursive,
                    ],
                };
                lists.iter_mut().for_each(|list| {
                    list.remove(path);
                });
            }
            WatchRequest::Check { .. } => {}
        }
    }

    /// An answered read leaves its watch.
    pub(super) fn note_read(&mut self, read: &Read, answer: &Answer) {
        if let Some((kind, path)) = read.watch_left(answer) {
            let list = match kind {
                WatchKind::Data => &mut self.data,
                WatchKind::Exist => &mut self.exist,
                WatchKind::Child => &mut self.child,
            };
            list.insert(path.clone());
        }
    }

    /// A fired watch is gone, unless it stays.
    pub(super) fn note_event(&mut self, event: &WatchEvent) {
        match event.kind {
            EventKind::NodeCreated | EventKind::NodeDataChanged => {
                self.data.remove(&event.path);
                self.exist.remove(&event.path);
            }
            EventKind::NodeDeleted => {
                self.data.remove(&event.path);
                self.exist.remove(&event.path);
                self.child.remove(&event.path);
            }
            EventKind::NodeChildrenChanged => {
                self.child.remove(&event.path);
            }
        }
    }
}
