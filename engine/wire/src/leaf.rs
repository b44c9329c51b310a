//! One value of a message before anyone has judged it.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use shikaku_domain::ValueError;
use std::borrow::Cow;
use std::fmt;

/// What stands where a message has a text. Deserialising it never fails for its type: a boolean in
/// place of a code is the caller's mistake about one element, not an unreadable message (§1.10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Leaf<'a> {
    /// Left out, or JSON `null`.
    #[default]
    Absent,
    /// Text, as given.
    Text(Cow<'a, str>),
    /// A JSON boolean.
    Flag(bool),
    /// A JSON number, array or object; an XML element with children.
    NotText,
}

impl Leaf<'_> {
    /// The text without the blanks around it; `None` when nothing is left.
    pub(crate) fn trimmed(&self) -> Result<Option<&str>, ValueError> {
        let text = self.verbatim()?.map(str::trim_ascii);
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// The text as given; `None` when it is empty.
    pub(crate) fn verbatim(&self) -> Result<Option<&str>, ValueError> {
        match self {
            Self::Absent => Ok(None),
            Self::Text(text) if text.is_empty() => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Flag(_) | Self::NotText => Err(ValueError::NotText),
        }
    }

    /// The trimmed text, parsed.
    pub(crate) fn required<T>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Result<T, ValueError> {
        parse(self.trimmed()?.ok_or(ValueError::Missing)?)
    }

    /// The trimmed text, parsed; `None` when it is empty.
    pub(crate) fn optional<T>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, ValueError>,
    ) -> Result<Option<T>, ValueError> {
        self.trimmed()?.map(parse).transpose()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Leaf<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LeafVisitor)
    }
}

struct LeafVisitor;

impl<'de> Visitor<'de> for LeafVisitor {
    type Value = Leaf<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Leaf::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Leaf::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Leaf::Absent)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Leaf::Flag(flag))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Leaf::NotText)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Leaf::NotText)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Leaf::NotText)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Leaf::NotText)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Leaf::NotText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_json_type_is_seen_for_what_it_is() {
        let check = |json: &str, leaf| {
            assert_eq!(serde_json::from_str::<Leaf<'_>>(json).unwrap(), leaf, "{json}")
        };
        check("null", Leaf::Absent);
        check("\"a\"", Leaf::Text("a".into()));
        check("\"a\\n\"", Leaf::Text("a\n".into()));
        check("true", Leaf::Flag(true));
        for other in ["1", "-1", "1.5", "[1,[2]]", "{\"a\":{\"b\":1}}"] {
            check(other, Leaf::NotText);
        }
    }
}
