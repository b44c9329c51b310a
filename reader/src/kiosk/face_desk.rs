//! Who compares faces for the one session: holds what was made of the card's photograph, and the try
//! that is under way.
//!
//! The session says when to begin and when to forget; pages bring frames; the session hears what each
//! came to. Neither the photograph nor a frame goes anywhere else: not to a page, a log or a disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::rt::{self, System};
use shikaku_face::FaceError;
use shikaku_face::attempt::{Attempt, Audit, Step};
use shikaku_face::manifest::Manifest;
use shikaku_face::pipeline::CardFace;
use shikaku_face::pool::{FacePool, PoolSettings};
use shikaku_face::quality;
use shikaku_face::verify::Outcome;
use zeroize::Zeroizing;

use super::hub::{Input, Inputs};
use crate::ReaderError;
use crate::clock::Clock;
use crate::config::FaceConfig;
use crate::session::{
    Advice, Effect, Event, FaceTrouble, Look, Photo, SessionId, Ticket, Verdict, Watch,
};

/// Models that are loaded and tested, and whoever runs them.
#[derive(Clone)]
pub struct Faces {
    pool: FacePool,
    system: System,
}

impl Faces {
    /// Loads and tests the models, and starts their actors in the system of this thread, which must
    /// exist. Takes seconds.
    ///
    /// # Errors
    /// When a model is not the manifest's, or no threshold keeps what the configuration promises.
    pub fn start(config: &FaceConfig) -> Result<Self, ReaderError> {
        let manifest = Manifest::read(&config.manifest).map_err(ReaderError::Face)?;
        let pool = FacePool::start(&manifest, config.policy(), PoolSettings::default())
            .map_err(ReaderError::Face)?;
        let rule = pool.rule();
        tracing::info!(
            threshold = rule.threshold,
            threshold_fmr = rule.threshold_fmr,
            judges_liveness = rule.liveness.is_some(),
            "The models that compare faces are ready."
        );
        Ok(Self { pool, system: System::current() })
    }
}

/// What became of a frame that a page sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// It was looked at; the session has heard what it came to.
    Seen,
    /// It is of no screen, session or try of now. Nobody looked at it.
    Stale,
    /// The one before is still being looked at.
    TooSoon,
    /// It is no picture that can be read.
    Unreadable,
}

/// What is held of the session's face.
enum Held {
    Nothing,
    /// The photograph is being made ready.
    Preparing(Ticket),
    Ready(CardFace),
    Watching {
        watch: Watch,
        card: CardFace,
        attempt: Attempt,
        /// Whether a frame is being looked at.
        is_looking: bool,
    },
}

/// The handle; copies are of one desk.
#[derive(Clone)]
pub(super) struct FaceDesk(Arc<Shared>);

struct Shared {
    faces: Option<Faces>,
    held: Mutex<Held>,
    inputs: Inputs,
    clock: Arc<dyn Clock>,
}

