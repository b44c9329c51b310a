//! Sees to it that all entries are in memory where they fit: one thread that copies them after the
//! start, and again when a copy was worn out by changes. Questions do not wait for it.

use crate::serving::{Serving, Stores};
use shikaku_store::{Reader, Residence};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

/// Between looks at whether the copy is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The thread goes on until this is dropped.
pub struct ResidentHandle(#[expect(dead_code, reason = "its end is what counts")] mpsc::Sender<()>);

impl ResidentHandle {
    /// Starts the thread; entries take no more than `bytes_max` of memory. With 0 there is none.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(stores: Arc<Stores>, bytes_max: usize) -> std::io::Result<Self> {
        let (handle, ended) = mpsc::channel();
        if bytes_max > 0 {
            let work = move || keep(&stores, bytes_max, &ended);
            thread::Builder::new().name("resident".into()).spawn(work)?;
        }
        Ok(Self(handle))
    }
}

/// Bytes of the copies of all shards.
pub(crate) fn resident_bytes(reader: &Reader) -> u64 {
    reader.stats().shards.iter().map(|shard| shard.resident_bytes).sum()
}

/// For each store that serves, as long as it does.
fn keep(stores: &Stores, bytes_max: usize, ended: &Receiver<()>) {
    let mut refused = None;
    loop {
        let serving = stores.current();
        if refused != Some(serving.generation) && !is_kept(stores, &serving, bytes_max, ended) {
            refused = Some(serving.generation);
        }
        // A store that was replaced closes when nobody holds it.
        drop(serving);
        if ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Copies what is not copied. Says whether to try again.
fn is_kept(stores: &Stores, serving: &Serving, bytes_max: usize, ended: &Receiver<()>) -> bool {
    let (generation, reader) = (serving.generation, &serving.reader);
    let go_on =
        || ended.try_recv() == Err(TryRecvError::Empty) && stores.borrow().generation == generation;
    let (begin, before) = (Instant::now(), resident_bytes(reader));
    match reader.keep_resident(bytes_max, &go_on) {
        Ok(Residence::Resident) if resident_bytes(reader) > before => {
            let (bytes, seconds) = (resident_bytes(reader), begin.elapsed().as_secs_f64());
            tracing::info!(bytes, seconds, "All entries are in memory.");
        }
        Ok(Residence::Resident | Residence::Changing | Residence::Stopped) => {}
        Ok(Residence::TooLarge) => {
            tracing::warn!(
                bytes_max,
                "The entries do not fit into store.resident_mib: questions are answered from the \
                 cache and the disk until the next start."
            );
            return false;
        }
        Err(error) => {
            tracing::error!(code = error.code(), %error, "Did not copy the entries to memory.");
            return false;
        }
    }
    true
}
