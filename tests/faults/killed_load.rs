//! `shikaku load` killed at random moments and started again.

use crate::chance::{Chance, kills};
use crate::people::{Desk, people};
use shikaku_tests::{Centre, DATE, program, said};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

const PERSONS: u64 = 30_000;
/// A life of the load lasts at most so long.
const LIFE_MS_MAX: u64 = 600;
/// The load is killed this many times for each ten kills of the engine.
const KILLS_OF_TEN: u64 = 4;

#[test]
fn a_load_that_is_killed_goes_on_and_ends_as_if_it_had_not_been() {
    check(&["load"]);
}

#[test]
fn a_bulk_load_that_is_killed_goes_on_and_ends_as_if_it_had_not_been() {
    check(&["load", "--bulk"]);
}

#[test]
fn a_population_piped_into_a_bulk_load_is_the_one_from_its_file() {
    let centre = Centre::new(PERSONS);
    let persons = PERSONS.to_string();
    let mut maker = Command::new(program("shikaku-loadgen"))
        .args(["population", "--persons", &persons, "--seed", "7", "--date", DATE])
        .args(["--out", "again", "--members", "stdout"])
        .current_dir(centre.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = Command::new(program("shikaku"))
        .args(["load", "--bulk", "population/insurers.csv", "-"])
        .env("SHIKAKU_ENGINE_STORE_PATH", "other")
        .current_dir(centre.path(""))
        .stdin(maker.stdout.take().unwrap())
        .output()
        .unwrap();
    assert!(maker.wait().unwrap().success());
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(verify(&centre, "other"), verify(&centre, "store"));
}

/// Kills the command, whose store is compared with that of a load that was left alone.
fn check(arguments: &[&str]) {
    let centre = Centre::new(PERSONS);
    let whole = verify(&centre, "store");
    let mut chance = Chance::new();
    let mut left = (kills() * KILLS_OF_TEN).div_ceil(10);
    while left > 0 {
        let _ = std::fs::remove_dir_all(centre.path("other"));
        while left > 0 && !lives_to_its_end(&centre, arguments, chance.time(LIFE_MS_MAX)) {
            left -= 1;
        }
        let output = command(&centre, arguments).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        assert!(centre.path("other").exists(), "the load went elsewhere");
        assert_eq!(verify(&centre, "other"), whole);
    }
    let engine = centre.start_with(&[("SHIKAKU_ENGINE_STORE_PATH", "other")]);
    let some: Vec<_> = people(&centre.population).into_iter().step_by(97).collect();
    assert_eq!(Desk::new(&centre, &engine.service).known(&some), some.len());
}

fn command(centre: &Centre, arguments: &[&str]) -> Command {
    let mut command = Command::new(program("shikaku"));
    command
        .args(arguments)
        .args(["population/insurers.csv", "population/members.csv"])
        .env("SHIKAKU_ENGINE_STORE_PATH", "other")
        .current_dir(centre.path(""));
    command
}

/// Kills the load after this time, unless it ended before.
fn lives_to_its_end(centre: &Centre, arguments: &[&str], life: Duration) -> bool {
    let mut child = command(centre, arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = child.stdout.take().unwrap();
    let (tell, ended) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let _ = std::io::copy(&mut out, &mut std::io::sink());
            let _ = tell.send(());
        });
        let in_time = ended.recv_timeout(life).is_ok();
        if !in_time {
            child.kill().unwrap();
        }
        child.wait().unwrap().success()
    })
}

/// What `shikaku verify` counts, but for the log's records: a load that was cut off has another
/// number of steps.
fn verify(centre: &Centre, store: &str) -> Vec<String> {
    let output = verified(&centre.path(""), store);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.starts_with("log records")).map(str::to_owned).collect()
}

fn verified(folder: &Path, store: &str) -> Output {
    Command::new(program("shikaku"))
        .arg("verify")
        .env("SHIKAKU_ENGINE_STORE_PATH", store)
        .current_dir(folder)
        .output()
        .unwrap()
}
