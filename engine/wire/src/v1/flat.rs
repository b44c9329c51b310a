//! One JSON object of texts and flags, which is how nearly every request looks.

// HOT PATH: no allocation; every byte is looked at once.

use crate::json::plain_bytes;
use crate::leaf::Leaf;
use std::borrow::Cow;

/// Bytes by which names are told apart before they are compared as a whole: one word.
const HEAD_BYTES: usize = 8;

/// The values of these members, in the order of their names; absent where there is none. `None`
/// when the text is anything else than an object of such members, each at most once: then the
/// library is to judge it. A text that has values here has the same ones for the library.
///
/// Strings with an escape, numbers, `null` and nested values are left to the library too. No name
/// is shorter than [`HEAD_BYTES`].
pub(super) fn members<'a, const N: usize>(
    text: &'a str,
    names: &[&'static str; N],
) -> Option<[Leaf<'a>; N]> {
    let mut values = [const { Leaf::Absent }; N];
    let mut rest = Rest(text);
    rest.skip("{")?;
    if rest.skip("}").is_none() {
        loop {
            let at = rest.name(names)?;
            rest.skip(":")?;
            let value = values.get_mut(at).filter(|value| matches!(value, Leaf::Absent))?;
            *value = rest.value()?;
            if rest.skip(",").is_none() {
                break rest.skip("}")?;
            }
        }
    }
    rest.blanks();
    rest.0.is_empty().then_some(values)
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Skips JSON's blanks.
    fn blanks(&mut self) {
        // Programs write few of them or none.
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.0.as_bytes().first() {
            self.0 = self.0.get(1..).unwrap_or_default();
        }
    }

    /// Skips these bytes if they are next, behind blanks or not.
    fn skip(&mut self, next: &'static str) -> Option<()> {
        self.0 = match self.0.strip_prefix(next) {
            Some(rest) => rest,
            None => {
                self.blanks();
                self.0.strip_prefix(next)?
            }
        };
        Some(())
    }

    /// Which of these names is next.
    fn name(&mut self, names: &[&'static str]) -> Option<usize> {
        self.skip("\"")?;
        let head = self.0.as_bytes().first_chunk::<HEAD_BYTES>()?;
        let (at, rest) = names.iter().enumerate().find_map(|(at, name)| {
            let has_head = name.as_bytes().first_chunk() == Some(head);
            let behind = || self.0.strip_prefix(*name)?.strip_prefix('"');
            Some((at, has_head.then(behind)??))
        })?;
        self.0 = rest;
        Some(at)
    }

    fn value(&mut self) -> Option<Leaf<'a>> {
        if self.skip("\"").is_some() {
            let (text, rest) = self.0.split_at_checked(plain_bytes(self.0.as_bytes()))?;
            // What ended it may be an escape or a control character.
            self.0 = rest.strip_prefix('"')?;
            return Some(Leaf::Text(Cow::Borrowed(text)));
        }
        let is_true = self.skip("true").is_some();
        (is_true || self.skip("false").is_some()).then_some(Leaf::Flag(is_true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    /// One is the beginning of another.
    const NAMES: [&str; 3] = ["birthday", "birthdays", "記号記号"];

    fn read(text: &str) -> Option<[Leaf<'_>; 3]> {
        members(text, &NAMES)
    }

    /// The members as the library has them.
    fn object(leaves: &[Leaf<'_>; 3]) -> Map<String, Value> {
        let value = |leaf: &Leaf<'_>| match leaf {
            Leaf::Text(text) => Some(json!(text)),
            Leaf::Flag(flag) => Some(json!(flag)),
            Leaf::Absent => None,
            Leaf::NotText => panic!("nothing else is read"),
        };
        let members = NAMES.iter().zip(leaves);
        members.filter_map(|(name, leaf)| Some(((*name).to_owned(), value(leaf)?))).collect()
    }

    #[test]
    fn objects_of_texts_and_flags_are_read_and_all_else_is_left_to_the_library() {
        let text = |text: &'static str| Leaf::Text(text.into());
        let absent = || Leaf::Absent;
        assert_eq!(read("{}"), Some([absent(), absent(), absent()]));
        assert_eq!(read(r#"{"birthdays":"1"}"#), Some([absent(), text("1"), absent()]));
        let spaced = " {\t\"記号記号\" : \"\" ,\r\n \"birthday\": true, \"birthdays\":false } ";
        assert_eq!(read(spaced), Some([Leaf::Flag(true), Leaf::Flag(false), text("")]));
        for left in [
            "",
            "{",
            "}",
            "[]",
            "{}{}",
            "{,}",
            r#"{"birthday"}"#,
            r#"{"birthday":}"#,
            r#"{"birthday":"1",}"#,
            r#"{"birthday":"1" "birthdays":"2"}"#,
            r#"{"birthday":"1","birthday":"1"}"#,
            r#"{"birthday":"1"}x"#,
            r#"{"birthday":1}"#,
            r#"{"birthday":null}"#,
            r#"{"birthday":{}}"#,
            r#"{"birthday":"\n"}"#,
            r#"{"\u0062irthday":"1"}"#,
            "{\"birthday\":\"\n\"}",
            r#"{"birthday":"1"#,
            r#"{"birthday":truex}"#,
            r#"{"birthday":tru}"#,
            r#"{birthday:"1"}"#,
            r#"{"birth":"1"}"#,
            r#"{"birthdaysx":"1"}"#,
            "\u{a0}{}",
            "{\u{3000}}",
        ] {
            assert_eq!(read(left), None, "{left}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_library_reads(text in "[{}\":, tf\\\\a]{0,12}|\\{(\"(birthday|birthdays|記号記号|birth)\" ?: ?(\"[ -~記]{0,9}\"|true|false|nul|1),? ?){0,4}\\}[ x]?") {
            if let Some(leaves) = read(&text) {
                prop_assert_eq!(Some(object(&leaves)), serde_json::from_str(&text).ok());
            }
        }

        #[test]
        fn what_the_library_writes_of_texts_and_flags_is_read(values in proptest::collection::vec(proptest::option::of("[ -~一-龠]{0,12}"), 0..4)) {
            let of = |value: &Option<String>| value.as_ref().map_or(json!(true), |text| json!(text));
            let members = NAMES.iter().rev().zip(&values);
            let members: Map<_, _> = members.map(|(name, value)| ((*name).to_owned(), of(value))).collect();
            let written = serde_json::to_string_pretty(&members).unwrap();
            match read(&written) {
                Some(leaves) => prop_assert_eq!(object(&leaves), members),
                None => prop_assert!(written.contains('\\'), "an escape"),
            }
        }
    }
}
