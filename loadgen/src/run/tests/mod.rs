//! The generator against small servers that behave in a known way.

mod honest;
mod lying;
mod questions;
mod scenarios;
pub(super) mod server;
mod tls;
mod visits;

use super::RunError;
use super::client::{Setup, StreamSetup};
use super::drive::{Job, drive};
use super::plan::{Curve, Plan};
use super::query::Prepared;
use super::result::{Counts, Description, Model, RunResult, Spacing};
use super::target::{Reach, Target};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A short run: one thread, constant requests without audit; tests change what they are about.
#[derive(Clone)]
struct Plain {
    target: Arc<Target>,
    prepared: Arc<Prepared>,
    model: Model,
    spacing: Spacing,
    rate: f64,
    threads: u32,
    connections: u32,
    requests_per_connection: Option<u32>,
    warmup: Duration,
    duration: Duration,
    timeout: Duration,
}

fn plain(server: SocketAddr) -> Plain {
    let target = Target::new(&format!("http://{server}"), None, Reach::Loopback).unwrap();
    Plain {
        prepared: Arc::new(Prepared::constant(&target.authority, "/constant")),
        target: Arc::new(target),
        model: Model::Open,
        spacing: Spacing::Even,
        rate: 200.0,
        threads: 1,
        connections: 4,
        requests_per_connection: None,
        warmup: Duration::ZERO,
        duration: Duration::from_millis(250),
        timeout: Duration::from_secs(10),
    }
}

impl Plain {
    fn run(self) -> Result<RunResult, RunError> {
        let curve = Curve::constant(self.rate, self.warmup + self.duration).unwrap();
        let facilities = self.target.facilities();
        let stream = StreamSetup {
            name: "lookups".to_owned(),
            prepared: self.prepared,
            visits: None,
            plan: Plan::Rate { curve: Arc::new(curve), spacing: self.spacing, seed: 1 },
            connections: self.connections,
            facilities: (0, facilities),
            requests_per_connection: self.requests_per_connection,
        };
        let setup = Setup {
            target: self.target,
            streams: vec![stream],
            model: self.model,
            threads: self.threads,
            signers: 1,
            signer_cores: Vec::new(),
            cores: Vec::new(),
            warmup: self.warmup,
            duration: self.duration,
            timeout: self.timeout,
            part: (0, 1),
        };
        let description = Description { model: self.model, ..Description::default() };
        drive(&Job { setup, description, server_pid: None, metrics: None }, None, &mut |_| {})
    }

    /// What it counted.
    fn counts(self) -> Counts {
        self.run().unwrap().total.counts
    }
}
