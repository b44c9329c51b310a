//! Distributions of times that can be merged, stored and sent without losing anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::de::Error as _;
use serde::ser::Error as _;
use std::fmt;
use std::time::Duration;

/// Longest recorded time in nanoseconds, one hour; longer ones count as this.
const TIME_NANOS_MAX: u64 = 3_600_000_000_000;
/// Longest text of a distribution, in characters. A full one has about 200,000.
const TEXT_CHARS_MAX: usize = 1 << 20;

/// Times in nanoseconds from 1 ns to 1 h, exact to three digits.
///
/// As text, it is an `HdrHistogram` in its V2 encoding, compressed and in base64: what the
/// libraries of all languages and the interval logs hold. Distributions are merged by adding
/// counts, so percentiles of a merged one are those of all times together.
#[derive(Clone, PartialEq)]
pub struct Times(Histogram<u64>);

impl Times {
    /// No times.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the bounds are constants that every test passes by")]
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, TIME_NANOS_MAX, 3).expect("constant bounds are valid"))
    }

    /// Counts one time.
    pub fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Counts what another has counted.
    pub fn merge(&mut self, other: &Self) {
        // INVARIANT: all have the same bounds, so nothing can be out of range.
        let merged = self.0.add(&other.0);
        debug_assert!(merged.is_ok());
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// How many times were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that this share (0 to 1) of all times does not exceed; zero if there are none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(share))
    }

    /// The longest; zero if there are none.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }

    /// The mean; zero if there are none.
    #[must_use]
    pub fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.0.mean() / 1e9)
    }

    /// How many were at least this long, to the precision of three digits.
    #[must_use]
    pub fn count_from(&self, time: Duration) -> u64 {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.count_between(nanos, u64::MAX)
    }

    /// The histogram itself, in nanoseconds, for curves and logs.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    fn to_text(&self) -> Result<String, String> {
        let mut bytes = Vec::new();
        let mut serializer = V2DeflateSerializer::new();
        serializer.serialize(&self.0, &mut bytes).map_err(|e| e.to_string())?;
        Ok(STANDARD.encode(bytes))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_CHARS_MAX {
            return Err(format!("a histogram has more than {TEXT_CHARS_MAX} characters"));
        }
        let bytes = STANDARD.decode(text).map_err(|e| e.to_string())?;
        let read: Histogram<u64> =
            Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|e| e.to_string())?;
        let mut times = Self::new();
        times.0.add(&read).map_err(|e| e.to_string())?;
        Ok(times)
    }
}

impl Default for Times {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Times")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("max", &self.max())
            .finish()
    }
}

impl serde::Serialize for Times {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text().map_err(S::Error::custom)?)
    }
}

impl<'de> serde::Deserialize<'de> for Times {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_text(&text).map_err(D::Error::custom)
    }
}

impl schemars::JsonSchema for Times {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Times".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "maxLength": TEXT_CHARS_MAX,
            "description": "Times in nanoseconds: an HdrHistogram in its V2 encoding, compressed.",
        })
    }
}

/// A distribution at rest: its text, a few hundred bytes instead of 270 KB.
#[derive(
    Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct PackedTimes(String);

impl PackedTimes {
    /// Packs a distribution.
    #[must_use]
    pub fn new(times: &Times) -> Self {
        // Writing to memory cannot fail; an empty text is read as no times.
        Self(times.to_text().unwrap_or_default())
    }

    /// The distribution.
    ///
    /// # Errors
    /// Says why the text is none; one that [`PackedTimes::new`] made always is.
    pub fn unpack(&self) -> Result<Times, String> {
        if self.0.is_empty() { Ok(Times::new()) } else { Times::from_text(&self.0) }
    }

    /// The text: base64 of the compressed V2 encoding, as interval logs hold it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn times_survive_storage_and_merging_adds_them(
            left in proptest::collection::vec(0_u64..10_000_000_000, 0..50),
            right in proptest::collection::vec(0_u64..10_000_000_000, 0..50),
        ) {
            let of = |nanos: &[u64]| {
                let mut times = Times::new();
                nanos.iter().for_each(|n| times.record(Duration::from_nanos(*n)));
                times
            };
            let mut merged = of(&left);
            merged.merge(&PackedTimes::new(&of(&right)).unpack().unwrap());
            prop_assert_eq!(&merged, &of(&[left, right].concat()));
            let text = serde_json::to_string(&merged).unwrap();
            prop_assert_eq!(serde_json::from_str::<Times>(&text).unwrap(), merged);
        }

        #[test]
        fn any_text_is_a_distribution_or_an_error(text in "[A-Za-z0-9+/=]{0,200}") {
            let _ = Times::from_text(&text);
        }
    }

    #[test]
    fn times_beyond_an_hour_count_as_an_hour() {
        let mut times = Times::new();
        times.record(Duration::from_secs(100_000));
        assert!((3599..=3602).contains(&times.max().as_secs()));
        assert!(Times::from_text(&"A".repeat(TEXT_CHARS_MAX + 1)).is_err());
    }
}
