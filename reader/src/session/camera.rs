//! What a session knows of a camera and of whoever compares faces: outcomes, and no pixel.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shikaku_face::quality::Advice;
use shikaku_face::verify::Outcome;
use zeroize::Zeroizing;

use super::facts::{Moment, SessionId, Ticket};

/// The card's photograph on its way to whoever compares faces: passed on, never kept.
///
/// Erased from memory when the last of its owners drops it; its `Debug` is a mask.
#[derive(Clone, PartialEq, Eq)]
pub struct Photo(Arc<Zeroizing<Vec<u8>>>);

impl Photo {
    /// A photograph as the card holds it: the bytes of a picture's file.
    #[must_use]
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Arc::new(bytes))
    }

    /// The bytes; copied only when somebody else still holds them.
    #[must_use]
    pub fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        Arc::try_unwrap(self.0).unwrap_or_else(|shared| Zeroizing::new(shared.to_vec()))
    }
}

impl fmt::Debug for Photo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Photo(***)")
    }
}

/// What one frame came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It cannot be used.
    Adjust(Advice),
    /// It was used, and more are wanted.
    More {
        /// Frames used so far.
        used: u32,
        /// Frames that a decision takes.
        of: u32,
    },
    /// The try is over.
    Decided(Outcome),
}

/// Why a face cannot be compared. Not a word about whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum FaceTrouble {
    /// The browser may not use the camera.
    #[error("the browser is not allowed to use the camera")]
    CameraRefused,
    /// There is none.
    #[error("no camera is connected")]
    CameraMissing,
    /// There is one and it gives no picture.
    #[error("the camera gives no picture")]
    CameraBroken,
    /// Too much is compared already.
    #[error("too many faces are compared at once")]
    Busy,
    /// The card's photograph shows no face that can be compared.
    #[error("the card's photograph cannot be used")]
    PhotoUnusable,
    /// The models fail.
    #[error("the comparison of faces does not work")]
    Broken,
}

impl FaceTrouble {
    /// The stable code, for staff and logs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::CameraRefused => "SHK-RDR-301",
            Self::CameraMissing => "SHK-RDR-302",
            Self::CameraBroken => "SHK-RDR-303",
            Self::Busy => "SHK-RDR-304",
            Self::PhotoUnusable => "SHK-RDR-305",
            Self::Broken => "SHK-RDR-306",
        }
    }
}

/// Whose frames are looked at now: one try of one session on one screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Carried back with each look.
    pub ticket: Ticket,
    /// The session that the page shows.
    pub session: SessionId,
    /// The screen that the page shows.
    pub seq: u64,
}

/// Most cards whose failed tries are remembered; a busy counter sees one patient a minute.
const REMEMBERED_MAX: usize = 16;

/// Tries that matched nobody, by card: taking the card off and placing it again gives no new ones.
///
/// Holds no name and no picture, only the certificate's bytes, for some minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals(Vec<Refusal>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    card: Arc<[u8]>,
    tries: u32,
    until: Moment,
}

impl Refusals {
    /// Nothing is remembered.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Tries of a card that matched nobody, of those that are remembered still.
    #[must_use]
    pub fn of(&self, card: &[u8], now: Moment) -> u32 {
        let found = self.0.iter().find(|one| *one.card == *card && one.until > now);
        found.map_or(0, |one| one.tries)
    }

    /// One more.
    pub(super) fn add(&mut self, card: &Arc<[u8]>, now: Moment, until: Moment) {
        let tries = self.of(card, now).saturating_add(1);
        self.0.retain(|one| one.until > now && one.card != *card);
        if self.0.len() == REMEMBERED_MAX {
            self.0.remove(0);
        }
        self.0.push(Refusal { card: Arc::clone(card), tries, until });
    }

    /// Forgets what is long over.
    pub(super) fn forget(&mut self, now: Moment) {
        self.0.retain(|one| one.until > now);
    }
}
