//! The file exchange with receipt computers (連携アプリケーション, interface §1.2).
//!
//! A client writes `<root>/req/OQSsiquc01req_X.xml` and finds `<root>/res/OQSsiquc01res_X.xml`, or
//! its own request again with `OQSsiquc01req_X.err` beside it. Each request gets exactly one of the
//! two, over crashes and power cuts; [`plan`] has the table of states and the argument.
//!
//! - [`name`]: the grammar of file names, which are hostile and may be personal
//! - [`plan`]: which file to take, what to do next: pure
//! - [`disk`], [`folders`]: the steps as atomic file operations
//! - [`engine`]: asking over HTTPS; [`refusal`]: why a request was rejected
//! - [`queue`]: what is taken and when it is due; [`run`](Exchange::run): threads and the clock
//!
//! A client that uses a name again replaces the earlier answer of that name, atomically; while the
//! earlier request is in flight the later one waits in `req`.

pub mod charset;
pub mod disk;
pub mod engine;
pub mod folders;
pub mod name;
pub mod plan;
pub mod queue;
pub mod refusal;
mod run;
pub mod status;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

pub use disk::{Disk, LocalDisk};
pub use engine::{Engine, HttpEngine, Question, Reply, Unavailable};
pub use refusal::Refusal;
pub use run::Stop;
pub use status::Status;

use crate::ReaderError;
use crate::clock::Clock;
use crate::config::ResponseEncoding;
use charset::Charset;
use folders::{Folders, Progress};
use name::{FUNCTION_OFFERED, Name, RequestName};
use plan::{Action, Listed, Memory};
use queue::{Job, Queue};
use status::{Condition, Counts, rfc3339};

/// Most requests looked at in one poll. A further one is seen when these are taken.
pub const LISTING_MAX: usize = 10_000;
/// Most unknown files in `req` that are told apart; further ones are not counted.
const STRANGERS_MAX: usize = 10_000;
/// How much of a request's end is read to see whether it is whole, in bytes.
const TAIL_BYTES: u64 = 256;
/// The first delay before asking again; each further one is twice as long.
const RETRY_FIRST: Duration = Duration::from_millis(200);
/// The longest delay before asking again, unless the engine asks for more.
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Longest wait for one reply. The engine answers in milliseconds; longer means that it hangs.
const ATTEMPT_MAX: Duration = Duration::from_secs(30);
/// What a late attempt still gets.
const ATTEMPT_MIN: Duration = Duration::from_secs(1);
/// Failures in a row that make the engine unreachable: one may be a kept connection that the
/// engine closed.
const ENGINE_PATIENCE: u32 = 2;

/// What the exchange needs to know, in its own units; checked by [`crate::config`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder of `req`, `res` and `work`.
    pub root: PathBuf,
    /// Encoding of the answers.
    pub response_encoding: ResponseEncoding,
    /// Age at which answers are removed; `None` keeps them.
    pub retention: Option<Duration>,
    /// From pick-up until a request without an answer is rejected. After a restart it counts anew.
    pub answer_within: Duration,
    /// Requests asked at the same time.
    pub workers: usize,
    /// Between two looks into `req`.
    pub poll_interval: Duration,
    /// Largest request in bytes.
    pub request_bytes_max: u64,
    /// Requests taken and not yet answered.
    pub in_flight_max: usize,
    /// How long a stop waits for requests in flight.
    pub stop_within: Duration,
}

/// An answer on its way to the disk.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The engine's message.
    Response(Vec<u8>),
    /// The text beside a rejected request.
    Refusal(Vec<u8>),
}

/// The exchange of one root folder. [`run`](Self::run) drives it; tests take single steps.
pub struct Exchange {
    core: Arc<Core>,
    memory: Memory,
    strangers: HashSet<u64>,
    hasher: RandomState,
}

/// What all threads share.
struct Core {
    settings: Settings,
    folders: Folders,
    disk: Arc<dyn Disk>,
    engine: Arc<dyn Engine>,
    clock: Arc<dyn Clock>,
    queue: Queue,
    counts: Counts,
    started_at: SystemTime,
    /// Whether the engine can be reached.
    line: Condition,
    /// Whether what it says can be used.
    answers: Condition,
    /// Whether files can be written and moved.
    files: Condition,
}

/// What became of one attempt.
enum Outcome {
    Finished(Progress),
    Later(Instant),
}

