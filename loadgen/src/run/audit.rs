//! Is an answer what the population gives?
//!
//! What the answer must be is written before the clock starts, from the population and the rules.
//! An answer that has the same bytes but for its time is right, which is told in less time than
//! it takes to copy it. Any other is read in full and compared value by value, so that another
//! order or spelling of the same answer is no mistake, and a mistake has a name.

use super::result::WrongAnswer;
use quick_xml::events::Event;
use shikaku_domain::{DesignatedMedicalInstitutionFlag, MedicalInstitutionCode};
use std::collections::BTreeMap;
use std::time::Duration;

/// Values shown as they are when they differ: they say nothing about anybody.
const SHOWN: [&str; 4] =
    ["QualificationValidity", "QualificationConfirmationDate", "SegmentOfResult", "ErrorCode"];
/// Longest value shown, in characters.
const SHOWN_CHARS_MAX: usize = 20;
/// The element that depends on who asks.
const DESIGNATED_FLAG: &str = "DesignatedMedicalInstitutionFlag";
const DESIGNATED_CODE: &str = "DesignatedMedicalInstitutionCode";
/// Stands for a message that cannot be read at all.
const WHOLE: &str = "(message)";

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `/v1` and the interface's JSON.
    Json,
    /// The interface's XML.
    Xml,
    /// `/v1/card/eligibility`: JSON with the receipt computer's XML in it.
    Card,
}

/// The member of [`Form::Card`] that holds XML.
const RECEIPT: &str = "receiptMessage";

/// Most times in an answer: its own, and that of a consent.
const TIMES_MAX: usize = 4;

/// Where the same text, which stands for a time yet to come, is found in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    text: &'static str,
    /// Rising; the rest is none.
    at: [Option<u32>; TIMES_MAX],
}

impl Times {
    /// Finds a text in an answer. Places beyond the first few are left to the slow comparison.
    pub(super) fn find(answer: &[u8], text: &'static str) -> Self {
        let mut at = [None; TIMES_MAX];
        let found = memchr::memmem::find_iter(answer, text);
        for (place, found) in at.iter_mut().zip(found) {
            *place = u32::try_from(found).ok();
        }
        Self { text, at }
    }
}

/// The right answer.
#[derive(Clone, Debug)]
pub(super) struct Expected<'p> {
    pub body: &'p [u8],
    /// Where times stand that are only known when it is made.
    pub times: Times,
    pub form: Form,
}

/// The first difference, masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub field: String,
    pub expected: String,
    pub got: String,
}

impl Difference {
    pub(super) fn into_example(self, stream: String, at: Duration, person: u64) -> WrongAnswer {
        let Self { field, expected, got } = self;
        let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        WrongAnswer { stream, at_ms, person, field, expected, got }
    }
}

impl Expected<'_> {
    /// Compares an answer to a question of this facility.
    ///
    /// # Errors
    /// The first difference, without personal data.
    // HOT PATH: no allocation for an answer of the same bytes.
    pub(super) fn audit(
        &self,
        got: &[u8],
        facility: Option<MedicalInstitutionCode>,
    ) -> Result<(), Difference> {
        if self.is_same(got) {
            return Ok(());
        }
        let (mut right, found) = both(self.body, got, self.form)?;
        if let Some(facility) = facility {
            name_asker(&mut right, facility);
        }
        compare(&right, &found, self.times.text)
    }

    fn is_same(&self, got: &[u8]) -> bool {
        let (mut got, mut right) = (got, self.body);
        if got.len() != right.len() {
            return false;
        }
        let mut done = 0;
        for at in self.times.at.iter().flatten() {
            let until = (*at as usize).saturating_sub(done);
            let end = until + self.times.text.len();
            let (Some((a, after)), Some((b, rest))) =
                (got.split_at_checked(end), right.split_at_checked(end))
            else {
                return false;
            };
            let time = a.get(until..).zip(b.get(until..));
            if a.get(..until) != b.get(..until) || !time.is_some_and(is_like) {
                return false;
            }
            (got, right, done) = (after, rest, done + end);
        }
        got == right
    }
}

/// Whether two texts have digits at the same places and are the same elsewhere.
fn is_like((got, model): (&[u8], &[u8])) -> bool {
    got.iter().zip(model).all(|(got, model)| {
        if model.is_ascii_digit() { got.is_ascii_digit() } else { got == model }
    })
}

/// Compares two messages value by value, whatever their bytes.
///
/// # Errors
/// The first difference, without personal data.
pub(super) fn difference(right: &[u8], got: &[u8], form: Form) -> Result<(), Difference> {
    let (right, found) = both(right, got, form)?;
    compare(&right, &found, "")
}

