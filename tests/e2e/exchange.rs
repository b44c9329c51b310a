//! The folders of the receipt computer (§1.2): request files in, answer files out, by the real
//! names, each exactly once, whatever stops in between.

use crate::population::Registered;
use crate::question::Question;
use crate::shared::{shared, today};
use shikaku_domain::QualificationValidity;
use shikaku_tests::{Centre, Engine, FACILITY, OTHER_FACILITY, program, wait_until};
use shikaku_wire::oqs::ParsedAnswer;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running exchange with folders of its own.
struct Exchange {
    folder: tempfile::TempDir,
    child: Child,
}

impl Exchange {
    fn start(centre: &Centre, engine: &Engine, encoding: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = centre.path("ca");
        let (ca, root) = (ca.display(), folder.path().join("OQS"));
        let own = format!("clients/facility-{FACILITY}");
        let config = format!(
            "[engine]\nurl = \"{}\"\nca = \"{ca}/ca.pem\"\ncertificate = \"{ca}/{own}.pem\"\n\
             key = \"{ca}/{own}.key.pem\"\n[exchange]\nroot = \"{}\"\n\
             response_encoding = \"{encoding}\"\npoll_interval_ms = 20\n",
            engine.service,
            root.display()
        );
        fs::write(folder.path().join("reader.toml"), config).unwrap();
        let child = Self::spawn(folder.path());
        let exchange = Self { folder, child };
        wait_until("the folders are there", || exchange.path("res", "").is_dir());
        exchange
    }