/// What is known about one request now.
enum Decision {
    Answer(Answer),
    Later(Instant),
}

impl Exchange {
    /// Takes the root folder for this process and queues what an earlier run left unanswered.
    ///
    /// # Errors
    /// When another exchange works on the root, or its folders cannot be used.
    pub fn open(
        settings: Settings,
        disk: Arc<dyn Disk>,
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ReaderError> {
        let folders = Folders::open(&settings.root, Arc::clone(&disk))?;
        let left_over =
            folders.left_over().map_err(|source| ReaderError::Folder { folder: "work", source })?;
        let core = Core {
            queue: Queue::new(settings.in_flight_max),
            counts: Counts::default(),
            started_at: clock.now(),
            line: Condition::new(ENGINE_PATIENCE),
            answers: Condition::new(1),
            files: Condition::new(1),
            settings,
            folders,
            disk,
            engine,
            clock,
        };
        if !left_over.is_empty() {
            tracing::info!(requests = left_over.len(), "going on with requests of an earlier run");
        }
        for name in left_over {
            if core.queue.reserve(&name) {
                core.enqueue(name);
            }
        }
        Ok(Self {
            core: Arc::new(core),
            memory: Memory::default(),
            strangers: HashSet::new(),
            hasher: RandomState::new(),
        })
    }

    /// Looks into `req` once and takes what is ready; returns how many.
    pub fn poll(&mut self) -> usize {
        let listing = match self.list() {
            Ok(listing) => listing,
            Err(error) => {
                self.core.files_failed(&error);
                // Someone removed the folder: clients expect it.
                let _ = std::fs::create_dir_all(&self.core.folders.req);
                return 0;
            }
        };
        let core = &self.core;
        let seen = listing.len();
        let now = core.clock.instant();
        let is_free = |name: &RequestName| core.queue.is_free(name);
        let actions = plan::plan(listing, &mut self.memory, is_free, core.queue.room(), now);
        let claimed: Vec<_> = actions.into_iter().filter_map(|action| core.claim(action)).collect();
        let taken = claimed.len();
        core.counts.waiting.store(seen.saturating_sub(taken) as u64, Ordering::Relaxed);
        if taken > 0
            && let Err(error) = core.folders.settle_claims()
        {
            core.files_failed(&error);
        }
        for name in claimed {
            core.enqueue(name);
        }
        taken
    }

    /// Works on one request that is due; false when none is.
    pub fn work(&self) -> bool {
        self.core.work()
    }

    /// Removes answers older than the retention from `res`; returns how many.
    pub fn sweep(&self) -> u64 {
        self.core.sweep()
    }

    /// What the exchange has done and how it is.
    #[must_use]
    pub fn status(&self) -> Status {
        self.core.status()
    }

    fn list(&mut self) -> io::Result<Vec<Listed>> {
        let mut strangers = HashSet::new();
        let mut wanted = |name: &OsStr| match Name::read(name) {
            Name::Request(_) => true,
            Name::Temporary => false,
            Name::Stranger => {
                if strangers.len() < STRANGERS_MAX {
                    strangers.insert(self.hasher.hash_one(name));
                }
                false
            }
        };
        let found = self.core.disk.list(&self.core.folders.req, &mut wanted, LISTING_MAX)?;
        let new = strangers.difference(&self.strangers).count();
        if new > 0 {
            self.core.counts.left_alone.add(new as u64);
            tracing::info!(
                files = new,
                "left alone in req: no names of requests (expected {FUNCTION_OFFERED}req_*.xml)"
            );
        }
        self.strangers = strangers;
        let listed = found.into_iter().filter_map(|found| match Name::read(&found.name) {
            Name::Request(name) => {
                Some(Listed { name, bytes: found.bytes, modified: found.modified })
            }
            Name::Temporary | Name::Stranger => None,
        });
        Ok(listed.collect())
    }
}

impl Core {
    /// Moves one file to `work`. A client that has it open or takes it back is not a failure: the
    /// next poll looks again.
    fn claim(&self, action: Action) -> Option<RequestName> {
        let name = match action {
            Action::Take(name) => name,
            Action::TakeIfFinished(name) => {
                let path = self.folders.req.join(name.file());
                let tail = self.disk.tail(&path, TAIL_BYTES).ok()?;
                plan::is_finished(&tail).then_some(name)?
            }
        };
        if !self.queue.reserve(&name) {
            return None;
        }
        if let Err(error) = self.folders.claim(&name) {
            tracing::debug!(request = name.tag(), error = %error.kind(), "not taken yet");
            self.queue.release(&name);
            return None;
        }
        Some(name)
    }

