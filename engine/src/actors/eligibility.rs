//! Answers questions on the HTTP worker's own arbiter.

use crate::metrics::Metrics;
use crate::problem::EngineError;
use actix::{Actor, Addr, Context, Handler, Message};
use shikaku_store::Reader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Something that can be answered from the index: a pure step between two messages.
pub trait Question: Send + 'static {
    /// What the asker gets.
    type Answer: Send + 'static;

    /// Answers, reading the index in place.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn answer(self, reader: &Reader) -> Result<Self::Answer, EngineError>;
}

/// How many questions may be in the engine, over all workers. When the engine stops it closes,
/// and [`Admission::drained`] returns once the last question has left.
#[derive(Clone)]
pub struct Admission {
    permits: Arc<Semaphore>,
    limit: usize,
    deadline: Duration,
}

impl Admission {
    /// Admits `limit` questions at a time, each for at most `deadline`.
    #[must_use]
    pub fn new(limit: usize, deadline: Duration) -> Self {
        Self { permits: Arc::new(Semaphore::new(limit)), limit, deadline }
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, EngineError> {
        use tokio::sync::TryAcquireError::{Closed, NoPermits};
        Arc::clone(&self.permits).try_acquire_owned().map_err(|error| match error {
            Closed => EngineError::Stopping,
            NoPermits => EngineError::Busy { limit: self.limit },
        })
    }

    /// Returns when nothing is in the engine, or after `grace`; nothing is admitted afterwards.
    /// Says whether everything left in time.
    pub async fn drained(&self, grace: Duration) -> bool {
        let all = u32::try_from(self.limit).unwrap_or(u32::MAX);
        let idle = tokio::time::timeout(grace, self.permits.acquire_many(all)).await;
        self.permits.close();
        idle.is_ok()
    }
}

/// The actor: a read handle and what counts its panics.
pub struct Eligibility {
    reader: Reader,
    metrics: Arc<Metrics>,
}

impl Actor for Eligibility {
    type Context = Context<Self>;
}

/// A question with the permit that let it in.
struct Ask<Q> {
    question: Q,
    deadline: Instant,
    _permit: OwnedSemaphorePermit,
}

impl<Q: Question> Message for Ask<Q> {
    type Result = Result<Q::Answer, EngineError>;
}

impl<Q: Question> Handler<Ask<Q>> for Eligibility {
    type Result = Result<Q::Answer, EngineError>;

    fn handle(&mut self, ask: Ask<Q>, _: &mut Self::Context) -> Self::Result {
        if Instant::now() > ask.deadline {
            return Err(EngineError::DeadlinePassed);
        }
        let answer = AssertUnwindSafe(|| ask.question.answer(&self.reader));
        catch_unwind(answer).unwrap_or_else(|_| {
            self.metrics.panicked("eligibility");
            Err(EngineError::Fault)
        })
    }
}

/// How a worker's handlers reach their actor.
#[derive(Clone)]
pub struct EligibilityHandle {
    actor: Addr<Eligibility>,
    admission: Admission,
    metrics: Arc<Metrics>,
}

impl EligibilityHandle {
    /// Starts an actor on the current arbiter.
    #[must_use]
    pub fn start(reader: Reader, admission: Admission, metrics: Arc<Metrics>) -> Self {
        let state = Eligibility { reader, metrics: Arc::clone(&metrics) };
        Self { actor: state.start(), admission, metrics }
    }

    /// Asks a question that arrived at `arrived`.
    ///
    /// # Errors
    /// [`EngineError::Busy`] at once when the engine is full, [`EngineError::DeadlinePassed`] when
    /// it waited too long, [`EngineError::Stopping`] during a stop, and what answering may give.
    pub async fn ask<Q: Question>(
        &self,
        question: Q,
        arrived: Instant,
    ) -> Result<Q::Answer, EngineError> {
        let permit = self.admission.admit()?;
        self.metrics.admitted.inc();
        let deadline = arrived + self.admission.deadline;
        let answer = self.actor.send(Ask { question, deadline, _permit: permit }).await;
        self.metrics.finished.inc();
        answer.unwrap_or(Err(EngineError::Stopping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikaku_store::{Store, StoreOptions};

    struct Reply(&'static str);
    impl Question for Reply {
        type Answer = &'static str;
        fn answer(self, _: &Reader) -> Result<Self::Answer, EngineError> {
            assert_ne!(self.0, "panic", "a defect in a rule");
            Ok(self.0)
        }
    }

    fn handle(admission: &Admission) -> (EligibilityHandle, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            path: folder.path().join("store"),
            shards: 1,
            cache_bytes: 8 << 20,
            create: true,
        };
        let (_, _, reader) = Store::open(&options).unwrap().into_parts();
        let metrics = Arc::new(Metrics::new().unwrap());
        (EligibilityHandle::start(reader, admission.clone(), metrics), folder)
    }

    #[actix_rt::test]
    async fn a_full_engine_answers_busy_at_once() {
        let admission = Admission::new(1, Duration::from_secs(1));
        let (handle, _folder) = handle(&admission);
        let held = admission.admit().unwrap();
        let refused = handle.ask(Reply("a"), Instant::now()).await;
        assert!(matches!(refused, Err(EngineError::Busy { limit: 1 })));
        drop(held);
        assert_eq!(handle.ask(Reply("a"), Instant::now()).await.unwrap(), "a");
    }

    #[actix_rt::test]
    async fn a_question_past_its_deadline_is_not_worked_on() {
        let admission = Admission::new(1, Duration::ZERO);
        let (handle, _folder) = handle(&admission);
        let arrived = Instant::now() - Duration::from_secs(1);
        let late = handle.ask(Reply("panic"), arrived).await;
        assert!(matches!(late, Err(EngineError::DeadlinePassed)));
    }

    #[actix_rt::test]
    async fn a_panic_costs_one_question() {
        let admission = Admission::new(1, Duration::from_secs(1));
        let (handle, _folder) = handle(&admission);
        let failed = handle.ask(Reply("panic"), Instant::now()).await;
        assert!(matches!(failed, Err(EngineError::Fault)));
        assert_eq!(handle.ask(Reply("b"), Instant::now()).await.unwrap(), "b");
    }

    #[actix_rt::test]
    async fn draining_waits_for_what_is_in_and_refuses_what_comes() {
        let admission = Admission::new(2, Duration::from_secs(1));
        let (handle, _folder) = handle(&admission);
        let held = admission.admit().unwrap();
        assert!(!admission.drained(Duration::from_millis(1)).await, "one question is still in");
        let refused = handle.ask(Reply("a"), Instant::now()).await;
        assert!(matches!(refused, Err(EngineError::Stopping)));
        drop(held);
    }
}
