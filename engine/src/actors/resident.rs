//! Sees to it that all entries are in memory where they fit: one thread that copies them after the
//! start, and again when a copy was worn out by changes. Questions do not wait for it.

use shikaku_store::{Reader, Residence};
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
    pub fn start(reader: Reader, bytes_max: usize) -> std::io::Result<Self> {
        let (handle, ended) = mpsc::channel();
        if bytes_max > 0 {
            let work = move || keep(&reader, bytes_max, &ended);
            thread::Builder::new().name("resident".into()).spawn(work)?;
        }
        Ok(Self(handle))
    }
}

fn keep(reader: &Reader, bytes_max: usize, ended: &Receiver<()>) {
    let go_on = || ended.try_recv() == Err(TryRecvError::Empty);
    let resident = || reader.stats().shards.iter().map(|shard| shard.resident_bytes).sum::<u64>();
    loop {
        let (begin, before) = (Instant::now(), resident());
        match reader.keep_resident(bytes_max, &go_on) {
            Ok(Residence::Resident) if resident() > before => {
                let (bytes, seconds) = (resident(), begin.elapsed().as_secs_f64());
                tracing::info!(bytes, seconds, "All entries are in memory.");
            }
            Ok(Residence::Resident | Residence::Changing) => {}
            Ok(Residence::TooLarge) => {
                tracing::warn!(
                    bytes_max,
                    "The entries do not fit into store.resident_mib: questions are answered from \
                     the cache and the disk until the next start."
                );
                return;
            }
            Ok(Residence::Stopped) => return,
            Err(error) => {
                tracing::error!(code = error.code(), %error, "Did not copy the entries to memory.");
                return;
            }
        }
        if ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}
