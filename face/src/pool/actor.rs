//! One face actor and what it is told.

use super::{Build, Counters, Eyes};
use crate::FaceError;
use crate::attempt::Look;
use crate::pipeline::CardFace;
use actix::{Actor, ActorContext, Handler, Message, SyncContext};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// A shell around the models: one thread, one state.
pub(super) struct FaceActor {
    eyes: Box<dyn Eyes>,
    counters: Arc<Counters>,
}

/// Makes a face of a card's photograph.
#[derive(Message)]
#[rtype(result = "Result<(CardFace, Duration), FaceError>")]
pub(super) struct ReadCard {
    pub(super) photograph: Zeroizing<Vec<u8>>,
    pub(super) deadline: Instant,
}

/// Compares a frame with a card.
#[derive(Message)]
#[rtype(result = "Result<(Look, Duration), FaceError>")]
pub(super) struct LookAtFrame {
    pub(super) card: CardFace,
    pub(super) frame: Zeroizing<Vec<u8>>,
    pub(super) deadline: Instant,
}

impl FaceActor {
    pub(super) fn new(build: &Build, counters: &Arc<Counters>) -> Self {
        Self { eyes: build(), counters: Arc::clone(counters) }
    }

    /// Works on a request that has not waited too long; after a panic the state is made anew.
    fn guarded<T>(
        &mut self,
        deadline: Instant,
        ctx: &mut SyncContext<Self>,
        work: impl FnOnce(&mut dyn Eyes) -> Result<T, FaceError>,
    ) -> Result<(T, Duration), FaceError> {
        let begun = Instant::now();
        if begun > deadline {
            return Err(FaceError::PoolLate);
        }
        let done = catch_unwind(AssertUnwindSafe(|| work(self.eyes.as_mut())));
        let took = begun.elapsed();
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counters.work_us.fetch_add(micros, Ordering::Relaxed);
        let Ok(done) = done else {
            self.counters.panicked.fetch_add(1, Ordering::Relaxed);
            ctx.stop();
            return Err(FaceError::PoolFault);
        };
        done.map(|done| (done, took))
    }
}

impl Actor for FaceActor {
    type Context = SyncContext<Self>;
}

impl Handler<ReadCard> for FaceActor {
    type Result = Result<(CardFace, Duration), FaceError>;

    fn handle(&mut self, message: ReadCard, ctx: &mut Self::Context) -> Self::Result {
        self.guarded(message.deadline, ctx, |eyes| eyes.card(&message.photograph))
    }
}

impl Handler<LookAtFrame> for FaceActor {
    type Result = Result<(Look, Duration), FaceError>;

    fn handle(&mut self, message: LookAtFrame, ctx: &mut Self::Context) -> Self::Result {
        self.guarded(message.deadline, ctx, |eyes| eyes.look(&message.card, &message.frame))
    }
}
