//! Insurers' files over HTTP: `POST /v1/members`, and the rejects of a file.

use super::Worker;
use super::peer::{self, Sender};
use super::respond::{self, Problem, observed};
use crate::actors::intake::Upload;
use crate::config::Config;
use crate::intake::{FileDigest, LoadOptions, LoadSummary, Mode, Removal};
use crate::metrics::Interface;
use crate::problem::EngineError;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use shikaku_store::FileId;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// A client that sends nothing for so long has gone.
const UPLOAD_SILENCE_MAX: Duration = Duration::from_secs(30);

/// Where uploads wait and rejects are kept: two folders in the store's.
pub struct Uploads {
    waiting: PathBuf,
    rejects: PathBuf,
    mib_max: u64,
    removal_percent_max: u8,
}

impl Uploads {
    /// Makes the folders, and clears uploads that were cut off: their senders send them again.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new(config: &Config) -> io::Result<Self> {
        let waiting = config.store.path.join("uploads");
        let rejects = config.store.path.join("rejects");
        std::fs::create_dir_all(&rejects)?;
        match std::fs::remove_dir_all(&waiting) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        std::fs::create_dir_all(&waiting)?;
        let intake = &config.intake;
        Ok(Self {
            waiting,
            rejects,
            mib_max: intake.upload_mib_max,
            removal_percent_max: intake.removal_percent_max,
        })
    }

    /// The rejects of a file belong to whoever sent it.
    fn rejects(&self, sender: Sender, id: &str) -> PathBuf {
        let owner = match sender {
            Sender::Operator => "operator".to_owned(),
            Sender::Insurer(number) => number.to_string(),
        };
        self.rejects.join(format!("{owner}-{id}.csv"))
    }
}

pub(super) fn routes(config: &mut ServiceConfig) {
    let upload_only = web::to(|| async { respond::method_not_allowed("POST") });
    let get_only = web::to(|| async { respond::method_not_allowed("GET") });
    config
        .service(
            web::resource("/v1/members").route(web::post().to(upload)).default_service(upload_only),
        )
        .service(
            web::resource("/v1/members/rejects/{file}")
                .route(web::get().to(rejects))
                .default_service(get_only),
        );
}

/// What became of a file.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadReport {
    /// Digest of the file; names its rejects.
    pub file: String,
    /// `delta` or `full`.
    pub mode: String,
    /// Lines read, the header among them.
    pub lines: u64,
    /// Registrations that are new.
    pub added: u64,
    /// Registrations that replaced an earlier state.
    pub changed: u64,
    /// Registrations that were there exactly so.
    pub unchanged: u64,
    /// Registrations taken back.
    pub withdrawn: u64,
    /// Withdrawals of what was not there.
    pub not_found: u64,
    /// Lines not taken; `/v1/members/rejects/{file}` says why.
    pub rejected: u64,
    /// Insurers registered or renamed.
    pub insurers: u64,
    /// People in the file with days between two insurers on which nobody insures them.
    pub gaps: u64,
    /// Pairs of memberships with different insurers that share a day.
    pub overlaps: u64,
    /// Members that a full replacement removed.
    pub removed: u64,
    /// Members not listed that were kept all the same, because lines were rejected or too many
    /// would have gone. Correct the file and send it again.
    pub removals_withheld: u64,
    /// Lines that an earlier, interrupted load of this file had brought in.
    pub resumed_after: u64,
    /// Whether this very file had been loaded before; then nothing was done.
    pub repeated: bool,
}

impl LoadReport {
    /// The report of a load.
    #[must_use]
    pub fn new(id: FileId, mode: Mode, summary: &LoadSummary) -> Self {
        let LoadSummary { progress, insurers, resumed_after, repeated, removal } = *summary;
        let (removed, removals_withheld) = match removal {
            Removal::None => (0, 0),
            Removal::Done { removed } => (removed, 0),
            Removal::WithheldForRejects { absent } | Removal::WithheldAsTooMany { absent, .. } => {
                (0, absent)
            }
        };
        Self {
            file: format!("{id:?}"),
            mode: mode.name().to_owned(),
            lines: progress.lines,
            added: progress.added,
            changed: progress.changed,
            unchanged: progress.unchanged,
            withdrawn: progress.withdrawn,
            not_found: progress.not_found,
            rejected: progress.rejected,
            insurers,
            gaps: progress.gaps,
            overlaps: progress.overlaps,
            removed,
            removals_withheld,
            resumed_after,
            repeated,
        }
    }
}

