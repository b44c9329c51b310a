//! The engine's configuration: one TOML file, overridden by the environment, checked as a whole
//! before any port opens.

mod face;

pub use face::Face;

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Environment variables that override the file begin with this; section and key follow:
/// `SHIKAKU_ENGINE_SERVER_WORKERS=4`.
const ENVIRONMENT_PREFIX: &str = "SHIKAKU_ENGINE_";

/// Everything that can be configured.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The listener for facilities and insurers.
    #[serde(default)]
    pub server: Server,
    /// The listener for operators: health and metrics.
    #[serde(default)]
    pub admin: Admin,
    /// Certificates.
    pub tls: Tls,
    /// The insured-number index and its change log.
    pub store: Store,
    /// What one facility may take.
    #[serde(default)]
    pub limits: Limits,
    /// Accounts of the OQS JSON interface.
    pub accounts: Accounts,
    /// My Number cards; without this section they are refused.
    pub card: Option<Card>,
    /// Comparing faces for readers that do not do it themselves; without this section the engine
    /// loads no models and refuses pictures.
    pub face: Option<Face>,
    /// Insurers' files.
    #[serde(default)]
    pub intake: Intake,
    /// What the engine writes about itself.
    #[serde(default)]
    pub log: Log,
}

/// The listener for facilities and insurers, TLS with client certificates always.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// HTTP workers, each with its own eligibility actor; 1 to 256. One per core.
    pub workers: usize,
    /// Questions in the engine at a time, over all workers; 1 to 100,000. More are answered 503
    /// at once: 512 questions at 10 µs each are 5 ms of work, less than anyone's patience.
    pub in_flight_max: usize,
    /// A question older than this is not worked on any more; 10 to 60,000 ms.
    pub deadline_ms: u64,
    /// Connections at a time over all workers; 1 to 1,000,000.
    pub connections_max: usize,
    /// A client must send a whole request head within this, and a lookup's body within the same
    /// time again; 1,000 to 60,000 ms. The server's clock for it ticks every 500 ms only, so less
    /// would cut off clients that are quick.
    pub client_request_timeout_ms: u64,
    /// An idle connection is kept this long; 1 to 3,600 s. A TLS handshake costs 30 requests.
    pub keep_alive_seconds: u64,
    /// Between "not ready" and refusing work, so that balancers notice; 0 to 60,000 ms.
    pub drain_delay_ms: u64,
    /// Time for questions in the engine to finish at a stop; 1 to 600 s.
    pub drain_seconds: u64,
}

/// What one facility may take, so that a noisy one cannot starve the rest. Beyond it is answered
/// 429 with `Retry-After`. SIGHUP puts changes in force.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Questions a second of one facility in the long run; 0 (as many as it likes) to 1,000,000. A
    /// log-in counts as ten.
    pub facility_per_second: u32,
    /// Questions that one facility may ask at once after a pause; 1 to 1,000,000.
    pub facility_burst: u32,
    /// Connections of one facility at a time; 1 to 1,000,000. A connection has one question in the
    /// engine, so 1,000 of them hold up another facility's by 10 ms.
    pub facility_connections_max: u32,
    /// One facility's part of the places (`server.in_flight_max`) for questions that wait for the
    /// disk; 1 to 100 %.
    pub facility_disk_percent: u32,
}

/// The listener for operators: plain HTTP, so keep it on a loopback or management address.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Address and port.
    pub listen: SocketAddr,
}

/// PEM files for the TLS listener.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The server's certificate chain.
    pub certificate: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
    /// The CA that issued the client certificates.
    pub client_ca: PathBuf,
    /// Revoked client certificates. Read again on SIGHUP.
    pub crl: Option<PathBuf>,
    /// How long a revocation list is used after its next-update time; 0 to 168 h.
    #[serde(default = "Tls::default_crl_grace_hours")]
    pub crl_grace_hours: u32,
}

impl Tls {
    const fn default_crl_grace_hours() -> u32 {
        24
    }
}

