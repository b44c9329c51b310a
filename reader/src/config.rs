//! The configuration: one TOML file, overridden by the environment, checked before anything starts.
//!
//! `SHIKAKU_READER_<TABLE>_<KEY>` overrides a key: `SHIKAKU_READER_EXCHANGE_ROOT=/srv/oqs`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shikaku_face::manifest::Manifest;
use shikaku_face::pipeline::Pipeline;

use crate::ReaderError;
use crate::exchange::{HttpEngine, Settings};

mod face;

pub use face::FaceConfig;

/// What the environment variables begin with.
pub const ENVIRONMENT_PREFIX: &str = "SHIKAKU_READER_";

/// The whole configuration. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How to reach the engine.
    pub engine: EngineConfig,
    /// The receipt computer exchange.
    pub exchange: ExchangeConfig,
    /// Card readers, for `serve`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<CardConfig>,
    /// The pages, for `serve`.
    #[serde(default)]
    pub kiosk: KioskConfig,
    /// 顔認証, for `serve`; not on offer without this table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face: Option<FaceConfig>,
    /// Synthetic cards on a virtual reader. Never where patients are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub demo: Option<DemoConfig>,
}

/// How to reach the engine. Relative file paths are relative to the configuration file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Base address, `https://` only, without user, query or fragment.
    pub url: String,
    /// PEM file with the certificates of the authorities that may have signed the engine's.
    pub ca: PathBuf,
    /// PEM file with this facility's client certificate, followed by intermediates if any.
    pub certificate: PathBuf,
    /// PEM file with the private key of the certificate.
    pub key: PathBuf,
}

/// The receipt computer exchange.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeConfig {
    /// Folder that holds `req`, `res` and `work`; absolute. Missing folders are made.
    pub root: PathBuf,
    /// Encoding of the answers.
    #[serde(default)]
    pub response_encoding: ResponseEncoding,
    /// Answers older than this many minutes are removed from `res`; 0 keeps them. At most a year.
    /// The default is the interface's own example (`ResponseFileStayTime`, §1.2).
    #[serde(default = "defaults::retention_minutes")]
    pub retention_minutes: u32,
    /// Seconds from pick-up until a request without an answer is rejected, 1 to 3600. The default
    /// is the longest wait of a known receipt computer (§1.2).
    #[serde(default = "defaults::answer_within_seconds")]
    pub answer_within_seconds: u32,
    /// Requests asked at the same time, 1 to 64.
    #[serde(default = "defaults::workers")]
    pub workers: usize,
    /// Milliseconds between two looks into `req`, 20 to 10000.
    #[serde(default = "defaults::poll_interval_ms")]
    pub poll_interval_ms: u32,
    /// Largest request in bytes, 1024 to 1048576. A single lookup has about 1 KiB.
    #[serde(default = "defaults::request_bytes_max")]
    pub request_bytes_max: u32,
    /// Requests taken from `req` and not yet answered, 1 to 1024. Further ones stay in `req`.
    #[serde(default = "defaults::in_flight_max")]
    pub in_flight_max: usize,
    /// Seconds that a stop waits for requests in flight, 0 to 300.
    #[serde(default = "defaults::stop_within_seconds")]
    pub stop_within_seconds: u32,
}

/// Encoding of the answers (OQSCD005).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum ResponseEncoding {
    /// UTF-8, as the national system answers.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Shift_JIS, which means CP932.
    #[serde(rename = "shift_jis")]
    ShiftJis,
    /// The encoding of each request.
    #[serde(rename = "as-requested")]
    AsRequested,
}

/// Card readers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CardConfig {
    /// 医療機関コード, 10 digits: part of the names of the receipt computer's files.
    pub institution: String,
    /// Names this machine to the engine, 1 to 64 letters, digits, `-`, `_` or `.`.
    #[serde(default = "defaults::device")]
    pub device: String,
    /// Parts of the names of readers to use, the preferred first; all readers when empty.
    #[serde(default)]
    pub readers: Vec<String>,
    /// Parts of the names of readers never to use.
    #[serde(default = "defaults::ignored_readers")]
    pub ignored_readers: Vec<String>,
    /// Longest wait for one answer of a card in seconds, 2 to 30. Signing takes about half a second.
    #[serde(default = "defaults::answer_seconds")]
    pub answer_seconds: u32,
}

/// The pages for patients and staff.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct KioskConfig {
    /// Where the pages are; loopback only. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// Seconds that a patient has for one screen, 15 to 600.
    pub patient_seconds: u32,
    /// Seconds that staff have to look, 15 to 900; the engine's session lasts 15 minutes.
    pub staff_seconds: u32,
    /// Seconds that cards and the engine have for one step, 5 to 120.
    pub work_seconds: u32,
    /// Seconds that the last screen of a visit stays when it ended early and the card is gone, 1 to 60.
    pub last_seconds: u32,
    /// Seconds that a note stays, and the last screen of a good visit after the card is gone, 1 to 30.
    pub note_seconds: u32,
    /// Whether patients are asked for the form of their prescription.
    pub prescription: bool,
    /// Minutes that results stay on the counter's page, 1 to 1440.
    pub keep_results_minutes: u32,
    /// A new file to record sessions into for a bug report, secrets left out; empty for none.
    pub record: PathBuf,
}

