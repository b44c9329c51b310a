//! Who compares faces for the one session: holds what was made of the card's photograph, and the try
//! that is under way.
//!
//! The session says when to begin and when to forget; pages bring frames; the session hears what each
//! came to. Neither the photograph nor a frame goes anywhere but to [`Faces`]: not to a page, a log or a disk.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::rt;
use shikaku_face::attempt::Attempt;
use zeroize::Zeroizing;

use super::faces::{Card, Faces};
use super::hub::{Input, Inputs};
use crate::card_api::FaceFailure;
use crate::clock::Clock;
use crate::session::{Effect, Event, FaceTrouble, Look, Photo, SessionId, Ticket, Watch};

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
    Ready(Card),
    Watching {
        watch: Watch,
        card: Card,
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
        let Some(faces) = self.0.faces.clone() else {
            self.tell(Event::FacePrepared(ticket, Err(FaceTrouble::Broken)));
            return;
        };
        let desk = self.clone();
        let is_begun = faces.clone().spawn(async move {
            let end = faces.card(photo.into_bytes()).await;
            desk.prepared(ticket, end);
        });
        if !is_begun {
            self.tell(Event::FacePrepared(ticket, Err(FaceTrouble::Broken)));
        }
    }

    fn prepared(&self, ticket: Ticket, end: Result<Card, FaceFailure>) {
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
            Err(failure) => {
                *held = Held::Nothing;
                Err(trouble_of(failure, FaceTrouble::PhotoUnusable))
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
            let end = card.frame(attempt, frame).await;
            desk.seen(ticket, end)
        });
        seen.await.unwrap_or(Frame::Stale)
    }

    fn seen(&self, ticket: Ticket, end: Result<(Attempt, Look), FaceFailure>) -> Frame {
        let mut held = self.held();
        let Held::Watching { watch, attempt, is_looking, .. } = &mut *held else {
            return Frame::Stale;
        };
        if watch.ticket != ticket {
            return Frame::Stale;
        }
        *is_looking = false;
        let end = match end {
            Ok((next, look)) => {
                *attempt = next;
                Ok(look)
            }
            Err(FaceFailure::Picture) => {
                tracing::warn!("a frame of the camera cannot be read");
                return Frame::Unreadable;
            }
            Err(failure) => Err(trouble_of(failure, FaceTrouble::Broken)),
        };
        drop(held);
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

/// What a failure means for the patient; `of_picture` when it is about the picture itself.
fn trouble_of(failure: FaceFailure, of_picture: FaceTrouble) -> FaceTrouble {
    match failure {
        FaceFailure::Picture => of_picture,
        FaceFailure::Busy => FaceTrouble::Busy,
        FaceFailure::Broken(code) => {
            tracing::error!(code, "faces cannot be compared");
            FaceTrouble::Broken
        }
    }
}

#[cfg(test)]
mod tests;
