//! Makes events of cards durable: one thread takes what is waiting, and one wait for the disk
//! serves all of it.

use crate::metrics::Metrics;
use crate::problem::EngineError;
use crate::serving::Stores;
use ring::rand::{SecureRandom, SystemRandom};
use shikaku_store::{CardEvent, OperationId, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Events that may wait: two seconds of the national peak's share of one machine.
pub const WAITING_MAX: usize = 2048;
/// Events made durable together. A wait for the disk takes 12 ms where it was measured, so this is
/// more than arrives in one.
const TOGETHER_MAX: usize = 512;

/// An event whose asker waits.
struct Entry {
    event: CardEvent,
    done: oneshot::Sender<Result<(), EngineError>>,
}

/// How handlers reach the recorder.
#[derive(Clone)]
pub struct RecorderHandle {
    queue: mpsc::Sender<Entry>,
    patience: Duration,
}

impl RecorderHandle {
    /// Starts the recorder's thread. It ends when nobody can reach it any more. Nobody waits for
    /// the disk longer than `patience`.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(
        stores: Arc<Stores>,
        metrics: Arc<Metrics>,
        patience: Duration,
    ) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let recorder = Recorder { stores, metrics, random: SystemRandom::new() };
        thread::Builder::new().name("recorder".into()).spawn(move || recorder.run(waiting))?;
        Ok(Self { queue, patience })
    }

    /// Returns when the event is on disk.
    ///
    /// # Errors
    /// [`EngineError::Busy`] at once when too many wait; [`EngineError::DeadlinePassed`] when the
    /// disk is slow, or what the store reports: then the event may or may not be recorded.
    pub async fn record(&self, event: CardEvent) -> Result<(), EngineError> {
        let (done, recorded) = oneshot::channel();
        self.queue.try_send(Entry { event, done }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => EngineError::Busy { limit: WAITING_MAX },
            mpsc::error::TrySendError::Closed(_) => EngineError::Stopping,
        })?;
        match timeout(self.patience, recorded).await {
            Ok(recorded) => recorded.unwrap_or(Err(EngineError::Stopping)),
            Err(_) => Err(EngineError::DeadlinePassed),
        }
    }

    /// Whether the recorder's thread is alive.
    #[must_use]
    pub fn alive(&self) -> bool {
        !self.queue.is_closed()
    }
}

struct Recorder {
    stores: Arc<Stores>,
    metrics: Arc<Metrics>,
    random: SystemRandom,
}

impl Recorder {
    fn run(self, mut waiting: mpsc::Receiver<Entry>) {
        let mut together = Vec::with_capacity(TOGETHER_MAX);
        while waiting.blocking_recv_many(&mut together, TOGETHER_MAX) > 0 {
            let (events, askers): (Vec<_>, Vec<_>) =
                together.drain(..).map(|entry| (entry.event, entry.done)).unzip();
            let work = AssertUnwindSafe(|| self.record(&events));
            let result = catch_unwind(work).unwrap_or_else(|_| {
                self.metrics.panicked("recorder");
                Err(RecordError::Fault)
            });
            for asker in askers {
                // An asker that has left has its event recorded all the same.
                let _ = asker.send(result.clone().map_err(EngineError::from));
            }
        }
    }

    fn record(&self, events: &[CardEvent]) -> Result<(), RecordError> {
        let mut id = [0; 16];
        self.random.fill(&mut id).map_err(|_| RecordError::Fault)?;
        let operation = OperationId::from_bytes(id);
        let recorded = self.stores.write(|writer, to| writer.record_cards(operation, events, to));
        recorded.map(drop).map_err(RecordError::Store)
    }
}

/// One failure that several askers hear of.
#[derive(Clone)]
enum RecordError {
    Store(StoreError),
    Fault,
}

impl From<RecordError> for EngineError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Fault => Self::Fault,
            RecordError::Store(error) => Self::Store(error),
        }
    }
}