    fn enqueue(&self, name: RequestName) {
        self.counts.picked_up.add(1);
        let now = self.clock.instant();
        let deadline = now + self.settings.answer_within;
        let job = Job { name, deadline, attempts: 0, disk_failures: 0, answer: None };
        self.queue.push(job, now);
    }

    fn work(&self) -> bool {
        let Some(mut job) = self.queue.take_due(self.clock.instant()) else { return false };
        match self.attempt(&mut job) {
            Ok(Outcome::Finished(progress)) => {
                self.files_succeeded();
                self.finish(&job, progress);
            }
            Ok(Outcome::Later(due)) => self.queue.push(job, due),
            Err(error) => {
                self.files_failed(&error);
                job.disk_failures = job.disk_failures.saturating_add(1);
                let due = self.clock.instant() + delay(job.disk_failures);
                self.queue.push(job, due);
            }
        }
        true
    }

    fn attempt(&self, job: &mut Job) -> io::Result<Outcome> {
        let now = self.clock.now();
        let progress = self.folders.advance(&job.name, now)?;
        if progress != Progress::NeedsAnswer {
            return Ok(Outcome::Finished(progress));
        }
        let answer = match job.answer.take() {
            Some(answer) => answer,
            None => match self.decide(job)? {
                Decision::Answer(answer) => answer,
                Decision::Later(due) => return Ok(Outcome::Later(due)),
            },
        };
        let written = self.folders.write_answer(&job.name, &answer);
        // Kept until it is on the disk, so that a full disk does not ask the engine again.
        job.answer = Some(answer);
        written?;
        Ok(Outcome::Finished(self.folders.advance(&job.name, now)?))
    }

    fn finish(&self, job: &Job, progress: Progress) {
        match progress {
            Progress::Answered => self.counts.answered.add(1),
            Progress::Rejected => self.counts.rejected.add(1),
            Progress::Gone => {
                tracing::warn!(request = job.name.tag(), "a taken request was removed from work");
            }
            // INVARIANT: an answer was written just before.
            Progress::NeedsAnswer => {}
        }
        self.queue.release(&job.name);
    }

    fn decide(&self, job: &mut Job) -> io::Result<Decision> {
        let path = self.folders.claimed(&job.name);
        let bytes_max = self.settings.request_bytes_max;
        let late = self.clock.instant() >= job.deadline;
        let body = match self.disk.head(&path, bytes_max.saturating_add(1)) {
            Ok(body) => body,
            Err(_) if late => return Ok(self.reject(job, b"", &Refusal::Unreadable)),
            Err(error) => return Err(error),
        };
        let refusal = if job.name.function() != FUNCTION_OFFERED {
            Refusal::FunctionNotOffered { function: job.name.function().to_owned() }
        } else if body.len() as u64 > bytes_max {
            Refusal::TooLarge { bytes_max }
        } else if body.trim_ascii().is_empty() {
            Refusal::Empty
        } else if late && job.attempts > 0 {
            Refusal::NotAnswered { within: self.settings.answer_within }
        } else {
            return Ok(self.ask(job, &body));
        };
        Ok(self.reject(job, &body, &refusal))
    }

    fn ask(&self, job: &mut Job, body: &[u8]) -> Decision {
        let left = job.deadline.saturating_duration_since(self.clock.instant());
        let question = Question {
            function: FUNCTION_OFFERED,
            body,
            charset: match self.settings.response_encoding {
                ResponseEncoding::Utf8 => Charset::Utf8,
                ResponseEncoding::ShiftJis => Charset::ShiftJis,
                ResponseEncoding::AsRequested => Charset::declared_by(body),
            },
            timeout: left.clamp(ATTEMPT_MIN, ATTEMPT_MAX),
        };
        job.attempts = job.attempts.saturating_add(1);
        let reply = catch_unwind(AssertUnwindSafe(|| self.engine.ask(&question)));
        let reply = reply.unwrap_or_else(|_| Reply::Unavailable {
            why: Unavailable::Answer("the call panicked".to_owned()),
            retry_after: None,
        });
        self.note(&reply);
        match reply {
            Reply::Answer(content) => Decision::Answer(Answer::Response(content)),
            Reply::Refused(refusal) => self.reject(job, body, &refusal),
            Reply::Unavailable { retry_after, .. } => {
                let now = self.clock.instant();
                if now >= job.deadline {
                    let within = self.settings.answer_within;
                    return self.reject(job, body, &Refusal::NotAnswered { within });
                }
                let pause = delay(job.attempts).max(retry_after.unwrap_or_default());
                // A pause that leads beyond the end of time leads beyond the deadline too.
                Decision::Later(
                    now.checked_add(pause).map_or(job.deadline, |t| t.min(job.deadline)),
                )
            }
        }
    }

