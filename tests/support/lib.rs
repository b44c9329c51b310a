//! A centre for tests: the real programs, started as a newcomer would start them, on loopback
//! ports of the system's choice, with a synthetic population and certificates of their own CA.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

pub mod cards;

use shikaku_domain::Day;
use shikaku_loadgen::population::{Population, PopulationSpec};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The facility whose certificate tests use.
pub const FACILITY: &str = "1310000001";
/// Another facility.
pub const OTHER_FACILITY: &str = "1330000009";
/// Account of [`FACILITY`] for the OQS JSON interface.
pub const USER: &str = "reception";
/// Its password.
pub const PASSWORD: &str = "correct horse battery";
/// The day of every test population.
pub const DATE: &str = "20261101";
/// Longest wait for anything that should happen at once.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A program of this project. `./dev test` builds them before the tests.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{} is not built; run the tests by ./dev test", path.display());
    path
}

/// Runs a program to its end and returns its standard output.
///
/// # Panics
/// When it fails, with everything that it said.
pub fn run(name: &str, arguments: &[&str], folder: &Path) -> String {
    let output = try_run(name, arguments, folder);
    assert!(output.status.success(), "{name} {arguments:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program to its end.
pub fn try_run(name: &str, arguments: &[&str], folder: &Path) -> Output {
    Command::new(program(name))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What a program said, on both outputs.
#[must_use]
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// Debian's libfaketime, which `./dev` installs: preloaded, it tells a program another time.
///
/// # Panics
/// When it is not installed.
#[must_use]
pub fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let mut found = folders.map(|one| one.unwrap().path().join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.exists()).expect("faketime is missing; run the tests by ./dev test")
}

/// Waits until something is so.
///
/// # Panics
/// When it is not within [`PATIENCE`].
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let (start, (lock, bell)) =
        (Instant::now(), &(std::sync::Mutex::new(()), std::sync::Condvar::new()));
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        let nothing = lock.lock().unwrap();
        let _ = bell.wait_timeout(nothing, Duration::from_millis(5)).unwrap();
    }
}

/// A folder with everything a centre needs: CA, accounts, population, configuration, store.
pub struct Centre {
    folder: tempfile::TempDir,
    /// The people it knows.
    pub population: Population,
}

impl Centre {
    /// A centre that knows `persons` people.
    #[must_use]
    pub fn new(persons: u64) -> Self {
        let centre = Self::empty(persons);
        let persons = persons.to_string();
        let make = ["population", "--persons", &persons, "--seed", "7", "--date", DATE];
        centre.loadgen(&[&make[..], &["--out", "population"]].concat());
        centre.shikaku(&["load", "population/insurers.csv", "population/members.csv"]);
        centre
    }

    /// A centre whose store is empty; its population is not loaded.
    #[must_use]
    pub fn empty(persons: u64) -> Self {
        let spec = PopulationSpec { persons, seed: 7, date: Day::parse(DATE).unwrap() };
        let folder = tempfile::tempdir().unwrap();
        let centre = Self { folder, population: Population::new(spec) };
        centre.shikaku(&["ca", "init", "--dir", "ca"]);
        for (role, option, id) in [
            ("facility", "--code", FACILITY),
            ("facility", "--code", OTHER_FACILITY),
            ("operator", "--name", "tests"),
        ] {
            centre.shikaku(&["ca", role, "--dir", "ca", option, id]);
        }
        std::fs::write(centre.path("password"), PASSWORD).unwrap();
        let add = ["account", "add", "--file", "accounts.toml", "--user", USER];
        let add = [&add[..], &["--code", FACILITY, "--password-file", "password"]].concat();
        centre.shikaku(&add);
        std::fs::write(centre.path("shikaku.toml"), CONFIGURATION).unwrap();
        centre
    }

    /// A path in the centre's folder.
    #[must_use]
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `shikaku` in the centre's folder.
    pub fn shikaku(&self, arguments: &[&str]) -> String {
        run("shikaku", arguments, self.folder.path())
    }

    /// Runs `shikaku-loadgen` in the centre's folder.
    pub fn loadgen(&self, arguments: &[&str]) -> String {
        run("shikaku-loadgen", arguments, self.folder.path())
    }

    /// Starts the engine and waits until it serves.
    #[must_use]
    pub fn start(&self) -> Engine {
        self.start_with(&[])
    }

    /// As [`Centre::start`], with environment variables.
    #[must_use]
    pub fn start_with(&self, environment: &[(&str, &str)]) -> Engine {
        let mut command = Command::new(program("shikaku"));
        command.envs(environment.iter().copied());
        self.serve(command)
    }

    /// As [`Centre::start`], by a program that becomes the engine, such as `nsenter`: its words
    /// come before the engine's own.
    #[must_use]
    pub fn start_under(&self, wrapper: &[String]) -> Engine {
        let (first, rest) = wrapper.split_first().unwrap();
        let mut command = Command::new(first);
        command.args(rest).arg(program("shikaku"));
        self.serve(command)
    }

