//! Jute's primitive types.

use std::sync::Arc;

use crate::tree::{Ace, Data, Path};

/// A record that ends too early or has an impossible length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads primitives from the front of a record.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from these bytes.
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader(bytes)
    }

    /// What is not yet read.
    pub fn rest(&self) -> &'a [u8] {
        self.0
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Malformed> {
        let mut array = [0; LENGTH];
        array.copy_from_slice(self.take(LENGTH)?);
        Ok(array)
    }

    /// A number of four bytes.
    ///
    /// # Errors
    /// If the record ends.
    pub fn int(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    /// A number of eight bytes.
    ///
    /// # Errors
    /// If the record ends.
    pub fn long(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    /// A truth value: any byte but 0 is true.
    ///
    /// # Errors
    /// If the record ends.
    pub fn bool(&mut self) -> Result<bool, Malformed> {
        self.array().map(|[byte]| byte != 0)
    }

    /// A buffer; `None` is the null.
    ///
    /// # Errors
    /// If the record ends or the length is negative.
    pub fn buffer(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        match self.int()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| Malformed)?;
                self.take(length).map(Some)
            }
        }
    }

    /// A buffer as content.
    ///
    /// # Errors
    /// As [`Reader::buffer`].
    pub fn data(&mut self) -> Result<Data, Malformed> {
        let bytes = self.buffer()?;
        Ok(bytes.map_or(Data::NULL, Data::from))
    }

    /// A string; bytes that are no UTF-8 are replaced, as Java does.
    ///
    /// # Errors
    /// As [`Reader::buffer`].
    pub fn string(&mut self) -> Result<Option<Path>, Malformed> {
        let bytes = self.buffer()?;
        Ok(bytes.map(|bytes| Arc::from(String::from_utf8_lossy(bytes))))
    }

    /// A vector; `None` is the null, and a negative length is an empty one.
    ///
    /// # Errors
    /// If the record ends.
    pub fn vector<T>(
        &mut self,
        mut element: impl FnMut(&mut Reader<'a>) -> Result<T, Malformed>,
    ) -> Result<Option<Vec<T>>, Malformed> {
        let length = self.int()?;
        if length == -1 {
            return Ok(None);
        }
        let mut elements = Vec::new();
        // Bounded: an element takes at least one byte of the record.
        for _ in 0..length {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// A vector of strings without nulls.
    ///
    /// # Errors
    /// If the record ends, or there is a null.
    pub fn strings(&mut self) -> Result<Vec<Path>, Malformed> {
        self.vector(|reader| reader.string()?.ok_or(Malformed))?
            .ok_or(Malformed)
    }

    /// An ACL. A null, which no server accepts, is read as the empty one, and a null scheme as the
    /// empty scheme.
    ///
    /// # Errors
    /// If the record ends.
    pub fn acl(&mut self) -> Result<Vec<Ace>, Malformed> {
        let entries = self.vector(|reader| {
            Ok(Ace {
                perms: reader.int()?,
                scheme: reader.string()?.unwrap_or_default(),
                id: reader.string()?,
            })
        })?;
        Ok(entries.unwrap_or_default())
    }
}

/// Writes primitives to the end of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty record.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// The record.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// A number of four bytes.
    pub fn int(&mut self, value: i32) {
        self.raw(&value.to_be_bytes());
    }

    /// A number of eight bytes.
    pub fn long(&mut self, value: i64) {
        self.raw(&value.to_be_bytes());
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) {
        self.raw(&[u8::from(value)]);
    }

    fn length(&mut self, length: usize) {
        self.int(i32::try_from(length).expect("what is written is far below 2 GiB"));
    }

    /// A buffer; `None` is the null.
    pub fn buffer(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.int(-1),
            Some(bytes) => {
                self.length(bytes.len());
                self.raw(bytes);
            }
        }
    }

    /// Content.
    pub fn data(&mut self, data: &Data) {
        self.buffer(if data.is_null() { None } else { Some(data) });
    }

    /// A string; `None` is the null.
    pub fn string(&mut self, text: Option<&str>) {
        self.buffer(text.map(str::as_bytes));
    }

    /// A vector.
    pub fn vector<T>(&mut self, elements: &[T], mut element: impl FnMut(&mut Writer, &T)) {
        self.length(elements.len());
        for one in elements {
            element(self, one);
        }
    }

    /// A vector of strings.
    pub fn strings(&mut self, texts: &[Path]) {
        self.vector(texts, |writer, text| writer.string(Some(text)));
    }

    /// An ACL.
    pub fn acl(&mut self, acl: &[Ace]) {
        self.vector(acl, |writer, entry| {
            writer.int(entry.perms);
            writer.string(Some(&entry.scheme));
            writer.string(entry.id.as_deref());
        });
    }
}
