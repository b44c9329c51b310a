//! マイナンバーカード at the centre: challenges, certificates, sessions.
//!
//! A reader asks for a challenge, the card signs it, and the engine opens a session for whoever
//! holds that card. Nothing here knows persons: [`crate::http`] looks up whose card it is.
//!
//! **Invariant:** a challenge is good once, for one device of one facility, for
//! [`CHALLENGE_SECONDS`]. A session is good for the facility that opened it only.

mod certificate;
mod desk;
mod error;
pub mod fuzzing;
mod list;
#[cfg(test)]
mod tests;
mod trust;
mod trust_error;

pub use certificate::{CERTIFICATE_BYTES_MAX, Purpose, VerifiedCertificate};
pub use error::CardError;
pub use trust::{CardTrust, TrustFiles};
pub use trust_error::TrustError;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use desk::{Desk, Found, Ticket};
use ring::rand::{SecureRandom, SystemRandom};
use shikaku_domain::{IdentityCheck, MedicalInstitutionCode, PersonId, TokenKind};
use std::sync::Arc;

/// How long a challenge may be answered.
pub const CHALLENGE_SECONDS: u64 = 60;
/// How long a session lasts.
pub const SESSION_SECONDS: u64 = 15 * 60;
/// Bytes of a challenge.
pub const CHALLENGE_BYTES: usize = 32;

/// A challenge that is out.
struct Challenge {
    bytes: [u8; CHALLENGE_BYTES],
    device: String,
    used: bool,
}

/// A challenge for a device.
pub struct OpenChallenge {
    /// What the card signs.
    pub bytes: [u8; CHALLENGE_BYTES],
    /// Names it when it is answered.
    pub id: String,
    /// Unix seconds.
    pub expires: u64,
}

/// What a reader brings to open a session.
pub struct Presented<'a> {
    /// Which challenge was signed.
    pub challenge_id: &'a str,
    /// The device that asked for the challenge.
    pub device: &'a str,
    /// The certificate in DER form.
    pub certificate: &'a [u8],
    /// The card's signature over the challenge.
    pub signature: &'a [u8],
    /// How the holder was recognised.
    pub check: IdentityCheck,
    /// What carries the certificate.
    pub token: TokenKind,
    /// 目視確認: the member of staff who looked.
    pub confirmed_by: Option<String>,
}

/// One holder at one device.
#[derive(Clone, Debug)]
pub struct Session {
    /// The card's certificate.
    pub certificate: Arc<VerifiedCertificate>,
    /// The device.
    pub device: String,
    /// How the holder was recognised.
    pub check: IdentityCheck,
    /// What carries the certificate.
    pub token: TokenKind,
    /// 目視確認: the member of staff who looked.
    pub confirmed_by: Option<String>,
    /// The person found for a registration, under the token that was shown with them.
    pub candidate: Option<(String, PersonId)>,
}

/// A session that has just begun.
pub struct OpenSession {
    /// Names it from now on.
    pub id: String,
    /// Unix seconds.
    pub expires: u64,
    /// The session.
    pub session: Session,
}

/// Everything about cards that all workers share.
pub struct Cards {
    /// Which authorities are trusted.
    pub trust: CardTrust,
    purpose: Purpose,
    random: SystemRandom,
    challenges: Desk<Challenge>,
    sessions: Desk<Session>,
}

impl Cards {
    /// Nothing is open yet.
    #[must_use]
    pub fn new(trust: CardTrust, purpose: Purpose) -> Self {
        Self {
            trust,
            purpose,
            random: SystemRandom::new(),
            challenges: Desk::new(CHALLENGE_SECONDS),
            sessions: Desk::new(SESSION_SECONDS),
        }
    }

    /// A new challenge for a device of a facility.
    ///
    /// # Errors
    /// [`CardError::Full`].
    pub fn challenge(
        &self,
        facility: MedicalInstitutionCode,
        device: &str,
        now: u64,
    ) -> Result<OpenChallenge, CardError> {
        let (ticket, bytes) = (self.random_bytes()?, self.random_bytes()?);
        let challenge = Challenge { bytes, device: device.to_owned(), used: false };
        let expires = self.challenges.open(facility, ticket, challenge, now)?;
        Ok(OpenChallenge { bytes, id: URL_SAFE_NO_PAD.encode(ticket), expires })
    }

