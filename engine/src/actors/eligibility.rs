//! Answers questions in place, on the HTTP worker's own thread.
//!
//! There is no mailbox: a question whose record is in memory is answered within the call. A mailbox
//! on the same arbiter would make the HTTP dispatcher run twice for each request, which costs more
//! than the answer (benches/measured.md). A question that needs the disk goes to a blocking thread,
//! so that it holds up nobody.

use crate::metrics::Metrics;
use crate::problem::EngineError;
use crate::quota::Quota;
use crate::serving::Stores;
use actix_web::web;
use shikaku_store::{Reader, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Something that can be answered from the index: a pure step between two messages.
pub trait Question: Send + 'static {
    /// What the asker gets.
    type Answer: Send + 'static;

    /// Answers, reading the index in place. May be called a second time, with a reader that goes
    /// to the disk, when the first one found that it would have to.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn answer(&self, reader: &Reader) -> Result<Self::Answer, EngineError>;
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

/// How a worker's handlers have questions answered.
#[derive(Clone)]
pub struct EligibilityHandle {
    stores: Arc<Stores>,
    admission: Admission,
    metrics: Arc<Metrics>,
}

impl EligibilityHandle {
    /// A handle for the current worker.
    #[must_use]
    pub const fn start(stores: Arc<Stores>, admission: Admission, metrics: Arc<Metrics>) -> Self {
        Self { stores, admission, metrics }
    }

    /// Asks a question of a facility that arrived at `arrived`.
    ///
    /// # Errors
    /// [`EngineError::Busy`] at once when the engine is full, [`EngineError::DeadlinePassed`] when
    /// it waited too long for the disk, [`EngineError::FacilityDisk`] when too many of the same
    /// facility wait for it, [`EngineError::Stopping`] during a stop, and what answering
    /// may give.
    // HOT PATH: what is in memory is answered before this returns for the first time.
    pub async fn ask<Q: Question>(
        &self,
        question: Q,
        arrived: Instant,
        quota: &Arc<Quota>,
    ) -> Result<Q::Answer, EngineError> {
        let permit = self.admission.admit()?;
        self.metrics.admitted.inc();
        let in_memory = guarded(&question, &self.stores.borrow().memory, &self.metrics);
        let answer = match in_memory {
            Err(EngineError::Store(StoreError::NotInMemory)) => {
                self.ask_disk(question, arrived, quota, permit).await
            }
            answer => answer,
        };
        self.metrics.finished.inc();
        answer
    }

    /// The permit goes with the question, so that those waiting for the disk are bounded too.
    async fn ask_disk<Q: Question>(
        &self,
        question: Q,
        arrived: Instant,
        quota: &Arc<Quota>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Q::Answer, EngineError> {
        let place = quota.wait_for_disk(self.admission.limit)?;
        self.metrics.from_disk.inc();
        let (serving, metrics) = (self.stores.current(), Arc::clone(&self.metrics));
        let deadline = arrived + self.admission.deadline;
        let work = move || {
            let _held = (permit, place);
            if Instant::now() > deadline {
                return Err(EngineError::DeadlinePassed);
            }
            guarded(&question, &serving.reader, &metrics)
        };
        web::block(work).await.unwrap_or(Err(EngineError::Stopping))
    }
}

/// A panic costs one question, not the worker.
fn guarded<Q: Question>(
    question: &Q,
    reader: &Reader,
    metrics: &Metrics,
) -> Result<Q::Answer, EngineError> {
    catch_unwind(AssertUnwindSafe(|| question.answer(reader))).unwrap_or_else(|_| {
        metrics.panicked("eligibility");
        Err(EngineError::Fault)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::quota::{Cost, Quotas};
    use crate::serving::Serving;
    use shikaku_domain::MedicalInstitutionCode;
    use shikaku_store::{Store, StoreOptions};
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Reply(&'static str);
    impl Question for Reply {
        type Answer = &'static str;
        fn answer(&self, _: &Reader) -> Result<Self::Answer, EngineError> {
            assert_ne!(self.0, "panic", "a defect in a rule");
            Ok(self.0)
        }
    }

    /// Not in memory when asked first.
    struct Cold(Reply, AtomicBool);
    impl Question for Cold {
        type Answer = &'static str;
        fn answer(&self, reader: &Reader) -> Result<Self::Answer, EngineError> {
            let again = self.1.swap(true, Ordering::SeqCst);
            if again { self.0.answer(reader) } else { Err(StoreError::NotInMemory.into()) }
        }
    }

    fn quota() -> Arc<Quota> {
        let now = Instant::now();
        let quotas = Quotas::new(&Limits::default(), now);
        let facility = MedicalInstitutionCode::parse("1310000001").unwrap();
        Arc::clone(quotas.connect(facility).admit(Cost::Question, now).unwrap())
    }

    fn cold(reply: &'static str) -> Cold {
        Cold(Reply(reply), AtomicBool::new(false))
    }

    fn handle(admission: &Admission) -> (EligibilityHandle, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions {
            path: folder.path().join("store"),
            shards: 1,
            cache_bytes: 8 << 20,
            create: true,
        };
        let metrics = Arc::new(Metrics::new().unwrap());
        let serving = Serving::start(Store::open(&options).unwrap(), &metrics);
        let stores = Arc::new(Stores::new(serving));
        (EligibilityHandle::start(stores, admission.clone(), metrics), folder)
    }

    #[actix_rt::test]
    async fn a_full_engine_answers_busy_at_once() {
        let admission = Admission::new(1, Duration::from_secs(1));
        let (handle, _folder) = handle(&admission);
        let held = admission.admit().unwrap();
        let refused = handle.ask(Reply("a"), Instant::now(), &quota()).await;
        assert!(matches!(refused, Err(EngineError::Busy { limit: 1 })));
        drop(held);
        assert_eq!(handle.ask(Reply("a"), Instant::now(), &quota()).await.unwrap(), "a");
    }

    #[actix_rt::test]
    async fn what_is_not_in_memory_is_answered_from_the_disk() {
        let admission = Admission::new(1, Duration::from_secs(60));
        let (handle, _folder) = handle(&admission);
        assert_eq!(handle.ask(cold("a"), Instant::now(), &quota()).await.unwrap(), "a");
        assert_eq!(handle.metrics.from_disk.get(), 1);
        assert_eq!(handle.ask(Reply("b"), Instant::now(), &quota()).await.unwrap(), "b");
        assert_eq!(handle.metrics.from_disk.get(), 1);
    }

    #[actix_rt::test]
    async fn a_question_that_waited_for_the_disk_past_its_deadline_is_not_worked_on() {
        let admission = Admission::new(1, Duration::ZERO);
        let (handle, _folder) = handle(&admission);
        let arrived = Instant::now() - Duration::from_secs(1);
        let late = handle.ask(cold("panic"), arrived, &quota()).await;
        assert!(matches!(late, Err(EngineError::DeadlinePassed)));
        assert!(admission.drained(Duration::from_secs(60)).await, "its permit came back");
    }

    #[actix_rt::test]
    async fn a_panic_costs_one_question() {
        let admission = Admission::new(1, Duration::from_secs(1));
        let (handle, _folder) = handle(&admission);
        let failed = handle.ask(Reply("panic"), Instant::now(), &quota()).await;
        assert!(matches!(failed, Err(EngineError::Fault)));
        let failed = handle.ask(cold("panic"), Instant::now(), &quota()).await;
        assert!(matches!(failed, Err(EngineError::Fault)));
        assert_eq!(handle.ask(Reply("b"), Instant::now(), &quota()).await.unwrap(), "b");
    }

    #[actix_rt::test]
    async fn draining_waits_for_what_is_in_and_refuses_what_comes() {
        let admission = Admission::new(2, Duration::from_secs(1));
        let (handle, _folder) = handle(&admission);
        let held = admission.admit().unwrap();
        assert!(!admission.drained(Duration::from_millis(1)).await, "one question is still in");
        let refused = handle.ask(Reply("a"), Instant::now(), &quota()).await;
        assert!(matches!(refused, Err(EngineError::Stopping)));
        drop(held);
    }

    #[actix_rt::test]
    async fn a_facility_at_its_part_of_the_disk_is_refused_and_another_is_answered() {
        let admission = Admission::new(4, Duration::from_secs(60));
        let (handle, _folder) = handle(&admission);
        let noisy = quota();
        let held = noisy.wait_for_disk(4).unwrap();
        let refused = handle.ask(cold("a"), Instant::now(), &noisy).await;
        assert!(matches!(refused, Err(EngineError::FacilityDisk { limit: 1 })));
        assert_eq!(handle.ask(Reply("a"), Instant::now(), &noisy).await.unwrap(), "a");
        assert_eq!(handle.ask(cold("b"), Instant::now(), &quota()).await.unwrap(), "b");
        drop(held);
        assert_eq!(handle.ask(cold("c"), Instant::now(), &noisy).await.unwrap(), "c");
    }
}
