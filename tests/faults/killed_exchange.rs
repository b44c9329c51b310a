//! The folder exchange killed while a receipt computer writes requests and takes answers.
//!
//! Goal: each request gets exactly one answer.
//! Method: the client reads and deletes whatever lies in `res`. An answer written twice would
//! come back after it was deleted.

use crate::chance::{Chance, lives};
use shikaku_tests::{Centre, DATE, FACILITY, oqs_xml, program, wait_until};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A life of the exchange lasts at most so long; it looks into `req` every 20 ms.
const LIFE_MS_MAX: u64 = 300;
/// Requests that a client writes in each life.
const REQUESTS: u64 = 8;
/// Between two looks of the client.
const LOOK: Duration = Duration::from_millis(5);

/// A receipt computer with a folder, and the exchange that serves it.
struct Client {
    root: PathBuf,
    configuration: PathBuf,
    sent: u64,
    /// How often each answer came.
    answers: BTreeMap<String, u64>,
}

impl Client {
    fn new(centre: &Centre, service: &str) -> Self {
        let root = centre.path("oqs");
        let client = format!("ca/clients/facility-{FACILITY}");
        let text = format!(
            "[engine]\nurl = {service:?}\nca = \"ca/ca.pem\"\ncertificate = \"{client}.pem\"\n\
             key = \"{client}.key.pem\"\n[exchange]\nroot = {root:?}\npoll_interval_ms = 20\n"
        );
        let configuration = centre.path("reader.toml");
        fs::write(&configuration, text).unwrap();
        fs::create_dir_all(root.join("req")).unwrap();
        Self { root, configuration, sent: 0, answers: BTreeMap::new() }
    }

    fn start(&self) -> Exchange {
        let child = Command::new(program("shikaku-reader"))
            .args(["exchange", "--config"])
            .arg(&self.configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Exchange(child.unwrap())
    }

    /// Writes a request as receipt computers do: under another name first.
    fn send(&mut self) {
        let number = self.sent;
        self.sent += 1;
        let search = [
            ("InsurerNumber", "01040013"),
            ("InsuredIdentificationNumber", "1"),
            ("Birthdate", "19700101"),
        ];
        let text = oqs_xml(&search, DATE, &number.to_string());
        let hidden = self.root.join("req").join(format!("{number}.tmp"));
        fs::write(&hidden, text).unwrap();
        let name = format!("OQSsiquc01req_{number}.xml");
        fs::rename(hidden, self.root.join("req").join(name)).unwrap();
    }

    /// Takes every answer: reads it and deletes it.
    fn take(&mut self) {
        let Ok(entries) = fs::read_dir(self.root.join("res")) else { return };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if !is_answer(&name) {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let number = name.trim_start_matches("OQSsiquc01res_").trim_end_matches(".xml");
            let echo = format!("<ArbitraryFileIdentifier>{number}</ArbitraryFileIdentifier>");
            assert!(text.contains(&echo), "{name}: {text}");
            fs::remove_file(&path).unwrap();
            *self.answers.entry(name).or_default() += 1;
        }
    }
}

/// Anything else in `res` is an answer being written.
fn is_answer(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
    assert_ne!(extension, Some("err"), "{name}: the exchange refused a request");
    name.starts_with("OQSsiquc01res_") && extension == Some("xml")
}

/// Killed at the latest when the test ends.
struct Exchange(Child);

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_request_gets_exactly_one_answer_however_often_the_exchange_dies() {
    let centre = Centre::empty(2_000);
    let engine = centre.start();
    let mut client = Client::new(&centre, &engine.service);
    let mut chance = Chance::new();
    // Nobody sends on this channel: waiting on it is the client's pause.
    let (_keep, pause) = channel::<()>();
    for _ in lives("exchange") {
        let exchange = client.start();
        let end = Instant::now() + chance.time(LIFE_MS_MAX);
        let mut left = REQUESTS;
        while Instant::now() < end {
            if left > 0 && chance.below(4) > 0 {
                client.send();
                left -= 1;
            }
            client.take();
            assert_eq!(pause.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout));
        }
        drop(exchange);
        client.take();
    }
    let exchange = client.start();
    let requests = client.root.join("req");
    let sent = client.sent;
    wait_until("all answers", || {
        client.take();
        client.answers.len() as u64 >= sent
    });
    wait_until("the folder is empty", || fs::read_dir(&requests).unwrap().count() == 0);
    drop(exchange);
    drop(client.start());
    client.take();
    assert!(sent > 0, "no request was sent");
    for (name, times) in &client.answers {
        assert_eq!(*times, 1, "{name} came {times} times");
    }
}
