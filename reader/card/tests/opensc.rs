//! The software card through the real pcscd, vpcd and OpenSC: a client that knows nothing of this
//! project lists, reads and signs, and OpenSSL checks what it signed.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends with its first failure")]

use shikaku_card::pcscd::{Pcscd, SOCKET_VARIABLE};
use shikaku_card::vpcd::{Event, Latency, Plugged};
use shikaku_card::{CardOrder, Holder, Issuer, Memory, Profile};
use shikaku_domain::{Day, Personal, Sex};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long pcscd may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);
const PROGRAM_SECONDS: &str = "60";
const READER: &str = "Virtual PCD 00 00";

struct Bench {
    folder: TempDir,
    pcscd: Pcscd,
    _card: Plugged,
}

impl Bench {
    fn with(profile: Profile) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pcscd = Pcscd::start(folder.path()).expect("./dev installs pcscd and vsmartcard-vpcd");
        let holder = Holder {
            index: 5,
            name: Personal::new("資格　花子".to_owned()),
            address: Personal::new("合成県見本市一丁目２番３号".to_owned()),
            birth: Day::parse("19800217").unwrap(),
            sex: Sex::Female,
            municipality: 13_221,
        };
        let order = CardOrder::new(holder, profile, Day::parse("20261123").unwrap());
        let card = Issuer::new(1).unwrap().card(&order).unwrap().insert(Memory::volatile());
        let (sender, events) = mpsc::channel();
        let on_event = move |event| {
            let _ = sender.send(event);
        };
        let card = Plugged::insert(card, pcscd.port(), Latency::NONE, on_event).unwrap();
        while !matches!(events.recv_timeout(START).expect("no reader"), Event::Connected) {}
        let bench = Self { folder, pcscd, _card: card };
        bench.wait_for_the_card();
        bench
    }

    /// pcscd looks for the card every 400 ms, so the first questions may find an empty reader.
    ///
    /// `opensc-tool --wait` was seen to wait for ever beside a card that had come.
    fn wait_for_the_card(&self) {
        let until = Instant::now() + START;
        while !self.output("opensc-tool", &["--reader", READER, "--atr"]).status.success() {
            assert!(Instant::now() < until, "the card did not appear");
        }
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        // A reader that hangs fails the test instead of holding it up.
        Command::new("timeout")
            .args([PROGRAM_SECONDS, program])
            .args(arguments)
            .current_dir(self.folder.path())
            .env(SOCKET_VARIABLE, self.pcscd.socket())
            .env("HOME", self.folder.path())
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}; ./dev installs it"))
    }

    /// What a program says; it must succeed.
    #[track_caller]
    fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.output(program, arguments);
        let [out, err] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
        assert!(output.status.success(), "{program} {arguments:?}\n{out}\n{err}");
        format!("{out}{err}")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn opensc_knows_the_card_and_lists_what_is_on_it() {
    let bench = Bench::with(Profile::Adult);
    let readers = bench.run("opensc-tool", &["--list-readers"]);
    assert!(readers.contains(READER), "{readers}");
    let name = bench.run("opensc-tool", &["--reader", READER, "--name"]);
    assert!(name.to_lowercase().contains("jpki"), "{name}");
    let dump = bench.run("pkcs15-tool", &["--reader", READER, "--dump"]);
    assert!(dump.contains("User Authentication Certificate"), "{dump}");
    assert!(dump.contains("Digital Signature Certificate"), "{dump}");
    let pem = bench.run("pkcs15-tool", &["--reader", READER, "--read-certificate", "1"]);
    fs::write(bench.path("holder.pem"), &pem).unwrap();
    let text = bench.run("openssl", &["x509", "-in", "holder.pem", "-noout", "-text"]);
    assert!(text.contains("O = JPKI-SYNTHETIC"), "{text}");
    assert!(text.contains("X509v3 Certificate Policies: critical"), "{text}");
    assert!(text.contains("Not After : Feb 17 14:59:59 2030 GMT"), "{text}");
}

#[test]
fn opensc_signs_with_the_pin_and_openssl_finds_the_signature_good() {
    let bench = Bench::with(Profile::Adult);
    let pem = bench.run("pkcs15-tool", &["--reader", READER, "--read-certificate", "1"]);
    fs::write(bench.path("holder.pem"), pem).unwrap();
    let key = bench.run("openssl", &["x509", "-in", "holder.pem", "-noout", "-pubkey"]);
    fs::write(bench.path("key.pem"), key).unwrap();
    fs::write(bench.path("challenge"), b"thirty-two bytes of a challenge!").unwrap();
    bench.run("openssl", &["dgst", "-sha256", "-binary", "-out", "hash", "challenge"]);
    let sign = [
        "--reader",
        READER,
        "--sign",
        "--key",
        "1",
        "--sha-256",
        "--pkcs1",
        "--raw",
        "--pin",
        "1234",
        "--input",
        "hash",
        "--output",
        "signature",
    ];
    bench.run("pkcs15-crypt", &sign);
    let check = ["dgst", "-sha256", "-verify", "key.pem", "-signature", "signature", "challenge"];
    assert!(bench.run("openssl", &check).contains("Verified OK"));

    let sign = [
        "--sign",
        "--pin",
        "1234",
        "--id",
        "01",
        "--mechanism",
        "SHA256-RSA-PKCS",
        "--token-label",
        "JPKI (User Authentication PIN)",
        "--input-file",
        "challenge",
        "--output-file",
        "signature",
    ];
    bench.run("pkcs11-tool", &sign);
    assert!(bench.run("openssl", &check).contains("Verified OK"));
}

#[test]
fn opensc_is_refused_by_a_blocked_card_and_loses_a_try_with_a_wrong_pin() {
    let verify = |bench: &Bench, pin| {
        let verify = ["--reader", READER, "--verify-pin", "--auth-id", "1", "--pin", pin];
        bench.output("pkcs15-tool", &verify)
    };
    let tries = |bench: &Bench| {
        let query = "00:A4:04:0C:0A:D3:92:F0:00:26:01:00:00:00:01";
        let query = ["--reader", READER, "--send-apdu", query, "--send-apdu", "00:20:00:98"];
        bench.run("opensc-tool", &query)
    };
    let bench = Bench::with(Profile::Adult);
    assert!(!verify(&bench, "9999").status.success());
    assert!(tries(&bench).contains("SW1=0x63, SW2=0xC2"));
    assert!(verify(&bench, "1234").status.success());
    assert!(tries(&bench).contains("SW1=0x63, SW2=0xC3"));

    let bench = Bench::with(Profile::PinBlocked);
    assert!(!verify(&bench, "1234").status.success());
    assert!(tries(&bench).contains("SW1=0x63, SW2=0xC0"));
}
