//! How sure a decision must be, and which thresholds of a manifest keep that promise.

use crate::FaceError;
use crate::manifest::{Manifest, Model, Role};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most frames that one decision may use: their number divides the false-match rate.
pub const FRAMES_MAX: u32 = 16;
/// The most tries that a person may have: they divide the rate once more.
pub const TRIES_MAX: u32 = 10;
/// The highest false-match rate of a transaction that is worth the name.
const FMR_MAX: f64 = 0.1;
/// Rates are compared to this relative precision: manifests hold them in decimal.
const PRECISION: f64 = 1e-6;

/// What whoever runs a kiosk promises about its decisions.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Policy {
    /// Of how many strangers with a found card one may pass, over all frames of all tries: above 0,
    /// at most 0.1.
    pub fmr: f64,
    /// Usable frames that one decision takes, 1 to [`FRAMES_MAX`].
    pub frames: u32,
    /// Tries before the face is no longer on offer, 1 to [`TRIES_MAX`]. Whoever asks counts them.
    pub tries: u32,
    /// The manifest's row of liveness: the part of attacks that may pass (APCER). Nothing when staff
    /// watch the camera: then liveness is not judged.
    pub apcer: Option<f64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { fmr: 1e-2, frames: 3, tries: 3, apcer: Some(0.1) }
    }
}

/// A model, as an audit names it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelName {
    /// As the manifest names it: `detector`, `embedder` and others.
    pub role: &'static str,
    /// The manifest's name of it.
    pub name: String,
    /// The first 16 digits of its file's SHA-256.
    pub sha256: String,
}

/// A policy with the thresholds of one manifest that keep it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The policy.
    pub policy: Policy,
    /// A comparison at or above this score counts as one person's.
    pub threshold: f64,
    /// The false-match rate of one comparison that the threshold was calibrated for: at most the
    /// policy's, divided by frames and tries.
    pub threshold_fmr: f64,
    /// Below this score, the threshold of the model's highest rate, nobody need look again.
    pub doubt: f64,
    /// From this logit on somebody counts as living.
    pub liveness: Option<f64>,
    /// Whose answers these are.
    #[serde(skip)]
    pub models: Arc<[ModelName]>,
}

impl Policy {
    /// The thresholds that keep this policy.
    ///
    /// The best of several frames decides, in each of several tries, so a comparison may err at most
    /// `fmr / (frames * tries)` (Bonferroni: true however the frames depend on one another). The
    /// manifest's row with the highest rate not above that is taken; nothing is interpolated, because
    /// between two rows the score at a rate is not known, and nothing is extrapolated.
    ///
    /// # Errors
    /// [`FaceError::PolicyRange`], [`FaceError::PolicyRate`], [`FaceError::PolicyLiveness`],
    /// [`FaceError::NoModel`].
    pub fn rule(self, manifest: &Manifest) -> Result<Rule, FaceError> {
        self.check()?;
        let embedder = manifest.model(Role::Embedder)?;
        let wanted = self.fmr / f64::from(self.frames) / f64::from(self.tries);
        let mut rows: Vec<_> =
            embedder.thresholds.iter().filter_map(|row| Some((row.fmr?, row.score))).collect();
        rows.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        let row = rows.iter().find(|(fmr, _)| *fmr <= wanted * (1.0 + PRECISION));
        let (threshold_fmr, threshold) = *row.ok_or_else(|| FaceError::PolicyRate {
            policy: Box::new(self),
            wanted,
            lowest: rows.last().map(|(fmr, _)| *fmr),
        })?;
        let doubt = rows.first().map_or(threshold, |(_, score)| *score);
        let liveness = self.apcer.map(|apcer| liveness(manifest, apcer)).transpose()?;
        let models = manifest.models().iter().map(Model::audit_name).collect();
        Ok(Rule { policy: self, threshold, threshold_fmr, doubt, liveness, models })
    }

    fn check(&self) -> Result<(), FaceError> {
        let ranges = [
            (self.fmr > 0.0 && self.fmr <= FMR_MAX, "fmr must lie above 0, at most 0.1"),
            ((1..=FRAMES_MAX).contains(&self.frames), "frames must lie from 1 to 16"),
            ((1..=TRIES_MAX).contains(&self.tries), "tries must lie from 1 to 10"),
            (
                self.apcer.is_none_or(|apcer| apcer > 0.0 && apcer < 1.0),
                "apcer must lie above 0 and below 1",
            ),
        ];
        let wrong = ranges.iter().find(|(is_good, _)| !is_good);
        wrong.map_or(Ok(()), |(_, what)| Err(FaceError::PolicyRange { what }))
    }
}

/// The logit of a row of liveness.
fn liveness(manifest: &Manifest, apcer: f64) -> Result<f64, FaceError> {
    let rows = &manifest.model(Role::Liveness)?.thresholds;
    let is_it = |one: f64| (one / apcer - 1.0).abs() < PRECISION;
    let row = rows.iter().find(|row| row.apcer.is_some_and(is_it));
    row.map(|row| row.score).ok_or_else(|| FaceError::PolicyLiveness {
        apcer,
        rows: rows.iter().filter_map(|row| row.apcer).collect(),
    })
}
