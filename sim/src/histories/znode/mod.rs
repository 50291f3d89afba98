//! Reads histories of a znode tree: the generated form, what a run exports, and the log of a real
//! ensemble.
//!
//! Both become what the simulator's own clients leave: a [`History`], so that one checker judges
//! all of them.

mod answers;
mod ensemble;
mod generated;
mod heap;
mod json;
mod requests;
mod shapes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use menagerie::history::{History, Operation, Outcome};
use menagerie::ids::{ClientId, OpId, SessionId, VirtualTime, Zxid};
use menagerie::tree::{Answer, ErrorCode, Identity, Request};
use menagerie::znode::InitialTree;

use super::{LINES_A_LOOK, Malformed, Unread, unlimited};

/// A history and what its tree was born with.
#[derive(Clone, Debug, PartialEq)]
pub struct TreeHistory {
    /// The history.
    pub history: History,
    /// What the tree was born with.
    pub birth: InitialTree,
    /// The names of the clients, the first being that of client 1.
    pub clients: Vec<String>,
    /// Of each operation the lines of its invocation and of its end; 0 where it has none.
    pub lines: Vec<[u32; 2]>,
    /// Whether it has the watch events and session events that clients saw, so that it can be
    /// judged by that.
    pub tells_events: bool,
    /// About how much memory all of this takes.
    pub bytes: usize,
}

/// Reads a history of a znode tree.
///
/// # Errors
/// The first line that cannot be understood.
pub fn parse(text: &[u8]) -> Result<TreeHistory, Malformed> {
    unlimited(parse_within(text, usize::MAX))
}

/// As [`parse`], with a limit of the memory that the text and the history take together.
///
/// # Errors
/// The first line that cannot be understood, or that does not fit.
pub fn parse_within(text: &[u8], bytes_max: usize) -> Result<TreeHistory, Unread> {
    let room = bytes_max.saturating_sub(text.len());
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let has = |member: &[u8]| first.windows(member.len()).any(|bytes| bytes == member);
    if has(b"\"transcript\":") {
        let what = "it is a transcript; those are replayed, by `menagerie conform`".to_owned();
        return Err(Malformed { line: 1, what }.into());
    }
    // Only the log of an ensemble has the time in nanoseconds, and only a run has its lines
    // numbered.
    if has(b"\"t\":") {
        lines(
            text,
            ensemble::Reader::default(),
            InitialTree::ZooKeeper,
            room,
        )
    } else if has(b"\"index\":") {
        let read = lines(
            text,
            generated::Reader::of_a_run(),
            InitialTree::ZooKeeper,
            room,
        )?;
        Ok(TreeHistory {
            tells_events: true,
            ..read
        })
    } else {
        lines(text, generated::Reader::default(), InitialTree::Bare, room)
    }
}

/// Reads one form, line by line.
trait Form {
    /// Takes a line; `number` counts from 1.
    fn take(&mut self, number: usize, line: &[u8]) -> Result<(), String>;
    /// What was read so far.
    fn gathering(&mut self) -> &mut Gathering;
    /// The memory of the texts that are held once.
    fn names(&self) -> &Names;
}

fn lines(
    text: &[u8],
    mut form: impl Form,
    birth: InitialTree,
    room: usize,
) -> Result<TreeHistory, Unread> {
    for (line, number) in text.split(|byte| *byte == b'\n').zip(1usize..) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        form.gathering().line = u32::try_from(number).unwrap_or(u32::MAX);
        form.take(number, line)
            .map_err(|what| Malformed { line: number, what })?;
        form.gathering().weigh_closed();
        let names = form.names().bytes;
        let gathering = form.gathering();
        if number.is_multiple_of(LINES_A_LOOK) && gathering.bytes() + names > room {
            return Err(Unread::Full {
                lines: number,
                operations: gathering.history.operations.len(),
            });
        }
    }
    let names = form.names().bytes;
    let gathering = core::mem::take(form.gathering());
    Ok(TreeHistory {
        bytes: gathering.bytes() + names,
        clients: gathering.names(),
        history: gathering.history,
        lines: gathering.lines,
        birth,
        tells_events: false,
    })
}

/// Equal texts, held once.
#[derive(Debug, Default)]
struct Names {
    texts: BTreeSet<Arc<str>>,
    bytes: usize,
}

