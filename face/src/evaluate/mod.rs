//! How often a manifest's models err on a set of pictures, and which threshold keeps a rate.
//!
//! Pictures are decoded, used and overwritten one after another; only embeddings are kept, until the
//! scores are known. A picture that cannot be used is a failure to acquire and never ends the run.

pub mod calibrate;
pub mod groups;
pub mod numbers;
mod page;
pub mod rates;
pub mod set;

pub use page::Report;

use crate::FaceError;
use crate::decode::{self, Picture};
use crate::detect::{Detector, Face, NoFace};
use crate::manifest::Manifest;
use crate::verify::{Embedder, Embedding};
use rates::{Score, Scores};
use serde::Serialize;
use set::Set;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why a picture gave no embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Failure {
    /// The file cannot be read or decoded.
    Unreadable,
    /// No face was found.
    Nobody,
    /// More than one face was found.
    Several,
    /// A model failed on it.
    Model,
}

/// What a set of pictures came to.
pub struct Evaluation {
    /// The scores of all pairs of which both pictures could be used.
    pub scores: Scores,
    /// For each picture that could not be used, its number in the set and why.
    pub failures: BTreeMap<usize, Failure>,
    /// Pairs that were not compared because of them.
    pub pairs_lost: usize,
}

/// The models that a comparison needs.
pub struct Models {
    detector: Detector,
    embedder: Embedder,
}

impl Models {
    /// Loads detector and embedder.
    ///
    /// # Errors
    /// As [`Manifest::network`].
    pub fn load(manifest: &Manifest) -> Result<Self, FaceError> {
        Ok(Self { detector: Detector::load(manifest)?, embedder: Embedder::load(manifest)? })
    }

    /// The picture of a file and its one face.
    fn acquire(&self, path: &Path) -> Result<(Picture, Face), Failure> {
        let picture = decode::read(path).map_err(|_| Failure::Unreadable)?;
        match self.detector.only(&picture) {
            Ok(Ok(face)) => Ok((picture, face)),
            Ok(Err(NoFace::Nobody)) => Err(Failure::Nobody),
            Ok(Err(NoFace::Several)) => Err(Failure::Several),
            Err(_) => Err(Failure::Model),
        }
    }

    fn embedding(&self, path: &Path) -> Result<Embedding, Failure> {
        let (picture, face) = self.acquire(path)?;
        self.embedder.embed(&picture, &face).map_err(|_| Failure::Model)
    }

    /// Compares all pairs of a set. `done` is called after each picture, from several threads.
    ///
    /// # Errors
    /// [`FaceError::Set`] when too few pictures could be used for a genuine and an impostor pair.
    pub fn evaluate(&self, set: &Set, done: &(dyn Fn() + Sync)) -> Result<Evaluation, FaceError> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let next = AtomicUsize::new(0);
        let found = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some((number, sample)) = {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        set.samples.get(number).map(|sample| (number, sample))
                    } {
                        let embedding = self.embedding(&sample.path);
                        let mut found = found.lock().unwrap_or_else(|held| held.into_inner());
                        found.insert(number, embedding);
                        done();
                    }
                });
            }
        });
        let found = found.into_inner().unwrap_or_else(|held| held.into_inner());
        let failures =
            found.iter().filter_map(|(number, one)| Some((*number, *one.as_ref().err()?)));
        let failures: BTreeMap<_, _> = failures.collect();
        let embedding =
            |sample: u32| found.get(&(sample as usize)).and_then(|one| one.as_ref().ok());
        let score = |(number, pair): (u32, &[u32; 2])| {
            let [first, second] = *pair;
            #[expect(clippy::cast_possible_truncation, reason = "embeddings are in f32")]
            let value = embedding(first)?.similarity(embedding(second)?) as f32;
            let people =
                set.people_of(*pair)?.map(|person| u32::try_from(person).unwrap_or(u32::MAX));
            Some(Score { value, pair: number, people })
        };
        let scores: Vec<_> = (0..).zip(set.pairs()).filter_map(score).collect();
        let pairs_lost = set.pairs().len() - scores.len();
        let scores = Scores::new(scores).ok_or_else(|| FaceError::Set {
            path: set.samples.first().map(|sample| sample.path.clone()).unwrap_or_default(),
            reason: format!(
                "{} of {} pictures cannot be used, and no pair of one person, or of two people, is left",
                failures.len(),
                set.samples.len()
            ),
        })?;
        Ok(Evaluation { scores, failures, pairs_lost })
    }
}