/// The insured-number index.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Directory of shards and change log.
    pub path: PathBuf,
    /// Number of shards when the directory is created; 1 to 64.
    #[serde(default = "Store::default_shards")]
    pub shards: u16,
    /// Memory for cached blocks over all shards; 8 to 1,048,576 MiB.
    #[serde(default = "Store::default_cache_mib")]
    pub cache_mib: usize,
    /// Memory for a copy of all entries, which answers three times as fast as the cache and never
    /// waits for the disk; 0 (none) to 1,048,576 MiB. Not used where they do not fit: a million
    /// persons take 110 MiB, the nation 13,500.
    #[serde(default = "Store::default_resident_mib")]
    pub resident_mib: usize,
}

impl Store {
    const fn default_shards() -> u16 {
        4
    }
    const fn default_cache_mib() -> usize {
        512
    }
    const fn default_resident_mib() -> usize {
        2048
    }
}

/// Accounts of the OQS JSON interface.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// The account file, written by `shikaku account`.
    pub file: PathBuf,
    /// The key that signs tokens; made at the first start.
    pub token_key: PathBuf,
}

/// My Number cards.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The authorities that issue cards: a file in PEM or DER, or a folder of such files. Read again
    /// on SIGHUP and when it changes.
    pub trust: PathBuf,
    /// Their revocation lists, the same way. Without it no card is ever refused as revoked.
    pub crl: Option<PathBuf>,
    /// How long a revocation list is used after its next-update time; 0 to 168 h. Afterwards its
    /// authority's cards are refused. A day tolerates yesterday's list.
    #[serde(default = "Card::default_crl_grace_hours")]
    pub crl_grace_hours: u32,
    /// Policies of certificates for user authentication, of which one must be in a card's; 1 to 16
    /// object identifiers. The defaults are the production's and the test environment's.
    #[serde(default = "Card::default_policies")]
    pub policies: Vec<String>,
    /// How often the files are looked at for changes; 1 to 86,400 s.
    #[serde(default = "Card::default_reload_seconds")]
    pub reload_seconds: u64,
}

impl Card {
    const fn default_crl_grace_hours() -> u32 {
        24
    }
    fn default_policies() -> Vec<String> {
        ["1.2.392.200149.8.5.1.3.30", "1.2.392.200149.8.5.1.0.30"].map(str::to_owned).to_vec()
    }
    const fn default_reload_seconds() -> u64 {
        60
    }
}

/// Insurers' files.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Intake {
    /// Largest upload; 1 to 1,048,576 MiB.
    pub upload_mib_max: u64,
    /// Uploads accepted at a time; they are loaded one after the other; 1 to 64.
    pub uploads_max: usize,
    /// A full replacement that would remove more than this share of the insurer's members removes
    /// nobody and says so; 0 to 100 %. A cut-off file must not empty an insurer. With a higher
    /// value the same file, sent again, removes them.
    pub removal_percent_max: u8,
}

/// What the engine writes about itself, to standard error.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `json` for machines, `text` for people.
    pub format: LogFormat,
    /// Filter in the form of `tracing`: `info`, `warn,shikaku_engine=debug`.
    pub filter: String,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// One line for people.
    Text,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8443)),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            in_flight_max: 512,
            deadline_ms: 2_000,
            connections_max: 25_000,
            client_request_timeout_ms: 5_000,
            keep_alive_seconds: 75,
            drain_delay_ms: 0,
            drain_seconds: 10,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            facility_per_second: 0,
            facility_burst: 500,
            facility_connections_max: 1_000,
            facility_disk_percent: 25,
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8444)) }
    }
}

