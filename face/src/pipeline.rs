//! From the bytes of a picture to what a decision needs: all models of a manifest in their order.

use crate::FaceError;
use crate::align::TEMPLATE;
use crate::attempt::Look;
use crate::covering::Covering;
use crate::decode::{self, Picture};
use crate::detect::{Detector, Face, NoFace};
use crate::manifest::Manifest;
use crate::policy::Rule;
use crate::quality::{Advice, Quality, without_face};
use crate::verify::{Embedder, Embedding, Liveness};
use std::sync::Arc;

/// The size of the picture that warms up, in pixels: a camera's.
const BLANK: (u32, u32) = (640, 480);

/// The face of a card's photograph, as frames are compared with it. Overwritten with the last copy.
#[derive(Clone)]
pub struct CardFace(Arc<Embedding>);

impl CardFace {
    pub(crate) fn new(embedding: Embedding) -> Self {
        Self(Arc::new(embedding))
    }
}

/// The models, ready to run. Copies share the networks' plans and are cheap.
#[derive(Clone)]
pub struct Pipeline {
    detector: Detector,
    covering: Option<Covering>,
    embedder: Embedder,
    liveness: Option<Liveness>,
}

impl Pipeline {
    /// Loads and tests the models that a rule needs.
    ///
    /// # Errors
    /// As [`Manifest::network`], [`FaceError::NoModel`].
    pub fn load(manifest: &Manifest, rule: &Rule) -> Result<Self, FaceError> {
        let liveness = rule.liveness.map(|_| Liveness::load(manifest)).transpose()?;
        let (detector, embedder) = (Detector::load(manifest)?, Embedder::load(manifest)?);
        Ok(Self { detector, covering: Covering::load(manifest)?, embedder, liveness })
    }

    /// Runs each model once, so that the first patient waits no longer than others. What a model says
    /// to a blank picture does not matter.
    pub fn warm_up(&self) {
        let (width, height) = BLANK;
        let grey = vec![128; width as usize * height as usize * 3];
        let Some(blank) = Picture::from_rgb(width, height, grey) else { return };
        let face = Face { sides: [0.0, 0.0, 111.0, 111.0], landmarks: TEMPLATE, probability: 1.0 };
        let _ = self.detector.find(&blank);
        let _ = self.covering.as_ref().map(|model| model.judge(&blank, &face));
        let _ = self.embedder.embed(&blank, &face);
        let _ = self.liveness.as_ref().map(|model| model.logit(&blank, &face));
    }

    /// The face of a card's photograph. No quality is asked of it: there is no other.
    ///
    /// # Errors
    /// The `Picture…` variants of [`FaceError`], [`FaceError::CardFace`] when there is not one face
    /// on it, [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn card(&self, photograph: &[u8]) -> Result<CardFace, FaceError> {
        self.card_face(&decode::decode(photograph)?)
    }

    /// The same of a decoded picture.
    ///
    /// # Errors
    /// As [`Self::card`], without those of pictures.
    pub fn card_face(&self, picture: &Picture) -> Result<CardFace, FaceError> {
        let face = self.detector.only(picture)?.map_err(|what| FaceError::CardFace { what })?;
        Ok(CardFace::new(self.embedder.embed(picture, &face)?))
    }

    /// What one frame of the camera shows, compared with a card.
    ///
    /// # Errors
    /// The `Picture…` variants of [`FaceError`], [`FaceError::ModelRun`] and
    /// [`FaceError::ModelOutput`].
    pub fn look(&self, card: &CardFace, frame: &[u8]) -> Result<Look, FaceError> {
        let picture = decode::decode(frame)?;
        Ok(match self.usable(&picture)? {
            Err(advice) => Look::Poor(advice),
            Ok((face, _)) => self.compare(card, &picture, &face)?,
        })
    }

    /// The one face of a picture and its quality, when it can be compared.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn usable(&self, picture: &Picture) -> Result<Result<(Face, Quality), Advice>, FaceError> {
        Ok(match self.measured(picture)? {
            Err(advice) => Err(advice),
            Ok((face, quality)) => quality.advice().map_or(Ok((face, quality)), Err),
        })
    }

    /// The one face of a picture and its quality, good or not.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn measured(
        &self,
        picture: &Picture,
    ) -> Result<Result<(Face, Quality), Advice>, FaceError> {
        let face = match self.detector.only(picture)? {
            Ok(face) => face,
            Err(NoFace::Nobody) => return Ok(Err(without_face(picture))),
            Err(NoFace::Several) => return Ok(Err(Advice::Several)),
        };
        let covering = self.covering.as_ref();
        let covered = covering.map(|model| model.judge(picture, &face)).transpose()?.flatten();
        let quality = Quality::of(picture, &face, covered);
        Ok(quality.map(|quality| (face, quality)).ok_or(Advice::Nobody))
    }

    /// A usable face, compared with a card.
    ///
    /// # Errors
    /// [`FaceError::ModelRun`] and [`FaceError::ModelOutput`].
    pub fn compare(
        &self,
        card: &CardFace,
        picture: &Picture,
        face: &Face,
    ) -> Result<Look, FaceError> {
        let score = card.0.similarity(&self.embedder.embed(picture, face)?);
        let logit = self.liveness.as_ref().map(|model| model.logit(picture, face)).transpose()?;
        Ok(Look::Usable { score, liveness: logit.map(f64::from) })
    }
}
