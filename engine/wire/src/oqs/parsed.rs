//! An answer as a client reads it: for tests of the exchange and for checking a load run.

use super::elements as el;
use super::error::Malformed;
use crate::encoding::{decode_utf8, decode_xml};
use crate::xml::{Visitor, walk};
use serde_json::Value;
use shikaku_domain::{ProcessingResultStatus, QualificationValidity, SegmentOfResult};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Most bytes of an answer to a single lookup. Real ones have about 3 KiB.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Most elements of one name in one place. A person has up to some ten medical tickets.
const REPEATS_MAX: usize = 64;

/// Every text of an answer under its path, whatever order it came in; the same from XML and JSON.
///
/// The path below XmlMsg is joined with `/`; a repeated element carries `#2`, `#3` and so on. The
/// values are personal data, so `Debug` shows the paths only.
#[derive(Clone, PartialEq, Eq)]
pub struct ParsedAnswer {
    fields: BTreeMap<String, String>,
}

impl ParsedAnswer {
    /// Reads an answer in JSON.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn from_json(bytes: &[u8]) -> Result<Self, Malformed> {
        check_size(bytes)?;
        let text = decode_utf8(bytes)?;
        let root: Value = serde_json::from_str(text).map_err(|_| Malformed::NotWellFormed)?;
        let mut flat = Flat::default();
        match root.get(el::XML_MSG) {
            Some(Value::Object(message)) => flat.object(message)?,
            _ => return Err(Malformed::Structure),
        }
        Ok(Self { fields: flat.fields })
    }

    /// Reads an answer in XML, in UTF-8 or Shift_JIS.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn from_xml(bytes: &[u8]) -> Result<Self, Malformed> {
        check_size(bytes)?;
        let (text, _) = decode_xml(bytes)?;
        let mut visitor = FlatVisitor::default();
        walk(&text, &mut visitor)?;
        Ok(Self { fields: visitor.flat.fields })
    }

    /// The text at a path below XmlMsg, such as `MessageHeader/ErrorCode`.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&str> {
        self.fields.get(path).map(String::as_str)
    }

    /// Every path with its text, by path.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// An element of the header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.at(&format!("{}/{name}", el::HEADER))
    }

    /// An element directly in the body.
    #[must_use]
    pub fn body(&self, name: &str) -> Option<&str> {
        self.at(&format!("{}/{name}", el::BODY))
    }

    /// An element of the first result, such as `Name`, `Birthdate` or
    /// `LimitApplicationCertificateRelatedInfo/LimitApplicationCertificateDate`.
    #[must_use]
    pub fn result(&self, name: &str) -> Option<&str> {
        self.at(&format!("{}/{}/{}/{name}", el::BODY, el::RESULT_LIST, el::RESULT))
    }

    /// An element of the echoed query.
    #[must_use]
    pub fn search_info(&self, name: &str) -> Option<&str> {
        self.at(&format!("{}/{}/{name}", el::BODY, el::SEARCH_INFO))
    }

    /// 資格有効性
    #[must_use]
    pub fn validity(&self) -> Option<QualificationValidity> {
        QualificationValidity::from_code(self.body("QualificationValidity")?).ok()
    }

    /// 処理結果状況
    #[must_use]
    pub fn status(&self) -> Option<ProcessingResultStatus> {
        ProcessingResultStatus::from_code(self.body("ProcessingResultStatus")?).ok()
    }

    /// 処理結果区分
    #[must_use]
    pub fn segment(&self) -> Option<SegmentOfResult> {
        SegmentOfResult::from_code(self.header("SegmentOfResult")?).ok()
    }

    /// The code of what went wrong or should be looked at: of the message, or else of the person.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.header("ErrorCode").or_else(|| self.body("ProcessingResultCode"))
    }

    /// The sentence that belongs to [`Self::code`].
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.header("ErrorMessage").or_else(|| self.body("ProcessingResultMessage"))
    }

    /// The insurer number of the first result, without its padding.
    #[must_use]
    pub fn insurer_number(&self) -> Option<&str> {
        self.result(el::INSURER_NUMBER).map(str::trim_ascii_start)
    }
}

impl fmt::Debug for ParsedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.fields.keys()).finish()
    }
}

const fn check_size(bytes: &[u8]) -> Result<(), Malformed> {
    if bytes.len() > ANSWER_BYTES_MAX {
        return Err(Malformed::TooLarge { max: ANSWER_BYTES_MAX });
    }
    Ok(())
}

/// The tree as paths, while it is being read.
#[derive(Default)]
struct Flat {
    path: String,
    fields: BTreeMap<String, String>,
}

impl Flat {
    /// Goes down to an element; returns what [`Self::leave`] needs.
    fn enter(&mut self, name: &str) -> Result<usize, Malformed> {
        let parent = self.path.len();
        if parent > 0 {
            self.path.push('/');
        }
        self.path.push_str(name);
        let first = self.path.len();
        let mut ordinal = 1;
        while self.is_taken() {
            ordinal += 1;
            if ordinal > REPEATS_MAX {
                return Err(Malformed::Structure);
            }
            self.path.truncate(first);
            self.path.push_str(&format!("#{ordinal}"));
        }
        Ok(parent)
    }

    fn leave(&mut self, parent: usize) {
        self.path.truncate(parent);
    }

    /// Whether the current path already has a text, or one below it.
    fn is_taken(&self) -> bool {
        let below = format!("{}/", self.path);
        self.fields.contains_key(&self.path)
            || self
                .fields
                .range(below.clone()..)
                .next()
                .is_some_and(|(path, _)| path.starts_with(&below))
    }

    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.fields.insert(self.path.clone(), text.to_owned());
        }
    }

    fn object(&mut self, members: &serde_json::Map<String, Value>) -> Result<(), Malformed> {
        for (name, value) in members {
            let parent = self.enter(name)?;
            match value {
                Value::Null => {}
                Value::String(text) => self.text(text),
                Value::Object(members) => self.object(members)?,
                Value::Array(items) => {
                    for item in items {
                        self.object(item.as_object().ok_or(Malformed::Structure)?)?;
                    }
                }
                Value::Bool(_) | Value::Number(_) => return Err(Malformed::Structure),
            }
            self.leave(parent);
        }
        Ok(())
    }
}

#[derive(Default)]
struct FlatVisitor {
    flat: Flat,
    /// What to return to, for each open element below XmlMsg.
    parents: Vec<usize>,
    is_in_message: bool,
}

impl<'a> Visitor<'a> for FlatVisitor {
    fn open(&mut self, name: &str) -> Result<(), Malformed> {
        if self.is_in_message {
            self.parents.push(self.flat.enter(name)?);
        } else if name == el::XML_MSG {
            self.is_in_message = true;
        } else {
            return Err(Malformed::Structure);
        }
        Ok(())
    }

    fn close(&mut self, text: Option<Cow<'a, str>>) -> Result<(), Malformed> {
        if let Some(parent) = self.parents.pop() {
            self.flat.text(&text.unwrap_or_default());
            self.flat.leave(parent);
        }
        Ok(())
    }
}