    fn serve(&self, mut command: Command) -> Engine {
        let mut child = command
            .args(["serve", "--config", "shikaku.toml"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(
                std::fs::File::options()
                    .append(true)
                    .create(true)
                    .open(self.path("engine.log"))
                    .unwrap(),
            )
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, _, service, _, admin] = words[..] else {
            let _ = child.wait();
            panic!("the engine did not start: {}", self.log());
        };
        Engine { service: service.to_owned(), admin: admin.to_owned(), child }
    }

    /// Everything the engine has written to its log.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("engine.log")).unwrap_or_default()
    }

    /// An HTTP client with a certificate from `ca/clients`, such as `facility-1310000001`.
    #[must_use]
    pub fn client(&self, certificate: &str) -> ureq::Agent {
        let pem =
            |name: String| std::fs::read(self.path(Path::new("ca/clients").join(name))).unwrap();
        self.client_with(&pem(format!("{certificate}.pem")), &pem(format!("{certificate}.key.pem")))
    }

    /// An HTTP client with this certificate and key in PEM form, whoever issued them.
    #[must_use]
    pub fn client_with(&self, certificate: &[u8], key: &[u8]) -> ureq::Agent {
        use ureq::tls::{Certificate, ClientCert, PrivateKey};
        let chain = Certificate::from_pem(certificate).unwrap();
        let key = PrivateKey::from_pem(key).unwrap();
        self.agent(Some(ClientCert::new_with_certs(&[chain.to_owned()], key)))
    }

    /// An HTTP client without a certificate.
    #[must_use]
    pub fn stranger(&self) -> ureq::Agent {
        self.agent(None)
    }

    fn agent(&self, certificate: Option<ureq::tls::ClientCert>) -> ureq::Agent {
        use ureq::tls::{Certificate, RootCerts, TlsConfig};
        let ca = Certificate::from_pem(&std::fs::read(self.path("ca/ca.pem")).unwrap()).unwrap();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[ca]))
            .client_cert(certificate)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE));
        config.build().new_agent()
    }
}

const CONFIGURATION: &str = r#"
[server]
listen = "127.0.0.1:0"
workers = 2
[admin]
listen = "127.0.0.1:0"
[tls]
certificate = "ca/server.pem"
key = "ca/server.key.pem"
client_ca = "ca/ca.pem"
crl = "ca/crl.pem"
[store]
path = "store"
shards = 3
cache_mib = 16
[accounts]
file = "accounts.toml"
token_key = "token.key"
[log]
filter = "debug"
"#;

/// A running engine.
pub struct Engine {
    child: Child,
    /// `https://127.0.0.1:port`
    pub service: String,
    /// `http://127.0.0.1:port`
    pub admin: String,
}

impl Engine {
    /// Asks the admin listener; status and body.
    #[must_use]
    pub fn admin(&self, path: &str) -> (u16, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let response = config.new_agent().get(format!("{}{path}", self.admin)).call().unwrap();
        reply(response)
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Whether its process has ended, and then whether it ended well.
    #[must_use]
    pub fn ended(&mut self) -> Option<bool> {
        self.child.try_wait().unwrap().map(|status| status.success())
    }

    /// Kills it at once, as a power failure of the process would.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it as an operator would, and returns whether it ended well.
    #[must_use]
    pub fn stop(mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of a response.
#[must_use]
pub fn reply(mut response: ureq::http::Response<ureq::Body>) -> (u16, String) {
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut bytes).unwrap();
    (status, String::from_utf8_lossy(&bytes).into_owned())
}

/// Posts a body; status and body of the answer.
///
/// # Errors
/// When no answer comes: TLS refused, connection lost.
pub fn post(
    client: &ureq::Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<(u16, String), ureq::Error> {
    let request = headers.iter().fold(client.post(url), |r, (name, value)| r.header(*name, *value));
    Ok(reply(request.send(body)?))
}

/// An OQS XML request of [`FACILITY`] from its parts; empty parts are left out.
#[must_use]
pub fn oqs_xml(parts: &[(&str, &str)], day: &str, identifier: &str) -> String {
    let mut info = String::new();
    for (name, value) in parts.iter().filter(|(_, value)| !value.is_empty()) {
        write!(info, "<{name}>{value}</{name}>").unwrap();
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\r\n<XmlMsg><MessageHeader>\
         <QualificationConfirmationDate>{day}</QualificationConfirmationDate>\
         <MedicalInstitutionCode>{FACILITY}</MedicalInstitutionCode>\
         <ArbitraryFileIdentifier>{identifier}</ArbitraryFileIdentifier></MessageHeader>\
         <MessageBody><QualificationConfirmSearchInfo>{info}</QualificationConfirmSearchInfo>\
         </MessageBody></XmlMsg>"
    )
}