impl Default for KioskConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8450)),
            patient_seconds: 60,
            staff_seconds: 180,
            work_seconds: 30,
            last_seconds: 8,
            note_seconds: 3,
            prescription: true,
            keep_results_minutes: 60,
            record: PathBuf::new(),
        }
    }
}

/// Synthetic cards on a virtual reader.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DemoConfig {
    /// Folder of the cards, as `shikaku-reader card issue` makes it.
    pub cards: PathBuf,
    /// Port of the virtual reader; vpcd's own by default.
    #[serde(default = "defaults::virtual_reader_port")]
    pub port: u16,
    /// Seed of the authority whose terminals the cards trust, so that staff can recognise a holder
    /// (目視確認) without the PIN.
    #[serde(default = "defaults::seed")]
    pub seed: u64,
}

mod defaults {
    pub(super) fn device() -> String {
        "reader-1".to_owned()
    }
    pub(super) fn ignored_readers() -> Vec<String> {
        vec!["SAM".to_owned()]
    }
    pub(super) const fn answer_seconds() -> u32 {
        5
    }
    pub(super) const fn virtual_reader_port() -> u16 {
        shikaku_card::vpcd::DEFAULT_PORT
    }
    pub(super) const fn seed() -> u64 {
        1
    }
    pub(super) const fn retention_minutes() -> u32 {
        1440
    }
    pub(super) const fn answer_within_seconds() -> u32 {
        300
    }
    pub(super) const fn workers() -> usize {
        4
    }
    pub(super) const fn poll_interval_ms() -> u32 {
        200
    }
    pub(super) const fn request_bytes_max() -> u32 {
        64 * 1024
    }
    pub(super) const fn in_flight_max() -> usize {
        64
    }
    pub(super) const fn stop_within_seconds() -> u32 {
        20
    }
}

