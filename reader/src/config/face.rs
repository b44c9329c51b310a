//! 顔認証 in the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shikaku_face::policy::Policy;

/// 顔認証: the camera compares the holder with the card's photograph, on this machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaceConfig {
    /// The manifest of the models; their files lie beside it.
    pub manifest: PathBuf,
    /// Of how many strangers with somebody's card one may pass, over all frames of all tries: above 0,
    /// at most 0.1. The manifest needs a threshold that keeps it.
    #[serde(default = "defaults::false_match_rate")]
    pub false_match_rate: f64,
    /// Usable frames that one decision takes, 1 to 16.
    #[serde(default = "defaults::frames")]
    pub frames: u32,
    /// Tries that a card has, 1 to 10. Those that matched nobody count for `memory_minutes`, whether or not
    /// the card is taken off and placed again.
    #[serde(default = "defaults::tries")]
    pub tries: u32,
    /// For how many minutes, 1 to 1440.
    #[serde(default = "defaults::memory_minutes")]
    pub memory_minutes: u32,
    /// Which part of attacks with prints, screens and masks may pass (APCER): a row of the manifest. 0 when
    /// staff always see the camera; then liveness is not judged.
    #[serde(default = "defaults::attack_pass_rate")]
    pub attack_pass_rate: f64,
}

impl FaceConfig {
    /// The same in the comparison's own words.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy {
            fmr: self.false_match_rate,
            frames: self.frames,
            tries: self.tries,
            apcer: Some(self.attack_pass_rate).filter(|rate| *rate != 0.0),
        }
    }
}

mod defaults {
    pub(super) const fn false_match_rate() -> f64 {
        1e-3
    }
    pub(super) const fn frames() -> u32 {
        3
    }
    pub(super) const fn tries() -> u32 {
        3
    }
    pub(super) const fn memory_minutes() -> u32 {
        30
    }
    pub(super) const fn attack_pass_rate() -> f64 {
        0.1
    }
}
