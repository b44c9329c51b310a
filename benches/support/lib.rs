//! What the benchmarks share: synthetic people in a store, the real programs as processes, and
//! what is made of the measured numbers.

mod centre;
mod corpus;
mod error;
mod process;
mod stats;
mod steps;

pub use centre::{Centre, DATE, FACILITY, SEED};
pub use corpus::Corpus;
pub use error::BenchError;
pub use process::{CpuTime, GENERATOR_CORE, Pinned, SERVER_CORE, Server, program};
pub use stats::{Summary, own_cpu_seconds, summary, whole};
pub use steps::{COUNTED, Step, face_steps, steps};
