//! What a run leaves behind: one value that is the JSON file, the message of a worker to its
//! coordinator, and what reports are made of.
//!
//! Results of workers that ran at the same time merge into one ([`RunResult::merge`]); percentiles
//! are never averaged, histograms are added.

mod description;
mod measured;
mod server;

pub use description::*;
pub use measured::*;
pub use server::*;

use super::verdict::{Verdict, judge};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Version of the layout; grows when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 2;
/// Most wrong answers kept, by thread, by worker and in the result.
pub const EXAMPLES_MAX: usize = 20;

/// A finished run. Times of the series are counted from the start of the plan, warm-up included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunResult {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was planned.
    pub description: Description,
    /// Where the generators ran, one entry a worker.
    pub workers: Vec<Worker>,
    /// Length of the measured part that took place, in seconds.
    pub measured_seconds: f64,
    /// The run was ended early by its user or by a loss (see the verdict).
    pub partial: bool,
    /// Everything of the measured part together.
    pub total: Measured,
    /// The same by stream, in the order of the plan. Sums to `total`.
    pub streams: Vec<Stream>,
    /// Second by second from the start, warm-up included.
    pub seconds: Vec<Second>,
    /// What the server told of itself meanwhile, where its metrics were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerSeries>,
    /// The first [`EXAMPLES_MAX`] wrong answers, also of the warm-up.
    pub wrong_examples: Vec<WrongAnswer>,
    /// Events worth telling, such as a step of the machine's clock.
    pub notes: Vec<String>,
    /// Whether the numbers may be used.
    pub verdict: Verdict,
}

impl RunResult {
    /// Answers with the expected status a second, over the measured part.
    #[must_use]
    pub fn achieved_per_second(&self) -> f64 {
        self.total.service.count() as f64 / self.measured_seconds.max(1e-9)
    }

    /// Adds the result of a worker that ran at the same time as a part of the same plan, and
    /// judges anew.
    pub fn merge(&mut self, other: Self) {
        let Self { description, workers, total, streams, seconds, server, .. } = other;
        let Self { wrong_examples, notes, .. } = other;
        let own = &mut self.description;
        own.connections += description.connections;
        own.prepared_questions += description.prepared_questions;
        own.prepared_bytes += description.prepared_bytes;
        own.target_per_second =
            own.target_per_second.zip(description.target_per_second).map(|(a, b)| a + b);
        // Workers run equal shares of one plan: the points are at the same times.
        for ((_, rate), (_, more)) in own.plan.iter_mut().zip(&description.plan) {
            *rate += more;
        }
        self.workers.extend(workers);
        self.measured_seconds = self.measured_seconds.max(other.measured_seconds);
        self.partial |= other.partial;
        self.total.merge(&total);
        for stream in streams {
            match self.streams.iter_mut().find(|own| own.name == stream.name) {
                Some(own) => own.measured.merge(&stream.measured),
                None => self.streams.push(stream),
            }
        }
        // Workers watch the same server: one account of it is enough.
        self.server = self.server.take().or(server);
        merge_seconds(&mut self.seconds, &seconds);
        self.wrong_examples.extend(wrong_examples);
        self.wrong_examples.truncate(EXAMPLES_MAX);
        self.notes.extend(notes);
        self.verdict = judge(self);
    }

    /// Length of the measured part.
    #[must_use]
    pub fn measured(&self) -> Duration {
        Duration::try_from_secs_f64(self.measured_seconds).unwrap_or_default()
    }
}