impl Default for Intake {
    fn default() -> Self {
        Self { upload_mib_max: 4_096, uploads_max: 4, removal_percent_max: 10 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Json, filter: "info".to_owned() }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("SHK-CFG-001: cannot read {}: {source}", path.display())]
    Read {
        /// The configuration file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, a missing key, or a value of the wrong type.
    #[error("SHK-CFG-002: {}: {source}", path.display())]
    Form {
        /// The configuration file.
        path: PathBuf,
        /// What is wrong and where.
        source: Box<toml::de::Error>,
    },
    /// A value outside its range.
    #[error("SHK-CFG-003: {key} is {value}; it must be {expected}")]
    Range {
        /// Section and key.
        key: &'static str,
        /// The value found.
        value: String,
        /// The range asked for.
        expected: String,
    },
    /// An environment variable that names no key.
    #[error(
        "SHK-CFG-004: the environment variable {variable} names no setting (form: SHIKAKU_ENGINE_SERVER_WORKERS)"
    )]
    Environment {
        /// Name of the variable.
        variable: String,
    },
    /// A file that the configuration names does not exist.
    #[error("SHK-CFG-005: {key} names {}, which does not exist; {advice}", path.display())]
    NoSuchFile {
        /// Section and key.
        key: &'static str,
        /// The path.
        path: PathBuf,
        /// How to make it.
        advice: &'static str,
    },
    /// A log filter that `tracing` does not understand.
    #[error("SHK-CFG-006: log.filter: {message}")]
    LogFilter {
        /// What is wrong.
        message: String,
    },
}

impl Config {
    /// Reads the file, applies the environment, checks ranges. Relative paths are relative to the
    /// file's own folder.
    ///
    /// # Errors
    /// [`ConfigError`], with the key and what to write instead.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(read)?;
        let form = |source| ConfigError::Form { path: path.to_owned(), source: Box::new(source) };
        let mut table: toml::Table = toml::from_str(&text).map_err(form)?;
        for (variable, value) in environment {
            override_with(&mut table, &variable, value)?;
        }
        let mut config: Self = table.try_into().map_err(form)?;
        config.resolve_paths(path.parent().unwrap_or(Path::new("")));
        config.check_ranges()?;
        Ok(config)
    }

    /// Whether the files that must exist do.
    ///
    /// # Errors
    /// [`ConfigError::NoSuchFile`] with how to make it.
    pub fn check_files(&self) -> Result<(), ConfigError> {
        const ISSUE: &str = "issue one with `shikaku ca`";
        let exists = |key, path: &Path, advice| {
            if path.exists() {
                Ok(())
            } else {
                Err(ConfigError::NoSuchFile { key, path: path.to_owned(), advice })
            }
        };
        exists("tls.certificate", &self.tls.certificate, ISSUE)?;
        exists("tls.key", &self.tls.key, ISSUE)?;
        exists("tls.client_ca", &self.tls.client_ca, ISSUE)?;
        if let Some(crl) = &self.tls.crl {
            exists("tls.crl", crl, "make one with `shikaku ca renew-crl`")?;
        }
        if let Some(card) = &self.card {
            exists("card.trust", &card.trust, "put the card authorities' certificates there")?;
            if let Some(crl) = &card.crl {
                exists("card.crl", crl, "put the card authorities' revocation lists there")?;
            }
        }
        if let Some(face) = &self.face {
            exists("face.manifest", &face.manifest, "`shikaku-face check-model` checks one")?;
        }
        exists("accounts.file", &self.accounts.file, "make one with `shikaku account add`")
    }

    fn resolve_paths(&mut self, folder: &Path) {
        let (card_trust, card_crl) = match &mut self.card {
            Some(card) => (Some(&mut card.trust), card.crl.as_mut()),
            None => (None, None),
        };
        let paths = [
            Some(&mut self.tls.certificate),
            Some(&mut self.tls.key),
            Some(&mut self.tls.client_ca),
            self.tls.crl.as_mut(),
            Some(&mut self.store.path),
            Some(&mut self.accounts.file),
            Some(&mut self.accounts.token_key),
            card_trust,
            card_crl,
            self.face.as_mut().map(|face| &mut face.manifest),
        ];
        for path in paths.into_iter().flatten() {
            *path = folder.join(&*path);
        }
    }

    fn check_ranges(&self) -> Result<(), ConfigError> {
        let server = &self.server;
        within("server.workers", server.workers, 1..=256)?;
        within("server.in_flight_max", server.in_flight_max, 1..=100_000)?;
        within("server.deadline_ms", server.deadline_ms, 10..=60_000)?;
        within("server.connections_max", server.connections_max, 1..=1_000_000)?;
        let head = server.client_request_timeout_ms;
        within("server.client_request_timeout_ms", head, 1_000..=60_000)?;
        within("server.keep_alive_seconds", server.keep_alive_seconds, 1..=3_600)?;
        within("server.drain_delay_ms", server.drain_delay_ms, 0..=60_000)?;
        within("server.drain_seconds", server.drain_seconds, 1..=600)?;
        let limits = &self.limits;
        within("limits.facility_per_second", limits.facility_per_second, 0..=1_000_000)?;
        within("limits.facility_burst", limits.facility_burst, 1..=1_000_000)?;
        let connections = limits.facility_connections_max;
        within("limits.facility_connections_max", connections, 1..=1_000_000)?;
        within("limits.facility_disk_percent", limits.facility_disk_percent, 1..=100)?;
        within("tls.crl_grace_hours", self.tls.crl_grace_hours, 0..=168)?;
        if let Some(card) = &self.card {
            within("card.crl_grace_hours", card.crl_grace_hours, 0..=168)?;
            within("card.reload_seconds", card.reload_seconds, 1..=86_400)?;
            within("card.policies", card.policies.len(), 1..=16)?;
        }
        if let Some(face) = &self.face {
            face.check_ranges()?;
        }
        within("store.shards", self.store.shards, 1..=64)?;
        within("store.cache_mib", self.store.cache_mib, 8..=1_048_576)?;
        within("store.resident_mib", self.store.resident_mib, 0..=1_048_576)?;
        within("intake.upload_mib_max", self.intake.upload_mib_max, 1..=1_048_576)?;
        within("intake.uploads_max", self.intake.uploads_max, 1..=64)?;
        within("intake.removal_percent_max", self.intake.removal_percent_max, 0..=100)?;
        if self.server.listen == self.admin.listen && self.server.listen.port() != 0 {
            return Err(ConfigError::Range {
                key: "admin.listen",
                value: self.admin.listen.to_string(),
                expected: "another address than server.listen".to_owned(),
            });
        }
        tracing_subscriber::EnvFilter::try_new(&self.log.filter)
            .map(drop)
            .map_err(|error| ConfigError::LogFilter { message: error.to_string() })
    }

    /// The configuration as it is in force, as TOML. It holds paths, no secrets.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_default()
    }
}