impl FaceDesk {
    /// A desk without anybody; `faces` is `None` where no face is compared.
    pub(super) fn new(faces: Option<Faces>, inputs: Inputs, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared { faces, held: Mutex::new(Held::Nothing), inputs, clock }))
    }

    /// Does what the session wants of faces; has no part in other effects.
    pub(super) fn take(&self, effect: Effect) {
        match effect {
            Effect::PrepareFace { ticket, photo } => self.prepare(ticket, photo),
            Effect::WatchFace(watch) => self.watch(watch),
            Effect::ForgetFace => *self.held() = Held::Nothing,
            Effect::Identify { .. }
            | Effect::Authenticate { .. }
            | Effect::ReadAttributes { .. }
            | Effect::ReadPhoto { .. }
            | Effect::Release { .. }
            | Effect::Challenge { .. }
            | Effect::Open { .. }
            | Effect::Find { .. }
            | Effect::Bind { .. }
            | Effect::Ask { .. }
            | Effect::Push(_)
            | Effect::Report { .. }
            | Effect::ReportFailure { .. }
            | Effect::Stale => {}
        }
    }

    fn prepare(&self, ticket: Ticket, photo: Photo) {
        *self.held() = Held::Preparing(ticket);
        let is_begun = self.0.faces.clone().is_some_and(|Faces { pool, system }| {
            let desk = self.clone();
            system.arbiter().spawn(async move {
                let end = pool.card(photo.into_bytes()).await;
                desk.prepared(ticket, end);
            })
        });
        if !is_begun {
            self.tell(Event::FacePrepared(ticket, Err(FaceTrouble::Broken)));
        }
    }

    fn prepared(&self, ticket: Ticket, end: Result<CardFace, FaceError>) {
        let mut held = self.held();
        // Whoever left meanwhile has left nothing.
        if !matches!(*held, Held::Preparing(awaited) if awaited == ticket) {
            return;
        }
        let end = match end {
            Ok(card) => {
                *held = Held::Ready(card);
                Ok(())
            }
            Err(error) => {
                *held = Held::Nothing;
                Err(trouble_of(&error, FaceTrouble::PhotoUnusable))
            }
        };
        drop(held);
        self.tell(Event::FacePrepared(ticket, end));
    }

    fn watch(&self, watch: Watch) {
        let mut held = self.held();
        let ticket = watch.ticket;
        let card = match std::mem::replace(&mut *held, Held::Nothing) {
            Held::Ready(card) | Held::Watching { card, .. } => Some(card),
            Held::Nothing | Held::Preparing(_) => None,
        };
        if let Some(card) = card {
            let attempt = Attempt::begin(self.0.clock.instant());
            *held = Held::Watching { watch, card, attempt, is_looking: false };
            return;
        }
        drop(held);
        self.tell(Event::FaceSeen(ticket, Err(FaceTrouble::Broken)));
    }

    /// Looks at a frame that a page sent for a screen of a session, if that is the one to look at.
    pub(super) async fn look(
        &self,
        session: &SessionId,
        seq: u64,
        frame: Zeroizing<Vec<u8>>,
    ) -> Frame {
        let Some(Faces { pool, .. }) = self.0.faces.clone() else { return Frame::Stale };
        let (ticket, card, attempt) = {
            let mut held = self.held();
            let Held::Watching { watch, card, attempt, is_looking } = &mut *held else {
                return Frame::Stale;
            };
            if watch.session != *session || watch.seq != seq {
                return Frame::Stale;
            }
            if *is_looking {
                return Frame::TooSoon;
            }
            *is_looking = true;
            (watch.ticket, card.clone(), attempt.clone())
        };
        let desk = self.clone();
        // A page that goes away must not leave the try waiting for an answer that nobody takes.
        let seen = rt::spawn(async move {
            let end = pool.frame(&card, attempt, frame).await;
            desk.seen(ticket, end)
        });
        seen.await.unwrap_or(Frame::Stale)
    }

    fn seen(&self, ticket: Ticket, end: Result<(Attempt, Step), FaceError>) -> Frame {
        let mut held = self.held();
        let Held::Watching { watch, attempt, is_looking, .. } = &mut *held else {
            return Frame::Stale;
        };
        if watch.ticket != ticket {
            return Frame::Stale;
        }
        *is_looking = false;
        let end = match end {
            Ok((next, step)) => {
                *attempt = next;
                Ok(step)
            }
            Err(error) => Err(error),
        };
        drop(held);
        let end = match end {
            Ok(Step::Adjust(advice)) => Ok(Look::Adjust(advice_of(advice))),
            Ok(Step::More { used, of }) => Ok(Look::More { used, of }),
            Ok(Step::Decided(outcome, audit)) => {
                log(&audit);
                Ok(Look::Decided(verdict_of(outcome)))
            }
            Err(error) if is_about_picture(&error) => {
                tracing::warn!(code = error.code(), "a frame of the camera cannot be read");
                return Frame::Unreadable;
            }
            Err(error) => Err(trouble_of(&error, FaceTrouble::Broken)),
        };
        self.tell(Event::FaceSeen(ticket, end));
        Frame::Seen
    }

    fn tell(&self, event: Event) {
        self.0.inputs.put(Input::Event(Box::new(event)));
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left of a try: enough to answer for it, and nobody's score.
fn log(audit: &Audit) {
    let advice: Vec<_> =
        audit.advice.iter().map(|(advice, times)| format!("{advice:?} {times}")).collect();
    tracing::info!(
        outcome = ?audit.outcome,
        seen = audit.seen,
        used = audit.used,
        advice = advice.join(", "),
        ms = audit.ms,
        work_ms = audit.work_ms,
        "A face was compared with its card's photograph."
    );
}

fn is_about_picture(error: &FaceError) -> bool {
    matches!(
        error,
        FaceError::PictureFormat
            | FaceError::PictureBytes { .. }
            | FaceError::PictureSize { .. }
            | FaceError::PictureDamaged { .. }
            | FaceError::PictureColours
            | FaceError::PictureAnimated
            | FaceError::CardFace { .. }
    )
}

/// What an error means for the patient; `of_picture` when it is about the picture itself.
fn trouble_of(error: &FaceError, of_picture: FaceTrouble) -> FaceTrouble {
    if is_about_picture(error) {
        return of_picture;
    }
    if matches!(error, FaceError::PoolBusy { .. } | FaceError::PoolLate) {
        return FaceTrouble::Busy;
    }
    tracing::error!(code = error.code(), %error, "faces cannot be compared");
    FaceTrouble::Broken
}

const fn verdict_of(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Match => Verdict::Match,
        Outcome::NoMatch => Verdict::NoMatch,
        Outcome::ReferToStaff => Verdict::ReferToStaff,
    }
}

const fn advice_of(advice: quality::Advice) -> Advice {
    match advice {
        quality::Advice::Nobody => Advice::Nobody,
        quality::Advice::Several => Advice::Several,
        quality::Advice::TooDark => Advice::TooDark,
        quality::Advice::TooBright => Advice::TooBright,
        quality::Advice::TooFar => Advice::TooFar,
        quality::Advice::TooNear => Advice::TooNear,
        quality::Advice::OffCentre => Advice::OffCentre,
        quality::Advice::TurnToCamera => Advice::TurnToCamera,
        quality::Advice::HoldUpright => Advice::HoldUpright,
        quality::Advice::HoldStill => Advice::HoldStill,
    }
}

#[cfg(test)]
mod tests;
