//! Every metric of the engine, declared in one table. Dashboards and alerts are written against
//! this table, and a test holds it to what the engine really exports.

use crate::shadow::Stage;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};
use shikaku_domain::QualificationValidity;
use shikaku_store::{Position, SHARDS_MAX, StoreStats};

/// Kind of a metric, as Prometheus knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size class.
    Histogram,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// Name with its unit; counters end in `_total`.
    pub name: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Label names; their values are always from a closed set.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
}

macro_rules! declarations {
    ($($constant:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(const $constant: Declaration = Declaration {
            name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help,
        };)+
        /// The table.
        pub const TABLE: &[Declaration] = &[$($constant),+];
    };
}

declarations! {
    ANSWERS: Counter "oqs_answers_total" ["interface", "validity"] "Answers given, by 資格有効性 (OQSCD006; 0 where a value of the question was refused).";
    ERRORS: Counter "oqs_errors_total" ["interface", "status", "code"] "Requests not answered, by HTTP status and error code; from 500 the fault is ours.";
    DURATION: Histogram "oqs_request_duration_seconds" ["interface"] "Time from the complete request to the complete answer.";
    ADMITTED: Counter "oqs_questions_admitted_total" [] "Questions let in; minus the finished ones, those in the engine now.";
    FINISHED: Counter "oqs_questions_finished_total" [] "Questions that left the engine, answered or not.";
    FROM_DISK: Counter "oqs_questions_from_disk_total" [] "Questions whose record was not in memory. Many of them mean that store.resident_mib and store.cache_mib are too small.";
    ADMISSION: Gauge "oqs_questions_max" [] "Questions that may be in the engine at a time.";
    REPLACED: Counter "oqs_unmappable_characters_total" [] "Characters of answers that CP932 lacks and 〓 replaced.";
    PANICS: Counter "oqs_worker_panics_total" ["worker"] "Panics caught in a worker. Each is a defect.";
    LINES: Counter "oqs_intake_lines_total" ["result"] "Lines of insurers' files, by what became of them.";
    FILES: Counter "oqs_intake_files_total" ["result"] "Insurers' files, by how they ended.";
    CHANGED: Gauge "oqs_intake_last_complete_timestamp_seconds" [] "When an insurer's file was last taken completely, Unix time; 0 if never since the start.";
    LOG_HEAD: Gauge "oqs_log_head_position" [] "Position of the last change in the log.";
    APPLIED: Gauge "oqs_shard_applied_position" ["shard"] "Position up to which a shard has applied the log.";
    ENTRIES: Gauge "oqs_shard_entries" ["shard"] "Card faces in a shard (RocksDB's estimate).";
    SST: Gauge "oqs_shard_sst_bytes" ["shard"] "Bytes of a shard's files.";
    BACKGROUND: Gauge "oqs_store_background_errors" [] "RocksDB background errors; above 0 the store takes no writes.";
    CACHE: Gauge "oqs_store_cache_bytes" [] "Memory used by cached blocks.";
    RESIDENT: Gauge "oqs_store_resident_bytes" [] "Memory of the copy of all entries; 0 while there is none and the cache answers.";
    DISK_FREE: Gauge "oqs_store_disk_free_bytes" [] "Bytes that the engine may still write where the store lies.";
    GENERATION: Gauge "oqs_store_generation" [] "Which generation of the store serves: 1, and one more for each that took over.";
    SHADOW: Gauge "oqs_shadow_stage" [] "The store that is built anew: 0 none, 1 begun, 2 brought up to date to take over.";
    SHADOW_STOP: Gauge "oqs_shadow_stop_seconds" [] "How long writing stood still when the last one took over.";
    INSURERS: Gauge "oqs_insurers" [] "Insurers known.";
    FACES: Counter "oqs_face_pictures_total" ["result"] "Photographs of cards and frames that were looked at, by what came of them.";
    FACES_HELD: Gauge "oqs_faces_held" [] "Faces of cards' photographs in memory, to be compared with frames.";
    FACE_WORKERS: Gauge "oqs_face_workers" [] "Face actors that can work; 0 where faces are not compared.";
    READY: Gauge "oqs_ready" [] "1 while the engine takes requests.";
    CERTIFICATE: Gauge "oqs_server_certificate_days" [] "Days until the server certificate expires.";
    BUILD: Gauge "oqs_build_info" ["version"] "Always 1; the label says which build this is.";
}

/// Which interface a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// OQS JSON search.
    OqsJson,
    /// OQS JSON log-in.
    OqsAuth,
    /// OQS XML.
    OqsXml,
    /// `/v1/eligibility`.
    V1,
    /// `/v1/card/…`.
    Card,
    /// `/v1/face/…`.
    Face,
    /// `/v1/members`.
    Members,
    /// Anything else.
    Other,
}

