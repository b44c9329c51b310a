//! Appends JSON to a buffer: names that this crate chose, and values of any text.

// HOT PATH: no allocation but what the buffer needs to grow.

/// The name of a member, as it is put before a value.
pub(crate) trait Key {
    /// Puts it before a string, whose opening quote comes with it.
    fn before_string(self, out: &mut Vec<u8>);
    /// Puts it before any other value.
    fn before_value(self, out: &mut Vec<u8>);
}

/// For names that serve other forms than JSON too.
impl Key for &'static str {
    #[inline(always)]
    fn before_string(self, out: &mut Vec<u8>) {
        self.before_value(out);
        out.push(b'"');
    }

    #[inline(always)]
    fn before_value(self, out: &mut Vec<u8>) {
        out.push(b'"');
        out.extend_from_slice(self.as_bytes());
        out.extend_from_slice(b"\":");
    }
}

/// A name with all that stands around it, `"name":"`, put together when the program is built: one
/// copy of a length that the compiler knows. Made by [`key!`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuiltKey(pub(crate) &'static [u8]);

impl Key for BuiltKey {
    #[inline(always)]
    fn before_string(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }

    #[inline(always)]
    fn before_value(self, out: &mut Vec<u8>) {
        // INVARIANT: the last byte is the quote.
        out.extend_from_slice(self.0.split_last().map_or(&[], |(_, rest)| rest));
    }
}

/// The [`BuiltKey`] of a name.
macro_rules! key {
    ($name:literal) => {
        $crate::json::BuiltKey(concat!("\"", $name, "\":\"").as_bytes())
    };
}
pub(crate) use key;

/// A document under way. Whoever opens a level closes it.
///
/// Every value is followed by a comma, which the end of its level takes back: so nothing has to be
/// asked before a member is written.
#[derive(Debug)]
pub(crate) struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
}

// Members are written where they are named (`inline(always)`), so that the compiler knows how long
// each name is: a copy of known length is a few instructions, any other a call.
impl<'o> JsonWriter<'o> {
    /// Appends to `out`.
    pub(crate) const fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Starts the document's object, or an object in an array.
    pub(crate) fn open(&mut self) {
        self.out.push(b'{');
    }

    /// Ends an object.
    pub(crate) fn close(&mut self) {
        self.end(b'}');
    }

    /// Ends the document's object.
    pub(crate) fn finish(&mut self) {
        self.close();
        self.out.pop();
    }

    /// Starts an object's member that is an object.
    pub(crate) fn object(&mut self, key: impl Key) {
        key.before_value(self.out);
        self.out.push(b'{');
    }

    /// Starts an object's member that is an array.
    pub(crate) fn array(&mut self, key: impl Key) {
        key.before_value(self.out);
        self.out.push(b'[');
    }

    /// Ends an array.
    pub(crate) fn close_array(&mut self) {
        self.end(b']');
    }

    /// Any text.
    #[inline(always)]
    pub(crate) fn text(&mut self, key: impl Key, value: &str) {
        if plain_bytes(value.as_bytes()) == value.len() {
            self.quoted(key, value.as_bytes());
        } else {
            self.serialized(key, value);
        }
    }

    /// ASCII that needs no escape: codes, digits, dates.
    #[inline(always)]
    pub(crate) fn plain(&mut self, key: impl Key, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        debug_assert!(value.is_ascii() && plain_bytes(value) == value.len(), "it is not plain");
        self.quoted(key, value);
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, key: impl Key, value: bool) {
        key.before_value(self.out);
        self.out.extend_from_slice(if value { b"true," } else { b"false," });
    }

    /// A number.
    pub(crate) fn number(&mut self, key: impl Key, value: u32) {
        self.serialized(key, &value);
    }

    #[inline(always)]
    fn quoted(&mut self, key: impl Key, value: &[u8]) {
        key.before_string(self.out);
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\",");
    }

    fn end(&mut self, bracket: u8) {
        // A level without members has no comma to take back.
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            Some(_) | None => self.out.push(bracket),
        }
        self.out.push(b',');
    }

    #[inline(never)]
    fn serialized<T: serde::Serialize + ?Sized>(&mut self, key: impl Key, value: &T) {
        key.before_value(self.out);
        let written = serde_json::to_writer(&mut *self.out, value);
        debug_assert!(written.is_ok(), "a string or a number always fits a vector");
        self.out.push(b',');
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// How many bytes stand before the first one that JSON has in a string only behind a backslash: a
/// control character, a quote or a backslash. In a document it is how long the string is that
/// begins here, if it has no escape. Eight bytes at a time, since most texts are short; for the same
/// reason a call would cost as much as the work.
#[inline(always)]
pub(crate) fn plain_bytes(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return 8 * at + (marks.trailing_zeros() / 8) as usize;
        }
    }
    let is_plain = |byte: &&u8| **byte >= b' ' && !matches!(**byte, b'"' | b'\\');
    8 * words.len() + rest.iter().take_while(is_plain).count()
}

/// The highest bit of the first byte of a word that needs an escape is set, those of the bytes
/// before it are not.
///
/// A byte below `n` borrows from its highest bit when `n` is taken away, and has none of its own.
/// What it borrows beyond that changes bytes behind it only.
const fn marks(word: u64) -> u64 {
    let control = word.wrapping_sub(ONES * b' ' as u64);
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (control | quote | backslash) & !word & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_is_judged_as_the_library_judges_it_wherever_it_stands() {
        for byte in 0..128_u8 {
            for at in 0..20 {
                let mut text = [b'~'; 20];
                text[at] = byte;
                let written = serde_json::to_vec(str::from_utf8(&text).unwrap()).unwrap();
                let is_plain = written.len() == text.len() + 2;
                assert_eq!(plain_bytes(&text), if is_plain { 20 } else { at }, "{byte} {at}");
            }
        }
        let text = "資格　花子\u{7f}\u{80}";
        assert_eq!(plain_bytes(text.as_bytes()), text.len());
    }

    proptest! {
        #[test]
        fn plain_bytes_end_before_the_first_byte_that_needs_an_escape(text in "[ -~]{0,20}|\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
            let is_escaped = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
            let slowly = text.bytes().position(is_escaped).unwrap_or(text.len());
            prop_assert_eq!(plain_bytes(text.as_bytes()), slowly);
        }

        #[test]
        fn every_text_reads_back_as_it_was(texts in proptest::collection::vec(".{0,80}|[\\x00-\\x7f]{0,40}", 0..4), number: u32, flag: bool) {
            let mut out = Vec::new();
            let mut json = JsonWriter::new(&mut out);
            json.open();
            json.array("texts");
            for text in &texts {
                json.open();
                json.text("text", text);
                json.close();
            }
            json.close_array();
            json.object(key!("rest"));
            json.number("number", number);
            json.flag(key!("flag"), flag);
            json.plain("plain", b"2026-11-01");
            for text in &texts {
                json.text(key!("text"), text);
            }
            json.close();
            json.object("empty");
            json.close();
            json.finish();
            let all: Vec<_> = texts.iter().map(|text| serde_json::json!({ "text": text })).collect();
            let mut rest =
                serde_json::json!({ "number": number, "flag": flag, "plain": "2026-11-01" });
            if let Some(last) = texts.last() {
                rest["text"] = last.as_str().into();
            }
            let expected = serde_json::json!({ "texts": all, "empty": {}, "rest": rest });
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), expected);
        }
    }
}
