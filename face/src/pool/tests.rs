//! The pool with eyes that fail on purpose.

use super::*;
use crate::detect::NoFace;
use crate::quality::Advice;
use crate::verify::Embedding;
use std::sync::atomic::AtomicUsize;
use std::sync::{Condvar, Mutex};

/// What a frame's first byte makes the eyes do.
const GOOD: u8 = 0;
const PANIC: u8 = 1;
const HANG: u8 = 2;
const FAIL: u8 = 3;

/// Where eyes wait while it is closed.
#[derive(Default)]
struct Gate {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn close(&self) {
        *self.is_closed.lock().unwrap() = true;
    }

    fn open(&self) {
        *self.is_closed.lock().unwrap() = false;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let is_closed = self.is_closed.lock().unwrap();
        drop(self.opened.wait_while(is_closed, |is_closed| *is_closed).unwrap());
    }
}

/// Eyes that hang until the test lets them go.
struct Scripted {
    gate: Arc<Gate>,
}

impl Scripted {
    fn act(&self, bytes: &[u8]) -> Result<(), FaceError> {
        match bytes {
            [GOOD, ..] => Ok(()),
            [HANG, ..] => {
                self.gate.pass();
                Ok(())
            }
            [FAIL, ..] => Err(FaceError::PictureFormat),
            _ => panic!("a model that panics"),
        }
    }
}

impl Eyes for Scripted {
    fn card(&mut self, photograph: &[u8]) -> Result<CardFace, FaceError> {
        self.act(photograph)?;
        let embedding = Embedding::new(vec![1.0, 0.0]);
        embedding.map(CardFace::new).ok_or(FaceError::CardFace { what: NoFace::Nobody })
    }

    fn look(&mut self, _: &CardFace, frame: &[u8]) -> Result<Look, FaceError> {
        self.act(frame).map(|()| Look::Poor(Advice::TooFar))
    }
}

/// A pool of scripted eyes, and how often a state was made.
struct Stage {
    pool: FacePool,
    gate: Arc<Gate>,
    built: Arc<AtomicUsize>,
}

fn rule() -> Rule {
    Rule {
        policy: Policy::default(),
        threshold: 0.8,
        threshold_fmr: 1e-3,
        doubt: 0.5,
        liveness: None,
        models: Arc::new([]),
    }
}

fn stage(settings: PoolSettings) -> Stage {
    let gate = Arc::new(Gate::default());
    let built = Arc::new(AtomicUsize::new(0));
    let build = {
        let (gate, built) = (Arc::clone(&gate), Arc::clone(&built));
        move || -> Box<dyn Eyes> {
            built.fetch_add(1, Ordering::SeqCst);
            Box::new(Scripted { gate: Arc::clone(&gate) })
        }
    };
    Stage { pool: FacePool::with(rule(), settings, Arc::new(build)).unwrap(), gate, built }
}

fn one_worker() -> PoolSettings {
    PoolSettings {
        workers: 1,
        waiting: 1,
        wait_ms: 30_000,
        work_ms: 30_000,
        ..PoolSettings::default()
    }
}

/// The same actors, reached with another patience.
fn with_settings(pool: &FacePool, settings: PoolSettings) -> FacePool {
    let shared = &pool.0;
    FacePool(Arc::new(Shared {
        rule: shared.rule.clone(),
        settings,
        admission: Arc::clone(&shared.admission),
        workers: Arc::clone(&shared.workers),
        counters: Arc::clone(&shared.counters),
        system: shared.system.clone(),
    }))
}

fn bytes(first: u8) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(vec![first])
}

async fn look(pool: &FacePool, first: u8) -> Result<Step, FaceError> {
    let card = CardFace::new(Embedding::new(vec![1.0, 0.0]).unwrap());
    let attempt = Attempt::begin(Instant::now());
    pool.frame(&card, attempt, bytes(first)).await.map(|(_, step)| step)
}

fn is_looked_at(step: &Result<Step, FaceError>) -> bool {
    matches!(step, Ok(Step::Adjust(Advice::TooFar)))
}

#[actix_rt::test]
async fn a_pool_answers_cards_and_frames_and_counts_them() {
    let Stage { pool, built, .. } = stage(PoolSettings { workers: 2, ..one_worker() });
    assert_eq!(built.load(Ordering::SeqCst), 2, "every actor has its state before the start ends");
    assert!(pool.card(bytes(GOOD)).await.is_ok());
    assert!(is_looked_at(&look(&pool, GOOD).await));
    assert!(matches!(look(&pool, FAIL).await, Err(FaceError::PictureFormat)));
    let metrics = pool.metrics();
    assert_eq!((metrics.answered, metrics.failed, metrics.workers_alive), (2, 1, 2));
}

