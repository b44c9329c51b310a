//! What was to be done, and where.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was to be done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Description {
    /// Name of the scenario; `lookups` for a run that the command line describes.
    pub scenario: String,
    /// One sentence about it.
    pub title: String,
    /// Whether requests wait for the clock or for answers.
    pub model: Model,
    /// How requests are spread within a moment.
    pub spacing: Spacing,
    /// `host:port`.
    pub target: String,
    /// Whether the connections are TLS with a client certificate.
    pub tls: bool,
    /// What is asked: an interface's name, or `constant PATH`.
    pub questions: String,
    /// Facilities with a certificate of their own.
    pub facilities: u32,
    /// Connections of all workers together.
    pub connections: u32,
    /// Different questions prepared, of all streams.
    pub prepared_questions: u64,
    /// Memory they take, in bytes.
    pub prepared_bytes: u64,
    /// Time before measuring begins, in seconds.
    pub warmup_seconds: f64,
    /// The measured part, in seconds.
    pub planned_seconds: f64,
    /// Mean planned rate of the measured part, of all workers; `None` in the closed model.
    pub target_per_second: Option<f64>,
    /// Planned rate over time: points (seconds since the start, requests a second) to be joined
    /// by straight lines; two points at one time are a step. Empty in the closed model.
    pub plan: Vec<(f64, f64)>,
    /// Longest wait for one answer, in seconds.
    pub timeout_seconds: f64,
    /// Seed of everything random.
    pub seed: u64,
    /// When the run began, RFC 3339.
    pub started_at: String,
    /// What else its user wants told, such as the commit that was measured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What the run has to meet, such as `p99 < 5ms`, as the scenario says it.
    pub thresholds: Vec<String>,
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    #[default]
    /// By a plan that never waits for the server: queueing shows as latency.
    Open,
    /// As soon as a connection has its answer: hides queueing.
    Closed,
}

/// How requests are spread over time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Equal gaps.
    #[default]
    Even,
    /// Exponential gaps, as callers who know nothing of each other arrive.
    Poisson,
    /// As recorded in a file.
    #[value(skip)]
    Recorded,
}

/// A process that generated load, and what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Worker {
    /// `local`, or the address under which the coordinator knows it.
    pub name: String,
    /// Version of the program.
    pub version: String,
    /// Processor's name.
    pub processor: String,
    /// Cores of the machine.
    pub cores: u32,
    /// Cores that the generator may use, such as `1` or `0-3`; empty where unknown.
    pub generator_cores: String,
    /// Cores that the server may use, where its process is known; empty otherwise.
    pub server_cores: String,
    /// Memory of the machine, in bytes; zero where unknown.
    pub memory_bytes: u64,
    /// Kernel's name and version.
    pub system: String,
    /// Generator threads.
    pub threads: u32,
    /// CPU time of the whole run, warm-up included, in seconds; `None` where unknown.
    pub cpu_seconds: Option<f64>,
    /// The busiest thread's share of one core, 0 to 1; `None` where unknown.
    pub busiest_thread: Option<f64>,
    /// CPU time for one request of the whole run, in microseconds; `None` where unknown.
    pub cpu_us_per_request: Option<f64>,
    /// What signing for cards cost; `None` in a run without cards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<SigningWork>,
}

/// What the threads that sign for cards did, warm-up included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SigningWork {
    /// Threads.
    pub threads: u32,
    /// Cores that they may use, such as `0-1`; empty where unknown.
    #[serde(default)]
    pub cores: String,
    /// RSA-2048 signatures made.
    pub signatures: u64,
    /// CPU time of all, in seconds; `None` where unknown.
    pub cpu_seconds: Option<f64>,
    /// The busiest thread's share of one core, 0 to 1; `None` where unknown.
    pub busiest_thread: Option<f64>,
}
