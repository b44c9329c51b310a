//! What pages show of a state: the whole of it each time, so that a reload loses nothing.

use std::collections::BTreeSet;

use serde::Serialize;
use shikaku_domain::Personal;
use shikaku_face::quality::Advice;

use super::facts::{Information, Method, Moment, SessionId};
use super::screen::Screen;
use super::stage::{Notice, Stage, State};

/// One way to be recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MethodView {
    /// Which.
    pub method: Method,
    /// Whether it can be chosen.
    pub available: bool,
    /// Why not: `notInstalled`, `blocked`, `notWithPhones`, `photoUnusable` or `triedEnough`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// What the camera's screen tells the patient. The pictures are the page's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CameraView {
    /// What the last frame that was of no use lacked.
    pub advice: Option<Advice>,
    /// Frames used so far.
    pub used: u32,
    /// Frames that a decision takes; 0 before the first was used.
    pub of: u32,
}

/// The person to be confirmed.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateView {
    name: String,
    insurer_name: Option<String>,
}

impl std::fmt::Debug for CandidateView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Personal::new(()).fmt(f)
    }
}

/// What the kiosk shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Number of the screen; an intent names it.
    pub seq: u64,
    /// Which screen.
    pub screen: Screen,
    /// Which of the six steps.
    pub step: Option<u8>,
    /// Name of the session; an intent names it.
    pub session: Option<SessionId>,
    /// Until this screen is over.
    pub seconds_left: Option<u64>,
    /// Ways to be recognised, when they are to be chosen.
    pub methods: Vec<MethodView>,
    /// Tries left for the PIN.
    pub tries_left: Option<u8>,
    /// What to ask consent for.
    pub ask: Vec<Information>,
    /// Whether the form of the prescription is asked.
    pub ask_prescription: bool,
    /// Whether a registration can be by the text that the card holds.
    pub can_register_by_card: bool,
    /// Whether the photograph that is to be opened, and then the camera's pictures, go to the engine.
    pub face_at_centre: bool,
    /// How far the camera has come.
    pub camera: Option<CameraView>,
    /// Who to confirm.
    pub candidate: Option<CandidateView>,
    /// 資格有効性 at the end.
    pub validity: Option<String>,
    /// `certificateExpiresSoon`, `grace`, `wrongNumber` or `wrongCardFace`.
    pub notice: Option<&'static str>,
    /// Days of the notice.
    pub days: Option<i64>,
    /// A code for staff.
    pub code: Option<String>,
    /// Which reader holds the card.
    pub reader: Option<String>,
}

/// What staff are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// 目視確認.
    Visual,
    /// A yes to the person of a first registration.
    Registration,
    /// An insurance card's data for a first registration.
    RegistrationData,
}

/// A patient who waits for staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Name of the session.
    pub session: SessionId,
    /// For what.
    pub what: What,
    /// Who to confirm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateView>,
}

/// What the counter shows of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CounterView {
    /// Readers that can be used.
    pub readers: Vec<String>,
    /// Who waits: one at most, since there is one place.
    pub waiting: Vec<Waiting>,
}

impl State {
    /// What the kiosk shows now.
    #[must_use]
    pub fn view(&self, now: Moment) -> View {
        let screen = self.screen();
        let patient = self.patient.as_ref();
        let (validity, done_notice) = if let Stage::Done { validity, notice, .. } = &self.stage {
            (Some(validity.clone()), *notice)
        } else {
            (None, None)
        };
        let opened = patient.and_then(|patient| patient.opened.as_ref());
        let (notice, days) = match done_notice.or_else(|| opened.and_then(Notice::of)) {
            Some(Notice::ExpiresSoon(days)) => (Some("certificateExpiresSoon"), Some(days)),
            Some(Notice::Grace(days)) => (Some("grace"), Some(days)),
            None => (None, None),
        };
        let is_wrong_face = self.stage == Stage::FaceNumber { wrong: true };
        let wrong = (self.stage == Stage::RegisterOffer { wrong: true }).then_some("wrongNumber");
        let wrong = wrong.or(is_wrong_face.then_some("wrongCardFace"));
        let is_medical = self.stage == Stage::ConsentMedical;
        let is_provide = self.stage == Stage::ConsentProvide;
        let ask = if is_medical || is_provide { self.askable(is_medical) } else { BTreeSet::new() };
        View {
            seq: self.seq,
            screen,
            step: screen.step(),
            session: patient.map(|patient| patient.session.clone()),
            seconds_left: self.seconds_left(now),
            methods: self.methods(now),
            tries_left: self.shown_tries(),
            ask: Information::ALL.into_iter().filter(|one| ask.contains(one)).collect(),
            ask_prescription: is_provide && self.asks_for_prescription(),
            can_register_by_card: matches!(self.stage, Stage::RegisterOffer { .. })
                && !self.is_phone(),
            face_at_centre: self.limits.offer.face_at_centre
                && self.stage == Stage::FaceNumber { wrong: false },
            camera: self.camera(),
            candidate: self.candidate().filter(|_| matches!(self.stage, Stage::RegisterConfirm(_))),
            validity,
            notice: wrong.or(notice),
            days,
            code: self.code(),
            reader: patient.map(|p| p.reader.clone()).or_else(|| self.readers.first().cloned()),
        }
    }

