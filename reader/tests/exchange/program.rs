//! The program itself: its subcommands, its exit, its signals.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{REQUEST, until};

struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// A configuration whose engine is a port where nobody listens.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["facility.example".to_owned()]).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", &made.cert.pem());
        write("facility.pem", &made.cert.pem());
        write("facility.key", &made.signing_key.serialize_pem());
        let example = include_str!("../../reader.example.toml");
        let root = folder.path().join("oqs");
        let text = example
            .replace("/srv/oqs", root.to_str().unwrap())
            .replace("https://engine.example:8443", "https://127.0.0.1:1")
            .replace("poll_interval_ms = 200", "poll_interval_ms = 20");
        write("reader.toml", &text);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_shikaku-reader")));
        command.arg(name).arg("--config").arg(self.path("reader.toml"));
        command
    }

    fn output(&self, name: &str, environment: &[(&str, &str)]) -> (bool, String) {
        let Output { status, stdout, stderr } =
            self.command(name).envs(environment.iter().copied()).output().unwrap();
        let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        (status.success(), text)
    }
}

#[test]
fn the_example_configuration_is_valid_and_shown_without_its_secret() {
    let machine = Machine::new();
    assert!(machine.output("check-config", &[]).0);
    let (fine, text) =
        machine.output("print-config", &[("SHIKAKU_READER_EXCHANGE_RETENTION_MINUTES", "5")]);
    assert!(fine);
    assert!(text.contains("retention_minutes = 5") && !text.contains("facility.key"), "{text}");
}

#[test]
fn mistakes_are_told_by_code_in_two_languages_before_anything_starts() {
    let machine = Machine::new();
    for (environment, code) in [
        (("SHIKAKU_READER_EXCHANGE_WORKER", "1"), "SHK-EXC-002"),
        (("SHIKAKU_READER_EXCHANGE_WORKERS", "0"), "SHK-EXC-003"),
        (("SHIKAKU_READER_ENGINE_KEY", "missing.key"), "SHK-EXC-004"),
    ] {
        for command in ["check-config", "exchange"] {
            let (fine, text) = machine.output(command, &[environment]);
            assert!(!fine);
            assert!(text.contains(code) && text.contains("。"), "{text}");
        }
    }
    assert!(!machine.path("oqs").exists());
}

/// Kills the program even when the test fails before its end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn a_stop_by_signal_keeps_what_waits_and_frees_the_folder() {
    let machine = Machine::new();
    for signal in ["-TERM", "-INT"] {
        let mut running =
            Running(machine.command("exchange").stderr(Stdio::null()).spawn().unwrap());
        until(|| machine.path("oqs/work/status.json").is_file());
        let request = machine.path("oqs/req/OQSsiquc01req_1.xml");
        let claimed = machine.path("oqs/work/OQSsiquc01req_1.xml");
        if !claimed.is_file() {
            fs::write(&request, REQUEST).unwrap();
        }
        until(|| claimed.is_file());
        let (fine, text) = machine.output("exchange", &[]);
        assert!(!fine && text.contains("SHK-EXC-010"), "{text}");
        let sent = Command::new("kill").arg(signal).arg(running.0.id().to_string()).status();
        assert!(sent.unwrap().success());
        assert!(running.0.wait().unwrap().success());
        assert!(claimed.is_file());
        fs::remove_file(machine.path("oqs/work/status.json")).unwrap();
    }
}
