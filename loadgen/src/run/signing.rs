//! What cards do in a run: sign. A signature of RSA-2048 takes half a millisecond of CPU, as long as
//! fifty lookups, so threads of their own make them, which step aside for those that send and
//! receive. What they cost is told beside the results: it bounds what one machine can ask.

use super::machine;
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
pub(super) struct SigningCost {
    /// Signatures made.
    pub signatures: u64,
    /// CPU time; `None` where unknown.
    pub cpu: Option<Duration>,
}

/// The threads that sign. They end when nobody can ask them any more.
pub(super) struct Signers {
    jobs: SyncSender<Job>,
    threads: Vec<JoinHandle<SigningCost>>,
}

impl Signers {
    /// Starts so many threads. `waiting` is how many challenges can wait at a time: one for each
    /// connection, so that handing one over never blocks.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn start(count: u32, waiting: usize) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(waiting);
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = Vec::new();
        for number in 0..count {
            let queue = Arc::clone(&queue);
            let body = move || sign_all(&queue);
            threads.push(std::thread::Builder::new().name(format!("card-{number}")).spawn(body)?);
        }
        Ok(Self { jobs, threads })
    }

    /// Where challenges are handed over.
    pub(super) fn jobs(&self) -> SyncSender<Job> {
        self.jobs.clone()
    }

    /// Waits for all threads and tells what each has cost; `None` for one that panicked.
    pub(super) fn finish(self) -> Vec<Option<SigningCost>> {
        drop(self.jobs);
        self.threads.into_iter().map(|thread| thread.join().ok()).collect()
    }
}

fn sign_all(queue: &Mutex<Receiver<Job>>) -> SigningCost {
    machine::step_aside();
    let mut signatures = 0;
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { place, holder, keys, challenge_id, challenge, since, mailbox }) = next else {
            return SigningCost { signatures, cpu: machine::thread_cpu() };
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
        let signers = Signers::start(2, 4).unwrap();
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
        let costs = signers.finish();
        let count: u64 = costs.iter().map(|cost| cost.unwrap().signatures).sum();
        assert_eq!((count, costs.len()), (4, 2));
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
