//! The bytes of a file on their way to the CSV parser.

use super::file::LINE_BYTES_MAX;
use shikaku_domain::CharacterCode;
use std::io::{self, Read};

/// How much of a file is looked at to tell UTF-8 from CP932: several hundred lines.
pub(super) const SAMPLE_BYTES: usize = 256 * 1024;

/// CP932 text is hardly ever UTF-8 by chance and the other way round, so lines vote. One broken
/// line cannot turn the whole file over; a file of ASCII only is both.
pub(super) fn guess_encoding(sample: &[u8]) -> CharacterCode {
    let mut lines = sample.split(|b| *b == b'\n');
    if sample.len() == SAMPLE_BYTES {
        lines.next_back(); // cut off in the middle
    }
    let (mut utf8, mut other) = (0_usize, 0_usize);
    for line in lines.filter(|line| !line.is_ascii()) {
        if str::from_utf8(line).is_ok() { utf8 += 1 } else { other += 1 }
    }
    if other > utf8 { CharacterCode::ShiftJis } else { CharacterCode::Utf8 }
}

/// Hands out at most `left` bytes until that is set anew, so that no line can fill the memory, and
/// ends the last line if the file does not.
pub(super) struct Feed<R> {
    inner: R,
    /// How many bytes may still be handed out.
    pub(super) left: usize,
    last: u8,
    /// Whether the reader beneath has nothing more and the last line was ended.
    pub(super) is_at_end: bool,
}

impl<R> Feed<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, left: LINE_BYTES_MAX, last: b'\n', is_at_end: false }
    }
}

impl<R: Read> Read for Feed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let length = buffer.len().min(self.left);
        let buffer = buffer.get_mut(..length).unwrap_or_default();
        let mut read = self.inner.read(buffer)?;
        if let (0, Some(first), true) = (read, buffer.first_mut(), self.last != b'\n') {
            *first = b'\n';
            read = 1;
        }
        if let Some(last) = buffer.get(..read).and_then(<[u8]>::last) {
            self.last = *last;
        }
        self.is_at_end = read == 0;
        self.left -= read;
        Ok(read)
    }
}
