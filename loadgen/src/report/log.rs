//! Latencies second by second as an `HdrHistogram` interval log: the form that the tools of other
//! load generators read, and that can be joined by simply appending.

use super::ReportError;
use crate::run::result::{RunResult, Second};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::time::{Duration, SystemTime};

/// Nanoseconds in the unit of the log's printed maxima, milliseconds, as is the custom.
const MAX_DIVISOR: f64 = 1e6;
const SECOND: Duration = Duration::from_secs(1);

/// The log of a result: a line for each second, tagged with the scenario's name. Values are in
/// nanoseconds. Seconds of the warm-up are left out.
///
/// # Errors
/// [`ReportError::Log`].
pub fn interval_log(result: &RunResult) -> Result<Vec<u8>, ReportError> {
    let failed = |error: &dyn std::fmt::Debug| ReportError::Log(format!("{error:?}"));
    let start = started_at(result)?;
    let name: String = result.description.scenario.chars().map(plain).collect();
    let comment = format!("Shikaku load generator, scenario {name}, values in nanoseconds");
    let mut out = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment(&comment)
        .with_start_time(start)
        .with_base_time(start)
        .with_max_value_divisor(MAX_DIVISOR)
        .begin_log_with(&mut out, &mut serializer)
        .map_err(|error| failed(&error))?;
    let is_measured =
        |second: &&Second| f64::from(second.second) >= result.description.warmup_seconds;
    for second in result.seconds.iter().filter(is_measured) {
        let times = second.latency.unpack().map_err(ReportError::Log)?;
        let at = Duration::from_secs(u64::from(second.second));
        log.write_histogram(times.histogram(), at, SECOND, Tag::new(&name))
            .map_err(|error| failed(&error))?;
    }
    Ok(out)
}

fn started_at(result: &RunResult) -> Result<SystemTime, ReportError> {
    let at: jiff::Timestamp = result
        .description
        .started_at
        .parse()
        .map_err(|error| ReportError::Log(format!("started_at: {error}")))?;
    Ok(at.into())
}

/// A tag ends at a comma and a comment at the end of its line.
fn plain(letter: char) -> char {
    if letter.is_control() || matches!(letter, ',' | ' ') { '-' } else { letter }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, sample};
    use super::*;
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    #[test]
    fn logs_of_two_workers_joined_hold_all_their_times() {
        use base64::Engine as _;
        let result = sample(Sample::Valid);
        let log = interval_log(&result).unwrap();
        let joined = [log.clone(), log].concat();
        let mut merged = Histogram::<u64>::new(3).unwrap();
        let mut intervals = 0;
        for entry in IntervalLogIterator::new(&joined) {
            let LogEntry::Interval(line) = entry.unwrap() else { continue };
            let text = line.encoded_histogram();
            let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
            let one: Histogram<u64> = Deserializer::new().deserialize(&mut &bytes[..]).unwrap();
            merged.add(&one).unwrap();
            assert_eq!(line.tag().unwrap().as_str(), "lookups");
            intervals += 1;
        }
        let measured = result.seconds.len() - 5;
        assert_eq!(intervals, 2 * measured);
        assert_eq!(merged.len(), 2 * result.total.latency.count());
        let p99 = result.total.latency.quantile(0.99).as_nanos() as f64;
        assert!((merged.value_at_quantile(0.99) as f64 / p99 - 1.0).abs() < 0.002);
    }
}