    /// Opens a session for the holder of a card. The challenge is spent whatever comes of it.
    ///
    /// # Errors
    /// [`CardError`]: the challenge, the certificate or the signature is refused.
    pub fn open_session(
        &self,
        facility: MedicalInstitutionCode,
        presented: Presented<'_>,
        now: u64,
    ) -> Result<OpenSession, CardError> {
        let challenge = self.spend(facility, presented.challenge_id, presented.device, now)?;
        let certificate = self.check(presented.certificate, now)?;
        certificate.check_signature(&challenge, presented.signature)?;
        let session = Session {
            certificate: Arc::new(certificate),
            device: presented.device.to_owned(),
            check: presented.check,
            token: presented.token,
            confirmed_by: presented.confirmed_by,
            candidate: None,
        };
        let ticket = self.random_bytes()?;
        let expires = self.sessions.open(facility, ticket, session.clone(), now)?;
        Ok(OpenSession { id: URL_SAFE_NO_PAD.encode(ticket), expires, session })
    }

    /// Judges a certificate.
    ///
    /// # Errors
    /// [`CardError`]; the first check that fails says which.
    pub fn check(&self, der: &[u8], now: u64) -> Result<VerifiedCertificate, CardError> {
        VerifiedCertificate::check(der, &self.trust.current(), &self.purpose, now)
    }

    /// The session with this id, still open for this facility.
    ///
    /// # Errors
    /// [`CardError::NoSession`].
    pub fn session(
        &self,
        facility: MedicalInstitutionCode,
        id: &str,
        now: u64,
    ) -> Result<Session, CardError> {
        self.with_session(facility, id, now, |session| session.clone())
    }

    /// Notes who was found for a registration, and names the finding.
    ///
    /// # Errors
    /// [`CardError::NoSession`].
    pub fn propose(
        &self,
        facility: MedicalInstitutionCode,
        session: &str,
        person: PersonId,
        now: u64,
    ) -> Result<String, CardError> {
        let ticket: Ticket = self.random_bytes()?;
        let token = URL_SAFE_NO_PAD.encode(ticket);
        let candidate = Some((token.clone(), person));
        self.with_session(facility, session, now, |session| session.candidate = candidate)?;
        Ok(token)
    }

    fn with_session<R>(
        &self,
        facility: MedicalInstitutionCode,
        id: &str,
        now: u64,
        f: impl FnOnce(&mut Session) -> R,
    ) -> Result<R, CardError> {
        let ticket = ticket(id).ok_or(CardError::NoSession)?;
        match self.sessions.find(facility, &ticket, now, f) {
            Found::Open(result) => Ok(result),
            Found::Expired | Found::Unknown => Err(CardError::NoSession),
        }
    }

    fn spend(
        &self,
        facility: MedicalInstitutionCode,
        id: &str,
        device: &str,
        now: u64,
    ) -> Result<[u8; CHALLENGE_BYTES], CardError> {
        let ticket = ticket(id).ok_or(CardError::ChallengeUnknown)?;
        let spent = self.challenges.find(facility, &ticket, now, |challenge| {
            if std::mem::replace(&mut challenge.used, true) {
                return Err(CardError::ChallengeUsed);
            }
            if challenge.device == device {
                Ok(challenge.bytes)
            } else {
                Err(CardError::OtherDevice)
            }
        });
        match spent {
            Found::Open(result) => result,
            Found::Expired => Err(CardError::ChallengeExpired),
            Found::Unknown => Err(CardError::ChallengeUnknown),
        }
    }

    fn random_bytes<const N: usize>(&self) -> Result<[u8; N], CardError> {
        let mut bytes = [0; N];
        // The system's source does not fail once it has started; if it did, nothing could be told.
        self.random.fill(&mut bytes).map_err(|_| CardError::Full)?;
        Ok(bytes)
    }
}

fn ticket(id: &str) -> Option<Ticket> {
    let mut ticket = Ticket::default();
    let length = URL_SAFE_NO_PAD.decode_slice(id, &mut ticket).ok()?;
    (length == ticket.len()).then_some(ticket)
}
