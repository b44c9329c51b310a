//! Signatures, and the authentication of a terminal.

use super::security::named_file;
use super::{Reply, SoftwareCard};
use crate::StatusWord;
use crate::apdu::Command;
use crate::file::{File, FileId};
use crate::key::{CardKey, digest_info};
use crate::terminal::{self, TerminalKey};
use crate::tlv::Tlv;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// What a terminal has shown so far; see [`crate::terminal`].
#[derive(Default)]
pub(super) enum Terminal {
    /// Nothing.
    #[default]
    Unknown,
    /// The body of its certificate, whose signature must follow.
    Body(Vec<u8>),
    /// A good certificate with this key.
    Certified(TerminalKey),
}

impl SoftwareCard {
    pub(super) fn compute_signature(&mut self, command: &Command<'_>) -> Reply {
        let key = self.signing_key(command.p2)?;
        if command.data.is_empty() || command.expected.is_none() {
            return Err(StatusWord::WRONG_LENGTH);
        }
        if command.p1 > 5 {
            return Err(StatusWord::WRONG_PARAMETERS);
        }
        self.sign(&key, command.p1, command.data)
    }

    /// The forms of card §1.3: what P1 says is done to the data before the private key is applied.
    fn sign(&mut self, key: &CardKey, form: u8, data: &[u8]) -> Reply {
        let hash = || Sha256::digest(data);
        let given_hash = || <&[u8; 32]>::try_from(data).map_err(|_| StatusWord::CONDITIONS);
        let signature = match form {
            0 => key.sign_raw(data),
            1 => key.sign_raw(&hash()),
            2 => key.sign_raw(&digest_info(given_hash()?)),
            3 => key.sign_message(data),
            4 => key.sign_pss(given_hash()?, &mut self.rng),
            _ => key.sign_pss(&hash(), &mut self.rng),
        };
        signature.map(|signature| signature.to_vec()).map_err(|_| StatusWord::CONDITIONS)
    }

    fn signing_key(&self, p2: u8) -> Result<Arc<CardKey>, StatusWord> {
        if p2 == 0 {
            let application = self.application().ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
            return application.internal_key.clone().ok_or(StatusWord::REFERENCE_NOT_FOUND);
        }
        match self.target(named_file(p2)?)? {
            (_, File::SigningKey { key, sign }) => {
                self.check_access(*sign)?;
                Ok(Arc::clone(key))
            }
            _ => Err(StatusWord::WRONG_FILE_STRUCTURE),
        }
    }

    pub(super) fn internal_authenticate(&self, command: &Command<'_>) -> Reply {
        if command.p1 != 0 {
            return Err(StatusWord::WRONG_PARAMETERS);
        }
        if command.data.is_empty() || command.expected.is_none() {
            return Err(StatusWord::WRONG_LENGTH);
        }
        let (_, file) = self.target(named_file(command.p2)?)?;
        let File::AuthenticationKey(key) = file else {
            return Err(StatusWord::WRONG_FILE_STRUCTURE);
        };
        let signature = key.sign_message(command.data);
        signature.map(|signature| signature.to_vec()).map_err(|_| StatusWord::CONDITIONS)
    }

    /// First the body of the terminal's certificate, then its signature.
    pub(super) fn verify_terminal_certificate(&mut self, command: &Command<'_>) -> Reply {
        if (command.p1, command.p2) != (0x00, 0xC1) {
            return Err(StatusWord::WRONG_PARAMETERS);
        }
        let (_, anchor) = self.terminal_anchor()?;
        let object = Tlv::read(command.data).ok().filter(|(_, rest)| rest.is_empty());
        let (object, _) = object.ok_or(StatusWord::WRONG_LENGTH)?;
        let shown = match (object.tag, std::mem::take(&mut self.session.terminal)) {
            (terminal::BODY_TAG, _) if object.value.len() == terminal::BODY_BYTES => {
                Terminal::Body(object.value.to_vec())
            }
            (terminal::SIGNATURE_TAG, Terminal::Body(body)) => {
                let key = terminal::verify(&anchor, &body, object.value);
                Terminal::Certified(key.ok_or(StatusWord::CONDITIONS)?)
            }
            _ => return Err(StatusWord::WRONG_LENGTH),
        };
        self.session.terminal = shown;
        Ok(Vec::new())
    }

    /// The terminal signs the card's last challenge, which is good for one try.
    pub(super) fn external_authenticate(&mut self, command: &Command<'_>) -> Reply {
        if (command.p1, command.p2) != (0x00, 0xC1) {
            return Err(StatusWord::WRONG_PARAMETERS);
        }
        let (id, _) = self.terminal_anchor()?;
        let challenge = std::mem::take(&mut self.session.challenge);
        let Terminal::Certified(key) = &self.session.terminal else {
            return Err(StatusWord::CONDITIONS);
        };
        if challenge.len() < terminal::CHALLENGE_BYTES_MIN
            || !key.has_signed(&challenge, command.data)
        {
            return Err(StatusWord::SECURITY_STATUS);
        }
        self.session.proven.insert(id);
        Ok(Vec::new())
    }

    /// The anchor that is selected; a card without one knows the command and refuses what it gets.
    fn terminal_anchor(&self) -> Result<(FileId, Vec<u8>), StatusWord> {
        match self.target(None)? {
            (id, File::TerminalAnchor(modulus)) if !modulus.is_empty() => Ok((id, modulus.clone())),
            (_, File::TerminalAnchor(_)) => Err(StatusWord::WRONG_LENGTH),
            _ => Err(StatusWord::WRONG_FILE_STRUCTURE),
        }
    }
}
