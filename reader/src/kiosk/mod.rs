//! The kiosk and the counter: one hub that runs the session, and the pages that show it.
//!
//! - `hub`: one thread that owns the state, does its effects and publishes what pages show
//! - `desk`: threads that ask the engine, and one that writes files, so that the hub never waits
//! - `face_desk`: holds the photograph and the try of the one session, and has frames looked at
//! - `faces`: who looks at them, models of this machine or the engine
//! - `counter`: the queue of results for staff, in memory only
//! - `http`: the pages, their events and what people do there, on loopback only
//!
//! **Invariant:** nothing of a patient is kept longer than the counter's minutes, and nothing is
//! written to a disk but the message for the receipt computer. Photographs and frames stay in memory,
//! for as long as their stage lasts; they leave the machine only where it says that the engine compares.

mod body;
mod counter;
mod desk;
mod face_desk;
mod faces;
mod guard;
mod http;
mod hub;
mod pages;
mod self_test;

pub use counter::Row;
pub use faces::Faces;
pub use http::{Server, bind};
pub use hub::{Hub, HubHandle, Parts};
pub use self_test::{Check, SelfTest};
