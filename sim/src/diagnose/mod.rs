//! What a failure leaves behind: the smallest run that fails alike, what it is owed to, its story
//! in sentences, its timeline, and the files that keep all of it.

pub mod artefacts;
pub mod blame;
pub mod explain;
pub mod index;
pub mod shrink;
pub mod timeline;
