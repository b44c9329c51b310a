//! A patient's way with a card through the real programs: software card, vpcd, pcscd, the reader's
//! bridge and the engine. Needs Debian's pcscd and vsmartcard-vpcd, which `./dev` installs; each test
//! has a pcscd of its own, without root.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking; the one of the steps prints their table"
)]

mod faults;
mod guard;
mod paths;
mod place;
mod steps;
