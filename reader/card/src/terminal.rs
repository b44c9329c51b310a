//! SIM-TA: our substitute for the way in which an approved reader makes the card sign without a
//! PIN, after it has compared the face.
//!
//! **This is not the real protocol.** That one (特定機関認証) is not public; known are only the file
//! 0016, the command `80 A2 00 C1` and two lengths (card §1.7). Cards offer SIM-TA only where their
//! profile says so, and its terminals are certified by an authority that is made from the seed.
//!
//! 1. SELECT 0016
//! 2. `80 A2 00 C1` with the body of the terminal's certificate (`5F4E`), then with its signature
//!    (`5F37`)
//! 3. GET CHALLENGE, at least 16 bytes
//! 4. EXTERNAL AUTHENTICATE `00 82 00 C1` with the terminal's signature over the challenge
//! 5. SELECT 0017 and sign, as after the PIN
//!
//! Body: issuer's key id (16), terminal's key id (16), last day `yyyyMMdd` (8), role `01` (2), public
//! key (265): 307 bytes, as long as the real one. A card has no clock, so the last day is the
//! engine's and the operator's to check.

use crate::CardError;
use crate::apdu::Command;
use crate::cv::{self, CvAuthority, KEY_ID_BYTES};
use crate::key::{RSA_BYTES, is_signature};
use crate::tlv;
use shikaku_domain::Day;

pub(crate) const BODY_TAG: u16 = cv::BODY_TAG;
pub(crate) const SIGNATURE_TAG: u16 = cv::SIGNATURE_TAG;
pub(crate) const BODY_BYTES: usize = 307;
/// A shorter challenge could be met again.
pub(crate) const CHALLENGE_BYTES_MIN: usize = 16;
const ROLE: &[u8; 2] = b"01";
const AUTHORITY_KIND: &[u8; 6] = b"000090";
const TERMINAL_KIND: &[u8; 6] = b"000091";

/// The authority whose terminals cards trust.
pub struct TerminalAuthority(CvAuthority);

impl TerminalAuthority {
    /// The authority under a seed.
    ///
    /// # Errors
    /// As [`crate::CardKey::from_seed`].
    pub fn new(seed: u64) -> Result<Self, CardError> {
        CvAuthority::new(seed, AUTHORITY_KIND, 0).map(Self)
    }

    /// Certifies the terminal of this number until the end of a day.
    ///
    /// # Errors
    /// As [`crate::CardKey::from_seed`].
    pub fn terminal(&self, seed: u64, number: u32, until: Day) -> Result<Terminal, CardError> {
        let terminal = CvAuthority::new(seed, TERMINAL_KIND, number)?;
        let body = [
            &self.0.id[..],
            &terminal.id[..],
            &until.to_digits(),
            ROLE,
            &cv::public_key(&terminal.key),
        ]
        .concat();
        let signature = self.0.key.sign_message(&body)?;
        Ok(Terminal {
            body: tlv::write(BODY_TAG, &body),
            signature: tlv::write(SIGNATURE_TAG, &signature),
            key: terminal,
        })
    }

    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.0.key.modulus()
    }
}

/// A terminal's certificate and key.
pub struct Terminal {
    body: Vec<u8>,
    signature: Vec<u8>,
    key: CvAuthority,
}

impl Terminal {
    /// The two commands that show the certificate to the card.
    #[must_use]
    pub fn certificate_commands(&self) -> [Vec<u8>; 2] {
        [&self.body, &self.signature].map(|data| {
            Command { cla: 0x80, ins: 0xA2, p1: 0x00, p2: 0xC1, data, expected: None }.to_bytes()
        })
    }

    /// The command that answers the card's challenge.
    ///
    /// # Errors
    /// [`CardError::Rsa`].
    pub fn authentication_command(&self, challenge: &[u8]) -> Result<Vec<u8>, CardError> {
        let signature = self.key.key.sign_message(challenge)?;
        let command =
            Command { cla: 0x00, ins: 0x82, p1: 0x00, p2: 0xC1, data: &signature, expected: None };
        Ok(command.to_bytes())
    }
}

/// The modulus of a terminal whose certificate was good.
pub(crate) struct TerminalKey(Vec<u8>);

impl TerminalKey {
    pub(crate) fn has_signed(&self, challenge: &[u8], signature: &[u8]) -> bool {
        is_signature(&self.0, challenge, signature)
    }
}

/// The terminal's key, when the anchor has signed its certificate.
pub(crate) fn verify(anchor: &[u8], body: &[u8], signature: &[u8]) -> Option<TerminalKey> {
    if body.len() != BODY_BYTES || !is_signature(anchor, body, signature) {
        return None;
    }
    let role = body.get(2 * KEY_ID_BYTES + 8..)?.first_chunk()?;
    let modulus = body.last_chunk::<RSA_BYTES>()?;
    (role == ROLE).then(|| TerminalKey(modulus.to_vec()))
}