impl Interface {
    /// Every interface.
    pub const ALL: [Self; 8] = [
        Self::OqsJson,
        Self::OqsAuth,
        Self::OqsXml,
        Self::V1,
        Self::Card,
        Self::Face,
        Self::Members,
        Self::Other,
    ];

    /// The label value.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OqsJson => "oqs_json",
            Self::OqsAuth => "oqs_auth",
            Self::OqsXml => "oqs_xml",
            Self::V1 => "v1",
            Self::Card => "card",
            Self::Face => "face",
            Self::Members => "members",
            Self::Other => "other",
        }
    }
}

/// What can become of a line.
const LINE_RESULTS: [&str; 6] =
    ["added", "changed", "unchanged", "withdrawn", "not_found", "rejected"];
/// How a file can end.
const FILE_RESULTS: [&str; 2] = ["complete", "failed"];
/// What can come of a picture.
const FACE_RESULTS: [&str; 7] =
    ["card", "adjust", "more", "match", "no_match", "refer_to_staff", "failed"];
/// Whose panics are caught.
const WORKERS: [&str; 3] = ["eligibility", "intake", "shard"];

/// Buckets around the targets: 10 ms is the promise, 1 ms the aim.
const DURATION_BUCKETS: [f64; 14] = [
    0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5,
    2.0,
];

