//! The transitions: what happens to whom, and what is done about it.

use super::camera::FaceTrouble;
use super::event::{Effect, Event, Proof};
use super::facts::{
    Answer, Asked, CardSeen, Challenge, Consents, Method, Moment, Opened, Prescription,
    Registration, SessionId, Signed, Ticket, TokenKind,
};
use super::failure::{CardFailure, EngineFailure};
use super::stage::{Ending, Key, Notice, Patient, Stage, State};

/// Most answers under way at once. Each ends within the engine client's own time.
const ASKED_MAX: usize = 8;

/// Takes one event: the next state, and what is to be done.
#[must_use]
pub fn step(mut state: State, event: Event, now: Moment) -> (State, Vec<Effect>) {
    let held_photo = state.stage.holds_photo();
    let mut turn = Turn { state: &mut state, now, effects: Vec::new() };
    turn.take(event);
    let mut effects = turn.effects;
    // In one place, so that no way out of a stage can forget to.
    if held_photo && !state.stage.holds_photo() {
        effects.push(Effect::ForgetFace);
    }
    (state, effects)
}

/// One call of [`step`] under way.
pub(super) struct Turn<'a> {
    pub(super) state: &'a mut State,
    pub(super) now: Moment,
    pub(super) effects: Vec<Effect>,
}

