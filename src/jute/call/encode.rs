//! Calls as a client writes them.

use std::sync::Arc;

use super::{Call, CreateKind, WatchLists};
use crate::jute::archive::Writer;
use crate::tree::Data;

impl Call {
    /// The whole frame.
    pub fn frame(&self, xid: i32) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.int(xid);
        writer.int(self.opcode());
        self.encode(&mut writer);
        writer.into_bytes()
    }

    /// Writes the record.
    pub fn encode(&self, writer: &mut Writer) {
        match self {
            Call::Create {
                kind,
                path,
                data,
                acl,
                flags,
            } => {
                encode_content(path.as_deref(), data, writer);
                writer.acl(acl);
                writer.int(*flags);
                encode_age(*kind, writer);
            }
            Call::SetData {
                path,
                data,
                version,
            } => {
                encode_content(path.as_deref(), data, writer);
                writer.int(*version);
            }
            Call::SetAcl { path, acl, version } => {
                writer.string(path.as_deref());
                writer.acl(acl);
                writer.int(*version);
            }
            Call::Delete {
                path,
                version: number,
            }
            | Call::Check {
                path,
                version: number,
            }
            | Call::CheckWatches { path, kind: number }
            | Call::RemoveWatches { path, kind: number }
            | Call::AddWatch { path, mode: number } => {
                writer.string(path.as_deref());
                writer.int(*number);
            }
            Call::Exists { path, watch }
            | Call::GetData { path, watch }
            | Call::GetChildren { path, watch }
            | Call::GetChildren2 { path, watch } => {
                writer.string(path.as_deref());
                writer.bool(*watch);
            }
            Call::GetAcl { path }
            | Call::Sync { path }
            | Call::DeleteContainer { path }
            | Call::GetEphemerals { prefix: path }
            | Call::GetAllChildrenNumber { path } => writer.string(path.as_deref()),
            Call::Multi(calls) | Call::MultiRead(calls) => encode_parts(calls, writer),
            Call::SetWatches(lists) => encode_lists(lists, writer),
            Call::Reconfig {
                joining,
                leaving,
                members,
                config,
            } => encode_members([joining, leaving, members], *config, writer),
            Call::Auth { scheme, auth } => {
                writer.int(0);
                encode_content(scheme.as_deref(), auth, writer);
            }
            Call::Sasl { token } => writer.data(token),
            Call::WhoAmI | Call::Ping | Call::CloseSession => {}
        }
    }
}

fn encode_content(name: Option<&str>, data: &Data, writer: &mut Writer) {
    writer.string(name);
    writer.data(data);
}

fn encode_age(kind: CreateKind, writer: &mut Writer) {
    if let CreateKind::Ttl { ms } = kind {
        writer.long(ms);
    }
}

fn encode_members(lists: [&Option<Arc<str>>; 3], config: i64, writer: &mut Writer) {
    for list in lists {
        writer.string(list.as_deref());
    }
    writer.long(config);
}

fn encode_parts(calls: &[Call], writer: &mut Writer) {
    for call in calls {
        writer.int(call.opcode());
        writer.bool(false);
        writer.int(-1);
        call.encode(writer);
    }
    writer.int(-1);
    writer.bool(true);
    writer.int(-1);
}

fn encode_lists(lists: &WatchLists, writer: &mut Writer) {
    writer.long(lists.relative);
    writer.strings(&lists.data);
    writer.strings(&lists.exist);
    writer.strings(&lists.child);
    if let Some((persistent, recursive)) = &lists.lasting {
        writer.strings(persistent);
        writer.strings(recursive);
    }
}
