//! `/v1/face/cards…`: the engine compares faces for this machine.

use std::time::Duration;

use shikaku_wire::v1::{FaceCardResponse, FaceStepResponse};

use super::{CardApi, UNEXPECTED, UNREADABLE, code_of};
use crate::session::EngineFailure;

const CARDS: &str = "/v1/face/cards";
/// What a picture is, the engine tells by its bytes.
const PICTURE: &str = "application/octet-stream";
/// Longest wait for one picture: a patient stands before the camera.
const PICTURE_WITHIN: Duration = Duration::from_secs(5);

/// Why the engine compared nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FaceFailure {
    /// The picture cannot be read, or the photograph shows not one face.
    Picture,
    /// Too much is compared already, here or at the engine.
    Busy,
    /// The engine is not there, compares no faces, or holds this one no more; a code for logs.
    Broken(String),
}

impl From<EngineFailure> for FaceFailure {
    fn from(failure: EngineFailure) -> Self {
        Self::Broken(failure.code)
    }
}

impl CardApi {
    /// Has the engine hold the face of a card's photograph.
    pub(crate) fn hold_face(&self, photograph: &[u8]) -> Result<FaceCardResponse, FaceFailure> {
        self.picture(CARDS, photograph)
    }

    /// Has the engine compare one frame with a face that it holds.
    pub(crate) fn look(&self, handle: &str, frame: &[u8]) -> Result<FaceStepResponse, FaceFailure> {
        self.picture(&format!("{CARDS}/{handle}/frames"), frame)
    }

    /// Lets the engine overwrite a face before its time.
    pub(crate) fn let_go_of_face(&self, handle: &str) -> Result<(), ureq::Error> {
        let request = self.agent.delete(format!("{}{CARDS}/{handle}", self.base));
        let request = request.config().timeout_global(Some(PICTURE_WITHIN)).build();
        request.call().map(|_| ())
    }

    fn picture<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        picture: &[u8],
    ) -> Result<T, FaceFailure> {
        let (status, answer) = self.exchange(path, PICTURE, PICTURE_WITHIN, picture)?;
        let broken = |code: &str| FaceFailure::Broken(code.to_owned());
        match status {
            200 | 201 => serde_json::from_slice(&answer).map_err(|_| broken(UNREADABLE)),
            413 | 422 => Err(FaceFailure::Picture),
            // The frame before may still be looked at, after a wait that was given up.
            409 | 429 | 503 => Err(FaceFailure::Busy),
            _ => Err(broken(code_of(&answer).as_deref().unwrap_or(UNEXPECTED))),
        }
    }
}