impl Turn<'_> {
    fn take(&mut self, event: Event) {
        match event {
            Event::ReadersChanged(readers) => self.readers_changed(readers),
            Event::CardInserted { reader, session } => self.card_inserted(reader, session),
            Event::CardRemoved { reader } => self.card_removed(&reader),
            Event::Identified(ticket, end) => self.identified(ticket, end),
            Event::Authenticated(ticket, end) => self.authenticated(ticket, end),
            Event::AttributesRead(ticket, end) => self.attributes_read(ticket, end),
            Event::PhotoRead(ticket, end) => self.photo_read(ticket, end),
            Event::FacePrepared(ticket, end) => self.face_prepared(ticket, end),
            Event::FaceSeen(ticket, end) => self.face_seen(ticket, end),
            Event::Challenged(ticket, end) => self.challenged(ticket, end),
            Event::Opened(ticket, end) => self.opened(ticket, end),
            Event::Found(ticket, end) => self.found(ticket, end),
            Event::Bound(ticket, end) => self.bound(ticket, end),
            Event::Answered(ticket, end) => self.answered(ticket, end),
            Event::Intended { session, seq, intent } => self.intended(session, seq, intent),
            Event::Decided { session, intent } => self.decided(&session, intent),
            Event::Ticked => self.ticked(),
        }
    }

    fn readers_changed(&mut self, readers: Vec<String>) {
        self.state.readers = readers;
        let gone: Vec<String> = {
            let there = &self.state.readers;
            self.state.present.iter().filter(|name| !there.contains(*name)).cloned().collect()
        };
        for reader in gone {
            self.card_removed(&reader);
        }
        if self.state.stage == Stage::Idle {
            self.enter(Stage::Idle);
        }
    }

    fn card_inserted(&mut self, reader: String, session: SessionId) {
        self.state.present.insert(reader.clone());
        let is_taken = self.state.patient.as_ref().is_some_and(|patient| patient.reader != reader);
        let has_left = matches!(self.state.stage, Stage::Asking(_))
            && self.state.patient.as_ref().is_some_and(|p| !self.state.present.contains(&p.reader));
        if is_taken && !has_left {
            return;
        }
        // A removal that was too quick to be seen ends what was there.
        self.leave();
        let ticket = self.ticket();
        self.state.patient = Some(Patient {
            session,
            reader: reader.clone(),
            card: None,
            method: Method::Pin,
            photo_is_unusable: false,
            opened: None,
            consents: Consents::new(),
            prolonged: 0,
        });
        self.effects.push(Effect::Identify { ticket, reader });
        self.enter(Stage::Reading(ticket));
    }

    fn card_removed(&mut self, reader: &str) {
        self.state.present.remove(reader);
        if let Stage::Done { reader: at, .. } | Stage::Ended { reader: at, .. } = &self.state.stage
        {
            if at == reader {
                // A screen without personal data, for one more moment.
                self.state.deadline = Some(self.now.after(self.state.limits.note_ms));
            }
            return;
        }
        // Once all was decided, the answer is for the counter, whether the patient waits or not.
        let is_asked = matches!(self.state.stage, Stage::Asking(_));
        let is_theirs = self.state.patient.as_ref().is_some_and(|patient| patient.reader == reader);
        if is_theirs && !is_asked {
            self.end(Ending::RemovedTooEarly, None);
        }
    }

    fn identified(&mut self, ticket: Ticket, end: Result<CardSeen, CardFailure>) {
        if self.state.stage != Stage::Reading(ticket) {
            return;
        }
        match end {
            Ok(card) => self.card_read(card),
            Err(CardFailure::ReaderBusy) => self.enter(Stage::Busy),
            Err(failure) => self.end_by_card(failure),
        }
    }

    fn card_read(&mut self, card: CardSeen) {
        let has_recognised_its_owner = card.kind == TokenKind::Iphone;
        self.patient(|patient| patient.card = Some(card));
        if has_recognised_its_owner {
            self.patient(|patient| patient.method = Method::Phone);
            self.get_challenge(Key::Phone);
        } else {
            self.enter(Stage::ChooseMethod);
        }
    }

    fn challenged(&mut self, ticket: Ticket, end: Result<Challenge, EngineFailure>) {
        let Stage::GettingChallenge { ticket: awaited, key } = self.state.stage.clone() else {
            return;
        };
        if awaited != ticket {
            return;
        }
        let challenge = match end {
            Ok(challenge) => challenge,
            Err(failure) => return self.end_by_engine(failure),
        };
        let Some((reader, expected)) = self.card() else { return };
        let (proof, staff) = match key {
            Key::Pin { pin, use_last_try } => (Proof::Pin { pin, use_last_try }, None),
            Key::Staff(staff) => (Proof::Terminal, Some(staff)),
            Key::Face => (Proof::Terminal, None),
            Key::Phone => (Proof::Phone, None),
        };
        let ticket = self.ticket();
        let bytes = challenge.bytes;
        let sign = Effect::Authenticate { ticket, reader, expected, proof, challenge: bytes };
        self.effects.push(sign);
        self.enter_quietly(Stage::Signing { ticket, challenge, staff });
    }

    fn authenticated(&mut self, ticket: Ticket, end: Result<Signed, CardFailure>) {
        let Stage::Signing { ticket: awaited, challenge, staff } = self.state.stage.clone() else {
            return;
        };
        if awaited != ticket {
            return;
        }
        let signed = match end {
            Ok(signed) => signed,
            Err(CardFailure::WrongPin { left }) => return self.pin_was_wrong(left),
            Err(CardFailure::PinBlocked) => return self.pin_was_wrong(0),
            Err(CardFailure::LastTry) => {
                self.set_tries(1);
                return self.enter(Stage::LastTry);
            }
            Err(failure) => return self.end_by_card(failure),
        };
        let Some((_, mut card)) = self.card() else { return };
        card.certificate = Some(signed.certificate.clone());
        let (kind, ticket) = (card.kind, self.ticket());
        let method = self.state.patient.as_ref().map_or(Method::Pin, |patient| patient.method);
        self.patient(|patient| patient.card = Some(card));
        let challenge_id = challenge.id;
        self.effects.push(Effect::Open { ticket, challenge_id, signed, method, kind, staff });
        self.enter_quietly(Stage::Opening(ticket));
    }

    fn pin_was_wrong(&mut self, left: u8) {
        self.set_tries(left);
        self.enter(match left {
            0 => Stage::PinBlocked,
            _ => Stage::EnterPin { wrong: true, use_last_try: false },
        });
    }

    fn opened(&mut self, ticket: Ticket, end: Result<Opened, EngineFailure>) {
        if self.state.stage != Stage::Opening(ticket) {
            return;
        }
        match end {
            Ok(opened) => {
                let (registration, is_grace) = (opened.registration, opened.grace_days.is_some());
                self.patient(|patient| patient.opened = Some(opened));
                match registration {
                    Registration::Registered => self.ask_for_consent(),
                    // The engine would refuse it: the certificate has to be renewed first.
                    Registration::NotRegistered if is_grace => {
                        self.end(Ending::CertificateExpired, None);
                    }
                    Registration::NotRegistered => {
                        self.enter(Stage::RegisterOffer { wrong: false });
                    }
                }
            }
            Err(failure) => self.end_by_engine(failure),
        }
    }

    pub(super) fn ask_for_consent(&mut self) {
        if self.state.askable(true).is_empty() {
            self.ask_what_to_provide();
        } else {
            self.enter(Stage::ConsentMedical);
        }
    }

    pub(super) fn ask_what_to_provide(&mut self) {
        if self.state.askable(false).is_empty() && !self.state.asks_for_prescription() {
            self.ask(None);
        } else {
            self.enter(Stage::ConsentProvide);
        }
    }

    /// Asks the engine with what was agreed to.
    pub(super) fn ask(&mut self, prescription: Option<Prescription>) {
        let Some(patient) = self.state.patient.clone() else { return };
        let Some(opened) = patient.opened else { return };
        let (ticket, method) = (self.ticket(), patient.method);
        if self.state.asked.len() == ASKED_MAX {
            self.state.asked.remove(0);
        }
        self.state.asked.push((ticket, method));
        let asked = Asked { session: opened.session, consents: patient.consents, prescription };
        self.effects.push(Effect::Ask { ticket, asked });
        self.enter(Stage::Asking(ticket));
    }

    fn answered(&mut self, ticket: Ticket, end: Result<Answer, EngineFailure>) {
        let Some(at) = self.state.asked.iter().position(|(asked, _)| *asked == ticket) else {
            return;
        };
        let (_, method) = self.state.asked.remove(at);
        let is_shown = self.state.stage == Stage::Asking(ticket);
        match end {
            Ok(answer) => {
                let validity = answer.validity.clone();
                self.effects.push(Effect::Push(answer.message.clone()));
                self.effects.push(Effect::Report { method, answer });
                if is_shown {
                    self.done(validity);
                }
            }
            Err(failure) => {
                self.effects.push(Effect::ReportFailure { method, failure: failure.clone() });
                if is_shown {
                    self.end_by_engine(failure);
                }
            }
        }
    }

    fn done(&mut self, validity: String) {
        let Some(patient) = self.state.patient.take() else { return };
        let notice = patient.opened.as_ref().and_then(Notice::of);
        self.enter(Stage::Done { reader: patient.reader, validity, notice });
    }

    fn ticked(&mut self) {
        self.state.refusals.forget(self.now);
        if self.state.deadline.is_none_or(|deadline| self.now < deadline) {
            return;
        }
        match &self.state.stage {
            Stage::Idle => self.state.deadline = None,
            Stage::Busy => self.try_reader_again(),
            Stage::Reading(_)
            | Stage::Signing { .. }
            | Stage::ReadingAttributes(_)
            | Stage::ReadingPhoto(_) => self.end_by_card(CardFailure::Hung),
            Stage::PreparingFace(_) => self.enter(Stage::FaceTrouble(FaceTrouble::Broken)),
            Stage::GettingChallenge { .. }
            | Stage::Opening(_)
            | Stage::Finding(_)
            | Stage::Binding(_)
            | Stage::Asking(_) => self.end(Ending::EngineDown, None),
            Stage::Registered => self.ask_for_consent(),
            Stage::ChooseMethod
            | Stage::EnterPin { .. }
            | Stage::LastTry
            | Stage::PinBlocked
            | Stage::Visual
            | Stage::FaceNumber { .. }
            | Stage::Camera { .. }
            | Stage::FaceUnknown { .. }
            | Stage::FaceTrouble(_)
            | Stage::RegisterOffer { .. }
            | Stage::RegisterData
            | Stage::RegisterConfirm(_)
            | Stage::RegisterStaff(_)
            | Stage::ConsentMedical
            | Stage::ConsentProvide => self.end(Ending::TimedOut, None),
            Stage::Done { .. } | Stage::Ended { .. } => self.enter(Stage::Idle),
        }
    }

    fn try_reader_again(&mut self) {
        let Some(reader) = self.state.patient.as_ref().map(|patient| patient.reader.clone()) else {
            return;
        };
        let ticket = self.ticket();
        self.effects.push(Effect::Identify { ticket, reader });
        self.enter_quietly(Stage::Reading(ticket));
    }

    /// The card's reader and what was read first.
    pub(super) fn card(&self) -> Option<(String, CardSeen)> {
        let patient = self.state.patient.as_ref()?;
        Some((patient.reader.clone(), patient.card.clone()?))
    }

    pub(super) fn patient(&mut self, change: impl FnOnce(&mut Patient)) {
        if let Some(patient) = &mut self.state.patient {
            change(patient);
        }
    }

    fn set_tries(&mut self, left: u8) {
        self.patient(|patient| {
            if let Some(card) = &mut patient.card {
                card.tries = Some(left);
            }
        });
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.state.last_ticket += 1;
        Ticket(self.state.last_ticket)
    }

    /// Goes to a stage that pages show.
    pub(super) fn enter(&mut self, stage: Stage) {
        self.state.seq += 1;
        self.patient(|patient| patient.prolonged = 0);
        self.enter_quietly(stage);
    }

    /// Goes to a stage whose screen is the one that is shown.
    pub(super) fn enter_quietly(&mut self, stage: Stage) {
        self.state.stage = stage;
        self.state.deadline = self.time_of_stage().map(|time| self.now.after(time));
    }

    /// How long the stage may last; `None` for ever, or until the card is taken.
    pub(super) fn time_of_stage(&self) -> Option<u64> {
        let limits = &self.state.limits;
        match &self.state.stage {
            Stage::Idle => None,
            Stage::Busy => Some(limits.retry_ms),
            Stage::ChooseMethod
            | Stage::EnterPin { .. }
            | Stage::LastTry
            | Stage::PinBlocked
            | Stage::FaceNumber { .. }
            | Stage::Camera { .. }
            | Stage::FaceUnknown { .. }
            | Stage::FaceTrouble(_)
            | Stage::RegisterOffer { .. }
            | Stage::RegisterConfirm(_)
            | Stage::ConsentMedical
            | Stage::ConsentProvide => Some(limits.patient_ms),
            Stage::Visual | Stage::RegisterData | Stage::RegisterStaff(_) => Some(limits.staff_ms),
            Stage::Reading(_)
            | Stage::GettingChallenge { .. }
            | Stage::Signing { .. }
            | Stage::Opening(_)
            | Stage::ReadingAttributes(_)
            | Stage::ReadingPhoto(_)
            | Stage::PreparingFace(_)
            | Stage::Finding(_)
            | Stage::Binding(_)
            | Stage::Asking(_) => Some(limits.work_ms),
            Stage::Registered => Some(limits.note_ms),
            Stage::Done { reader, .. } | Stage::Ended { reader, .. } => {
                (!self.state.present.contains(reader)).then_some(limits.last_ms)
            }
        }
    }
}
