//! What runs at the facility.
//!
//! [`exchange`] answers the file requests of receipt computers (レセコン) that already exist: it
//! watches a folder, asks the engine and writes the answers back. [`serve`] does this and what a
//! card needs: [`session`] is one patient's way as a pure function, [`pcsc`] and [`card_protocol`]
//! talk to cards, [`card_api`] to the engine, [`kiosk`] to people, and [`face_folder`] hands the
//! answer to the receipt computer.

pub mod card_api;
pub mod card_command;
pub mod card_protocol;
pub mod clock;
pub mod config;
mod error;
pub mod exchange;
pub mod face_folder;
pub mod kiosk;
pub mod pcsc;
pub mod record;
pub mod serve;
pub mod session;
mod supervisor;
pub mod test_cards;

pub use error::ReaderError;
