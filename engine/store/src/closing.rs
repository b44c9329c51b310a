//! Knowing when a store has closed. Its parts are shared by many threads, and the last one to let
//! go closes the files. A process that ends before that pulls RocksDB's own foundations away from
//! under a database that is closing, and aborts.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Held by an open database, and dropped after it.
#[derive(Clone)]
pub(crate) struct Open {
    _sign: Sender<()>,
}

/// Tells when every database of a store is closed.
#[derive(Clone)]
pub struct Closing(Arc<Mutex<Receiver<()>>>);

impl Open {
    /// The sign that databases hold, and what waits until none holds it.
    pub(crate) fn new() -> (Self, Closing) {
        let (sign, closing) = channel();
        (Self { _sign: sign }, Closing(Arc::new(Mutex::new(closing))))
    }
}

impl Closing {
    /// Blocks until the store's parts are all dropped and its files closed, or until `grace` has
    /// passed. Says whether they are.
    #[must_use]
    pub fn wait(&self, grace: Duration) -> bool {
        let signs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is ever sent: the channel ends with the last sign.
        signs.recv_timeout(grace) == Err(RecvTimeoutError::Disconnected)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Store, StoreOptions};
    use std::time::Duration;

    #[test]
    fn a_store_is_closed_when_its_last_part_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let options = StoreOptions { path, shards: 2, cache_bytes: 1 << 20, create: true };
        let store = Store::open(&options).unwrap();
        let closing = store.closing();
        let (writer, shards, reader) = store.into_parts();
        let other = reader.clone();
        drop((writer, shards, reader));
        assert!(!closing.wait(Duration::ZERO), "a reader is still there");
        let last = std::thread::spawn(move || drop(other));
        assert!(closing.wait(Duration::from_secs(60)));
        last.join().unwrap();
        assert!(Store::open(&options).is_ok());
    }
}
