//! A node's content.

use core::fmt;
use core::ops::Deref;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A node's content: shared bytes, or jute's null, which is kept apart from the empty content
/// although its length is 0 too.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Data(Option<Arc<[u8]>>);

impl Data {
    /// No content at all.
    pub const NULL: Data = Data(None);

    /// Whether this is jute's null.
    pub fn is_null(&self) -> bool {
        self.0.is_none()
    }
}

impl Deref for Data {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Default for Data {
    fn default() -> Data {
        Data::from([])
    }
}

impl From<Arc<[u8]>> for Data {
    fn from(bytes: Arc<[u8]>) -> Data {
        Data(Some(bytes))
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Data {
        Data(Some(Arc::from(bytes)))
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Data {
        Data(Some(Arc::from(bytes)))
    }
}

impl<const LENGTH: usize> From<[u8; LENGTH]> for Data {
    fn from(bytes: [u8; LENGTH]) -> Data {
        Data(Some(Arc::from(bytes)))
    }
}

impl<const LENGTH: usize> From<&[u8; LENGTH]> for Data {
    fn from(bytes: &[u8; LENGTH]) -> Data {
        Data(Some(Arc::from(*bytes)))
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.as_deref(), out)
    }
}