    fn spawn(folder: &Path) -> Child {
        let log = fs::File::options().append(true).create(true).open(folder.join("log")).unwrap();
        Command::new(program("shikaku-reader"))
            .args(["exchange", "--config", "reader.toml"])
            .env("SHIKAKU_LOG", "debug")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Stops it as an operator would.
    fn stop(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }

    fn start_again(&mut self) {
        self.child = Self::spawn(self.folder.path());
    }

    fn path(&self, folder: &str, name: &str) -> PathBuf {
        self.folder.path().join("OQS").join(folder).join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Drops a request as receipt computers do: written aside, then renamed.
    fn drop_request(&self, name: &str, content: &[u8]) {
        let aside = self.path("req", &format!("{name}.tmp"));
        fs::write(&aside, content).unwrap();
        fs::rename(aside, self.path("req", name)).unwrap();
    }

    /// Waits for a file in `res`, reads it and deletes it, as receipt computers do.
    fn take(&self, name: &str) -> Vec<u8> {
        let path = self.path("res", name);
        wait_until(name, || path.is_file());
        let content = fs::read(&path).unwrap();
        fs::remove_file(path).unwrap();
        content
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder, "")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Expects the request back with its `.err`: code, Japanese, English.
    #[track_caller]
    fn expect_rejected(&self, stem: &str, content: &[u8], code: &str) {
        let text = String::from_utf8(self.take(&format!("{stem}.err"))).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, code), "{text}");
        assert!(lines[1].ends_with('。') && lines[2].is_ascii(), "{text}");
        assert_eq!(self.take(&format!("{stem}.xml")), content, "the request comes back as it was");
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Some questions of every kind, each with the answer that the rules give.
fn questions(registered: &Registered, count: usize) -> Vec<(Question, String)> {
    let kinds = QualificationValidity::ALL.iter();
    let found = kinds.flat_map(|validity| registered.questions(*validity, &[today()], count));
    let answered = found.map(|question| {
        let outcome = registered.outcome(&question.query(), question.on);
        (question, outcome.validity().code().to_owned())
    });
    answered.collect()
}

/// §1.2 and §1.3: `req` becomes `res`, in the encoding of the request.
#[test]
fn requests_are_answered_by_the_real_file_names_in_their_encoding() {
    let shared = shared();
    let exchange = Exchange::start(&shared.centre, &shared.engine, "as-requested");
    for (n, (question, validity)) in questions(&shared.registered, 3).into_iter().enumerate() {
        let identifier = format!("20261101{n:04}");
        let utf8 = question.oqs_xml(&identifier).into_bytes();
        let shift_jis = question.oqs_xml_shift_jis(&identifier);
        for (kind, body, code) in [("u", utf8, "0"), ("患者", shift_jis, "1")] {
            exchange.drop_request(&format!("OQSsiquc01req_{kind}{identifier}.xml"), &body);
            let answer = exchange.take(&format!("OQSsiquc01res_{kind}{identifier}.xml"));
            let answer = ParsedAnswer::from_xml(&answer).unwrap();
            assert_eq!(answer.body("QualificationValidity"), Some(&*validity));
            assert_eq!(answer.header("ArbitraryFileIdentifier"), Some(&*identifier));
            assert_eq!(answer.header("CharacterCodeIdentifier"), Some(code));
        }
    }
    assert_eq!(exchange.names("res"), [""; 0]);
    assert_eq!(exchange.names("req"), [""; 0]);
    for registration in shared.registered.all() {
        crate::population::expect_absent(registration, &exchange.log());
    }
}

/// §1.2: a receipt computer that reads only Shift_JIS is configured so.
#[test]
fn answers_come_in_the_configured_encoding() {
    let shared = shared();
    let (_, question) = shared.registered.valid(today(), |_| true);
    let utf8 = question.oqs_xml("x").into_bytes();
    for (encoding, code, body) in
        [("shift_jis", "1", utf8), ("utf-8", "0", question.oqs_xml_shift_jis("x"))]
    {
        let exchange = Exchange::start(&shared.centre, &shared.engine, encoding);
        exchange.drop_request("OQSsiquc01req_1.XML", &body);
        let answer = ParsedAnswer::from_xml(&exchange.take("OQSsiquc01res_1.xml")).unwrap();
        assert_eq!(answer.header("CharacterCodeIdentifier"), Some(code));
        assert_eq!(answer.body("QualificationValidity"), Some("1"));
    }
}

/// §1.2: a rejected request re-appears in `res` with a `.err` beside it.
#[test]
fn a_request_that_cannot_be_answered_comes_back_with_its_reason() {
    let shared = shared();
    let exchange = Exchange::start(&shared.centre, &shared.engine, "utf-8");
    let message = shared.registered.valid(today(), |_| true).1.oqs_xml("x");
    let doctype = message.replacen("<XmlMsg>", "<!DOCTYPE XmlMsg><XmlMsg>", 1);
    let other = message.replace(FACILITY, OTHER_FACILITY);
    for (n, (content, code)) in [
        ("<XmlMsg><a></XmlMsg>".to_owned(), "SHK-MSG-005"),
        (doctype, "SHK-MSG-006"),
        (message.replacen(">x<", ">&mine;<", 1), "SHK-MSG-006"),
        (other, "SHK-ENG-010"),
    ]
    .into_iter()
    .enumerate()
    {
        let stem = format!("OQSsiquc01req_bad{n}");
        exchange.drop_request(&format!("{stem}.xml"), content.as_bytes());
        exchange.expect_rejected(&stem, content.as_bytes(), code);
    }
    exchange.drop_request("YZKsiquc01req_1.xml", message.as_bytes());
    exchange.expect_rejected("YZKsiquc01req_1", message.as_bytes(), "SHK-EXC-101");

    // A wrong value is an answer, and so is a wrong header (§1.4, §1.5).
    let wrong = message.replacen("<Birthdate>", "<Birthdate>9", 1);
    exchange.drop_request("OQSsiquc01req_wrong.xml", wrong.as_bytes());
    let answer = ParsedAnswer::from_xml(&exchange.take("OQSsiquc01res_wrong.xml")).unwrap();
    assert_eq!(answer.body("ProcessingResultStatus"), Some("2"));
    assert_eq!(exchange.names("res"), [""; 0]);
}

/// Starts the engine again where it was, as an operator would.
fn start_again(centre: &Centre, address: &str) -> Engine {
    centre.start_with(&[("SHIKAKU_ENGINE_SERVER_LISTEN", address)])
}

/// 200 requests while the engine and the exchange are stopped and started again.
#[test]
fn nothing_is_lost_and_nothing_is_answered_twice_over_restarts() {
    let centre = Centre::new(1_000);
    let registered = Registered::new(&centre.population);
    let mut engine = centre.start();
    let address = engine.service.strip_prefix("https://").unwrap().to_owned();
    let mut exchange = Exchange::start(&centre, &engine, "utf-8");
    let all = questions(&registered, 40);
    let requests: Vec<_> = all.iter().cycle().take(200).enumerate().collect();
    let send = |exchange: &Exchange, some: &[(usize, &(Question, String))]| {
        for (n, (question, _)) in some {
            let body = question.oqs_xml(&format!("id{n:04}"));
            exchange.drop_request(&format!("OQSsiquc01req_{n:04}.xml"), body.as_bytes());
        }
    };

    send(&exchange, &requests[..80]);
    wait_until("some are answered", || exchange.names("res").len() >= 10);
    assert!(engine.stop(), "{}", centre.log());
    send(&exchange, &requests[80..120]);
    let is_request = |name: &String| name.starts_with("OQSsiquc01req_");
    wait_until("some are taken", || exchange.names("work").iter().any(is_request));
    exchange.stop();
    send(&exchange, &requests[120..160]);
    exchange.start_again();
    engine = start_again(&centre, &address);
    send(&exchange, &requests[160..]);
    wait_until("a few more are answered", || exchange.names("res").len() >= 130);
    engine.kill();
    exchange.stop();
    exchange.start_again();
    let engine = start_again(&centre, &address);

    for (n, (_, validity)) in &requests {
        let answer = exchange.take(&format!("OQSsiquc01res_{n:04}.xml"));
        let answer = ParsedAnswer::from_xml(&answer).unwrap();
        assert_eq!(answer.header("ArbitraryFileIdentifier"), Some(&*format!("id{n:04}")));
        assert_eq!(answer.body("QualificationValidity"), Some(&**validity));
    }
    exchange.stop();
    exchange.start_again();
    send(&exchange, &requests[..1]);
    exchange.take("OQSsiquc01res_0000.xml");
    exchange.stop();
    assert_eq!(exchange.names("res"), [""; 0], "something was answered twice");
    assert_eq!(exchange.names("req"), [""; 0]);
    assert!(engine.stop());
}