fn within<T: PartialOrd + std::fmt::Display + Copy>(
    key: &'static str,
    value: T,
    range: std::ops::RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let expected = format!("{} to {}", range.start(), range.end());
    Err(ConfigError::Range { key, value: value.to_string(), expected })
}

/// Sets one key from an environment variable; variables of others are left alone.
fn override_with(
    table: &mut toml::Table,
    variable: &str,
    value: String,
) -> Result<(), ConfigError> {
    let Some(name) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { return Ok(()) };
    let unknown = || ConfigError::Environment { variable: variable.to_owned() };
    let (section, key) = name.split_once('_').ok_or_else(unknown)?;
    let section = table
        .entry(section.to_ascii_lowercase())
        .or_insert_with(|| toml::Value::Table(toml::Table::new()))
        .as_table_mut()
        .ok_or_else(unknown)?;
    // A number or a flag is itself; everything else is text, so that paths need no quotes.
    let parsed = value.parse().map(toml::Value::Integer);
    let parsed = parsed.or_else(|_| value.parse().map(toml::Value::Boolean));
    let parsed = parsed.or_else(|_| value.parse().map(toml::Value::Float));
    section.insert(key.to_ascii_lowercase(), parsed.unwrap_or(toml::Value::String(value)));
    Ok(())
}

#[cfg(test)]
mod tests;