impl Names {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let name: Arc<str> = Arc::from(text);
        self.texts.insert(name.clone());
        self.bytes += heap::shared(text.len()) + 2 * size_of::<Arc<str>>();
        name
    }
}

/// The operations so far, and who has one open.
#[derive(Debug)]
struct Gathering {
    history: History,
    nobody: Arc<[Identity]>,
    clients: BTreeMap<String, ClientId>,
    /// By client: the operation that is open.
    open: Vec<Option<u32>>,
    /// By client: how many operations it has asked.
    asked: Vec<u32>,
    /// The line that is read.
    line: u32,
    /// See [`TreeHistory::lines`].
    lines: Vec<[u32; 2]>,
    /// The operation that ended last and was not weighed yet.
    closed: Option<u32>,
    /// What the operations hold beside themselves.
    heap: usize,
}

impl Default for Gathering {
    fn default() -> Gathering {
        Gathering {
            history: History::default(),
            nobody: Arc::from([]),
            clients: BTreeMap::new(),
            open: Vec::new(),
            asked: Vec::new(),
            line: 0,
            lines: Vec::new(),
            closed: None,
            heap: 0,
        }
    }
}

impl Gathering {
    /// About how much memory the history takes. What is reserved and not used is not counted.
    fn bytes(&self) -> usize {
        self.history.operations.len() * size_of::<Operation>()
            + self.lines.len() * size_of::<[u32; 2]>()
            + size_of_val(self.history.seen.as_slice())
            + self.heap
    }

    /// Weighs the operation that ended in this line, if one did.
    fn weigh_closed(&mut self) {
        if let Some(number) = self.closed.take() {
            self.heap += heap::of(&self.history.operations[number as usize]);
        }
    }

    /// The names of the clients.
    fn names(&self) -> Vec<String> {
        let mut names = vec![String::new(); self.clients.len()];
        for (name, client) in &self.clients {
            names[usize::from(client.0) - 1].clone_from(name);
        }
        names
    }

    /// The client of that name.
    fn client(&mut self, name: &str) -> Result<ClientId, String> {
        if let Some(known) = self.clients.get(name) {
            return Ok(*known);
        }
        let number = u16::try_from(self.clients.len() + 1)
            .map_err(|_| "there are more than 65535 processes".to_owned())?;
        self.clients.insert(name.to_owned(), ClientId(number));
        self.open.push(None);
        self.asked.push(0);
        Ok(ClientId(number))
    }

    fn invoke(
        &mut self,
        client: ClientId,
        session: SessionId,
        request: Request,
        at: u64,
    ) -> Result<&mut Operation, String> {
        let place = usize::from(client.0) - 1;
        if self.open[place].is_some() {
            return Err(format!("{client} has an operation open already"));
        }
        let number = u32::try_from(self.history.operations.len())
            .map_err(|_| "there are too many operations".to_owned())?;
        self.open[place] = Some(number);
        self.asked[place] += 1;
        self.lines.push([self.line, 0]);
        self.history.operations.push(Operation {
            id: OpId(number),
            client,
            session,
            xid: self.asked[place],
            seq: 0,
            conn: None,
            server: None,
            attempts: 1,
            request,
            ids: self.nobody.clone(),
            synced: false,
            invoked: VirtualTime(at),
            completed: None,
            outcome: None,
        });
        Ok(self.history.operations.last_mut().expect("just pushed"))
    }

    /// The operation that a client has open; it is open no longer.
    fn close(&mut self, client: ClientId) -> Result<&mut Operation, String> {
        let place = usize::from(client.0) - 1;
        let open = self.open[place].take();
        let number = open.ok_or_else(|| format!("{client} has no operation open"))?;
        self.lines[number as usize][1] = self.line;
        self.closed = Some(number);
        Ok(&mut self.history.operations[number as usize])
    }
}

fn answer(operation: &mut Operation, at: u64, zxid: u64, answer: Answer) {
    operation.completed = Some(VirtualTime(at));
    operation.outcome = Some(Outcome::Answered {
        zxid: Zxid(zxid),
        answer,
    });
}

/// The error of one of ZooKeeper's numbers.
fn error_of(number: i64) -> Result<ErrorCode, String> {
    ErrorCode::ALL
        .into_iter()
        .find(|code| i64::from(code.number()) == number)
        .ok_or_else(|| format!("the error {number} is not one of ZooKeeper's"))
}
