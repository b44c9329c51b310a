//! What the log says, and what it must never say.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Desk, REQUEST, settle};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything logged on this thread while `story` runs.
fn log_of(story: impl FnOnce()) -> String {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(Level::TRACE)
        .with_ansi(false)
        .with_writer(captured.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, story);
    String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
}

#[test]
fn neither_names_of_files_nor_their_content_reach_the_log() {
    let log = log_of(|| {
        let desk = Desk::new();
        desk.send("PATIENT0042", REQUEST);
        desk.send("PATIENT0043", "<XmlMsg>REFUSE 資格</XmlMsg>");
        std::fs::write(desk.path("req", "PATIENT0044.xml"), REQUEST).unwrap();
        let mut exchange = desk.open();
        settle(&mut exchange);
        std::fs::remove_file(desk.path("res", "OQSsiquc01res_PATIENT0042.xml")).unwrap();
        desk.clock.add(Duration::from_secs(86_401));
        exchange.sweep();
    });
    assert!(log.contains("OQSsiquc01-") && log.contains("left alone"), "{log}");
    for secret in ["PATIENT", "0042", "0043", "0044", "資格", "髙橋", "REFUSE"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn an_outage_is_two_lines_however_many_files_wait() {
    let log = log_of(|| {
        let desk = Desk::new();
        desk.engine.down.store(true, Ordering::SeqCst);
        for n in 0..20 {
            desk.send(&format!("{n:02}"), REQUEST);
        }
        let mut exchange = desk.open();
        for _ in 0..5 {
            settle(&mut exchange);
            desk.clock.add(Duration::from_secs(10));
        }
        desk.engine.down.store(false, Ordering::SeqCst);
        settle(&mut exchange);
    });
    assert_eq!(log.matches("engine unreachable: ").count(), 1, "{log}");
    assert_eq!(log.matches("engine reachable again").count(), 1, "{log}");
    assert_eq!(log.lines().count(), 2, "{log}");
}
