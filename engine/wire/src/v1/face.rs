//! The answers of `/v1/face/…`. Requests are pictures, as they are.

use super::iso;
use serde::{Deserialize, Serialize};
use shikaku_domain::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The face of a card's photograph, held to be compared with frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaceCardResponse {
    /// Names it.
    pub handle: String,
    /// Until when frames can be compared with it, at the latest.
    #[schema(example = "2026-11-01T09:02:00+09:00", format = DateTime)]
    pub expires_at: String,
    /// Usable frames of a decision.
    #[schema(example = 3)]
    pub frames: u32,
    /// Tries before it is let go of.
    #[schema(example = 3)]
    pub tries: u32,
}

impl FaceCardResponse {
    /// `expires` in Unix seconds.
    #[must_use]
    pub fn new(handle: String, expires: u64, frames: u32, tries: u32) -> Self {
        let at = iso::time(Timestamp::from_unix_seconds(expires));
        let expires_at = String::from_utf8_lossy(&at).into_owned();
        Self { handle, expires_at, frames, tries }
    }
}

/// What comes after a frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "step", rename_all = "camelCase")]
pub enum FaceStepResponse {
    /// The frame cannot be used.
    Adjust {
        /// What the patient can do about it: `nobody`, `tooDark`, `takeOffMask` and others.
        #[schema(example = "tooFar")]
        advice: Cow<'static, str>,
    },
    /// The frame is one of those that decide; more are wanted.
    More {
        /// Usable frames so far.
        used: u32,
        /// Usable frames of a decision.
        of: u32,
    },
    /// The try has ended.
    #[serde(rename_all = "camelCase")]
    Decided {
        /// `match`, `noMatch`, or `referToStaff` where neither is sure.
        #[schema(example = "match")]
        outcome: Cow<'static, str>,
        /// Tries that are left; with none the handle is gone.
        tries_left: u32,
        /// What the reader keeps about it.
        audit: FaceAudit,
    },
}

/// What is kept about a try: nothing of anybody's face, and no score, which would teach whoever
/// looks for a picture that passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FaceAudit {
    /// Frames that were looked at.
    pub seen: u32,
    /// Frames that could be used.
    pub used: u32,
    /// How often which advice was given.
    pub advice: BTreeMap<Cow<'static, str>, u32>,
    /// Milliseconds from the try's first moment to its decision.
    pub ms: u64,
}
