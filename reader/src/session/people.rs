//! What patients and staff do.

use super::camera::FaceTrouble;
use super::digits::{MatchingNumber, Pin};
use super::event::{Effect, StaffIntent};
use super::facts::{Consents, Method, Prescription, SessionId};
use super::stage::{Ending, Key, Stage};
use super::step::Turn;

/// How often a patient can ask for more time on one screen.
const PROLONGED_MAX: u8 = 3;

/// What a patient wants. A page can send nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// To be recognised this way.
    ChooseMethod(Method),
    /// The PIN.
    Pin(Pin),
    /// Whether the last try may be used.
    UseLastTry(bool),
    /// What stands on the card, to be recognised by the face.
    CardFace(MatchingNumber),
    /// The page has no camera to look with.
    CameraFailed(FaceTrouble),
    /// Another way than the face.
    OtherWay,
    /// Medical consents, each given or refused.
    Consent(Consents),
    /// Other consents, and the form of the prescription.
    Provide(Consents, Option<Prescription>),
    /// 初回登録, by the card's face if its number was typed, else by staff.
    Register(bool, Option<MatchingNumber>),
    /// Whether the person that was found is right.
    ConfirmPerson(bool),
    /// To stop.
    Cancel,
    /// More time.
    More,
}

impl Turn<'_> {
    pub(super) fn intended(&mut self, session: Option<SessionId>, seq: u64, intent: Intent) {
        let shown = self.state.patient.as_ref().map(|patient| &patient.session);
        let is_of_now = shown.is_some() && shown == session.as_ref() && seq == self.state.seq;
        if !is_of_now || !self.did(intent) {
            self.effects.push(Effect::Stale);
        }
    }

    /// Does what the patient wants, if this stage has it.
    fn did(&mut self, intent: Intent) -> bool {
        match (self.state.stage.clone(), intent) {
            (
                Stage::ChooseMethod
                | Stage::PinBlocked
                | Stage::FaceUnknown { .. }
                | Stage::FaceTrouble(_),
                Intent::ChooseMethod(method),
            ) => self.chose(method),
            (Stage::FaceNumber { .. }, Intent::CardFace(number)) => self.typed_card_face(number),
            (Stage::Camera { .. }, Intent::CameraFailed(trouble)) => {
                self.camera_failed(trouble);
                true
            }
            (Stage::FaceNumber { .. } | Stage::Camera { .. }, Intent::OtherWay) => {
                self.enter(Stage::ChooseMethod);
                true
            }
            (Stage::EnterPin { use_last_try, .. }, Intent::Pin(pin)) => {
                self.typed(pin, use_last_try)
            }
            (Stage::LastTry, Intent::UseLastTry(yes)) => {
                self.enter(match yes {
                    true => Stage::EnterPin { wrong: false, use_last_try: true },
                    false => Stage::ChooseMethod,
                });
                true
            }
            (Stage::ConsentMedical, Intent::Consent(consents)) => {
                self.agreed(&consents, true);
                self.ask_what_to_provide();
                true
            }
            (Stage::ConsentProvide, Intent::Provide(consents, prescription)) => {
                self.agreed(&consents, false);
                self.ask(prescription.filter(|_| self.state.asks_for_prescription()));
                true
            }
            (Stage::RegisterOffer { .. }, Intent::Register(yes, number)) => {
                self.registers(yes, number)
            }
            (Stage::RegisterConfirm(found), Intent::ConfirmPerson(yes)) => {
                match yes {
                    true => self.enter(Stage::RegisterStaff(found)),
                    false => self.end(Ending::NotFound, None),
                }
                true
            }
            // What was asked of the engine is asked; there is nothing left to stop.
            (stage, Intent::Cancel) if !matches!(stage, Stage::Asking(_)) => {
                self.end(Ending::Cancelled, None);
                true
            }
            (stage, Intent::More) => self.prolong(&stage),
            _ => false,
        }
    }

    fn chose(&mut self, method: Method) -> bool {
        let is_blocked = self.state.tries() == Some(0);
        let stage = match method {
            Method::Pin if is_blocked => return false,
            Method::Pin if self.state.tries() == Some(1) => Stage::LastTry,
            Method::Pin => Stage::EnterPin { wrong: false, use_last_try: false },
            Method::Visual if self.is_visual_offered() => Stage::Visual,
            Method::Face => return self.chose_face(),
            Method::Visual | Method::Phone => return false,
        };
        self.patient(|patient| patient.method = method);
        self.enter(stage);
        true
    }

    /// Phones show no face and know no terminal.
    fn is_visual_offered(&self) -> bool {
        self.state.limits.offer.visual && !self.state.is_phone()
    }

    fn typed(&mut self, pin: Pin, use_last_try: bool) -> bool {
        if self.state.tries() == Some(1) && !use_last_try {
            // After a wrong PIN the next one may be the last: it is asked for again, with the yes.
            self.enter(Stage::LastTry);
        } else {
            self.get_challenge(Key::Pin { pin, use_last_try });
        }
        true
    }

    pub(super) fn get_challenge(&mut self, key: Key) {
        let ticket = self.ticket();
        self.effects.push(Effect::Challenge { ticket });
        self.enter(Stage::GettingChallenge { ticket, key });
    }

    /// Takes over what was agreed to, of what was asked.
    fn agreed(&mut self, consents: &Consents, medical: bool) {
        let asked = self.state.askable(medical).into_iter();
        let answers = asked.map(|one| (one, consents.get(&one).copied().unwrap_or(false)));
        let answers: Vec<_> = answers.collect();
        self.patient(|patient| patient.consents.extend(answers));
    }

    fn prolong(&mut self, stage: &Stage) -> bool {
        let is_patients = matches!(
            stage,
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
                | Stage::ConsentProvide
        );
        let used = self.state.patient.as_ref().map_or(PROLONGED_MAX, |patient| patient.prolonged);
        if !is_patients || used >= PROLONGED_MAX {
            return false;
        }
        self.patient(|patient| patient.prolonged += 1);
        self.state.deadline = self.time_of_stage().map(|time| self.now.after(time));
        true
    }

    pub(super) fn decided(&mut self, session: &SessionId, intent: StaffIntent) {
        let is_of_now = self.state.patient.as_ref().is_some_and(|p| p.session == *session);
        if !is_of_now || !self.did_staff(intent) {
            self.effects.push(Effect::Stale);
        }
    }

    fn did_staff(&mut self, intent: StaffIntent) -> bool {
        match (self.state.stage.clone(), intent) {
            (Stage::Visual, StaffIntent::Visual { same: true, staff }) => {
                self.get_challenge(Key::Staff(staff));
            }
            (Stage::Visual, StaffIntent::Visual { same: false, .. }) => {
                self.end(Ending::Cancelled, None);
            }
            (Stage::RegisterStaff(found), StaffIntent::Registration { same: true, staff }) => {
                self.bind(found, staff);
            }
            (Stage::RegisterStaff(_), StaffIntent::Registration { same: false, .. }) => {
                self.end(Ending::NotFound, None);
            }
            (Stage::RegisterData, StaffIntent::RegistrationData(card)) => {
                self.find(super::facts::Via::InsuranceCard(card));
            }
            _ => return false,
        }
        true
    }
}
