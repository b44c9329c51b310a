//! 顔認証 in the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use shikaku_face::policy::Policy;

/// Of how many strangers one may pass, where nothing else is said.
const FALSE_MATCH_RATE: f64 = 1e-3;
const FRAMES: u32 = 3;
const ATTACK_PASS_RATE: f64 = 0.1;

/// 顔認証: the camera compares the holder with the card's photograph, by models on this machine or
/// by those of the engine.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaceConfig {
    /// The manifest of this machine's models; their files lie beside it. Photographs and pictures of the
    /// camera then never leave the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
    /// The engine's models compare, for machines that are too weak for models of their own: photograph
    /// and pictures are sent there, and what the engine is configured for decides.
    #[serde(default)]
    pub engine: bool,
    /// Of how many strangers with somebody's card one may pass, over all frames of all tries: above 0,
    /// at most 0.1; 0.001 unless given. The manifest needs a threshold that keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_match_rate: Option<f64>,
    /// Usable frames that one decision takes, 1 to 16; 3 unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u32>,
    /// Which part of attacks with prints, screens and masks may pass (APCER): a row of the manifest; 0.1
    /// unless given. 0 when staff always see the camera; then liveness is not judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attack_pass_rate: Option<f64>,
    /// Tries that a card has, 1 to 10. Those that matched nobody count for `memory_minutes`, whether or not
    /// the card is taken off and placed again.
    #[serde(default = "defaults::tries")]
    pub tries: u32,
    /// For how many minutes, 1 to 1440.
    #[serde(default = "defaults::memory_minutes")]
    pub memory_minutes: u32,
}

impl FaceConfig {
    /// The same in the comparison's own words.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let attack_pass_rate = self.attack_pass_rate.unwrap_or(ATTACK_PASS_RATE);
        Policy {
            fmr: self.false_match_rate.unwrap_or(FALSE_MATCH_RATE),
            frames: self.frames.unwrap_or(FRAMES),
            tries: self.tries,
            apcer: Some(attack_pass_rate).filter(|rate| *rate != 0.0),
        }
    }

    /// Whether it says once who compares. What decides is the engine's where the engine compares: a
    /// rate that stood here would be believed and not kept.
    pub(super) const fn is_one_of_both(&self) -> bool {
        let has_rule = self.false_match_rate.is_some()
            || self.frames.is_some()
            || self.attack_pass_rate.is_some();
        if self.engine { self.manifest.is_none() && !has_rule } else { self.manifest.is_some() }
    }
}

mod defaults {
    pub(super) const fn tries() -> u32 {
        3
    }
    pub(super) const fn memory_minutes() -> u32 {
        30
    }
}
