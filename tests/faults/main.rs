//! What breaks, and how it is told: the real programs killed, starved, flooded and given damaged
//! files. Each test name is a sentence that must be true.
//!
//! Kills come at random moments. The seed is printed; `SIM_SEED=…` repeats the choices, though not
//! the timing of the machine. `SHIKAKU_KILLS` sets how many there are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

mod backup;
mod chance;
mod clock_steps;
mod counter;
mod damaged_files;
mod full_disk;
mod killed_cards;
mod killed_engine;
mod killed_exchange;
mod killed_load;
mod killed_shadow;
mod overload;
mod people;
mod slow_clients;
mod slow_disk;
