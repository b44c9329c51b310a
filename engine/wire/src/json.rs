//! Appends JSON to a buffer: names that this crate chose, and values of any text.

// HOT PATH: no allocation but what the buffer needs to grow.

/// A document under way. Members are separated by themselves; whoever opens a level closes it.
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
        self.comma();
        self.out.push(b'{');
    }

    /// Ends an object.
    pub(crate) fn close(&mut self) {
        self.out.push(b'}');
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
        self.out.push(b']');
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str, value: &str) {
        // One growth for the member: name, value, two pairs of quotes, colon and comma.
        self.out.reserve(name.len() + value.len() + 6);
        self.key(name);
        if needs_escape(value) {
            self.serialized(value);
        } else {
            self.out.push(b'"');
            self.out.extend_from_slice(value.as_bytes());
            self.out.push(b'"');
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str, value: bool) {
        self.key(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &'static str, value: u32) {
        self.key(name);
        self.serialized(&value);
    }

    fn key(&mut self, name: &'static str) {
        self.comma();
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn comma(&mut self) {
        // INVARIANT: a value ends in a quote, a digit, a letter or a closing bracket, so one of
        // these is the opening of the level and not the end of a text.
        if !matches!(self.out.last(), None | Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    fn serialized<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        let written = serde_json::to_writer(&mut *self.out, value);
        debug_assert!(written.is_ok(), "a string or a number always fits a vector");
    }
}

/// Whether JSON writes a character of this text in another way. All bytes are looked at, without
/// stopping at the first, so that the compiler takes many at a time.
fn needs_escape(text: &str) -> bool {
    let escaped = |byte: u8| (byte < b' ') | (byte == b'"') | (byte == b'\\');
    text.bytes().fold(false, |any, byte| any | escaped(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            json.close();
            json.close();
            let texts: Vec<_> = texts.iter().map(|text| serde_json::json!({ "text": text })).collect();
            let expected = serde_json::json!({
                "texts": texts, "rest": { "number": number, "flag": flag },
            });
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), expected);
        }
    }
}
