//! Comparing faces for readers that do not do it themselves: a card's photograph once, then frames.
//!
//! **Invariant:** a photograph and frames are in memory only, as long as they are looked at; what is
//! held in between is the face of the photograph as numbers, for the facility that sent it, for a
//! short time. All of it is overwritten when it is dropped. Nothing of it is logged.

mod desk;
mod error;
mod places;

pub use error::FaceServiceError;
pub use places::Place;

use crate::config;
use crate::metrics::Metrics;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use desk::{After, FaceDesk, Ticket};
use places::Places;
use ring::rand::{SecureRandom, SystemRandom};
use shikaku_domain::MedicalInstitutionCode;
use shikaku_face::FaceError;
use shikaku_face::attempt::{Attempt, Audit, Step};
use shikaku_face::manifest::Manifest;
use shikaku_face::pipeline::CardFace;
use shikaku_face::policy::Policy;
use shikaku_face::pool::{FacePool, PoolSettings};
use shikaku_face::quality::Advice;
use shikaku_face::verify::Outcome;
use std::sync::Arc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Most bytes of a card's photograph: a card holds less than 16 KiB.
pub const PHOTOGRAPH_BYTES_MAX: usize = 64 << 10;
/// Most bytes of a frame: a camera's JPEG of 640 x 480 takes 100 KiB.
pub const FRAME_BYTES_MAX: usize = 1 << 20;
/// How often faces are looked at whose time may be over.
const SWEEP: Duration = Duration::from_secs(1);

/// A face and the try that is under way.
type Face = (CardFace, Attempt);

/// Everything about faces that all workers share.
pub struct Faces {
    pool: FacePool,
    desk: FaceDesk<Face>,
    places: Places,
    random: SystemRandom,
    lifetime: Duration,
    metrics: Arc<Metrics>,
}

/// A face that is held from now on.
pub struct HeldFace {
    /// Names it.
    pub handle: String,
    /// For how long at most.
    pub lifetime: Duration,
    /// Usable frames of a decision.
    pub frames: u32,
    /// Tries.
    pub tries: u32,
}

/// What came of a frame.
pub enum Seen {
    /// It cannot be used.
    Adjust(Advice),
    /// More are wanted.
    More {
        /// Usable frames so far.
        used: u32,
        /// Usable frames of a decision.
        of: u32,
    },
    /// The try has ended.
    Decided {
        /// How.
        outcome: Outcome,
        /// Tries left; with none the face is let go of.
        tries_left: u32,
        /// What is kept about it.
        audit: Audit,
    },
}

/// A frame that is being looked at. A caller that leaves meanwhile leaves the face as it was.
struct Turn<'f> {
    desk: &'f FaceDesk<Face>,
    ticket: Ticket,
    is_over: bool,
}

impl Turn<'_> {
    /// Ends it, and says how many tries are left.
    fn end(mut self, after: After<Face>) -> u32 {
        self.is_over = true;
        self.desk.end(&self.ticket, after)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.desk.give_up(&self.ticket);
        }
    }
}

impl Faces {
    /// Loads the models, starts the pool, and somebody who lets go of faces when their time is over.
    /// Blocks for seconds; within the actors' system.
    ///
    /// # Errors
    /// As [`FacePool::start`], or what reading the manifest gives.
    pub fn start(config: &config::Face, metrics: &Arc<Metrics>) -> Result<Arc<Self>, FaceError> {
        let faces = Arc::new(Self::new(config, Arc::clone(metrics))?);
        let held = Arc::downgrade(&faces);
        actix_rt::spawn(async move {
            let mut look = tokio::time::interval(SWEEP);
            while let Some(faces) = held.upgrade() {
                faces.sweep();
                drop(faces);
                look.tick().await;
            }
        });
        tracing::info!(workers = config.workers, "Faces are compared.");
        Ok(faces)
    }

    fn new(config: &config::Face, metrics: Arc<Metrics>) -> Result<Self, FaceError> {
        let manifest = Manifest::read(&config.manifest)?;
        let policy = Policy {
            fmr: config.false_match_rate,
            frames: config.frames,
            tries: config.tries,
            apcer: config.attack_rate,
        };
        let settings = PoolSettings {
            workers: config.workers,
            waiting: 2 * config.workers,
            ..PoolSettings::default()
        };
        let pool = FacePool::start(&manifest, policy, settings)?;
        let lifetime = Duration::from_secs(config.held_seconds);
        Ok(Self {
            pool,
            desk: FaceDesk::new(lifetime),
            // One more round than the pool takes is received meanwhile.
            places: Places::new(4 * config.workers),
            random: SystemRandom::new(),
            lifetime,
            metrics,
        })
    }

