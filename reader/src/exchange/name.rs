//! File names: what a client may ask for, and what its answers are called.
//!
//! A name is hostile input and may carry a patient number. It is checked once, here; afterwards it
//! is one path component and shows itself in logs only as a [`RequestName::tag`].

use std::ffi::OsStr;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use shikaku_domain::Personal;

/// Longest name that is taken, in bytes. File systems allow 255; the rest is for our own suffixes.
pub const NAME_BYTES_MAX: usize = 240;

/// Length of system, mode, function and step: `OQSsiquc01`.
const FUNCTION_BYTES: usize = 10;

/// The function that this exchange offers: 資格確認要求 (OQS-IF-001, §1.1).
pub const FUNCTION_OFFERED: &str = "OQSsiquc01";

/// What one directory entry's name means.
#[derive(Debug, PartialEq, Eq)]
pub enum Name {
    /// A request by the naming grammar.
    Request(RequestName),
    /// A client's temporary file: not ours yet.
    Temporary,
    /// Nothing that this exchange knows; it is left alone.
    Stranger,
}

/// The name of a request: `[A-Z]{3}(si|mu)[a-z]{3}\d\dreq_.+\.xml`, the extension in any case.
///
/// Invariant: one path component of at most [`NAME_BYTES_MAX`] bytes, without separators, colons
/// and control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestName(String);

impl RequestName {
    /// Reads a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let (function, free) = name.split_at_checked(FUNCTION_BYTES)?;
        let stem = free.strip_prefix("req_").and_then(without_xml)?;
        let fits = name.len() <= NAME_BYTES_MAX
            && is_function(function)
            && !stem.is_empty()
            && !stem.contains(|c: char| c.is_control() || matches!(c, '/' | '\\' | ':'));
        fits.then(|| Self(name.to_owned()))
    }

    /// The file's own name.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.0
    }

    /// System, mode, function and step: `OQSsiquc01`. Holds nothing personal.
    #[must_use]
    pub fn function(&self) -> &str {
        self.0.get(..FUNCTION_BYTES).unwrap_or_default()
    }

    /// The name of the answer: `req` becomes `res`, the extension `.xml`.
    #[must_use]
    pub fn response(&self) -> String {
        let free = self.stem().get(FUNCTION_BYTES + "req".len()..).unwrap_or_default();
        format!("{}res{free}.xml", self.function())
    }

    /// The name of the text beside a rejected request.
    #[must_use]
    pub fn refusal(&self) -> String {
        format!("{}.err", self.stem())
    }

    /// What must not be in flight twice: names that differ only in case share their answer on the
    /// file systems of receipt computers.
    #[must_use]
    pub fn key(&self) -> String {
        self.response().to_lowercase()
    }

    /// The name in logs: the function and a hash that is keyed anew in each process, so that
    /// nobody can find a patient number by trying them all.
    #[must_use]
    pub fn tag(&self) -> String {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        format!("{}-{:08x}", self.function(), KEY.hash_one(&self.0) & 0xffff_ffff)
    }

    fn stem(&self) -> &str {
        without_xml(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for RequestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestName").field(&self.function()).field(&Personal::new(())).finish()
    }
}

impl Name {
    /// Says what an entry of `req` is.
    #[must_use]
    pub fn read(name: &OsStr) -> Self {
        let Some(name) = name.to_str() else { return Self::Stranger };
        let stem = without_xml(name).unwrap_or(name);
        let temporary = name.starts_with(['.', '~'])
            || stem.ends_with('~')
            || stem.to_ascii_lowercase().ends_with(".tmp");
        if temporary {
            return Self::Temporary;
        }
        RequestName::parse(name).map_or(Self::Stranger, Self::Request)
    }
}

/// Whether a name in `res` is one that the exchange writes: an answer, a rejected request or the
/// text beside it.
#[must_use]
pub fn is_published(name: &OsStr) -> bool {
    let Some((function, rest)) =
        name.to_str().and_then(|name| name.split_at_checked(FUNCTION_BYTES))
    else {
        return false;
    };
    is_function(function)
        && (rest.starts_with("res_") && rest.ends_with(".xml")
            || rest.starts_with("req_") && (rest.ends_with(".err") || without_xml(rest).is_some()))
}