impl Config {
    /// Reads the file, lays `environment` over it and checks every value; opens nothing else.
    ///
    /// # Errors
    /// When the file cannot be read, is not of this shape, or a value is out of bounds.
    pub fn load(
        path: &Path,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ReaderError> {
        let text = fs::read_to_string(path).map_err(|source| ReaderError::ConfigRead {
            path: path.display().to_string(),
            source,
        })?;
        let mut config = Self::parse(&text, environment)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for file in [&mut config.engine.ca, &mut config.engine.certificate, &mut config.engine.key]
        {
            *file = folder.join(&*file);
        }
        if let Some(demo) = &mut config.demo {
            demo.cards = folder.join(&demo.cards);
        }
        if let Some(face) = &mut config.face {
            face.manifest = face.manifest.take().map(|manifest| folder.join(manifest));
        }
        if !config.kiosk.record.as_os_str().is_empty() {
            config.kiosk.record = folder.join(&config.kiosk.record);
        }
        Ok(config)
    }

    fn parse(
        text: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ReaderError> {
        let shape = |error| ReaderError::ConfigShape(Box::new(error));
        let mut tables: toml::Table = toml::from_str(text).map_err(shape)?;
        for (name, value) in environment {
            if let Some((table, key)) =
                name.strip_prefix(ENVIRONMENT_PREFIX).and_then(|name| name.split_once('_'))
            {
                overlay(&mut tables, table, key, value);
            }
        }
        let config: Self = toml::Value::Table(tables).try_into().map_err(shape)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ReaderError> {
        let exchange = &self.exchange;
        let within = |key, allowed, holds: bool| {
            if holds { Ok(()) } else { Err(ReaderError::ConfigValue { key, allowed }) }
        };
        within(
            "engine.url",
            "an https:// address without user, query or fragment",
            is_engine_url(&self.engine.url),
        )?;
        within("exchange.root", "an absolute path", exchange.root.is_absolute())?;
        within("exchange.retention_minutes", "0 to 525600", exchange.retention_minutes <= 525_600)?;
        within(
            "exchange.answer_within_seconds",
            "1 to 3600",
            (1..=3600).contains(&exchange.answer_within_seconds),
        )?;
        within("exchange.workers", "1 to 64", (1..=64).contains(&exchange.workers))?;
        within(
            "exchange.poll_interval_ms",
            "20 to 10000",
            (20..=10_000).contains(&exchange.poll_interval_ms),
        )?;
        within(
            "exchange.request_bytes_max",
            "1024 to 1048576",
            (1024..=1_048_576).contains(&exchange.request_bytes_max),
        )?;
        within(
            "exchange.in_flight_max",
            "1 to 1024",
            (1..=1024).contains(&exchange.in_flight_max),
        )?;
        within("exchange.stop_within_seconds", "0 to 300", exchange.stop_within_seconds <= 300)?;
        let kiosk = &self.kiosk;
        within(
            "kiosk.listen",
            "an address of this machine itself",
            kiosk.listen.ip().is_loopback(),
        )?;
        for (key, allowed, value, range) in [
            ("kiosk.patient_seconds", "15 to 600", kiosk.patient_seconds, 15..=600),
            ("kiosk.staff_seconds", "15 to 900", kiosk.staff_seconds, 15..=900),
            ("kiosk.work_seconds", "5 to 120", kiosk.work_seconds, 5..=120),
            ("kiosk.last_seconds", "1 to 60", kiosk.last_seconds, 1..=60),
            ("kiosk.note_seconds", "1 to 30", kiosk.note_seconds, 1..=30),
            ("kiosk.keep_results_minutes", "1 to 1440", kiosk.keep_results_minutes, 1..=1440),
        ] {
            within(key, allowed, range.contains(&value))?;
        }
        if let Some(face) = &self.face {
            let minutes = face.memory_minutes;
            within("face.memory_minutes", "1 to 1440", (1..=1440).contains(&minutes))?;
            within("face.tries", "1 to 10", (1..=10).contains(&face.tries))?;
            within(
                "face.manifest",
                "given, or face.engine = true without manifest, false_match_rate, frames and \
                 attack_pass_rate, which are then the engine's",
                face.is_one_of_both(),
            )?;
        }
        let Some(card) = &self.card else { return Ok(()) };
        let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        let institution = &card.institution;
        within(
            "card.institution",
            "10 digits",
            institution.len() == 10 && institution.bytes().all(|b| b.is_ascii_digit()),
        )?;
        within(
            "card.device",
            "1 to 64 letters, digits, '-', '_' or '.'",
            (1..=64).contains(&card.device.len()) && card.device.bytes().all(is_name),
        )?;
        within("card.answer_seconds", "2 to 30", (2..=30).contains(&card.answer_seconds))
    }

    /// Checks what [`Config::load`] cannot see in the text: that the certificates can be used, and
    /// that the models are the manifest's and keep what is promised about faces.
    ///
    /// # Errors
    /// When a PEM file or a model cannot be used.
    pub fn check_files(&self) -> Result<(), ReaderError> {
        HttpEngine::connect(&self.engine, self.exchange.workers)?;
        let Some(face) = &self.face else { return Ok(()) };
        let Some(manifest) = &face.manifest else { return Ok(()) };
        let manifest = Manifest::read(manifest).map_err(ReaderError::Face)?;
        let rule = face.policy().rule(&manifest).map_err(ReaderError::Face)?;
        Pipeline::load(&manifest, &rule).map_err(ReaderError::Face)?;
        Ok(())
    }

    /// The configuration in effect as TOML, with what leads to the private key masked.
    #[must_use]
    pub fn masked(&self) -> String {
        let mut shown = self.clone();
        shown.engine.key = PathBuf::from("***");
        // INVARIANT: plain tables of strings and small numbers always have a TOML form.
        toml::to_string(&shown).unwrap_or_default()
    }

    /// The settings of the exchange in the units it works with.
    #[must_use]
    pub fn exchange_settings(&self) -> Settings {
        let exchange = &self.exchange;
        Settings {
            root: exchange.root.clone(),
            response_encoding: exchange.response_encoding,
            retention: (exchange.retention_minutes > 0)
                .then(|| Duration::from_secs(u64::from(exchange.retention_minutes) * 60)),
            answer_within: Duration::from_secs(exchange.answer_within_seconds.into()),
            workers: exchange.workers,
            poll_interval: Duration::from_millis(exchange.poll_interval_ms.into()),
            request_bytes_max: exchange.request_bytes_max.into(),
            in_flight_max: exchange.in_flight_max,
            stop_within: Duration::from_secs(exchange.stop_within_seconds.into()),
        }
    }
}

/// Sets one key. A table that does not exist is made, so that an unknown one is refused by name.
fn overlay(tables: &mut toml::Table, table: &str, key: &str, value: String) {
    let integer = value.parse().ok().map(toml::Value::Integer);
    // Only what looks like a number: `nan` may well be a name.
    let is_number = value.starts_with(|first: char| first.is_ascii_digit());
    let float = || value.parse().ok().filter(|_| is_number).map(toml::Value::Float);
    let value = integer.or_else(float).unwrap_or(toml::Value::String(value));
    let entry = tables
        .entry(table.to_ascii_lowercase())
        .or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let toml::Value::Table(entry) = entry {
        entry.insert(key.to_ascii_lowercase(), value);
    }
}

fn is_engine_url(text: &str) -> bool {
    text.parse::<ureq::http::Uri>().is_ok_and(|url| {
        url.scheme_str() == Some("https")
            && url.host().is_some_and(|host| !host.is_empty())
            && !text.contains(['@', '?', '#'])
    })
}

#[cfg(test)]
mod tests;