    /// Whether enough of the pool works.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.pool.is_ready()
    }

    /// A place for a picture, to be taken before it is received.
    ///
    /// # Errors
    /// [`FaceServiceError::Busy`], [`FaceServiceError::FacilityBusy`].
    pub fn place(&self, facility: MedicalInstitutionCode) -> Result<Place, FaceServiceError> {
        self.places.take(facility)
    }

    /// Takes a card's photograph in.
    ///
    /// # Errors
    /// What the pool gives, and [`FaceServiceError::Full`].
    pub async fn hold(
        &self,
        facility: MedicalInstitutionCode,
        photograph: Zeroizing<Vec<u8>>,
    ) -> Result<HeldFace, FaceServiceError> {
        let card = self.count_failure(self.pool.card(photograph).await)?;
        let mut ticket = Ticket::default();
        self.random.fill(&mut ticket).map_err(|_| FaceServiceError::Full)?;
        let (now, policy) = (Instant::now(), self.pool.rule().policy);
        self.desk.hold(facility, ticket, (card, Attempt::begin(now)), policy.tries, now)?;
        self.metrics.face("card");
        let handle = URL_SAFE_NO_PAD.encode(ticket);
        let Policy { frames, tries, .. } = policy;
        Ok(HeldFace { handle, lifetime: self.lifetime, frames, tries })
    }

    /// Looks at a frame.
    ///
    /// # Errors
    /// [`FaceServiceError::NoHandle`], [`FaceServiceError::InTurn`], and what the pool gives; then
    /// the try is as before the frame.
    pub async fn look(
        &self,
        facility: MedicalInstitutionCode,
        handle: &str,
        frame: Zeroizing<Vec<u8>>,
    ) -> Result<Seen, FaceServiceError> {
        let ticket = ticket(handle)?;
        let (card, attempt) = self.desk.begin(facility, &ticket, Instant::now())?;
        let turn = Turn { desk: &self.desk, ticket, is_over: false };
        let looked = self.pool.frame(&card, attempt, frame).await;
        let (attempt, step) = self.count_failure(looked)?;
        let seen = match step {
            Step::Adjust(advice) => {
                turn.end(After::GoesOn((card, attempt)));
                Seen::Adjust(advice)
            }
            Step::More { used, of } => {
                turn.end(After::GoesOn((card, attempt)));
                Seen::More { used, of }
            }
            Step::Decided(outcome, audit) => {
                let tries_left = turn.end(match outcome {
                    Outcome::NoMatch => After::NextTry((card, Attempt::begin(Instant::now()))),
                    Outcome::Match | Outcome::ReferToStaff => After::LetGo,
                });
                Seen::Decided { outcome, tries_left, audit }
            }
        };
        self.metrics.face(result(&seen));
        Ok(seen)
    }

    /// Lets go of a face before its time.
    ///
    /// # Errors
    /// [`FaceServiceError::NoHandle`].
    pub fn let_go(
        &self,
        facility: MedicalInstitutionCode,
        handle: &str,
    ) -> Result<(), FaceServiceError> {
        match self.desk.let_go(facility, &ticket(handle)?) {
            true => Ok(()),
            false => Err(FaceServiceError::NoHandle),
        }
    }

    /// Lets go of everything whose time is over, and shows what is left.
    fn sweep(&self) {
        let held = self.desk.sweep(Instant::now());
        self.metrics.faces_held.set(i64::try_from(held).unwrap_or(i64::MAX));
        let workers = self.pool.workers_alive();
        self.metrics.face_workers.set(i64::try_from(workers).unwrap_or(i64::MAX));
    }

    fn count_failure<T>(&self, result: Result<T, FaceError>) -> Result<T, FaceServiceError> {
        result.map_err(|error| {
            self.metrics.face("failed");
            error.into()
        })
    }
}

/// The label of what came of a frame.
const fn result(seen: &Seen) -> &'static str {
    match seen {
        Seen::Adjust(_) => "adjust",
        Seen::More { .. } => "more",
        Seen::Decided { outcome: Outcome::Match, .. } => "match",
        Seen::Decided { outcome: Outcome::NoMatch, .. } => "no_match",
        Seen::Decided { outcome: Outcome::ReferToStaff, .. } => "refer_to_staff",
    }
}

fn ticket(handle: &str) -> Result<Ticket, FaceServiceError> {
    let mut ticket = Ticket::default();
    match URL_SAFE_NO_PAD.decode_slice(handle, &mut ticket) {
        Ok(length) if length == ticket.len() => Ok(ticket),
        Ok(_) | Err(_) => Err(FaceServiceError::NoHandle),
    }
}
