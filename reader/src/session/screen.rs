//! The screens, by name: which step each belongs to, and which one an end leads to.

use serde::Serialize;

use super::camera::FaceTrouble;
use super::stage::Ending;

/// The names of screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the pages' message table says what each one tells the patient")]
pub enum Screen {
    NoReader,
    Empty,
    Reading,
    NotMyNumberCard,
    PhoneLocked,
    ChooseMethod,
    EnterPin,
    WrongPin,
    LastTryConfirm,
    PinBlocked,
    VisualWaiting,
    FaceNumber,
    FaceCamera,
    FaceUnknown,
    CameraRefused,
    CameraTrouble,
    FaceTrouble,
    PhotoUnusable,
    Checking,
    RegisterOffer,
    RegisterConfirm,
    RegisterWaitingStaff,
    Registered,
    ConsentMedical,
    ConsentProvide,
    Done,
    RemovedTooEarly,
    CardChanged,
    CardTrouble,
    ReaderBusy,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    CertificateUntrusted,
    NotFound,
    EngineDown,
    TimedOut,
    Cancelled,
}

impl Screen {
    /// Which of the six steps a screen belongs to.
    pub(super) const fn step(self) -> Option<u8> {
        match self {
            Self::NoReader | Self::Empty | Self::Reading | Self::NotMyNumberCard => Some(1),
            Self::ChooseMethod => Some(2),
            Self::EnterPin
            | Self::WrongPin
            | Self::LastTryConfirm
            | Self::PinBlocked
            | Self::VisualWaiting
            | Self::FaceNumber
            | Self::FaceCamera
            | Self::FaceUnknown
            | Self::CameraRefused
            | Self::CameraTrouble
            | Self::FaceTrouble
            | Self::PhotoUnusable
            | Self::Checking => Some(3),
            Self::ConsentMedical => Some(4),
            Self::ConsentProvide => Some(5),
            Self::Done => Some(6),
            Self::PhoneLocked
            | Self::RegisterOffer
            | Self::RegisterConfirm
            | Self::RegisterWaitingStaff
            | Self::Registered
            | Self::RemovedTooEarly
            | Self::CardChanged
            | Self::CardTrouble
            | Self::ReaderBusy
            | Self::CertificateExpired
            | Self::CertificateNotYetValid
            | Self::CertificateRevoked
            | Self::CertificateUntrusted
            | Self::NotFound
            | Self::EngineDown
            | Self::TimedOut
            | Self::Cancelled => None,
        }
    }
}

impl FaceTrouble {
    pub(super) const fn screen(self) -> Screen {
        match self {
            Self::CameraRefused => Screen::CameraRefused,
            Self::CameraMissing | Self::CameraBroken => Screen::CameraTrouble,
            Self::Busy | Self::Broken => Screen::FaceTrouble,
            Self::PhotoUnusable => Screen::PhotoUnusable,
        }
    }
}

impl Ending {
    pub(super) const fn screen(self) -> Screen {
        match self {
            Self::NotMyNumberCard => Screen::NotMyNumberCard,
            Self::RemovedTooEarly => Screen::RemovedTooEarly,
            Self::CardChanged => Screen::CardChanged,
            Self::CardTrouble => Screen::CardTrouble,
            Self::CertificateExpired => Screen::CertificateExpired,
            Self::CertificateNotYetValid => Screen::CertificateNotYetValid,
            Self::CertificateRevoked => Screen::CertificateRevoked,
            Self::PhoneLocked => Screen::PhoneLocked,
            Self::CertificateUntrusted => Screen::CertificateUntrusted,
            Self::NotFound => Screen::NotFound,
            Self::EngineDown => Screen::EngineDown,
            Self::TimedOut => Screen::TimedOut,
            Self::Cancelled => Screen::Cancelled,
        }
    }
}