/// Every value by its path.
type Values = BTreeMap<String, String>;

/// The values of the right message and of the one that came.
fn both(right: &[u8], got: &[u8], form: Form) -> Result<(Values, Values), Difference> {
    let whole = |expected: &str, got: &str| Difference {
        field: WHOLE.to_owned(),
        expected: expected.to_owned(),
        got: got.to_owned(),
    };
    let right =
        values(right, form).ok_or_else(|| whole("the generator's own mistake", "unknown"))?;
    let unreadable = || whole("a message", &format!("{} unreadable bytes", got.len()));
    Ok((right, values(got, form).ok_or_else(unreadable)?))
}

fn compare(right: &Values, found: &Values, time: &str) -> Result<(), Difference> {
    let differs = |path: &&String| match (right.get(*path), found.get(*path)) {
        (Some(right), Some(found)) if !time.is_empty() && right == time => {
            right.len() != found.len() || !is_like((found.as_bytes(), right.as_bytes()))
        }
        (right, found) => right != found,
    };
    let Some(path) = right.keys().chain(found.keys()).find(differs) else { return Ok(()) };
    // A path that only the answer has may be anything, even somebody's name.
    let field = if right.contains_key(path) { path.as_str() } else { "(unknown field)" };
    let mask =
        |value: Option<&String>| value.map_or_else(|| "nothing".to_owned(), |v| mask(field, v));
    Err(Difference {
        field: field.to_owned(),
        expected: mask(right.get(path)),
        got: mask(found.get(path)),
    })
}

/// The value itself where it says nothing about anybody, else its length.
fn mask(path: &str, value: &str) -> String {
    let is_shown = SHOWN.iter().any(|name| is_named(path, name))
        && value.len() <= SHOWN_CHARS_MAX
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if is_shown { value.to_owned() } else { format!("{} characters", value.chars().count()) }
}

/// Whether a path ends with an element's name, in the spelling of either interface.
fn is_named(path: &str, name: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    let last = last.split('[').next().unwrap_or(last);
    last.len() == name.len() && last.eq_ignore_ascii_case(name)
}

/// Corrects what depends on the asking facility: whether a ticket names it.
fn name_asker(right: &mut Values, facility: MedicalInstitutionCode) {
    let flags: Vec<_> =
        right.keys().filter(|path| is_named(path, DESIGNATED_FLAG)).cloned().collect();
    for path in flags {
        let stem = path.len() - "Flag".len();
        let code = path.get(..stem).and_then(|stem| right.get(&format!("{stem}Code")));
        debug_assert_eq!(DESIGNATED_FLAG.len(), DESIGNATED_CODE.len());
        let flag = match code {
            Some(code) if code == facility.as_str() => DesignatedMedicalInstitutionFlag::Same,
            Some(_) => DesignatedMedicalInstitutionFlag::Other,
            None => continue,
        };
        right.insert(path, flag.code().to_owned());
    }
}

/// Every value of a message by its path; `None` for what is no message.
fn values(body: &[u8], form: Form) -> Option<Values> {
    let mut found = BTreeMap::new();
    match form {
        Form::Json => {
            let value = serde_json::from_slice(body).ok()?;
            flatten("", &value, &mut found);
        }
        Form::Xml => flatten_xml(body, &mut found)?,
        Form::Card => {
            let value = serde_json::from_slice(body).ok()?;
            flatten("", &value, &mut found);
            if let Some(message) = found.remove(RECEIPT) {
                flatten_xml(message.as_bytes(), &mut found)?;
            }
        }
    }
    Some(found)
}

fn flatten(path: &str, value: &serde_json::Value, found: &mut Values) {
    use serde_json::Value;
    let below = |name: &str| match path {
        "" => name.to_owned(),
        _ => format!("{path}.{name}"),
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| flatten(&below(name), value, found));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(at, value)| flatten(&format!("{path}[{at}]"), value, found));
        }
        Value::String(text) => drop(found.insert(path.to_owned(), text.clone())),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            drop(found.insert(path.to_owned(), value.to_string()));
        }
    }
}

