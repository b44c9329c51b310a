//! A scenario: what the country's facilities do to the centre on some day, as a TOML file.

use super::RunError;
use super::calendar::Calendar;
use super::patients::CardMix;
use super::plan::Curve;
use super::query::Mix;
use super::result::Spacing;
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

/// Longest scenario file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most streams: each has histograms in every thread, about 1 MiB.
const STREAMS_MAX: usize = 64;
/// Most points in a curve that is written down.
const POINTS_MAX: usize = 100_000;

/// A scenario file. The files in `loadgen/scenarios` are examples with every part explained.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// One sentence.
    pub title: String,
    /// How requests are spread within a moment.
    #[serde(default)]
    pub spacing: Spacing,
    /// Seed of everything random, unless the command line says another.
    #[serde(default = "one")]
    pub seed: u64,
    /// Time at the beginning that is not measured, such as `10s`.
    #[serde(default)]
    warmup: Span,
    /// Points of the rate of all streams together, joined by straight lines: `["10s", 15000]`.
    #[serde(default)]
    rate: Vec<(Span, f64)>,
    /// Instead of `rate`: simulated days.
    calendar: Option<Calendar>,
    /// What the run has to meet, such as `p99 < 5ms`.
    #[serde(default)]
    pub thresholds: Vec<String>,
    /// Who asks.
    #[serde(rename = "stream")]
    pub streams: Vec<StreamSpec>,
}

/// One group of facilities.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamSpec {
    /// Its name in reports.
    pub name: String,
    /// Its part of the rate, in any unit: only the proportions matter.
    #[serde(default)]
    share: f64,
    /// Instead of a share: a rate of its own.
    #[serde(default)]
    rate: Vec<(Span, f64)>,
    /// With a calendar: how the day's requests are spread over its 24 hours, in any unit.
    #[serde(default)]
    pub hours: Vec<f64>,
    /// With a calendar: how much of an ordinary day happens from Monday to Sunday.
    #[serde(default)]
    pub weekdays: Vec<f64>,
    /// Kept-alive connections.
    pub connections: u32,
    /// Facilities that share them, each with a certificate of its own as far as there are enough.
    pub facilities: u32,
    /// Requests after which a connection is opened anew, on average; left out for never.
    pub requests_per_connection: Option<u32>,
    /// What is asked about.
    #[serde(default)]
    pub mix: Mix,
    /// Instead of lookups: visits with a My Number card, and how their patients behave.
    pub cards: Option<CardMix>,
}

/// A time such as `10s` or `1h 30m`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_warmup(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

const fn one() -> u64 {
    1
}

impl StreamSpec {
    /// The only stream of a run that the command line describes.
    pub(super) fn only(
        connections: u32,
        requests_per_connection: Option<u32>,
        cards: Option<CardMix>,
    ) -> Self {
        Self {
            name: if cards.is_some() { "card visits" } else { "lookups" }.to_owned(),
            share: 1.0,
            rate: Vec::new(),
            hours: Vec::new(),
            weekdays: Vec::new(),
            connections,
            // Each connection is another facility's, as far as there are certificates.
            facilities: connections,
            requests_per_connection,
            mix: Mix::default(),
            cards,
        }
    }
}

