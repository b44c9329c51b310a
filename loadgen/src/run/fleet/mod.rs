//! Many generators, on one machine or several, that run one plan together.
//!
//! `shikaku-loadgen worker` waits for a coordinator; `shikaku-loadgen coordinate` gives each worker
//! its part of the run, starts them together and adds what they measured. Every worker needs the
//! population, the certificates and the scenario under the same paths.
//!
//! Who can reach a worker can make it send load, so a worker listens on loopback only, unless it
//! shares a secret with its coordinator: then each run must be signed with it for a number that
//! the worker has just made up.

mod coordinate;
mod link;
#[cfg(test)]
mod tests;
mod worker;

pub use coordinate::{CoordinateArgs, execute as coordinate};
pub use worker::{WorkerArgs, execute as work};

use super::RunError;
use super::drive::Job;
use std::path::Path;

/// Most workers of one coordinator.
const WORKERS_MAX: usize = 256;
/// Shortest secret, in bytes.
const SECRET_BYTES_MIN: usize = 16;

/// Reads the secret that coordinator and workers share.
fn secret(path: Option<&Path>) -> Result<Option<Vec<u8>>, RunError> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read(path).map_err(RunError::file(path))?;
    let secret = text.trim_ascii().to_vec();
    if secret.len() < SECRET_BYTES_MIN {
        let reason = format!("it must have at least {SECRET_BYTES_MIN} bytes");
        return Err(RunError::Option { option: "--secret-file", reason });
    }
    Ok(Some(secret))
}

/// Reduces a job to the part that one of several workers does.
fn part(job: &mut Job, index: u32, of: u32) {
    let of = of.max(1);
    job.setup.part = (index, of);
    for stream in &mut job.setup.streams {
        // The same for all, so that they divide the plan in the same way.
        let own = (stream.connections / of).max(1);
        stream.connections = own;
        stream.facilities.0 += (index * own) as usize;
    }
    let about = &mut job.description;
    about.connections = job.setup.streams.iter().map(|stream| stream.connections).sum();
    about.target_per_second = about.target_per_second.map(|rate| rate / f64::from(of));
    about.plan.iter_mut().for_each(|point| point.1 /= f64::from(of));
}
