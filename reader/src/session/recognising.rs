//! 顔認証: the card's photograph, the camera, and what comes of it.
//!
//! Whoever compares faces holds the photograph from [`Effect::PrepareFace`] until
//! [`Effect::ForgetFace`], which [`step`](super::step) asks for as soon as no stage needs it.

use shikaku_face::verify::Outcome;

use super::camera::{FaceTrouble, Look, Photo, Watch};
use super::digits::MatchingNumber;
use super::event::Effect;
use super::facts::{Method, Moment, Ticket};
use super::failure::CardFailure;
use super::stage::{Key, Stage, State};
use super::step::Turn;

impl State {
    /// Tries that the card that lies there has left; `None` where no face is compared.
    #[must_use]
    pub fn face_tries(&self, now: Moment) -> Option<u32> {
        if !self.limits.offer.face || self.is_phone() {
            return None;
        }
        let certificate = self.patient.as_ref()?.card.as_ref()?.certificate.as_ref()?;
        let used = self.refusals.of(certificate, now);
        Some(self.limits.face_tries.saturating_sub(used))
    }

    pub(super) fn photo_is_unusable(&self) -> bool {
        self.patient.as_ref().is_some_and(|patient| patient.photo_is_unusable)
    }
}

impl Stage {
    /// Whether the photograph, or what was made of it, is needed.
    pub(super) const fn holds_photo(&self) -> bool {
        matches!(
            self,
            Self::PreparingFace(_) | Self::Camera { .. } | Self::FaceUnknown { is_ready: true }
        )
    }
}

impl Turn<'_> {
    /// Goes to the camera, or to what opens the photograph first.
    pub(super) fn chose_face(&mut self) -> bool {
        let left = self.state.face_tries(self.now).unwrap_or(0);
        if left == 0 || self.state.photo_is_unusable() {
            return false;
        }
        self.patient(|patient| patient.method = Method::Face);
        if self.state.stage.holds_photo() {
            self.watch();
        } else {
            self.enter(Stage::FaceNumber { wrong: false });
        }
        true
    }

    pub(super) fn typed_card_face(&mut self, number: MatchingNumber) -> bool {
        let Some((reader, expected)) = self.card() else { return false };
        let ticket = self.ticket();
        self.effects.push(Effect::ReadPhoto { ticket, reader, expected, number });
        self.enter(Stage::ReadingPhoto(ticket));
        true
    }

    pub(super) fn photo_read(&mut self, ticket: Ticket, end: Result<Photo, CardFailure>) {
        if self.state.stage != Stage::ReadingPhoto(ticket) {
            return;
        }
        match end {
            Ok(photo) => {
                let ticket = self.ticket();
                self.effects.push(Effect::PrepareFace { ticket, photo });
                self.enter_quietly(Stage::PreparingFace(ticket));
            }
            Err(CardFailure::WrongNumber) => self.enter(Stage::FaceNumber { wrong: true }),
            Err(failure) => self.end_by_card(failure),
        }
    }

    pub(super) fn face_prepared(&mut self, ticket: Ticket, end: Result<(), FaceTrouble>) {
        if self.state.stage != Stage::PreparingFace(ticket) {
            return;
        }
        match end {
            Ok(()) => self.watch(),
            Err(trouble) => {
                let is_unusable = trouble == FaceTrouble::PhotoUnusable;
                self.patient(|patient| patient.photo_is_unusable = is_unusable);
                self.enter(Stage::FaceTrouble(trouble));
            }
        }
    }

    /// Begins a try before the camera.
    fn watch(&mut self) {
        let Some(session) = self.state.patient.as_ref().map(|patient| patient.session.clone())
        else {
            return;
        };
        let ticket = self.ticket();
        self.enter(Stage::Camera { ticket, advice: None, used: 0, of: 0 });
        let seq = self.state.seq;
        self.effects.push(Effect::WatchFace(Watch { ticket, session, seq }));
    }

    pub(super) fn face_seen(&mut self, ticket: Ticket, end: Result<Look, FaceTrouble>) {
        let Stage::Camera { ticket: awaited, advice, used, of } = &mut self.state.stage else {
            return;
        };
        if *awaited != ticket {
            return;
        }
        match end {
            // The same screen goes on, and its time too.
            Ok(Look::Adjust(what)) => *advice = Some(what),
            Ok(Look::More { used: so_far, of: all }) => {
                (*advice, *used, *of) = (None, so_far, all);
            }
            Ok(Look::Decided(outcome)) => self.face_decided(outcome),
            Err(trouble) => self.enter(Stage::FaceTrouble(trouble)),
        }
    }

    fn face_decided(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Match => self.get_challenge(Key::Face),
            Outcome::NoMatch => {
                self.count_refusal();
                let left = self.state.face_tries(self.now).unwrap_or(0);
                self.enter(Stage::FaceUnknown { is_ready: left > 0 });
            }
            Outcome::ReferToStaff => {
                // What was not sure is a try as well: another one is another chance for a stranger.
                self.count_refusal();
                self.patient(|patient| patient.method = Method::Visual);
                self.enter(Stage::Visual);
            }
        }
    }

    fn count_refusal(&mut self) {
        let Some((_, card)) = self.card() else { return };
        let Some(certificate) = card.certificate else { return };
        let until = self.now.after(self.state.limits.face_memory_ms);
        self.state.refusals.add(&certificate, self.now, until);
    }

    /// The page has no picture to send.
    pub(super) fn camera_failed(&mut self, trouble: FaceTrouble) {
        self.enter(Stage::FaceTrouble(trouble));
    }
}