#[actix_rt::test]
async fn a_panic_costs_one_request_and_the_actor_gets_a_new_state() {
    let Stage { pool, built, .. } = stage(one_worker());
    for round in 1..=3 {
        assert!(matches!(look(&pool, PANIC).await, Err(FaceError::PoolFault)));
        assert!(is_looked_at(&look(&pool, GOOD).await));
        assert_eq!(built.load(Ordering::SeqCst), 1 + round);
    }
    assert_eq!((pool.metrics().panicked, pool.workers_alive()), (3, 1));
}

#[actix_rt::test]
async fn who_finds_the_pool_full_hears_so_at_once() {
    let Stage { pool, gate, .. } = stage(one_worker());
    gate.close();
    // One is worked on, one waits.
    let taken = [look_beside(&pool, HANG), look_beside(&pool, GOOD)];
    until(|| pool.metrics().in_flight == 2).await;
    assert!(matches!(look(&pool, GOOD).await, Err(FaceError::PoolBusy { limit: 2 })));
    gate.open();
    for one in taken {
        assert!(is_looked_at(&one.await.unwrap()));
    }
    assert_eq!((pool.metrics().busy, pool.metrics().in_flight), (1, 0));
}

#[actix_rt::test]
async fn who_waits_too_long_is_told_and_not_worked_on() {
    let Stage { pool, gate, .. } = stage(one_worker());
    gate.close();
    let taken = look_beside(&pool, HANG);
    until(|| pool.metrics().in_flight == 1).await;
    let hasty = with_settings(&pool, PoolSettings { wait_ms: 1, ..one_worker() });
    assert!(matches!(look(&hasty, PANIC).await, Err(FaceError::PoolLate)));
    gate.open();
    assert!(is_looked_at(&taken.await.unwrap()));
    assert_eq!((pool.metrics().late, pool.metrics().panicked), (1, 0));
}

#[actix_rt::test]
async fn an_actor_that_hangs_is_replaced_and_ends_when_it_comes_back() {
    let Stage { pool, gate, built } = stage(PoolSettings { hung_max: 1, ..one_worker() });
    let hasty = with_settings(&pool, PoolSettings { work_ms: 1, ..one_worker() });
    for round in 1..=2 {
        gate.close();
        assert!(matches!(look(&hasty, HANG).await, Err(FaceError::PoolHung)));
        assert!(is_looked_at(&look(&pool, GOOD).await), "another actor took its place");
        assert_eq!((built.load(Ordering::SeqCst), pool.metrics().hanging), (1 + round, 1));
        gate.open();
        // Its place among those that may hang is free again.
        until(|| pool.metrics().hanging == 0).await;
    }
    assert!(pool.is_ready());
    assert_eq!((pool.metrics().hung, pool.metrics().replaced), (2, 2));
}

#[actix_rt::test]
async fn a_pool_whose_actors_all_hang_is_not_ready_until_one_comes_back() {
    let Stage { pool, gate, .. } = stage(PoolSettings { hung_max: 0, ..one_worker() });
    let hasty = with_settings(&pool, PoolSettings { work_ms: 1, ..one_worker() });
    gate.close();
    assert!(matches!(look(&hasty, HANG).await, Err(FaceError::PoolHung)));
    assert!(!pool.is_ready());
    assert!(matches!(look(&pool, GOOD).await, Err(FaceError::PoolStopped)));
    gate.open();
    until(|| pool.is_ready()).await;
    assert!(is_looked_at(&look(&pool, GOOD).await));
    assert_eq!(pool.metrics().replaced, 0);
}

#[actix_rt::test]
async fn an_asker_who_leaves_loses_no_actor() {
    let Stage { pool, gate, .. } = stage(one_worker());
    gate.close();
    let leaver = look_beside(&pool, HANG);
    until(|| pool.metrics().in_flight == 1).await;
    leaver.abort();
    gate.open();
    until(|| pool.metrics().in_flight == 0).await;
    assert!(is_looked_at(&look(&pool, GOOD).await));
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let refused = |settings: PoolSettings| settings.check().err().unwrap().to_string();
    let fine = one_worker();
    assert!(fine.check().is_ok() && PoolSettings::default().check().is_ok());
    assert!(refused(PoolSettings { workers: 0, ..fine }).contains("workers"));
    assert!(refused(PoolSettings { waiting: 5000, ..fine }).contains("waiting"));
    assert!(refused(PoolSettings { work_ms: 0, ..fine }).contains("work_ms"));
    assert!(refused(PoolSettings { workers_min: 2, ..fine }).contains("workers_min"));
}

/// Asks while the test goes on.
fn look_beside(pool: &FacePool, first: u8) -> actix_rt::task::JoinHandle<Result<Step, FaceError>> {
    let pool = pool.clone();
    actix_rt::spawn(async move { look(&pool, first).await })
}

/// Lets the other tasks run until something is so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}