    fn reject(&self, job: &Job, body: &[u8], refusal: &Refusal) -> Decision {
        tracing::debug!(request = job.name.tag(), code = refusal.code(), "rejected");
        Decision::Answer(Answer::Refusal(refusal.text(Charset::declared_by(body))))
    }

    /// Logs what changed about the engine, once.
    fn note(&self, reply: &Reply) {
        let now = self.clock.now();
        let problem = match reply {
            Reply::Answer(_) | Reply::Refused(_) => {
                self.line_succeeded();
                match reply {
                    Reply::Refused(Refusal::EngineStatus { status }) => {
                        Some(format!("it refuses requests with HTTP {status} and no reason"))
                    }
                    Reply::Answer(_) | Reply::Refused(_) | Reply::Unavailable { .. } => None,
                }
            }
            Reply::Unavailable { why, .. } => {
                self.counts.engine_failures.add(1);
                if why.concerns_all() {
                    if self.line.failed(now) {
                        tracing::error!(since = rfc3339(now), "engine unreachable: {why}");
                    }
                    return;
                }
                Some(why.to_string())
            }
        };
        match problem {
            Some(problem) if self.answers.failed(now) => {
                tracing::error!(since = rfc3339(now), "engine gives no usable answer: {problem}");
            }
            Some(_) => {}
            None => {
                if let Some(since) = self.answers.succeeded() {
                    tracing::info!(since = rfc3339(since), "engine gives usable answers again");
                }
            }
        }
    }

    fn line_succeeded(&self) {
        if let Some(since) = self.line.succeeded() {
            tracing::info!(unreachable_since = rfc3339(since), "engine reachable again");
        }
    }

    /// The kind only: a system's text for an error may hold a path.
    fn files_failed(&self, error: &io::Error) {
        let now = self.clock.now();
        if self.files.failed(now) {
            tracing::error!(
                since = rfc3339(now),
                "files cannot be written or moved: {}. Requests stay taken and are tried again",
                error.kind()
            );
        }
    }

    fn files_succeeded(&self) {
        if let Some(since) = self.files.succeeded() {
            tracing::info!(since = rfc3339(since), "files can be written and moved again");
        }
    }

    fn sweep(&self) -> u64 {
        let Some(retention) = self.settings.retention else { return 0 };
        let now = self.clock.now();
        let published = &mut name::is_published;
        let listing = self.disk.list(&self.folders.res, published, LISTING_MAX);
        let mut removed = 0;
        for found in listing.unwrap_or_default() {
            let is_old = now.duration_since(found.modified).is_ok_and(|age| age > retention);
            // One that a client has locked is removed by a later sweep.
            if is_old && self.disk.remove(&self.folders.res.join(&found.name)).is_ok() {
                removed += 1;
            }
        }
        if removed > 0 {
            self.counts.removed_after_retention.add(removed);
            tracing::info!(files = removed, "removed old answers from res");
        }
        removed
    }

    fn status(&self) -> Status {
        let counts = &self.counts;
        let unreachable = self.line.bad_since();
        Status {
            schema: 1,
            written_at: rfc3339(self.clock.now()),
            started_at: rfc3339(self.started_at),
            picked_up: counts.picked_up.read(),
            answered: counts.answered.read(),
            rejected: counts.rejected.read(),
            waiting: counts.waiting.load(Ordering::Relaxed),
            in_flight: self.queue.in_flight(),
            engine_failures: counts.engine_failures.read(),
            removed_after_retention: counts.removed_after_retention.read(),
            left_alone: counts.left_alone.read(),
            engine_reachable: unreachable.is_none(),
            engine_unreachable_since: unreachable.map(rfc3339),
            folders_usable: self.files.bad_since().is_none(),
        }
    }
}

/// The delay after the `failures`-th failure in a row.
fn delay(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    RETRY_FIRST.saturating_mul(1 << doublings).min(RETRY_MAX)
}
