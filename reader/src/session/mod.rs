//! One patient's way from the card to the answer, as a pure function.
//!
//! [`step`] takes the state, one event and the time, and returns the next state and what is to be
//! done. It knows no card, no network and no clock, so every history can be tested and replayed.
//! Whoever runs it (`serve`) does the effects and reports their ends as events.
//!
//! What holds of every history, and is tested as a property:
//! - an effect on the card or the engine carries a fresh [`Ticket`]; an end whose ticket is not the
//!   one awaited changes nothing, so nothing of patient A reaches the session of patient B;
//! - a PIN leaves only in [`Effect::Authenticate`], right after an intent of this session;
//! - the last try is used only after its own explicit yes;
//! - the card's photograph is asked for once it was chosen, and forgotten as soon as no stage needs it;
//! - a card signs for the terminal only after staff or the camera recognised its holder in this session;
//! - eligibility is asked with no consent that was not given in this session.

mod camera;
mod digits;
mod ending;
mod event;
mod facts;
mod failure;
mod people;
mod recognising;
mod registering;
mod screen;
mod stage;
mod step;
#[cfg(test)]
mod tests;
mod view;

pub use camera::{FaceTrouble, Look, Photo, Refusals, Watch};
pub use digits::{MatchingNumber, Pin};
pub use event::{Effect, Event, Proof, StaffIntent};
pub use facts::{
    Answer, Asked, Attributes, Candidate, CardSeen, Challenge, Consents, Information,
    InsuranceCard, Method, Moment, Opened, Prescription, Registration, SessionId, Signed, StaffId,
    Ticket, TokenKind, Via,
};
pub use failure::{CardFailure, EngineFailure, Refusal};
pub use people::Intent;
pub use screen::Screen;
pub use stage::{Ending, Key, Limits, Notice, Offer, Patient, Stage, State};
pub use step::step;
pub use view::{CameraView, CandidateView, CounterView, MethodView, View, Waiting, What};