/// The engine's metrics. Handlers on the hot path use children resolved here once.
pub struct Metrics {
    registry: Registry,
    answers: Vec<[IntCounter; 7]>,
    errors: IntCounterVec,
    duration: Vec<Histogram>,
    /// Questions let in.
    pub admitted: IntCounter,
    /// Questions that left.
    pub finished: IntCounter,
    /// Questions whose record was not in memory.
    pub from_disk: IntCounter,
    /// Characters replaced by 〓.
    pub replaced: IntCounter,
    /// Questions that may be in at a time.
    pub admission: IntGauge,
    panics: IntCounterVec,
    lines: IntCounterVec,
    files: IntCounterVec,
    changed: IntGauge,
    log_head: IntGauge,
    applied: IntGaugeVec,
    entries: IntGaugeVec,
    sst: IntGaugeVec,
    background: IntGauge,
    cache: IntGauge,
    resident: IntGauge,
    /// Bytes that may still be written.
    pub disk_free: IntGauge,
    generation: IntGauge,
    shadow: IntGauge,
    /// How long writing stood still at the last switch.
    pub shadow_stop_seconds: Gauge,
    insurers: IntGauge,
    faces: IntCounterVec,
    /// Faces of photographs in memory.
    pub faces_held: IntGauge,
    /// Face actors that can work.
    pub face_workers: IntGauge,
    /// 1 while the engine takes requests.
    pub ready: IntGauge,
    /// Days until the server certificate expires.
    pub certificate: IntGauge,
}

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When the table names one metric twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |d: Declaration| -> Result<IntCounterVec, prometheus::Error> {
            let metric = IntCounterVec::new(Opts::new(d.name, d.help), d.labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let gauge = |d: Declaration| -> Result<IntGaugeVec, prometheus::Error> {
            let metric = IntGaugeVec::new(Opts::new(d.name, d.help), d.labels)?;
            registry.register(Box::new(metric.clone()))?;
            Ok(metric)
        };
        let plain = |d: Declaration| -> Result<IntCounter, prometheus::Error> {
            counter(d)?.get_metric_with_label_values(&[] as &[&str])
        };
        let plain_gauge = |d: Declaration| -> Result<IntGauge, prometheus::Error> {
            gauge(d)?.get_metric_with_label_values(&[] as &[&str])
        };

        let shadow_stop_seconds = Gauge::new(SHADOW_STOP.name, SHADOW_STOP.help)?;
        registry.register(Box::new(shadow_stop_seconds.clone()))?;

        let options = HistogramOpts::new(DURATION.name, DURATION.help);
        let options = options.buckets(DURATION_BUCKETS.to_vec());
        let durations = HistogramVec::new(options, DURATION.labels)?;
        registry.register(Box::new(durations.clone()))?;
        let duration = Interface::ALL.map(|i| durations.with_label_values(&[i.label()])).to_vec();

        let all_answers = counter(ANSWERS)?;
        let answers = Interface::ALL.map(|interface| {
            ["0", "1", "2", "3", "4", "5", "6"]
                .map(|code| all_answers.with_label_values(&[interface.label(), code]))
        });
        gauge(BUILD)?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        // A counter that appears with its first event has no rate yet at that moment: all start at 0.
        let from_zero = |metric: IntCounterVec, values: &[&str]| {
            for value in values {
                metric.with_label_values(&[value]);
            }
            metric
        };
        Ok(Self {
            answers: answers.to_vec(),
            errors: counter(ERRORS)?,
            duration,
            admitted: plain(ADMITTED)?,
            finished: plain(FINISHED)?,
            from_disk: plain(FROM_DISK)?,
            replaced: plain(REPLACED)?,
            admission: plain_gauge(ADMISSION)?,
            panics: from_zero(counter(PANICS)?, &WORKERS),
            lines: from_zero(counter(LINES)?, &LINE_RESULTS),
            files: from_zero(counter(FILES)?, &FILE_RESULTS),
            changed: plain_gauge(CHANGED)?,
            log_head: plain_gauge(LOG_HEAD)?,
            applied: gauge(APPLIED)?,
            entries: gauge(ENTRIES)?,
            sst: gauge(SST)?,
            background: plain_gauge(BACKGROUND)?,
            cache: plain_gauge(CACHE)?,
            resident: plain_gauge(RESIDENT)?,
            disk_free: plain_gauge(DISK_FREE)?,
            generation: plain_gauge(GENERATION)?,
            shadow: plain_gauge(SHADOW)?,
            shadow_stop_seconds,
            insurers: plain_gauge(INSURERS)?,
            faces: from_zero(counter(FACES)?, &FACE_RESULTS),
            faces_held: plain_gauge(FACES_HELD)?,
            face_workers: plain_gauge(FACE_WORKERS)?,
            ready: plain_gauge(READY)?,
            certificate: plain_gauge(CERTIFICATE)?,
            registry,
        })
    }

    /// Counts an answer. `None`: a value of the question was refused.
    pub fn answered(&self, interface: Interface, validity: Option<QualificationValidity>) {
        let slot = validity.map_or(0, |validity| 1 + validity as usize);
        let counters = self.answers.get(interface as usize);
        if let Some(counter) = counters.and_then(|counters| counters.get(slot)) {
            counter.inc();
        }
    }

    /// Counts a request that got no answer. The code is one of the error table's.
    pub fn failed(&self, interface: Interface, status: u16, code: &'static str) {
        let status = status.to_string();
        self.errors.with_label_values(&[interface.label(), &status, code]).inc();
    }

    /// Records how long a request took.
    pub fn took(&self, interface: Interface, duration: std::time::Duration) {
        if let Some(histogram) = self.duration.get(interface as usize) {
            histogram.observe(duration.as_secs_f64());
        }
    }

    /// Counts a panic caught in the named worker.
    pub fn panicked(&self, worker: &'static str) {
        self.panics.with_label_values(&[worker]).inc();
    }

    /// Counts lines of insurers' files by what became of them.
    pub fn intake_lines(&self, result: &'static str, lines: u64) {
        self.lines.with_label_values(&[result]).inc_by(lines);
    }

    /// Counts an insurer's file by how it ended.
    pub fn intake_file(&self, result: &'static str) {
        self.files.with_label_values(&[result]).inc();
    }

    /// Counts a picture by what came of it.
    pub fn face(&self, result: &'static str) {
        self.faces.with_label_values(&[result]).inc();
    }

    /// Records that the centre's data are as new as this, in Unix seconds.
    pub fn changed_at(&self, unix_seconds: i64) {
        self.changed.set(unix_seconds);
    }

    /// Takes how far a store that is built anew is, and which one serves.
    pub fn observe_shadow(&self, generation: u32, stage: Stage) {
        self.generation.set(generation.into());
        self.shadow.set(match stage {
            Stage::None => 0,
            Stage::Begun => 1,
            Stage::Switching => 2,
        });
    }

    /// Takes the store's figures, just before they are read.
    pub fn observe_store(
        &self,
        head: Position,
        applied: &[Position],
        stats: &StoreStats,
        insurers: usize,
    ) {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.log_head.set(signed(head.number()));
        for (shard, position) in applied.iter().enumerate() {
            self.applied.with_label_values(&[&shard.to_string()]).set(signed(position.number()));
        }
        for (shard, figures) in stats.shards.iter().enumerate() {
            let shard = shard.to_string();
            self.entries.with_label_values(&[&shard]).set(signed(figures.entries_estimate));
            self.sst.with_label_values(&[&shard]).set(signed(figures.sst_bytes));
        }
        // A store that took over may have fewer shards.
        for shard in stats.shards.len()..usize::from(SHARDS_MAX) {
            let shard = shard.to_string();
            for metric in [&self.applied, &self.entries, &self.sst] {
                let _ = metric.remove_label_values(&[&shard]);
            }
        }
        let background = stats.shards.iter().map(|shard| shard.background_errors).sum();
        self.background.set(signed(background));
        self.cache.set(signed(stats.cache_used_bytes));
        let resident = stats.shards.iter().map(|shard| shard.resident_bytes).sum();
        self.resident.set(signed(resident));
        self.insurers.set(signed(insurers as u64));
    }

    /// Everything in Prometheus' text form.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(16 * 1024);
        // Writing to memory cannot fail, and a registry that was accepted encodes.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_table_names_each_metric_once_with_its_unit() {
        let names: HashSet<_> = TABLE.iter().map(|d| d.name).collect();
        assert_eq!(names.len(), TABLE.len());
        for d in TABLE {
            assert!(d.name.starts_with("oqs_") && !d.help.is_empty(), "{}", d.name);
            assert_eq!(d.kind == Kind::Counter, d.name.ends_with("_total"), "{}", d.name);
        }
    }

    #[test]
    fn what_is_exported_is_what_the_table_says() {
        let metrics = Metrics::new().unwrap();
        metrics.answered(Interface::V1, Some(QualificationValidity::ValidUnregistered));
        metrics.failed(Interface::OqsXml, 503, "SHK-ENG-001");
        metrics.took(Interface::V1, std::time::Duration::from_micros(30));
        metrics.panicked("eligibility");
        metrics.intake_lines("added", 3);
        metrics.intake_file("complete");
        let stats = StoreStats { shards: vec![Default::default()], ..Default::default() };
        metrics.observe_store(Position::START, &[Position::START], &stats, 2);
        let text = String::from_utf8(metrics.render()).unwrap();
        for declaration in TABLE {
            let line = format!("# TYPE {} {:?}", declaration.name, declaration.kind);
            assert!(text.to_lowercase().contains(&line.to_lowercase()), "{line}");
        }
        for name in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = name.split(' ').next().unwrap();
            assert!(name.starts_with("process_") || TABLE.iter().any(|d| d.name == name), "{name}");
        }
        assert!(text.contains("oqs_answers_total{interface=\"v1\",validity=\"6\"} 1"), "{text}");
    }
}
