//! What cards do in a run: sign. A signature of RSA-2048 takes half a millisecond of CPU, as long as
//! fifty lookups, so threads of their own make them, which step aside for those that send and
//! receive, and may use what these and the server leave of all cores. What they cost is told beside
//! the results: it bounds what one machine can ask.

use super::result::SigningWork;
use super::{RunError, machine};
use rustix::event::{EventfdFlags, eventfd};
use shikaku_card::{KeyPool, RSA_BYTES};
use shikaku_wire::v1::ChallengeResponse;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Bytes of a challenge.
const CHALLENGE_BYTES: usize = 32;

/// A challenge for a card.
pub(super) struct Job {
    /// Whose connection waits: its place and generation.
    pub place: (usize, u32),
    /// Holder of the card, by index in the population.
    pub holder: u64,
    /// The card's key is one of these.
    pub keys: Arc<KeyPool>,
    /// Names the challenge.
    pub challenge_id: String,
    /// What to sign.
    pub challenge: [u8; CHALLENGE_BYTES],
    /// When it was handed over.
    pub since: Instant,
    /// Where the signature goes.
    pub mailbox: Arc<Mailbox>,
}

/// A challenge that was signed.
pub(super) struct Signed {
    /// Whose connection waits.
    pub place: (usize, u32),
    /// Names the challenge.
    pub challenge_id: String,
    /// The signature; `None` if the card could not sign.
    pub signature: Option<[u8; RSA_BYTES]>,
    /// When it was handed over.
    pub since: Instant,
}

/// The bytes to sign of a challenge, if it is one.
pub(super) fn challenge_bytes(challenge: &ChallengeResponse) -> Option<[u8; CHALLENGE_BYTES]> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(&challenge.challenge).ok()?;
    bytes.try_into().ok()
}

/// Signatures for one generator thread, and what wakes it.
pub(super) struct Mailbox {
    done: Mutex<Vec<Signed>>,
    bell: OwnedFd,
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

impl Mailbox {
    /// An empty one.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn new() -> rustix::io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { done: Mutex::default(), bell })
    }