fn without_xml(name: &str) -> Option<&str> {
    let (stem, extension) = name.split_at_checked(name.len().checked_sub(".xml".len())?)?;
    extension.eq_ignore_ascii_case(".xml").then_some(stem)
}

fn is_function(text: &str) -> bool {
    let classes: [fn(&u8) -> bool; FUNCTION_BYTES] = [
        u8::is_ascii_uppercase,
        u8::is_ascii_uppercase,
        u8::is_ascii_uppercase,
        u8::is_ascii_lowercase,
        u8::is_ascii_lowercase,
        u8::is_ascii_lowercase,
        u8::is_ascii_lowercase,
        u8::is_ascii_lowercase,
        u8::is_ascii_digit,
        u8::is_ascii_digit,
    ];
    text.len() == FUNCTION_BYTES
        && text.bytes().zip(classes).all(|(byte, class)| class(&byte))
        && matches!(text.get(3..5), Some("si" | "mu"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_carry_the_requests_name_with_res_for_req() {
        let name = RequestName::parse("OQSsiquc01req_20260115req_0001.XML").unwrap();
        assert_eq!(name.response(), "OQSsiquc01res_20260115req_0001.xml");
        assert_eq!(name.refusal(), "OQSsiquc01req_20260115req_0001.err");
        assert_eq!(name.function(), FUNCTION_OFFERED);
    }

    #[test]
    fn full_width_names_are_names_and_other_functions_are_requests_too() {
        for name in ["OQSsiquc01req_患者１２３.xml", "OQSmuquc02req_1.xml", "YZKsiquc01req_02.xml"]
        {
            assert!(matches!(Name::read(OsStr::new(name)), Name::Request(_)), "{name}");
        }
    }

    #[test]
    fn temporary_names_are_not_taken() {
        for name in [
            ".OQSsiquc01req_1.xml",
            "~OQSsiquc01req_1.xml",
            "OQSsiquc01req_1.xml.tmp",
            "OQSsiquc01req_1.tmp",
            "OQSsiquc01req_1.tmp.xml",
            "OQSsiquc01req_1.xml~",
        ] {
            assert_eq!(Name::read(OsStr::new(name)), Name::Temporary, "{name}");
        }
    }

    #[test]
    fn what_is_not_in_the_grammar_is_a_stranger() {
        let long = format!("OQSsiquc01req_{}.xml", "長".repeat(80));
        for name in [
            "",
            "memo.txt",
            "OQSsiquc01req_.xml",
            "OQSsiquc01req_1.csv",
            "OQSsiquc01res_1.xml",
            "oqssiquc01req_1.xml",
            "OQSxxquc01req_1.xml",
            "OQSsiquc0１req_1.xml",
            "OQSsiquc01req_../../x.xml",
            "OQSsiquc01req_a\\b.xml",
            "OQSsiquc01req_a:b.xml",
            "OQSsiquc01req_a\nb.xml",
            &long,
        ] {
            assert_eq!(Name::read(OsStr::new(name)), Name::Stranger, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_not_text_is_a_stranger() {
        use std::os::unix::ffi::OsStrExt;
        let name = OsStr::from_bytes(b"OQSsiquc01req_\xff\xfe.xml");
        assert_eq!(Name::read(name), Name::Stranger);
        assert!(!is_published(name));
    }

    #[test]
    fn logs_never_see_the_free_part() {
        let name = RequestName::parse("OQSsiquc01req_PATIENT0042.xml").unwrap();
        assert!(!format!("{name:?} {}", name.tag()).contains("PATIENT0042"));
        assert!(name.tag().starts_with("OQSsiquc01-"));
    }

    proptest! {
        #[test]
        fn every_accepted_name_stays_one_component_and_its_answers_are_recognised(
            name in "OQSsiquc01req_[^\u{0}]{0,40}\\.[xX][mM][lL]|.*"
        ) {
            if let Name::Request(request) = Name::read(OsStr::new(&name)) {
                for file in [request.file(), &request.response(), &request.refusal()] {
                    prop_assert_eq!(std::path::Path::new(file).components().count(), 1);
                    prop_assert!(!file.contains(['/', '\\', '\0']));
                    prop_assert!(is_published(OsStr::new(file)));
                }
            }
        }
    }
}