    /// What the counter shows of the session.
    #[must_use]
    pub fn counter(&self) -> CounterView {
        let waits = [
            (matches!(self.stage, Stage::Visual), What::Visual),
            (matches!(self.stage, Stage::RegisterStaff(_)), What::Registration),
            (matches!(self.stage, Stage::RegisterData), What::RegistrationData),
        ];
        let waiting = waits.into_iter().filter(|(is_so, _)| *is_so).filter_map(|(_, what)| {
            let session = self.patient.as_ref()?.session.clone();
            Some(Waiting { session, what, candidate: self.candidate() })
        });
        CounterView { readers: self.readers.clone(), waiting: waiting.collect() }
    }

    fn code(&self) -> Option<String> {
        if let Stage::FaceTrouble(trouble) = &self.stage {
            return Some(trouble.code().to_owned());
        }
        if let Stage::Ended { code, .. } = &self.stage { code.clone() } else { None }
    }

    const fn camera(&self) -> Option<CameraView> {
        if let Stage::Camera { advice, used, of, .. } = self.stage {
            Some(CameraView { advice, used, of })
        } else {
            None
        }
    }

    fn candidate(&self) -> Option<CandidateView> {
        let (Stage::RegisterConfirm(found) | Stage::RegisterStaff(found)) = &self.stage else {
            return None;
        };
        Some(CandidateView {
            name: found.name.expose().clone(),
            insurer_name: found.insurer_name.as_ref().map(|name| name.expose().clone()),
        })
    }

    /// Time-outs that the patient can do something about.
    fn seconds_left(&self, now: Moment) -> Option<u64> {
        let is_work = self.screen() == Screen::Checking || matches!(self.stage, Stage::Reading(_));
        let deadline = self.deadline.filter(|_| !is_work)?;
        Some(deadline.0.saturating_sub(now.0).div_ceil(1000))
    }

    fn shown_tries(&self) -> Option<u8> {
        let is_about_pin =
            matches!(self.stage, Stage::EnterPin { .. } | Stage::LastTry | Stage::PinBlocked);
        self.tries().filter(|_| is_about_pin)
    }

    fn methods(&self, now: Moment) -> Vec<MethodView> {
        let is_choice = matches!(
            self.stage,
            Stage::ChooseMethod
                | Stage::PinBlocked
                | Stage::FaceUnknown { .. }
                | Stage::FaceTrouble(_)
        );
        if !is_choice {
            return Vec::new();
        }
        let pin_reason = (self.tries() == Some(0)).then_some("blocked");
        let visual_reason = match self.is_phone() {
            true => Some("notWithPhones"),
            false => (!self.limits.offer.visual).then_some("notInstalled"),
        };
        let face_reason = match self.face_tries(now) {
            _ if self.is_phone() => Some("notWithPhones"),
            None => Some("notInstalled"),
            Some(_) if self.photo_is_unusable() => Some("photoUnusable"),
            Some(0) => Some("triedEnough"),
            Some(_) => None,
        };
        let method = |method, reason: Option<&'static str>| MethodView {
            method,
            available: reason.is_none(),
            reason,
        };
        vec![
            method(Method::Pin, pin_reason),
            method(Method::Visual, visual_reason),
            method(Method::Face, face_reason),
        ]
    }

    fn screen(&self) -> Screen {
        match &self.stage {
            Stage::Idle if self.readers.is_empty() => Screen::NoReader,
            Stage::Idle => Screen::Empty,
            Stage::Reading(_) => Screen::Reading,
            Stage::Busy => Screen::ReaderBusy,
            Stage::ChooseMethod => Screen::ChooseMethod,
            Stage::EnterPin { wrong: false, .. } => Screen::EnterPin,
            Stage::EnterPin { wrong: true, .. } => Screen::WrongPin,
            Stage::LastTry => Screen::LastTryConfirm,
            Stage::PinBlocked => Screen::PinBlocked,
            Stage::Visual => Screen::VisualWaiting,
            Stage::FaceNumber { .. } => Screen::FaceNumber,
            Stage::Camera { .. } => Screen::FaceCamera,
            Stage::FaceUnknown { .. } => Screen::FaceUnknown,
            Stage::FaceTrouble(trouble) => trouble.screen(),
            Stage::ReadingPhoto(_)
            | Stage::PreparingFace(_)
            | Stage::GettingChallenge { .. }
            | Stage::Signing { .. }
            | Stage::Opening(_)
            | Stage::ReadingAttributes(_)
            | Stage::Finding(_)
            | Stage::Binding(_)
            | Stage::Asking(_) => Screen::Checking,
            Stage::RegisterOffer { .. } => Screen::RegisterOffer,
            Stage::RegisterConfirm(_) => Screen::RegisterConfirm,
            Stage::RegisterData | Stage::RegisterStaff(_) => Screen::RegisterWaitingStaff,
            Stage::Registered => Screen::Registered,
            Stage::ConsentMedical => Screen::ConsentMedical,
            Stage::ConsentProvide => Screen::ConsentProvide,
            Stage::Done { validity, .. } if validity == NOT_FOUND => Screen::NotFound,
            Stage::Done { .. } => Screen::Done,
            Stage::Ended { ending, .. } => ending.screen(),
        }
    }
}

/// 資格有効性 4: nobody fits.
const NOT_FOUND: &str = "4";