impl Scenario {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`RunError::File`], or [`RunError::Scenario`] with what to change.
    pub(super) fn read(path: &Path) -> Result<Self, RunError> {
        let size = std::fs::metadata(path).map_err(RunError::file(path))?.len();
        let reason = |reason: String| RunError::Scenario { path: path.to_owned(), reason };
        if size > FILE_BYTES_MAX {
            return Err(reason(format!("longer than {FILE_BYTES_MAX} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(RunError::file(path))?;
        let scenario: Self = toml::from_str(&text).map_err(|e| reason(e.to_string()))?;
        scenario.check().map_err(reason)?;
        scenario.curves(1.0).map_err(|e| reason(e.to_string()))?;
        Ok(scenario)
    }

    /// One stream that the command line describes.
    pub(super) fn of_options(
        rate: Vec<(Duration, f64)>,
        warmup: Duration,
        spacing: Spacing,
        stream: StreamSpec,
    ) -> Self {
        Self {
            title: format!("{} as the command line says", stream.name),
            spacing,
            seed: one(),
            warmup: Span(warmup),
            rate: rate.into_iter().map(|(at, rate)| (Span(at), rate)).collect(),
            calendar: None,
            thresholds: Vec::new(),
            streams: vec![stream],
        }
    }

    /// The same, so many times as fast: times become shorter, rates stay.
    pub(super) fn at_pace(mut self, pace: f64) -> Self {
        let streams = self.streams.iter_mut().flat_map(|stream| &mut stream.rate);
        for (at, _) in self.rate.iter_mut().chain(streams) {
            at.0 = at.0.div_f64(pace);
        }
        self.warmup.0 = self.warmup.0.div_f64(pace);
        self.calendar = self.calendar.map(|calendar| calendar.at_pace(pace));
        self
    }

    fn check(&self) -> Result<(), String> {
        if !(1..=STREAMS_MAX).contains(&self.streams.len()) {
            return Err(format!("give 1 to {STREAMS_MAX} [[stream]]"));
        }
        if self.rate.is_empty() == self.calendar.is_none()
            && self.streams.iter().any(|s| s.rate.is_empty())
        {
            return Err("give either `rate` or [calendar]".to_owned());
        }
        for (at, stream) in self.streams.iter().enumerate() {
            let wrong = |text: &str| Err(format!("stream {}: {text}", stream.name));
            if self.streams.iter().take(at).any(|other| other.name == stream.name) {
                return wrong("there are two of this name");
            }
            if stream.connections == 0 || stream.facilities == 0 {
                return wrong("connections and facilities must be at least 1");
            }
            if (stream.share > 0.0) != stream.rate.is_empty() || !stream.share.is_finite() {
                return wrong("give either a `share` above 0 or a `rate`");
            }
            if stream.requests_per_connection == Some(0) {
                return wrong("requests_per_connection must be at least 1; leave it out for never");
            }
            if stream.cards.is_some_and(|cards| !cards.is_in_range()) {
                return wrong("shares of cards are 0 to 1000 in 1000, pin and visual together");
            }
            if !stream.mix.is_in_range() {
                return wrong("shares of the mix are 0 to 1000 in 1000, days_ahead -3650 to 3650");
            }
            if let Some(calendar) = &self.calendar {
                calendar.check_stream(&stream.hours, &stream.weekdays).or_else(|e| wrong(&e))?;
            }
        }
        self.calendar.as_ref().map_or(Ok(()), Calendar::check)
    }

    /// Time at the beginning that is not measured.
    pub(super) const fn warmup(&self) -> Duration {
        self.warmup.0
    }

    /// The rate of each stream, in their order, all multiplied by a factor.
    ///
    /// # Errors
    /// [`RunError::Option`] when a curve makes no sense.
    pub(super) fn curves(&self, factor: f64) -> Result<Vec<Curve>, RunError> {
        let all: f64 = self.streams.iter().map(|stream| stream.share).sum();
        if let Some(calendar) = &self.calendar {
            let streams = self.streams.iter().map(|s| (s.share, &*s.hours, &*s.weekdays));
            let curves = calendar.curves(&streams.collect::<Vec<_>>())?;
            return curves.iter().map(|curve| curve.times(factor)).collect();
        }
        let curve = |stream: &StreamSpec| {
            let (points, share) = match stream.rate.is_empty() {
                true => (&self.rate, stream.share / all),
                false => (&stream.rate, 1.0),
            };
            if points.len() > POINTS_MAX {
                let reason = format!("more than {POINTS_MAX} points");
                return Err(RunError::Option { option: "rate", reason });
            }
            let points =
                points.iter().map(|(at, rate)| (at.0.as_secs_f64(), rate * share * factor));
            Curve::new(points.collect())
        };
        self.streams.iter().map(curve).collect()
    }
}

/// The sum of several curves, as points.
pub(super) fn sum(curves: &[Curve]) -> Vec<(f64, f64)> {
    let mut times: Vec<f64> = curves.iter().flat_map(|c| c.points().iter().map(|p| p.0)).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let mut points: Vec<(f64, f64)> = Vec::new();
    for at in times {
        let before: f64 = curves.iter().map(|curve| curve.rate_before(at)).sum();
        let after: f64 = curves.iter().map(|curve| curve.rate_after(at)).sum();
        if at > 0.0 {
            points.push((at, before));
        }
        if at == 0.0 || (before - after).abs() > 1e-9 {
            points.push((at, after));
        }
    }
    points
}
