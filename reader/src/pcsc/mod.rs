//! Card readers behind PC/SC.
//!
//! - `monitor`: one thread that waits for readers and cards to come and go, over restarts of pcscd
//! - `worker`: one thread for each reader that talks to the card in it; a thread whose card does
//!   not answer is given up, counted and replaced, since PC/SC cannot be interrupted (card §7 no. 5)
//! - `connection`: PC/SC as a [`CardTransport`](crate::card_protocol::CardTransport)
//!
//! What the card says is never logged: no command, no answer, no length.

mod connection;
mod monitor;
mod worker;

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ReaderError;
use crate::card_protocol::TerminalKey;
use crate::exchange::Stop;
use crate::session::{Effect, Event};
use connection::PcscConnector;
use worker::{Connector, Job, Worker};

/// What the readers need to know, in their own units; checked by [`crate::config`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// A reader is used when its name contains one of these, in any case; all when empty. The
    /// order is the order of preference.
    pub names: Vec<String>,
    /// A reader is never used when its name contains one of these, in any case.
    pub ignored: Vec<String>,
    /// Longest wait for one answer of a card.
    pub answer_within: Duration,
}

impl Settings {
    /// The readers to be used, in the order of preference.
    fn choose(&self, mut found: Vec<String>) -> Vec<String> {
        let rank = |name: &str| {
            let name = name.to_lowercase();
            let is_ignored = self.ignored.iter().any(|one| name.contains(&one.to_lowercase()));
            let wanted = self.names.iter().position(|one| name.contains(&one.to_lowercase()));
            if is_ignored || (wanted.is_none() && !self.names.is_empty()) {
                return None;
            }
            Some(wanted.unwrap_or(0))
        };
        found.retain(|name| rank(name).is_some());
        found.sort_by_key(|name| (rank(name), name.clone()));
        found
    }
}

/// Where events go.
pub type Report = Arc<dyn Fn(Event) + Send + Sync>;

/// Every reader of this machine.
pub struct Readers {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    report: Report,
    terminal: Option<Arc<dyn TerminalKey>>,
    workers: Mutex<BTreeMap<String, Worker>>,
}

impl Readers {
    /// Starts to watch; ends when `stop` is asked for.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(
        settings: Settings,
        terminal: Option<Arc<dyn TerminalKey>>,
        report: Report,
        stop: Arc<Stop>,
    ) -> Result<Self, ReaderError> {
        let workers = Mutex::new(BTreeMap::new());
        let shared = Arc::new(Shared { settings, report, terminal, workers });
        let watched = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("card-monitor".to_owned())
            .spawn(move || monitor::run(&watched, &stop))
            .map_err(ReaderError::Thread)?;
        Ok(Self { shared })
    }

    /// Does an effect that concerns a card; has no part in others.
    pub fn take(&self, effect: Effect) {
        let Some(job) = Job::of(effect) else { return };
        match self.shared.workers().get_mut(job.reader()) {
            Some(worker) => worker.send(job),
            None => job.fail(&self.shared.report),
        }
    }

    /// Threads that were given up because their card did not answer.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.shared.workers().values().map(Worker::given_up).sum()
    }
}

/// The readers that would be used now, and whether a card lies in each; disturbs nobody.
///
/// # Errors
/// When PC/SC is not there.
pub fn survey(settings: &Settings) -> Result<Vec<(String, bool)>, pcsc::Error> {
    monitor::survey(settings)
}

impl Shared {
    fn workers(&self) -> MutexGuard<'_, BTreeMap<String, Worker>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker for each of these readers. Others end when their thread is free.
    fn staff(&self, names: &[String]) {
        let mut workers = self.workers();
        workers.retain(|name, _| names.contains(name));
        for name in names {
            let Ok(reader) = CString::new(name.as_str()) else { continue };
            workers.entry(name.clone()).or_insert_with(|| {
                let connector =
                    move || -> Box<dyn Connector> { Box::new(PcscConnector::new(reader.clone())) };
                let (report, terminal) = (Arc::clone(&self.report), self.terminal.clone());
                Worker::new(Box::new(connector), report, terminal, self.settings.answer_within)
            });
        }
    }

    /// Replaces the threads whose card has not answered in time.
    fn watch(&self) {
        for worker in self.workers().values_mut() {
            worker.watch();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_are_chosen_and_ordered_by_parts_of_their_names() {
        let settings = |names: &[&str], ignored: &[&str]| Settings {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            ignored: ignored.iter().map(|name| (*name).to_owned()).collect(),
            answer_within: Duration::from_secs(5),
        };
        let found = || ["Beta SAM 0", "Beta CL 0", "Alpha 0"].map(str::to_owned).to_vec();
        assert_eq!(settings(&[], &["sam"]).choose(found()), ["Alpha 0", "Beta CL 0"]);
        assert_eq!(settings(&["beta cl", "alpha"], &[]).choose(found()), ["Beta CL 0", "Alpha 0"]);
        assert_eq!(settings(&["gamma"], &[]).choose(found()), [""; 0]);
    }
}