/// Load a file of members or, for operators, of insurers.
#[utoipa::path(
    post,
    path = "/v1/members",
    tag = "insurers",
    params(("mode" = String, Query, description = "`delta` (changes) or `full` (everyone; whoever is missing is withdrawn)")),
    request_body(content = String, content_type = "text/csv", description = "CSV in UTF-8 or CP932"),
    responses(
        (status = 200, body = LoadReport, description = "Loaded; rejected lines are counted"),
        (status = 403, body = Problem, content_type = "application/problem+json", description = "The client certificate is not an insurer's or operator's"),
        (status = 413, body = Problem, content_type = "application/problem+json", description = "Larger than the engine takes"),
        (status = 422, body = Problem, content_type = "application/problem+json", description = "The file as a whole cannot be loaded"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Other files are being loaded; ask again later"),
    )
)]
pub(super) async fn upload(
    request: HttpRequest,
    worker: web::Data<Worker>,
    query: Option<web::Query<UploadQuery>>,
    payload: Payload,
) -> HttpResponse {
    let arrived = Instant::now();
    let work = async {
        let sender = peer::sender(&request, &worker.shared)?;
        if !respond::has_content_type(&request, "text/csv") {
            return Err(EngineError::ContentType { expected: "text/csv" });
        }
        let wrong = EngineError::Parameter { name: "mode", expected: "delta or full" };
        let mode = query.and_then(|query| Mode::from_name(&query.mode)).ok_or(wrong)?;
        let place = worker.shared.intake.place()?;
        let uploads = &worker.shared.uploads;
        let (upload, id) = receive(uploads, mode, payload).await?;
        let options = LoadOptions {
            mode,
            insurer: match sender {
                Sender::Insurer(number) => Some(number),
                Sender::Operator => None,
            },
            at: worker.shared.clock.unix_seconds(),
            removal_percent_max: uploads.removal_percent_max,
        };
        let rejects = uploads.rejects(sender, &format!("{id:?}"));
        let loaded = worker.shared.intake.load(upload, id, options, rejects, place).await?;
        let now = worker.shared.clock.unix_seconds();
        worker.shared.metrics.changed_at(i64::try_from(now).unwrap_or(i64::MAX));
        let report = LoadReport::new(id, mode, &loaded);
        tracing::info!(
            lines = report.lines,
            rejected = report.rejected,
            added = report.added,
            repeated = report.repeated,
            "Loaded an insurer's file."
        );
        Ok(HttpResponse::Ok().json(report))
    };
    observed(&worker, Interface::Members, arrived, work).await
}

/// The parameters of an upload.
#[derive(Deserialize)]
pub(super) struct UploadQuery {
    mode: String,
}

/// Keeps an upload on disk until it is loaded.
async fn receive(
    uploads: &Uploads,
    mode: Mode,
    mut payload: Payload,
) -> Result<(Upload, FileId), EngineError> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let upload = Upload::new(uploads.waiting.join(format!("{number}.csv")));
    let mut file = tokio::fs::File::create(upload.path()).await.map_err(EngineError::Upload)?;
    let mut digest = FileDigest::default();
    let mut left = uploads.mib_max << 20;
    let silent = |_| EngineError::Upload(io::ErrorKind::TimedOut.into());
    while let Some(chunk) = timeout(UPLOAD_SILENCE_MAX, payload.next()).await.map_err(silent)? {
        let chunk = chunk.map_err(|error| EngineError::Upload(io::Error::other(error)))?;
        let too_large = EngineError::UploadTooLarge { limit_mib: uploads.mib_max };
        left = left.checked_sub(chunk.len() as u64).ok_or(too_large)?;
        digest.update(&chunk);
        file.write_all(&chunk).await.map_err(EngineError::Upload)?;
    }
    file.flush().await.map_err(EngineError::Upload)?;
    Ok((upload, digest.finish(mode)))
}

/// The rejected lines of a file, as CSV.
#[utoipa::path(
    get,
    path = "/v1/members/rejects/{file}",
    tag = "insurers",
    params(("file" = String, Path, description = "`file` of the report: 64 hexadecimal digits")),
    responses(
        (status = 200, content_type = "text/csv", description = "Line, Column, Code, MessageJa, MessageEn"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "No rejects are kept for this file"),
    )
)]
pub(super) async fn rejects(
    request: HttpRequest,
    worker: web::Data<Worker>,
    file: web::Path<String>,
) -> HttpResponse {
    let work = async {
        let sender = peer::sender(&request, &worker.shared)?;
        if file.len() != 64 || !file.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(EngineError::NoSuchRejects);
        }
        let path = worker.shared.uploads.rejects(sender, &file.to_ascii_lowercase());
        let rejects = tokio::fs::read(path).await.map_err(|_| EngineError::NoSuchRejects)?;
        Ok(respond::ok("text/csv; charset=utf-8", rejects))
    };
    observed(&worker, Interface::Members, Instant::now(), work).await
}
