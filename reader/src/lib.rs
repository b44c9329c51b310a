//! What runs at the facility.
//!
//! [`exchange`] answers the file requests of receipt computers (レセコン) that already exist: it
//! watches a folder, asks the engine and writes the answers back. Each further duty of a facility
//! machine, such as its card readers, is a sibling module with its own table in [`config`] and its
//! own subcommand in `main.rs`; nothing is shared between them but the configuration of the engine.

pub mod card_command;
pub mod clock;
pub mod config;
mod error;
pub mod exchange;
pub mod session;

pub use error::ReaderError;
