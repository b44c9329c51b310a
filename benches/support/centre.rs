//! A centre to measure: certificates, a population, a configuration, made by the real programs in
//! a folder that goes away afterwards.

use crate::{BenchError, MemoryLimit, Pinned, SERVER_CORE, Server, program};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The facility that asks. No such facility exists.
pub const FACILITY: &str = "1310000001";
/// The day of the population.
pub const DATE: &str = "20261101";
/// The seed of the population.
pub const SEED: u64 = 7;
/// Account of the facility, for the OQS JSON interface.
const USER: &str = "reception";
const PASSWORD: &str = "correct horse battery";

/// One worker, as the server gets one core. All limits are the engine's defaults; the cache holds
/// the whole store.
const CONFIGURATION: &str = r#"[server]
listen = "127.0.0.1:0"
workers = 1
[admin]
listen = "127.0.0.1:0"
[tls]
certificate = "ca/server.pem"
key = "ca/server.key.pem"
client_ca = "ca/ca.pem"
crl = "ca/crl.pem"
[store]
path = "store"
shards = 2
cache_mib = 2048
[accounts]
file = "accounts.toml"
token_key = "token.key"
[log]
filter = "warn,shikaku_engine::actors::resident=info"
"#;

/// What an engine that takes cards has besides.
const CARD_CONFIGURATION: &str = r#"[card]
trust = "cards/trust.pem"
crl = "cards/crl.pem"
"#;

/// The folder and what is in it. It is emptied first, should an earlier run have been cut off.
pub struct Centre {
    folder: PathBuf,
    /// Whether processes are kept to a core.
    pub pinned: Pinned,
}

impl Centre {
    /// Makes a centre below `parent` with certificates and an account; its store is empty.
    ///
    /// # Errors
    /// [`BenchError`] when a program fails.
    pub fn new(parent: &Path) -> Result<Self, BenchError> {
        let folder = parent.join("work");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(BenchError::file(&folder))?;
        let folder = folder.canonicalize().map_err(BenchError::file(&folder))?;
        let centre = Self { folder, pinned: Pinned::detect() };
        for (name, text) in [("shikaku.toml", CONFIGURATION), ("password", PASSWORD)] {
            let path = centre.path(name);
            fs::write(&path, text).map_err(BenchError::file(&path))?;
        }
        centre.run("shikaku", &["ca", "init", "--dir", "ca"])?;
        centre.run("shikaku", &["ca", "facility", "--dir", "ca", "--code", FACILITY])?;
        let account = ["account", "add", "--file", "accounts.toml", "--user", USER];
        let account = [&account[..], &["--code", FACILITY, "--password-file", "password"]].concat();
        centre.run("shikaku", &account)?;
        Ok(centre)
    }

    /// A path in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes the insurers' files of so many people, to `population/`.
    ///
    /// # Errors
    /// [`BenchError::Program`].
    pub fn make_population(&self, persons: u64) -> Result<(), BenchError> {
        self.make_population_with_cards(persons, 0)
    }

    /// As [`Centre::make_population`]; so many percent have a registered My Number card.
    ///
    /// # Errors
    /// [`BenchError::Program`].
    pub fn make_population_with_cards(&self, persons: u64, cards: u8) -> Result<(), BenchError> {
        let (persons, seed) = (persons.to_string(), SEED.to_string());
        let cards = cards.to_string();
        let make = ["population", "--persons", &persons, "--seed", &seed, "--date", DATE];
        let make = [&make[..], &["--out", "population", "--cards", &cards]].concat();
        self.run("shikaku-loadgen", &make).map(drop)
    }

    /// Binds the population's cards to its people and lets the engine, when it starts, trust them.
    ///
    /// # Errors
    /// [`BenchError::Program`].
    pub fn take_cards(&self) -> Result<(), BenchError> {
        self.load("cards.csv")?;
        let seed = SEED.to_string();
        self.run("shikaku-reader", &["card", "ca", "--dir", "cards", "--seed", &seed])?;
        let path = self.path("shikaku.toml");
        let text = [CONFIGURATION, CARD_CONFIGURATION].concat();
        fs::write(&path, text).map_err(BenchError::file(&path))
    }

