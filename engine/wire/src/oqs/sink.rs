//! Where an answer's tree is written to.

// HOT PATH: no allocation per element; both sinks append to a buffer that the caller reuses.

use crate::encoding::GETA;
use crate::json::JsonWriter;
use crate::xml::is_xml_char;
use quick_xml::escape::partial_escape;
use shikaku_domain::CharacterCode;

/// Takes an answer's tree element by element, in the order of the interface.
///
/// Names are element names, never outside text. Every `open` is followed by its `close`.
pub trait Sink {
    /// Starts the document.
    fn begin(&mut self);
    /// Ends the document.
    fn finish(&mut self);
    /// Starts an element that holds elements.
    fn open(&mut self, name: &'static str);
    /// Ends it.
    fn close(&mut self, name: &'static str);
    /// Starts an element that holds 1..n items.
    fn open_list(&mut self, name: &'static str);
    /// Ends it.
    fn close_list(&mut self, name: &'static str);
    /// Starts one item of a list.
    fn open_item(&mut self, name: &'static str);
    /// Ends it.
    fn close_item(&mut self, name: &'static str);
    /// An element that holds text.
    fn leaf(&mut self, name: &'static str, value: &str);
    /// An element that holds digits, ASCII letters, hyphens or blanks: what no form escapes.
    fn plain(&mut self, name: &'static str, value: impl AsRef<[u8]>);
}

/// Writes JSON: every value a string, every list an array of objects with one member (§1.5).
#[derive(Debug)]
pub struct JsonSink<'o>(JsonWriter<'o>);

impl<'o> JsonSink<'o> {
    /// Appends to `out`.
    pub const fn new(out: &'o mut Vec<u8>) -> Self {
        Self(JsonWriter::new(out))
    }
}

impl Sink for JsonSink<'_> {
    fn begin(&mut self) {
        self.0.open();
    }

    fn finish(&mut self) {
        self.0.finish();
    }

    fn open(&mut self, name: &'static str) {
        self.0.object(name);
    }

    fn close(&mut self, _: &'static str) {
        self.0.close();
    }

    fn open_list(&mut self, name: &'static str) {
        self.0.array(name);
    }

    fn close_list(&mut self, _: &'static str) {
        self.0.close_array();
    }

    fn open_item(&mut self, name: &'static str) {
        self.0.open();
        self.0.object(name);
    }

    fn close_item(&mut self, _: &'static str) {
        self.0.close();
        self.0.close();
    }

    fn leaf(&mut self, name: &'static str, value: &str) {
        self.0.text(name, value);
    }

    fn plain(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.0.plain(name, value);
    }
}

/// Writes XML in UTF-8, without blanks between elements.
#[derive(Debug)]
pub struct XmlSink<'o> {
    out: &'o mut Vec<u8>,
    code: CharacterCode,
    replaced: usize,
}

impl<'o> XmlSink<'o> {
    /// Appends to `out`. The text is UTF-8 whatever `code` says; only the declaration names the
    /// encoding that the text will be turned into.
    pub const fn new(out: &'o mut Vec<u8>, code: CharacterCode) -> Self {
        Self { out, code, replaced: 0 }
    }

    /// How many characters became 〓 because XML 1.0 cannot carry them.
    #[must_use]
    pub const fn replaced(&self) -> usize {
        self.replaced
    }

    fn tag(&mut self, open: &[u8], name: &'static str) {
        self.out.extend_from_slice(open);
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(b'>');
    }

    /// A carriage return stays as it is, since an echoed value must be the same letters (§1.2);
    /// the library would write a reference.
    fn text(&mut self, value: &str) {
        for (index, line) in value.split('\r').enumerate() {
            if index > 0 {
                self.out.push(b'\r');
            }
            self.out.extend_from_slice(partial_escape(line).as_bytes());
        }
    }
}

impl Sink for XmlSink<'_> {
    fn begin(&mut self) {
        let declaration: &[u8] = match self.code {
            CharacterCode::Utf8 => br#"<?xml version="1.0" encoding="UTF-8" standalone="no"?>"#,
            CharacterCode::ShiftJis => {
                br#"<?xml version="1.0" encoding="Shift_JIS" standalone="no"?>"#
            }
        };
        self.out.extend_from_slice(declaration);
    }

    fn finish(&mut self) {}

    fn open(&mut self, name: &'static str) {
        self.tag(b"<", name);
    }

    fn close(&mut self, name: &'static str) {
        self.tag(b"</", name);
    }

    fn open_list(&mut self, name: &'static str) {
        self.open(name);
    }

    fn close_list(&mut self, name: &'static str) {
        self.close(name);
    }

    fn open_item(&mut self, name: &'static str) {
        self.open(name);
    }

    fn close_item(&mut self, name: &'static str) {
        self.close(name);
    }

    fn leaf(&mut self, name: &'static str, value: &str) {
        self.open(name);
        let strangers = value.chars().filter(|c| !is_xml_char(*c)).count();
        if strangers == 0 {
            self.text(value);
        } else {
            self.replaced += strangers;
            let carried = |c| if is_xml_char(c) { c } else { GETA };
            self.text(&value.chars().map(carried).collect::<String>());
        }
        self.close(name);
    }

    fn plain(&mut self, name: &'static str, value: impl AsRef<[u8]>) {
        self.open(name);
        self.out.extend_from_slice(value.as_ref());
        self.close(name);
    }
}
