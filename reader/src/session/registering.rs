//! 初回登録: whose certificate it is, confirmed by the patient and by staff.

use super::digits::MatchingNumber;
use super::event::Effect;
use super::facts::{Attributes, Candidate, StaffId, Ticket, Via};
use super::failure::{CardFailure, EngineFailure};
use super::stage::{Ending, Stage};
use super::step::Turn;
use shikaku_domain::Personal;

impl Turn<'_> {
    /// Goes on as the patient wants; false when a telephone's text is asked for, which has none.
    pub(super) fn registers(&mut self, yes: bool, number: Option<MatchingNumber>) -> bool {
        match (yes, number) {
            (false, _) => self.end(Ending::Cancelled, None),
            (true, None) => self.enter(Stage::RegisterData),
            (true, Some(_)) if self.state.is_phone() => return false,
            (true, Some(number)) => {
                let Some((reader, expected)) = self.card() else { return false };
                let ticket = self.ticket();
                self.effects.push(Effect::ReadAttributes { ticket, reader, expected, number });
                self.enter(Stage::ReadingAttributes(ticket));
            }
        }
        true
    }

    pub(super) fn attributes_read(&mut self, ticket: Ticket, end: Result<Attributes, CardFailure>) {
        if self.state.stage != Stage::ReadingAttributes(ticket) {
            return;
        }
        match end {
            Ok(attributes) => self.find(Via::Card(attributes)),
            Err(CardFailure::WrongNumber) => self.enter(Stage::RegisterOffer { wrong: true }),
            Err(failure) => self.end_by_card(failure),
        }
    }

    pub(super) fn find(&mut self, via: Via) {
        let Some(session) = self.engine_session() else { return };
        let ticket = self.ticket();
        self.effects.push(Effect::Find { ticket, session, via });
        self.enter(Stage::Finding(ticket));
    }

    pub(super) fn found(&mut self, ticket: Ticket, end: Result<Candidate, EngineFailure>) {
        if self.state.stage != Stage::Finding(ticket) {
            return;
        }
        match end {
            Ok(candidate) => self.enter(Stage::RegisterConfirm(candidate)),
            Err(failure) => self.end_by_engine(failure),
        }
    }

    pub(super) fn bind(&mut self, candidate: Candidate, staff: StaffId) {
        let Some(session) = self.engine_session() else { return };
        let ticket = self.ticket();
        self.effects.push(Effect::Bind { ticket, session, candidate, staff });
        self.enter(Stage::Binding(ticket));
    }

    pub(super) fn bound(&mut self, ticket: Ticket, end: Result<(), EngineFailure>) {
        if self.state.stage != Stage::Binding(ticket) {
            return;
        }
        match end {
            Ok(()) => self.enter(Stage::Registered),
            Err(failure) => self.end_by_engine(failure),
        }
    }

    fn engine_session(&self) -> Option<Personal<String>> {
        let patient = self.state.patient.as_ref()?;
        patient.opened.as_ref().map(|opened| opened.session.clone())
    }
}
