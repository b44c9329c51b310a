//! Walks an XML document element by element, and refuses what the interface never uses and an
//! attacker does: document types, entities of one's own, processing instructions, deep nesting.
//!
//! Attributes (a stray `xmlns`, say) are checked for form and ignored. Prefixed names are names
//! like any other, so they are unknown ones.

use crate::oqs::Malformed;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use std::borrow::Cow;

/// Deepest nesting of elements. The deepest message of the interface has 7 levels.
pub(crate) const DEPTH_MAX: usize = 16;

/// Receives the elements of a document in order.
pub(crate) trait Visitor<'a> {
    /// An element begins.
    fn open(&mut self, name: &str) -> Result<(), Malformed>;
    /// The innermost open element ends. `text` is `None` if it had elements in it.
    fn close(&mut self, text: Option<Cow<'a, str>>) -> Result<(), Malformed>;
}

/// Feeds a document to a visitor.
///
/// Line ends are left as they are, so that an echoed value is the same bytes.
pub(crate) fn walk<'a>(text: &'a str, visitor: &mut impl Visitor<'a>) -> Result<(), Malformed> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().check_comments = true;
    let mut walk = Walk { open: Vec::with_capacity(DEPTH_MAX), had_root: false };
    loop {
        let event = reader.read_event().map_err(|_| Malformed::NotWellFormed)?;
        match event {
            Event::Start(tag) => {
                // Without the check for duplicates, whose cost grows with the square.
                let mut attributes = tag.attributes();
                if attributes.with_checks(false).any(|attribute| attribute.is_err()) {
                    return Err(Malformed::NotWellFormed);
                }
                walk.start()?;
                visitor.open(tag.name().0)?;
            }
            Event::End(_) => visitor.close(walk.end()?)?,
            Event::Text(chunk) => walk.text(chunk.into_inner())?,
            Event::CData(chunk) => walk.text(chunk.into_inner())?,
            Event::GeneralRef(reference) => walk.text(resolve(&reference)?)?,
            Event::Decl(_) | Event::Comment(_) => {}
            Event::PI(_) | Event::DocType(_) => return Err(Malformed::Forbidden),
            Event::Empty(_) => return Err(Malformed::NotWellFormed), // expanded by the reader
            Event::Eof if walk.open.is_empty() && walk.had_root => return Ok(()),
            Event::Eof => return Err(Malformed::NotWellFormed),
        }
    }
}

/// The elements that are open, each with its text so far; `None` once it has an element in it.
struct Walk<'a> {
    open: Vec<Option<Cow<'a, str>>>,
    had_root: bool,
}

impl<'a> Walk<'a> {
    fn start(&mut self) -> Result<(), Malformed> {
        match self.open.last_mut() {
            Some(parent) => *parent = None,
            None if self.had_root => return Err(Malformed::NotWellFormed),
            None => self.had_root = true,
        }
        if self.open.len() == DEPTH_MAX {
            return Err(Malformed::TooDeep);
        }
        self.open.push(Some(Cow::Borrowed("")));
        Ok(())
    }

    fn end(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        self.open.pop().ok_or(Malformed::NotWellFormed)
    }

    fn text(&mut self, chunk: Cow<'a, str>) -> Result<(), Malformed> {
        match self.open.last_mut() {
            Some(Some(text)) if text.is_empty() => *text = chunk,
            Some(Some(text)) => text.to_mut().push_str(&chunk),
            Some(None) => {}
            None if chunk.trim_ascii().is_empty() => {}
            None => return Err(Malformed::NotWellFormed),
        }
        Ok(())
    }
}

/// The character of `&#…;` or of one of XML's five own entities.
fn resolve<'a>(reference: &BytesRef<'_>) -> Result<Cow<'a, str>, Malformed> {
    match reference.resolve_char_ref() {
        Ok(Some(c)) if is_xml_char(c) => Ok(Cow::Owned(c.to_string())),
        Ok(None) => {
            resolve_predefined_entity(reference).map(Cow::Borrowed).ok_or(Malformed::Forbidden)
        }
        Ok(Some(_)) | Err(_) => Err(Malformed::NotWellFormed),
    }
}

/// Whether XML 1.0 can carry the character at all, even as a reference.
pub(crate) const fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}
