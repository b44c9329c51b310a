//! One actor per shard, on its own thread, owns the only writer of that shard.

use crate::metrics::Metrics;
use actix::{Actor, Addr, Handler, Message, SyncArbiter, SyncContext};
use shikaku_store::{ApplyChanges, Change, Position, ShardWriter, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

/// The actor. The mutex is never contended: it lets the actor be rebuilt around its writer.
pub struct Shard {
    writer: Arc<Mutex<ShardWriter>>,
    metrics: Arc<Metrics>,
}

impl Actor for Shard {
    type Context = SyncContext<Self>;
}

/// Apply what the change log holds at a position.
struct Apply {
    position: Position,
    changes: Vec<Change>,
    done: mpsc::Sender<Result<(), StoreError>>,
}

impl Message for Apply {
    type Result = ();
}

impl Handler<Apply> for Shard {
    type Result = ();

    fn handle(&mut self, apply: Apply, _: &mut Self::Context) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let work = AssertUnwindSafe(|| writer.apply(apply.position, &apply.changes));
        let result = catch_unwind(work).unwrap_or_else(|_| {
            self.metrics.panicked("shard");
            Err(stopped())
        });
        // Nobody waits any more only when the intake itself is gone.
        let _ = apply.done.send(result);
    }
}

/// Reaches every shard. There is one sender, the intake, which waits for each batch; so no queue
/// grows here and no further limit is needed.
pub struct ShardHandles {
    shards: Vec<Addr<Shard>>,
}

impl ShardHandles {
    /// Starts one actor for each writer, in order.
    #[must_use]
    pub fn start(writers: Vec<ShardWriter>, metrics: &Arc<Metrics>) -> Self {
        let start = |writer| {
            let writer = Arc::new(Mutex::new(writer));
            let metrics = Arc::clone(metrics);
            SyncArbiter::start(1, move || Shard {
                writer: Arc::clone(&writer),
                metrics: Arc::clone(&metrics),
            })
        };
        Self { shards: writers.into_iter().map(start).collect() }
    }

    /// Whether every shard's thread is alive.
    #[must_use]
    pub fn alive(&self) -> bool {
        self.shards.iter().all(Addr::connected)
    }
}

impl ApplyChanges for ShardHandles {
    fn apply(&self, position: Position, per_shard: Vec<Vec<Change>>) -> Result<(), StoreError> {
        let (done, results) = mpsc::channel();
        let mut sent = 0;
        for (shard, changes) in self.shards.iter().zip(per_shard) {
            let apply = Apply { position, changes, done: done.clone() };
            shard.try_send(apply).map_err(|_| stopped())?;
            sent += 1;
        }
        drop(done);
        (0..sent).try_for_each(|_| results.recv().unwrap_or_else(|_| Err(stopped())))
    }
}

fn stopped() -> StoreError {
    StoreError::Failed { path: "shard".into(), detail: "its actor has stopped".to_owned() }
}
