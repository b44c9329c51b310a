//! Appends JSON to a buffer: names that this crate chose, and values of any text.

// HOT PATH: no allocation but what the buffer needs to grow.

/// A document under way. Whoever opens a level closes it.
///
/// Every value is followed by a comma, which the end of its level takes back: so nothing has to be
/// asked before a member is written.
#[derive(Debug)]
pub(crate) struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
}

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
    pub(crate) fn object(&mut self, name: &'static str) {
        self.key(name);
        self.out.push(b'{');
    }

    /// Starts an object's member that is an array.
    pub(crate) fn array(&mut self, name: &'static str) {
        self.key(name);
        self.out.push(b'[');
    }

    /// Ends an array.
    pub(crate) fn close_array(&mut self) {
        self.end(b']');
    }

    /// Any text.
    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        if needs_escape(value.as_bytes()) {
            self.serialized(name, value);
        } else {
            self.quoted(name, value.as_bytes());
        }
    }

    /// ASCII that needs no escape: codes, digits, dates.
    pub(crate) fn plain(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        debug_assert!(value.is_ascii() && !needs_escape(value), "{name} is not plain");
        self.quoted(name, value);
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str, value: bool) {
        self.key(name);
        self.out.extend_from_slice(if value { b"true," } else { b"false," });
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &'static str, value: u32) {
        self.serialized(name, &value);
    }

    fn quoted(&mut self, name: &'static str, value: &[u8]) {
        // One growth for the member: name, value, two pairs of quotes, colon and comma.
        self.out.reserve(name.len() + value.len() + 6);
        self.key(name);
        self.out.push(b'"');
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\",");
    }

    fn key(&mut self, name: &'static str) {
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn end(&mut self, bracket: u8) {
        // A level without members has no comma to take back.
        match self.out.last_mut() {
            Some(last) if *last == b',' => *last = bracket,
            Some(_) | None => self.out.push(bracket),
        }
        self.out.push(b',');
    }

    fn serialized<T: serde::Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        self.key(name);
        let written = serde_json::to_writer(&mut *self.out, value);
        debug_assert!(written.is_ok(), "a string or a number always fits a vector");
        self.out.push(b',');
    }
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;

/// Whether JSON writes a byte of this text in another way: a control character, a quote or a
/// backslash. Eight bytes at a time, since most texts are short.
fn needs_escape(text: &[u8]) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [b' '; 8];
    // `rest` is shorter than a word, so all of it is copied.
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    words.iter().any(|word| word_needs_escape(*word)) || word_needs_escape(last)
}

/// A byte below `n` borrows from its highest bit when `n` is taken away, and has none of its own.
fn word_needs_escape(word: [u8; 8]) -> bool {
    let word = u64::from_ne_bytes(word);
    let below = |word: u64, n: u8| word.wrapping_sub(ONES * u64::from(n)) & !word & HIGH;
    let equals = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, b' ') | equals(b'"') | equals(b'\\') != 0
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
                assert_eq!(needs_escape(&text), written.len() > text.len() + 2, "{byte} {at}");
            }
        }
        assert!(!needs_escape("資格　花子\u{7f}\u{80}".as_bytes()));
    }

    proptest! {
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
            json.object("rest");
            json.number("number", number);
            json.flag("flag", flag);
            json.plain("plain", b"2026-11-01");
            json.close();
            json.object("empty");
            json.close();
            json.finish();
            let texts: Vec<_> = texts.iter().map(|text| serde_json::json!({ "text": text })).collect();
            let expected = serde_json::json!({
                "texts": texts, "empty": {},
                "rest": { "number": number, "flag": flag, "plain": "2026-11-01" },
            });
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), expected);
        }
    }
}
