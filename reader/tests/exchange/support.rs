//! A root folder, a client that uses it, and an engine and a disk that obey the test.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use shikaku_reader::ReaderError;
use shikaku_reader::clock::{Clock, SystemClock};
use shikaku_reader::config::ResponseEncoding;
use shikaku_reader::exchange::charset::Charset;
use shikaku_reader::exchange::disk::{Found, Kind};
use shikaku_reader::exchange::{
    Disk, Engine, Exchange, LocalDisk, Question, Refusal, Reply, Settings, Unavailable,
};

pub(crate) const REQUEST: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><XmlMsg>資格</XmlMsg>\r\n";

pub(crate) fn settings(root: &Path) -> Settings {
    Settings {
        root: root.to_owned(),
        response_encoding: ResponseEncoding::Utf8,
        retention: Some(Duration::from_secs(1440 * 60)),
        answer_within: Duration::from_secs(300),
        workers: 4,
        poll_interval: Duration::from_millis(1),
        request_bytes_max: 64 * 1024,
        in_flight_max: 64,
        stop_within: Duration::from_secs(60),
    }
}

/// The time of its making plus what the test added: it never passes by itself.
pub(crate) struct TestClock {
    wall: SystemTime,
    monotonic: Instant,
    added_ms: AtomicU64,
}

impl Default for TestClock {
    fn default() -> Self {
        let (wall, monotonic) = (SystemClock.now(), SystemClock.instant());
        Self { wall, monotonic, added_ms: AtomicU64::new(0) }
    }
}

impl TestClock {
    pub(crate) fn add(&self, time: Duration) {
        self.added_ms.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn added(&self) -> Duration {
        Duration::from_millis(self.added_ms.load(Ordering::SeqCst))
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        self.wall + self.added()
    }

    fn instant(&self) -> Instant {
        self.monotonic + self.added()
    }
}

/// Refuses requests that contain `REFUSE`, panics at `PANIC`, answers all others with their bytes
/// and a number that no other answer has.
#[derive(Default)]
pub(crate) struct FakeEngine {
    pub(crate) down: AtomicBool,
    pub(crate) asked: AtomicU64,
    pub(crate) retry_after: Mutex<Option<Duration>>,
    pub(crate) charsets: Mutex<Vec<Charset>>,
}

impl Engine for FakeEngine {
    fn ask(&self, question: &Question<'_>) -> Reply {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        self.charsets.lock().unwrap().push(question.charset);
        let has = |text: &str| question.body.windows(text.len()).any(|w| w == text.as_bytes());
        assert!(!has("PANIC"), "the test wanted a panic");
        if self.down.load(Ordering::SeqCst) {
            let why = Unavailable::Unreachable("down".to_owned());
            return Reply::Unavailable { why, retry_after: *self.retry_after.lock().unwrap() };
        }
        if has("REFUSE") {
            return Reply::Refused(Refusal::from_engine("SHK-REQ-001", "髙橋", "refused"));
        }
        let mut answer = format!("answer {}-{number} to ", std::process::id()).into_bytes();
        answer.extend_from_slice(question.body);
        Reply::Answer(answer)
    }
}

/// The local disk, after asking the test before each operation.
pub(crate) struct WatchedDisk<F>(pub(crate) F);

/// What is about to happen, to which path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    List,
    Kind,
    Head,
    Tail,
    Write,
    Rename,
    Remove,
    Touch,
    Sync,
}

impl<F: Fn(Operation, &Path) -> io::Result<()> + Send + Sync> Disk for WatchedDisk<F> {
    fn list(
        &self,
        folder: &Path,
        wanted: &mut dyn FnMut(&OsStr) -> bool,
        max: usize,
    ) -> io::Result<Vec<Found>> {
        (self.0)(Operation::List, folder)?;
        LocalDisk.list(folder, wanted, max)
    }
    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        (self.0)(Operation::Kind, path)?;
        LocalDisk.kind(path)
    }
    fn head(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        (self.0)(Operation::Head, path)?;
        LocalDisk.head(path, max)
    }
    fn tail(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        (self.0)(Operation::Tail, path)?;
        LocalDisk.tail(path, max)
    }
    fn write(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        // A write may stop half-way: leave the half before asking.
        LocalDisk.write(path, &content[..content.len() / 2])?;
        (self.0)(Operation::Write, path)?;
        LocalDisk.write(path, content)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.0)(Operation::Rename, to)?;
        LocalDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        (self.0)(Operation::Remove, path)?;
        LocalDisk.remove(path)
    }
    fn touch(&self, path: &Path, modified: SystemTime) -> io::Result<()> {
        (self.0)(Operation::Touch, path)?;
        LocalDisk.touch(path, modified)
    }
    fn sync(&self, folder: &Path) -> io::Result<()> {
        (self.0)(Operation::Sync, folder)?;
        LocalDisk.sync(folder)
    }
}

/// A root folder and everything around it.
pub(crate) struct Desk {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) engine: Arc<FakeEngine>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) settings: Settings,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path());
        std::fs::create_dir(folder.path().join("req")).unwrap();
        Self { folder, engine: Arc::default(), clock: Arc::default(), settings }
    }

    pub(crate) fn path(&self, folder: &str, name: &str) -> PathBuf {
        self.folder.path().join(folder).join(name)
    }

    pub(crate) fn send(&self, free: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path("req", &format!("OQSsiquc01req_{free}.xml")), content).unwrap();
    }

    pub(crate) fn open(&self) -> Exchange {
        self.open_on(Arc::new(LocalDisk)).unwrap()
    }

    pub(crate) fn open_on(&self, disk: Arc<dyn Disk>) -> Result<Exchange, ReaderError> {
        let engine = Arc::<FakeEngine>::clone(&self.engine);
        let clock = Arc::<TestClock>::clone(&self.clock);
        Exchange::open(self.settings.clone(), disk, engine, clock)
    }

    /// The files of a folder, by name.
    pub(crate) fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        files(&self.folder.path().join(folder))
    }

    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        self.files(folder).into_keys().collect()
    }
}

pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let plain = entries.filter(|entry| entry.file_type().unwrap().is_file());
    plain
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// Looks twice, as a pick-up needs, and works on everything that is due.
pub(crate) fn settle(exchange: &mut Exchange) {
    exchange.poll();
    exchange.poll();
    while exchange.work() {}
}

/// Waits for another thread or program; gives up long after any of them would be done.
pub(crate) fn until(condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !condition() {
        assert!(Instant::now() < end, "it never happened");
        std::thread::yield_now();
    }
}