    fn put(&self, signed: Signed) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).push(signed);
        // A bell that cannot count further rings already.
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// Everything that was signed since.
    pub(super) fn take(&self) -> Vec<Signed> {
        // The bell is silenced before looking, so that nothing is missed.
        let _ = rustix::io::read(&self.bell, &mut [0_u8; 8]);
        std::mem::take(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What signing has cost a thread.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Signatures made.
    signatures: u64,
    /// CPU time; `None` where unknown.
    cpu: Option<Duration>,
}

/// The threads that sign. They end when nobody can ask them any more.
pub(super) struct Signers {
    jobs: SyncSender<Job>,
    threads: Vec<JoinHandle<Cost>>,
    /// The cores that they may use.
    cores: String,
}

impl Signers {
    /// Starts so many threads on these cores; on those of the process if none are named. `waiting`
    /// is how many challenges can wait at a time: one for each connection, so that handing one over
    /// never blocks.
    ///
    /// # Errors
    /// [`RunError::Cores`], and as the system says.
    pub(super) fn start(count: u32, cores: &[usize], waiting: usize) -> Result<Self, RunError> {
        let (jobs, queue) = sync_channel(waiting);
        let queue = Arc::new(Mutex::new(queue));
        let (ready, started) = sync_channel(count as usize);
        let mut threads = Vec::new();
        for number in 0..count {
            let (queue, cores, ready) = (Arc::clone(&queue), cores.to_vec(), ready.clone());
            let body = move || {
                let told = machine::step_aside(&cores).map(|()| machine::own_cores());
                // INVARIANT: there is room for a word of each thread.
                drop(ready.send(told));
                drop(ready);
                sign_all(&queue)
            };
            let spawned = std::thread::Builder::new().name(format!("card-{number}")).spawn(body);
            threads.push(spawned.map_err(|e| RunError::Generator(e.to_string()))?);
        }
        drop(ready);
        let cores = started.iter().collect::<Result<Vec<_>, _>>()?.pop().unwrap_or_default();
        Ok(Self { jobs, threads, cores })
    }

    /// Where challenges are handed over.
    pub(super) fn jobs(&self) -> SyncSender<Job> {
        self.jobs.clone()
    }

    /// Waits for all threads and tells what they did in a run of so many seconds.
    ///
    /// # Errors
    /// [`RunError::Generator`] when one panicked.
    pub(super) fn finish(self, seconds: f64) -> Result<SigningWork, RunError> {
        drop(self.jobs);
        let costs: Option<Vec<Cost>> =
            self.threads.into_iter().map(|thread| thread.join().ok()).collect();
        let costs = costs.ok_or_else(|| RunError::Generator("a card's thread panicked".into()))?;
        let cpu: Option<Vec<f64>> =
            costs.iter().map(|cost| Some(cost.cpu?.as_secs_f64())).collect();
        Ok(SigningWork {
            threads: u32::try_from(costs.len()).unwrap_or(u32::MAX),
            cores: self.cores,
            signatures: costs.iter().map(|cost| cost.signatures).sum(),
            cpu_seconds: cpu.as_ref().map(|cpu| cpu.iter().sum()),
            busiest_thread: cpu.map(|cpu| cpu.into_iter().fold(0.0, f64::max) / seconds.max(1e-9)),
        })
    }
}

fn sign_all(queue: &Mutex<Receiver<Job>>) -> Cost {
    let mut signatures = 0;
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { place, holder, keys, challenge_id, challenge, since, mailbox }) = next else {
            return Cost { signatures, cpu: machine::thread_cpu() };
        };
        let key = keys.of_holder(holder).ok();
        let signature = key.and_then(|key| key.sign_message(&challenge).ok());
        signatures += u64::from(signature.is_some());
        mailbox.put(Signed { place, challenge_id, signature, since });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikaku_card::is_signature;

    #[test]
    fn every_challenge_comes_back_signed_by_its_holder_s_card() {
        let keys = Arc::new(KeyPool::new(1, 2));
        let mailbox = Arc::new(Mailbox::new().unwrap());
        let signers = Signers::start(2, &[0], 4).unwrap();
        let jobs = signers.jobs();
        for at in 0..4_u8 {
            let job = Job {
                place: (at.into(), 7),
                holder: at.into(),
                keys: Arc::clone(&keys),
                challenge_id: format!("c{at}"),
                challenge: [at; CHALLENGE_BYTES],
                since: Instant::now(),
                mailbox: Arc::clone(&mailbox),
            };
            jobs.send(job).unwrap();
        }
        drop(jobs);
        let work = signers.finish(1.0).unwrap();
        assert_eq!((work.signatures, work.threads, work.cores.as_str()), (4, 2, "0"));
        let mut signed = mailbox.take();
        signed.sort_by_key(|one| one.place);
        for (at, one) in (0..4_u8).zip(&signed) {
            assert_eq!(
                (one.place, one.challenge_id.as_str()),
                ((at.into(), 7), &*format!("c{at}"))
            );
            let modulus = keys.of_holder(at.into()).unwrap().modulus();
            let signature = one.signature.unwrap();
            assert!(is_signature(&modulus, &[at; CHALLENGE_BYTES], &signature));
        }
        assert_eq!(signed.len(), 4);
        assert!(mailbox.take().is_empty());
    }

    #[test]
    fn a_core_that_there_is_not_is_said_before_the_run() {
        let error = Signers::start(2, &[100_000], 4).err().unwrap().to_string();
        assert!(error.starts_with("SHK-LGR-019") && error.contains("100000"), "{error}");
    }

    #[test]
    fn what_is_no_challenge_is_not_signed() {
        let bytes = |text: &str| {
            challenge_bytes(&ChallengeResponse::new(text.to_owned(), "c".to_owned(), 0))
        };
        assert_eq!(bytes(&("A".repeat(43) + "=")), Some([0; 32]));
        for text in ["", "AAAA", "?", &("A".repeat(47) + "=")] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