fn flatten_xml(body: &[u8], found: &mut Values) -> Option<()> {
    let mut reader = quick_xml::Reader::from_str(std::str::from_utf8(body).ok()?);
    let mut path: Vec<String> = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) => {
                let name = element.name().as_ref().to_owned();
                let full = format!("{}.{name}", path.join("."));
                let nth = seen.entry(full).or_default();
                path.push(if *nth == 0 { name } else { format!("{name}[{nth}]") });
                *nth += 1;
            }
            Event::End(_) => drop(path.pop()),
            Event::Text(text) => {
                found.entry(path.join(".")).or_default().push_str(&text);
            }
            Event::GeneralRef(name) => {
                let text = found.entry(path.join(".")).or_default();
                text.extend(["&", &*name, ";"]);
            }
            Event::Eof => return path.is_empty().then_some(()),
            Event::Empty(element) => {
                let name = element.name().as_ref().to_owned();
                found.insert(format!("{}.{name}", path.join(".")), String::new());
            }
            Event::Decl(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = r#"{"processExecutionTime":"2001-09-09T10:46:40+09:00","qualificationValidity":"1","eligibility":{"name":"試験","designated":[{"designatedMedicalInstitutionCode":"1312345678","designatedMedicalInstitutionFlag":"1"}]}}"#;

    fn audit(got: &str) -> Result<(), String> {
        audit_of(got, "1310000001")
    }

    fn audit_of(got: &str, facility: &str) -> Result<(), String> {
        let times = Times::find(RIGHT.as_bytes(), "2001-09-09T10:46:40+09:00");
        let expected = Expected { body: RIGHT.as_bytes(), times, form: Form::Json };
        let facility = MedicalInstitutionCode::parse(facility).ok();
        let result = expected.audit(got.as_bytes(), facility);
        result.map_err(|d| format!("{}: {} not {}", d.field, d.got, d.expected))
    }

    #[test]
    fn the_time_of_the_answer_may_differ_and_must_be_a_time() {
        assert_eq!(audit(&RIGHT.replace("2001-09-09T10", "2026-11-23T08")), Ok(()));
        let wrong = audit(&RIGHT.replace("2001-09", "2001x09")).unwrap_err();
        assert!(wrong.starts_with("processExecutionTime"), "{wrong}");
    }

    #[test]
    fn another_order_of_the_same_values_is_right() {
        let value: serde_json::Value = serde_json::from_str(RIGHT).unwrap();
        let text = serde_json::to_string_pretty(&value).unwrap();
        assert_eq!(audit(&text), Ok(()));
    }

    #[test]
    fn every_single_changed_byte_of_a_value_is_noticed() {
        let time = RIGHT.find("2001").unwrap()..RIGHT.find("2001").unwrap() + 25;
        for at in (0..RIGHT.len()).filter(|at| !time.contains(at)) {
            let mut bytes = RIGHT.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'7' { b'8' } else { b'7' };
            let text = String::from_utf8_lossy(&bytes);
            assert!(audit(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn differences_are_named_and_personal_data_is_not_shown() {
        let check = |from: &str, to: &str, told: &str| {
            let wrong = audit(&RIGHT.replace(from, to)).unwrap_err();
            assert_eq!(wrong, told);
        };
        check("y\":\"1\"", "y\":\"3\"", "qualificationValidity: 3 not 1");
        check("試験", "試薬師", "eligibility.name: 3 characters not 2 characters");
        check("\"name\"", "\"岡田\"", "eligibility.name: nothing not 2 characters");
        check("{\"name", "{\"岡田\":1,\"name", "(unknown field): 1 characters not nothing");
        let wrong = audit("<html>").unwrap_err();
        assert_eq!(wrong, "(message): 6 unreadable bytes not a message");
    }

    #[test]
    fn whether_a_ticket_names_the_asker_depends_on_the_asker() {
        let named = RIGHT.replace("Flag\":\"1\"", "Flag\":\"0\"");
        assert_eq!(audit_of(&named, "1312345678"), Ok(()));
        assert!(audit_of(&named, "1310000001").is_err());
    }

    #[test]
    fn xml_is_compared_value_by_value_too() {
        let body =
            b"<a><QualificationValidity>1</QualificationValidity><n>x &lt; y</n><n>z</n><t>20010909</t><u>20010909</u></a>";
        let expected = Expected { body, times: Times::find(body, "20010909"), form: Form::Xml };
        let text = std::str::from_utf8(body).unwrap();
        assert!(expected.audit(format!("\u{20}{text}").trim().as_bytes(), None).is_ok());
        let later = text.replacen("20010909", "20261123", 1).replace("20010909", "20261124");
        assert_eq!(expected.audit(later.as_bytes(), None), Ok(()));
        assert!(expected.audit(later.replace("20261124", "x0261124").as_bytes(), None).is_err());
        let spaced = text.replace("</a>", "</a >");
        assert_eq!(expected.audit(spaced.as_bytes(), None), Ok(()));
        let wrong = expected.audit(text.replace(">1<", ">4<").as_bytes(), None).unwrap_err();
        assert_eq!((wrong.field.as_str(), wrong.got.as_str()), ("a.QualificationValidity", "4"));
        assert!(expected.audit(text.replace("z", "y").as_bytes(), None).is_err());
        assert!(expected.audit(b"<a>", None).is_err());
    }
}