    /// Makes so many people and loads them in bulk, from pipe to pipe: their file would take 364
    /// bytes each.
    ///
    /// # Errors
    /// [`BenchError::Program`].
    pub fn stream_population(&self, persons: u64) -> Result<(), BenchError> {
        let (persons, seed) = (persons.to_string(), SEED.to_string());
        let make = ["population", "--persons", &persons, "--seed", &seed, "--date", DATE];
        let make = [&make[..], &["--out", "population", "--force", "--members"]].concat();
        self.run("shikaku-loadgen", &[&make[..], &["none"]].concat())?;
        self.load("insurers.csv")?;
        let mut maker = Command::new(program("shikaku-loadgen")?);
        maker.args(make).arg("stdout").current_dir(&self.folder).stdout(Stdio::piped());
        let mut maker = maker.spawn().map_err(BenchError::io("shikaku-loadgen"))?;
        let lines = maker.stdout.take().map_or_else(Stdio::null, Stdio::from);
        let mut loader = Command::new(program("shikaku")?);
        loader.args(["load", "--bulk", "-"]).stdin(lines);
        let loaded = self.output("shikaku", &mut loader);
        let made = maker.wait().map_err(BenchError::io("shikaku-loadgen"))?;
        loaded?;
        if made.success() {
            return Ok(());
        }
        Err(BenchError::Program { program: "shikaku-loadgen".to_owned(), said: made.to_string() })
    }

    /// Loads one of those files into the store.
    ///
    /// # Errors
    /// [`BenchError::Program`].
    pub fn load(&self, file: &str) -> Result<(), BenchError> {
        self.run("shikaku", &["load", &format!("population/{file}")]).map(drop)
    }

    /// Starts the engine on the server's core.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_engine(&self) -> Result<Server, BenchError> {
        self.start_engine_with(&[], None)
    }

    /// As [`Centre::start_engine`], with numbers of the configuration set by their variables, and
    /// within a limit of memory.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_engine_with(
        &self,
        numbers: &[(&str, usize)],
        limit: Option<&MemoryLimit>,
    ) -> Result<Server, BenchError> {
        let mut command = self.pinned.command(SERVER_CORE, &program("shikaku")?);
        command.args(["serve", "--config", "shikaku.toml"]).current_dir(&self.folder);
        command.envs(numbers.iter().map(|(name, number)| (name, number.to_string())));
        if let Some(limit) = limit {
            command = limit.command(&command);
        }
        Server::start(command, &self.path("engine.log"))
    }

    /// Options that let the load generator in: certificates, and the account where it is needed.
    #[must_use]
    pub fn credentials(&self) -> Vec<String> {
        let facility = format!("ca/clients/facility-{FACILITY}");
        let own = |text: &str| text.to_owned();
        let (cert, key) = (format!("{facility}.pem"), format!("{facility}.key.pem"));
        vec![
            own("--ca"),
            own("ca/ca.pem"),
            own("--cert"),
            cert,
            own("--key"),
            key,
            own("--user"),
            own(USER),
            own("--password-file"),
            own("password"),
        ]
    }

    /// Runs a program to its end in the folder; its progress is shown.
    ///
    /// # Errors
    /// [`BenchError::Program`] with what it said.
    pub fn run(&self, name: &str, arguments: &[&str]) -> Result<String, BenchError> {
        self.finish(name, Command::new(program(name)?).args(arguments))
    }

    /// As [`Centre::run`], for a command that is not yet complete.
    ///
    /// # Errors
    /// [`BenchError::Program`] with what it said.
    pub fn finish(&self, name: &str, command: &mut Command) -> Result<String, BenchError> {
        self.output(name, command.stdin(Stdio::null()))
    }

    fn output(&self, name: &str, command: &mut Command) -> Result<String, BenchError> {
        let command = command.current_dir(&self.folder);
        let output = command.stderr(Stdio::inherit()).output().map_err(BenchError::io(name))?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        Err(BenchError::Program { program: name.to_owned(), said })
    }
}

impl Drop for Centre {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
