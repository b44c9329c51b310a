//! The engine, or the builder of its new store, killed at random moments while the store is built
//! anew and takes over, and insurers go on sending.
//!
//! Goal: after every restart one of the two stores serves, whole; everything that was acknowledged is
//! in it. The same command goes on and ends.
//! Method: the insurers' full file holds everything that was sent when the shadow was begun, as it does
//! in life. Files with other people are sent, and people asked about, until the engine is gone.

use crate::chance::{Chance, kills};
use crate::people::{Desk, Sender, file, load_insurers, people};
use shikaku_domain::Registration;
use shikaku_tests::{Centre, program, said};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

const PERSONS: u64 = 12_000;
const FILE_PERSONS: usize = 20;
/// Files that are there before the first shadow.
const FILES_BEFORE: usize = 100;
/// A life of the engine lasts at most so long after its start, and so does one of the builder.
const LIFE_MS_MAX: u64 = 2_500;
/// There are this many lives for each ten kills of the engine in the other tests.
const KILLS_OF_TEN: u64 = 3;
/// Acknowledged files looked at after each restart, beside the last ones.
const SAMPLE: usize = 8;

type Files<'f> = [&'f [Registration<'static>]];

fn shadow(centre: &Centre, service: &str, arguments: &[&str]) -> Command {
    let pem = |ending: &str| format!("ca/clients/operator-tests{ending}.pem");
    let mut command = Command::new(program("shikaku"));
    command
        .arg("shadow")
        .args(arguments)
        .args(["--server", service, "--ca", "ca/ca.pem"])
        .args(["--cert", &pem(""), "--key", &pem(".key")])
        .current_dir(centre.path(""))
        .stdin(Stdio::null());
    command
}

fn load(centre: &Centre, service: &str) -> Command {
    shadow(centre, service, &["load", "insurers.csv", "members.csv"])
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

/// Which generation serves.
fn generation(centre: &Centre, service: &str) -> String {
    let status = succeeded(&shadow(centre, service, &["status"]).output().unwrap());
    status.lines().next().unwrap().to_owned()
}

/// Begins a shadow, if that was not done, and then lets the insurers make their full file.
fn begin(
    centre: &Centre,
    service: &str,
    made_for: &mut String,
    acknowledged: usize,
    files: &Files<'_>,
) {
    succeeded(&shadow(centre, service, &["begin"]).output().unwrap());
    let serving = generation(centre, service);
    if *made_for != serving {
        // The next one was sent perhaps, and not acknowledged.
        let everybody: Vec<_> = files[..files.len().min(acknowledged + 1)].concat();
        std::fs::write(centre.path("members.csv"), file(&everybody)).unwrap();
        *made_for = serving;
    }
}

#[test]
fn a_store_built_anew_loses_nothing_whoever_is_killed() {
    let centre = Centre::empty(PERSONS);
    load_insurers(&centre);
    let people = people(&centre.population);
    let files: Vec<&[Registration<'_>]> = people.chunks_exact(FILE_PERSONS).collect();
    std::fs::write(centre.path("first.csv"), file(&files[..FILES_BEFORE].concat())).unwrap();
    centre.shikaku(&["load", "first.csv"]);
    let (mut chance, mut made_for) = (Chance::new(), String::new());
    let acknowledged = Mutex::new(FILES_BEFORE);
    let known = || *acknowledged.lock().unwrap();
    let mut generations = 0;
    for _ in 0..(kills() * KILLS_OF_TEN).div_ceil(10) {
        let engine = centre.start();
        let desk = Desk::new(&centre, &engine.service);
        for number in (known() - 2..known()).chain((0..SAMPLE).map(|_| chance.index(known()))) {
            assert_eq!(desk.known(files[number]), FILE_PERSONS, "file {number} was lost");
        }
        let before = made_for.clone();
        begin(&centre, &engine.service, &mut made_for, known(), &files);
        generations += u32::from(before != made_for);
        let (first, second) = (chance.time(LIFE_MS_MAX), chance.time(LIFE_MS_MAX));
        let builder_first = chance.below(2) == 0;
        let sender = Sender::new(&centre, &engine.service);
        thread::scope(|scope| {
            scope.spawn(|| send(&sender, &files, &acknowledged));
            scope.spawn(|| ask(&desk, &files, &acknowledged));
            let mut builder = spawn(&centre, &engine.service);
            thread::park_timeout(first);
            if builder_first {
                end(&mut builder);
                builder = spawn(&centre, &engine.service);
                thread::park_timeout(second);
            }
            engine.kill();
            end(&mut builder);
        });
    }
    let engine = centre.start();
    begin(&centre, &engine.service, &mut made_for, known(), &files);
    let serving = generation(&centre, &engine.service);
    let told = succeeded(&load(&centre, &engine.service).output().unwrap());
    assert!(told.contains("新しい保存先に切り替えました") && !told.contains(&serving), "{told}");
    let desk = Desk::new(&centre, &engine.service);
    eprintln!("{} files acknowledged, {generations} shadows begun", known());
    for (number, file) in files[..known()].iter().enumerate() {
        assert_eq!(desk.known(file), FILE_PERSONS, "file {number} was lost");
    }
    assert!(engine.stop());
    let report = centre.shikaku(&["verify"]);
    assert!(report.contains("problems                  0"), "{report}");
}

fn spawn(centre: &Centre, service: &str) -> Child {
    load(centre, service).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn end(child: &mut Child) {
    let _ = child.kill();
    child.wait().unwrap();
}

/// Sends one file after the other until the engine is gone; the next life sends the last one again.
fn send(sender: &Sender, files: &Files<'_>, acknowledged: &Mutex<usize>) {
    loop {
        let number = *acknowledged.lock().unwrap();
        let Some(next) = files.get(number) else { return };
        match sender.send(&file(next)) {
            Ok((200, report)) => assert_eq!(report["rejected"], 0, "{report}"),
            Ok((status, report)) => panic!("{status} {report}"),
            Err(_) => return,
        }
        *acknowledged.lock().unwrap() = number + 1;
        // Files of a day, not of an hour.
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Asks about people who are there until the engine is gone.
fn ask(desk: &Desk, files: &Files<'_>, acknowledged: &Mutex<usize>) {
    for step in 1.. {
        let known = *acknowledged.lock().unwrap();
        for person in files[(step * 37) % known] {
            match desk.knows(person) {
                Ok(found) => assert!(found, "somebody who was acknowledged is not known"),
                Err(_) => return,
            }
        }
    }
}
