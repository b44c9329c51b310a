//! The generator against small servers that behave in a known way.

mod honest;
mod lying;
mod questions;
mod server;
mod tls;

use super::client::{Mode, Setup};
use super::query::Prepared;
use super::schedule::Arrivals;
use super::target::{Reach, Target};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const CONSTANT: Mode = Mode::Open(Arrivals::Constant);

/// One thread, constant requests without audit; tests change what they are about.
fn setup(server: SocketAddr) -> Setup {
    let target = Target::new(&format!("http://{server}"), None, Reach::Loopback).unwrap();
    let prepared = Arc::new(Prepared::constant(&target.authority, "/constant"));
    Setup {
        target,
        prepared,
        mode: CONSTANT,
        rate: 200,
        threads: 1,
        connections: 4,
        warmup: Duration::ZERO,
        duration: Duration::from_millis(250),
        timeout: Duration::from_secs(10),
        seed: 1,
    }
}
