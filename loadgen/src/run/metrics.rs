//! What the server tells of itself, read once a second beside the run.

use super::RunError;
use super::client::Control;
use super::http::{ANSWER_BYTES_MAX, parse_head};
use super::result::{ServerSample, ServerSeries};
use super::target::{Reach, resolve};
use prometheus_parse::{Scrape, Value};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait for the metrics.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// Most names kept of one look. The engine has about 40.
const NAMES_MAX: usize = 256;
/// Most looks kept: a day's.
const SAMPLES_MAX: usize = 86_400;
/// Its label states the server's version.
const BUILD: &str = "oqs_build_info";

/// Where metrics are.
#[derive(Clone, Debug)]
pub(super) struct Source {
    url: String,
    authority: String,
    path: String,
    address: SocketAddr,
}

impl Source {
    /// Resolves `http://host:port/path`.
    ///
    /// # Errors
    /// [`RunError::Metrics`], or a reach beyond what is allowed.
    pub(super) fn new(url: &str, reach: Reach) -> Result<Self, RunError> {
        let form = || RunError::Metrics {
            url: url.to_owned(),
            reason: "not of the form http://HOST:PORT/PATH".to_owned(),
        };
        let rest = url.strip_prefix("http://").ok_or_else(form)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, "metrics"));
        let is_plain = path.bytes().all(|b| b.is_ascii_graphic());
        let (host, port) = authority.rsplit_once(':').filter(|_| is_plain).ok_or_else(form)?;
        let port = port.parse().map_err(|_| form())?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self {
            url: url.to_owned(),
            authority: authority.to_owned(),
            path: format!("/{path}"),
            address: resolve(host, port, reach)?,
        })
    }

    async fn read(&self) -> Result<Scrape, String> {
        let text = tokio::time::timeout(ANSWER_TIME_MAX, self.fetch()).await;
        let text = text.map_err(|_| format!("no answer within {ANSWER_TIME_MAX:?}"))??;
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        Scrape::parse(lines).map_err(|e| e.to_string())
    }

    async fn fetch(&self) -> Result<String, String> {
        let Self { authority, path, address, .. } = self;
        let mut stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.map_err(|e| e.to_string())?;
        let mut answer = Vec::new();
        let mut limited = stream.take(ANSWER_BYTES_MAX as u64);
        limited.read_to_end(&mut answer).await.map_err(|e| e.to_string())?;
        let head = parse_head(&answer).map_err(|fault| format!("{fault:?}"))?;
        let head = head.ok_or("half an answer")?;
        let body = answer.get(head.head_bytes..).filter(|body| body.len() == head.body_bytes);
        match (head.status, body) {
            (200, Some(body)) => {
                String::from_utf8(body.to_vec()).map_err(|_| "not a text".to_owned())
            }
            (200, None) => Err("half an answer".to_owned()),
            (status, _) => Err(format!("status {status}")),
        }
    }
}

/// Counters and gauges by name, summed over labels. Histograms are left out: the run has its own.
fn values(scrape: &Scrape) -> BTreeMap<String, f64> {
    let mut values: BTreeMap<String, f64> = BTreeMap::new();
    for sample in &scrape.samples {
        let (Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value)) = sample.value
        else {
            continue;
        };
        if values.len() < NAMES_MAX || values.contains_key(&sample.metric) {
            *values.entry(sample.metric.clone()).or_default() += value;
        }
    }
    values
}

fn version(scrape: &Scrape) -> String {
    let build = scrape.samples.iter().find(|sample| sample.metric == BUILD);
    build.and_then(|sample| sample.labels.get("version")).unwrap_or_default().to_owned()
}

/// Reads metrics until it is told to finish.
pub(super) struct Watch {
    series: Arc<Mutex<ServerSeries>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Looks once, and then on every second of the run.
    ///
    /// # Errors
    /// [`RunError::Metrics`] when the first look gives nothing.
    pub(super) async fn start(source: &Source, control: Arc<Control>) -> Result<Self, RunError> {
        let refuse = |reason| RunError::Metrics { url: source.url.clone(), reason };
        let first = source.read().await.map_err(refuse)?;
        if values(&first).is_empty() {
            return Err(refuse("there are none in the answer".to_owned()));
        }
        let version = version(&first);
        let Source { authority, path, .. } = source;
        let source_name = format!("{authority}{path}");
        let series = ServerSeries { source: source_name, version, ..Default::default() };
        let series = Arc::new(Mutex::new(series));
        let task = tokio::spawn(watch(source.clone(), control, Arc::clone(&series)));
        Ok(Self { series, task })
    }

    /// What was read.
    pub(super) fn finish(self) -> ServerSeries {
        self.task.abort();
        self.series.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn watch(source: Source, control: Arc<Control>, series: Arc<Mutex<ServerSeries>>) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let Some(start) = control.start.get() else { continue };
        let asked = Instant::now();
        let read = source.read().await;
        let mut series = series.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(scrape) if series.samples.len() < SAMPLES_MAX => {
                let at_seconds = asked.saturating_duration_since(*start).as_secs_f64();
                series.samples.push(ServerSample { at_seconds, values: values(&scrape) });
            }
            Ok(_) => {}
            Err(_) => series.failed += 1,
        }
    }
}
