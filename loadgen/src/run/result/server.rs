//! What the server told of itself while the load was on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The server's own metrics over the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerSeries {
    /// Where they were read: `host:port/path`.
    pub source: String,
    /// The version that the server states; empty where it states none.
    pub version: String,
    /// What was read, oldest first, about one a second from before the first request on.
    pub samples: Vec<ServerSample>,
    /// Attempts that gave nothing usable.
    pub failed: u64,
}

/// What the server said at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerSample {
    /// Seconds since the start of the plan.
    pub at_seconds: f64,
    /// Counters and gauges by name, summed over their labels.
    pub values: BTreeMap<String, f64>,
}

impl ServerSeries {
    /// A counter's growth a second over the `span` seconds before each sample, as points (seconds,
    /// rate); a counter that went back, as after a restart, gives no point.
    #[must_use]
    pub fn rate(&self, name: &str, span: f64) -> Vec<(f64, f64)> {
        let values = self.values(name);
        let rate = |(after, is): &(f64, f64)| {
            let earlier = values.iter().rev().find(|(at, _)| *at <= after - span);
            let (before, was) = earlier.filter(|(at, was)| at < after && was <= is)?;
            Some((*after, (is - was) / (after - before)))
        };
        values.iter().filter_map(rate).collect()
    }

    /// A gauge's values, as points (seconds, value).
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<(f64, f64)> {
        let point = |sample: &ServerSample| Some((sample.at_seconds, *sample.values.get(name)?));
        self.samples.iter().filter_map(point).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_between_samples_and_survive_a_restart_of_the_server() {
        let sample = |at_seconds, value| ServerSample {
            at_seconds,
            values: BTreeMap::from([("a".to_owned(), value)]),
        };
        let samples =
            vec![sample(0.0, 10.0), sample(2.0, 30.0), sample(3.0, 1.0), sample(4.0, 6.0)];
        let series = ServerSeries { samples, ..ServerSeries::default() };
        assert_eq!(series.rate("a", 1.0), [(2.0, 10.0), (4.0, 5.0)]);
        assert_eq!(series.rate("a", 2.0), [(2.0, 10.0)]);
        assert_eq!(series.values("a").len(), 4);
        assert_eq!(series.rate("b", 1.0), []);
    }
}
