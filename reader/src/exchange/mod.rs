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
//! - `core`: what a worker does; [`queue`]: what is taken and when it is due; [`run`](Exchange::run): threads and the clock
//!
//! A client that uses a name again replaces the earlier answer of that name, atomically; while the
//! earlier request is in flight the later one waits in `req`.

pub mod charset;
mod core;
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
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use disk::{Disk, LocalDisk};
pub use engine::{Engine, HttpEngine, Question, Reply, Unavailable};
pub use refusal::Refusal;
pub use run::Stop;
pub use status::Status;

use self::core::Core;
use crate::ReaderError;
use crate::clock::Clock;
use crate::config::ResponseEncoding;
use folders::Folders;
use name::{FUNCTION_OFFERED, Name, RequestName};
use plan::{Listed, Memory};

/// Most requests looked at in one poll. A further one is seen when these are taken.
pub const LISTING_MAX: usize = 10_000;
/// Most unknown files in `req` that are told apart; further ones are not counted.
const STRANGERS_MAX: usize = 10_000;
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
        let core = Core::new(settings, folders, disk, engine, clock);
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
