//! Taking a request, asking for it, answering it: what every worker does.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use super::charset::Charset;
use super::folders::{Folders, Progress};
use super::name::{self, FUNCTION_OFFERED, RequestName};
use super::plan::{self, Action};
use super::queue::{Job, Queue};
use super::status::{Condition, Counts, Status, rfc3339};
use super::{Answer, Disk, Engine, LISTING_MAX, Question, Refusal, Reply, Settings, Unavailable};
use crate::clock::Clock;
use crate::config::ResponseEncoding;

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

/// What all threads share.
pub(super) struct Core {
    pub(super) settings: Settings,
    pub(super) folders: Folders,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) queue: Queue,
    pub(super) counts: Counts,
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

impl Core {
    /// Nothing in flight, everything fine.
    pub(super) fn new(
        settings: Settings,
        folders: Folders,
        disk: Arc<dyn Disk>,
        engine: Arc<dyn Engine>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
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
        }
    }

    /// Moves one file to `work`. A client that has it open or takes it back is not a failure: the
    /// next poll looks again.
    pub(super) fn claim(&self, action: Action) -> Option<RequestName> {
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

    pub(super) fn enqueue(&self, name: RequestName) {
        self.counts.picked_up.add(1);
        let now = self.clock.instant();
        let deadline = now + self.settings.answer_within;
        let job = Job { name, deadline, attempts: 0, disk_failures: 0, answer: None };
        self.queue.push(job, now);
    }

    pub(super) fn work(&self) -> bool {
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
        let progress = self.folders.advance(&job.name, now)?;
        if progress == Progress::NeedsAnswer {
            // Someone removed what was just written.
            return Ok(Outcome::Later(self.clock.instant() + RETRY_FIRST));
        }
        Ok(Outcome::Finished(progress))
    }

    fn finish(&self, job: &Job, progress: Progress) {
        match progress {
            Progress::Answered => self.counts.answered.add(1),
            Progress::Rejected => self.counts.rejected.add(1),
            Progress::Gone => {
                tracing::warn!(request = job.name.tag(), "a taken request was removed from work");
            }
            // INVARIANT: `attempt` calls this `Later`.
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
    pub(super) fn files_failed(&self, error: &io::Error) {
        let now = self.clock.now();
        if self.files.failed(now) {
            tracing::error!(
                since = rfc3339(now),
                "files cannot be written or moved: {}. Requests stay taken and are tried again",
                error.kind()
            );
        }
    }

    pub(super) fn files_succeeded(&self) {
        if let Some(since) = self.files.succeeded() {
            tracing::info!(since = rfc3339(since), "files can be written and moved again");
        }
    }

    pub(super) fn sweep(&self) -> u64 {
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

    pub(super) fn status(&self) -> Status {
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
