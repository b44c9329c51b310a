//! Whether everything that a counter needs is there.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::card_api::{CardApi, FaceFailure};
use crate::clock::Clock;
use crate::pcsc::{Settings, survey};

/// Days before its end at which the facility's certificate is a warning.
const CERTIFICATE_WARNING_DAYS: i64 = 30;
const SECONDS_PER_DAY: i64 = 86_400;
/// Seconds by which this machine's clock may differ from the centre's: the time of an answer, and of
/// a file's name, is then still of the right minute or the next.
const CLOCK_SECONDS_MAX: u64 = 60;

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// `reader`, `card`, `engine`, `cardService`, `faceService`, `clock`, `certificate` or `folder`.
    pub name: &'static str,
    /// Whether it is as it must be.
    pub ok: bool,
    /// What was found; never anything personal.
    pub detail: String,
    /// Days left, of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<i64>,
}

/// What is checked.
pub struct SelfTest {
    /// Which readers are used.
    pub readers: Settings,
    /// The engine.
    pub api: CardApi,
    /// Whether the engine is to compare faces.
    pub face_at_centre: bool,
    /// PEM file of the facility's certificate.
    pub certificate: PathBuf,
    /// The folder of messages for the receipt computer.
    pub folder: PathBuf,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl SelfTest {
    /// Runs every check; blocks for as long as the engine may take.
    #[must_use]
    pub fn run(&self) -> Vec<Check> {
        let (readers, engine) = (self.readers(), self.engine());
        let rest = [self.clock(), self.certificate(), self.folder()];
        let face = self.face_at_centre.then(|| self.face_service());
        readers.into_iter().chain(engine).chain(face).chain(rest).collect()
    }

    fn readers(&self) -> [Check; 2] {
        let check = |name, ok, detail| Check { name, ok, detail, days: None };
        match survey(&self.readers) {
            Ok(found) => {
                let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
                let cards = found.iter().filter(|(_, has_card)| *has_card).count();
                let reader = check("reader", !names.is_empty(), names.join(", "));
                // An empty reader is as it should be between two patients.
                [reader, check("card", true, cards.to_string())]
            }
            Err(error) => {
                let none = || error.to_string();
                [check("reader", false, none()), check("card", false, none())]
            }
        }
    }

    /// A challenge is asked for and left to expire: it shows network, certificate and card service.
    fn engine(&self) -> [Check; 2] {
        let check = |name, ok, detail| Check { name, ok, detail, days: None };
        match self.api.challenge() {
            Ok(_) => {
                [check("engine", true, String::new()), check("cardService", true, String::new())]
            }
            Err(failure) => {
                let is_reached = !failure.code.starts_with("SHK-RDR-");
                [
                    check("engine", is_reached, failure.code.clone()),
                    check("cardService", false, failure.code),
                ]
            }
        }
    }

    /// What is no picture is refused as one by an engine that compares faces.
    fn face_service(&self) -> Check {
        let detail = match self.api.hold_face(&[]) {
            Ok(_) | Err(FaceFailure::Picture | FaceFailure::Busy) => String::new(),
            Err(FaceFailure::Broken(code)) => code,
        };
        Check { name: "faceService", ok: detail.is_empty(), detail, days: None }
    }

    /// Against the centre's, by the answer that was asked for just before.
    fn clock(&self) -> Check {
        let ahead = self.api.clock_ahead_seconds();
        let detail = if ahead == 0 { String::new() } else { format!("{ahead:+} s") };
        Check { name: "clock", ok: is_right(ahead), detail, days: None }
    }

    fn certificate(&self) -> Check {
        let days = self.certificate_days();
        Check {
            name: "certificate",
            ok: days.is_some_and(|days| days > CERTIFICATE_WARNING_DAYS),
            detail: String::new(),
            days,
        }
    }

    fn certificate_days(&self) -> Option<i64> {
        let der = CertificateDer::from_pem_file(&self.certificate).ok()?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let end = certificate.validity().not_after.timestamp();
        let now = self.clock.now().duration_since(std::time::UNIX_EPOCH).ok()?;
        Some((end - i64::try_from(now.as_secs()).ok()?) / SECONDS_PER_DAY)
    }

    fn folder(&self) -> Check {
        let probe = tempfile_in(&self.folder);
        let (ok, detail) = match probe {
            Ok(()) => (true, String::new()),
            Err(error) => (false, error.kind().to_string()),
        };
        Check { name: "folder", ok, detail, days: None }
    }
}

/// Whether this machine's clock, so many seconds ahead of the centre's, is near enough.
pub(super) const fn is_right(ahead_seconds: i64) -> bool {
    ahead_seconds.unsigned_abs() <= CLOCK_SECONDS_MAX
}

/// Whether the folder takes a file: writes one that no receipt computer reads, and removes it.
fn tempfile_in(folder: &std::path::Path) -> std::io::Result<()> {
    let probe = folder.join(".shikaku-self-test.tmp");
    std::fs::write(&probe, b"")?;
    std::fs::remove_file(&probe)
}
