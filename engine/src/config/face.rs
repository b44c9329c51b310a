//! The section `[face]`.

use super::{ConfigError, within};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The comparison of faces. What the models can promise stands in their manifest; a promise that
/// they cannot keep is refused at the start.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Face {
    /// The models' manifest.
    pub manifest: PathBuf,
    /// Of how many strangers with a found card one may pass, over all frames and tries; above 0,
    /// at most 0.1.
    #[serde(default = "Face::default_false_match_rate")]
    pub false_match_rate: f64,
    /// Usable frames of a decision; 1 to 16.
    #[serde(default = "Face::default_frames")]
    pub frames: u32,
    /// Tries with one photograph; 1 to 10.
    #[serde(default = "Face::default_tries")]
    pub tries: u32,
    /// The part of prints, screens and masks that may pass for a living person, a row of the
    /// manifest. Without it liveness is not judged: only where staff watch the camera.
    pub attack_rate: Option<f64>,
    /// Threads that run models; 1 to 256. Each takes a core for 50 ms a frame, so this many cores
    /// are not the lookups' at a peak. One in four is enough for most.
    #[serde(default = "Face::default_workers")]
    pub workers: usize,
    /// How long a photograph's face is held at most; 10 to 600 s: a patient before a camera.
    #[serde(default = "Face::default_held_seconds")]
    pub held_seconds: u64,
}

impl Face {
    const fn default_false_match_rate() -> f64 {
        1e-2
    }
    const fn default_frames() -> u32 {
        3
    }
    const fn default_tries() -> u32 {
        3
    }
    fn default_workers() -> usize {
        (std::thread::available_parallelism().map_or(1, usize::from) / 4).max(1)
    }
    const fn default_held_seconds() -> u64 {
        120
    }

    pub(super) fn check_ranges(&self) -> Result<(), ConfigError> {
        within("face.false_match_rate", self.false_match_rate, 1e-9..=0.1)?;
        within("face.frames", self.frames, 1..=16)?;
        within("face.tries", self.tries, 1..=10)?;
        within("face.attack_rate", self.attack_rate.unwrap_or(1.0), 1e-9..=1.0)?;
        within("face.workers", self.workers, 1..=256)?;
        within("face.held_seconds", self.held_seconds, 10..=600)
    }
}
