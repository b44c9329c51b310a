//! How sessions end without an answer.

use super::event::Effect;
use super::failure::{CardFailure, EngineFailure, Refusal};
use super::stage::{Ending, Stage};
use super::step::Turn;

impl Turn<'_> {
    /// Forgets the patient and lets the card go.
    pub(super) fn leave(&mut self) {
        if let Some(patient) = self.state.patient.take() {
            self.effects.push(Effect::Release { reader: patient.reader });
        }
    }

    /// Ends the session without an answer.
    pub(super) fn end(&mut self, ending: Ending, code: Option<String>) {
        let Some(reader) = self.state.patient.as_ref().map(|patient| patient.reader.clone()) else {
            return;
        };
        self.leave();
        self.enter(Stage::Ended { reader, ending, code });
    }

    pub(super) fn end_by_card(&mut self, failure: CardFailure) {
        let ending = match failure {
            CardFailure::NotMyNumberCard => Ending::NotMyNumberCard,
            CardFailure::Removed => Ending::RemovedTooEarly,
            CardFailure::Changed => Ending::CardChanged,
            CardFailure::OwnerUnproven => Ending::PhoneLocked,
            CardFailure::WrongPin { .. }
            | CardFailure::PinBlocked
            | CardFailure::LastTry
            | CardFailure::ReaderBusy
            | CardFailure::Hung
            | CardFailure::Malformed
            | CardFailure::BadSignature
            | CardFailure::TerminalRefused
            | CardFailure::PhotoUntrusted
            | CardFailure::WrongNumber => Ending::CardTrouble,
        };
        self.end(ending, Some(failure.code().to_owned()));
    }

    pub(super) fn end_by_engine(&mut self, failure: EngineFailure) {
        let ending = match failure.refusal {
            Refusal::Unavailable | Refusal::Other => Ending::EngineDown,
            Refusal::Expired => Ending::CertificateExpired,
            Refusal::NotYetValid => Ending::CertificateNotYetValid,
            Refusal::Revoked => Ending::CertificateRevoked,
            Refusal::Untrusted => Ending::CertificateUntrusted,
            Refusal::NotFound => Ending::NotFound,
        };
        self.end(ending, Some(failure.code));
    }
}
