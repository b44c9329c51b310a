//! The card as a reader sees it: commands in, answers out.

mod security;
mod select;
mod signature;
#[cfg(test)]
pub(crate) mod tests;

use crate::StatusWord;
use crate::apdu::Command;
use crate::file::{Application, File, FileId};
use crate::key::CardRng;
use crate::memory::Memory;
use crate::profile::Token;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The status word of a wrong length in VERIFY is not known of the real card, so it is a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WrongLengthVerify {
    /// 6700, and no try is lost.
    #[default]
    Refused,
    /// 63Cx: a try is lost like with any wrong password.
    CostsATry,
}

/// What a card is besides its applications.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) token: Token,
    /// Objects of GET DATA, by tag, at the level of the card itself.
    pub(crate) objects: Vec<(u16, Vec<u8>)>,
    pub(crate) applications: Vec<Application>,
    pub(crate) wrong_length: WrongLengthVerify,
    pub(crate) fault: Option<Fault>,
}

/// A card that is broken in a way that no file can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Every answer is this many bytes, 0 or 1.
    ShortAnswers(u8),
    /// It takes every command and never answers.
    Mute,
    /// The contact breaks at the command with this number, counted from power-on.
    GoneAt(u32),
}

/// What comes back for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing, ever: the reader waits.
    Silence,
    /// The card is gone.
    Gone,
}

/// What is forgotten when the power goes.
struct Session {
    /// Which application is current; `None` is the card's own level.
    application: Option<usize>,
    file: Option<FileId>,
    /// Files of the current application that were proven.
    proven: BTreeSet<FileId>,
    challenge: Vec<u8>,
    terminal: signature::Terminal,
    commands: u32,
}

impl Session {
    fn new() -> Self {
        Self {
            application: None,
            file: None,
            proven: BTreeSet::new(),
            challenge: Vec::new(),
            terminal: signature::Terminal::default(),
            commands: 0,
        }
    }
}

/// Data and status word of one command; the word alone is an error.
type Reply = Result<Vec<u8>, StatusWord>;

/// A card in a reader.
pub struct SoftwareCard {
    platform: Arc<Platform>,
    memory: Memory,
    rng: CardRng,
    session: Session,
}

impl SoftwareCard {
    pub(crate) fn new(platform: Arc<Platform>, memory: Memory, rng: CardRng) -> Self {
        Self { platform, memory, rng, session: Session::new() }
    }

    /// Answer to reset: what the reader tells of the card before any command.
    #[must_use]
    pub fn atr(&self) -> &[u8] {
        self.platform.token.atr()
    }

    /// The power goes: everything is forgotten but the passwords' tries.
    pub fn power_off(&mut self) {
        self.session = Session::new();
    }

    /// A warm reset. The real card keeps what was proven and selected, which is why a reader has to
    /// cut the power after a patient (card §1.2).
    pub fn reset(&mut self) {
        self.session.commands = 0;
    }

    /// Handles one command. Never fails: what cannot be understood is answered with a status word.
    pub fn transmit(&mut self, command: &[u8]) -> Answer {
        self.session.commands = self.session.commands.saturating_add(1);
        match self.platform.fault {
            Some(Fault::Mute) => return Answer::Silence,
            Some(Fault::GoneAt(number)) if self.session.commands >= number => return Answer::Gone,
            Some(Fault::ShortAnswers(bytes)) => {
                return Answer::Bytes(vec![0x90; usize::from(bytes.min(1))]);
            }
            Some(Fault::GoneAt(_)) | None => {}
        }
        let (mut bytes, status) = match self.handle(command) {
            Ok(data) => (data, StatusWord::OK),
            Err(status) => (Vec::new(), status),
        };
        bytes.extend(status.0.to_be_bytes());
        Answer::Bytes(bytes)
    }

    /// Whether this command is one that takes the real card long: a signature.
    #[must_use]
    pub fn is_slow(command: &[u8]) -> bool {
        matches!(command, [_, 0x2A | 0x88, ..])
    }

    fn handle(&mut self, bytes: &[u8]) -> Reply {
        let command = Command::parse(bytes).map_err(|_| StatusWord::WRONG_LENGTH)?;
        check_class(command.cla)?;
        match (command.cla, command.ins) {
            (0x00, 0xA4) => self.select(&command),
            (0x00, 0xB0) => self.read_binary(&command),
            (0x00, 0xB2) => self.read_record(&command),
            (0x00, 0xCA) => self.get_data(&command),
            (0x00, 0x84) => self.get_challenge(&command),
            (0x00, 0x20) => self.verify(&command),
            (0x00, 0x24) | (0x80, 0x32) => self.change_password(&command),
            (0x80, 0x2A) => self.compute_signature(&command),
            (0x00, 0x88) => self.internal_authenticate(&command),
            (0x80, 0xA2) => self.verify_terminal_certificate(&command),
            (0x00, 0x82) => self.external_authenticate(&command),
            (0x80, 0xFC) => self.hear_last_command(),
            _ => Err(StatusWord::UNKNOWN_INSTRUCTION),
        }
    }

    /// A reader tells an iPhone that it is done; a plastic card knows no such command (card §2).
    fn hear_last_command(&self) -> Reply {
        match self.platform.token {
            Token::Iphone => Ok(Vec::new()),
            Token::Card | Token::Android | Token::None => Err(StatusWord::WRONG_LENGTH),
        }
    }

    fn application(&self) -> Option<&Application> {
        self.platform.applications.get(self.session.application?)
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.application()?.files.get(&id)
    }

    /// The current file, or the one that P2 names.
    fn target(&self, named: Option<FileId>) -> Result<(FileId, &File), StatusWord> {
        let id = named.or(self.session.file).ok_or(StatusWord::NO_CURRENT_FILE)?;
        Ok((id, self.file(id).ok_or(StatusWord::REFERENCE_NOT_FOUND)?))
    }
}

fn check_class(cla: u8) -> Result<(), StatusWord> {
    match cla {
        0x00 | 0x80 => Ok(()),
        0x04..=0x0F | 0x84..=0x8F => Err(StatusWord::NO_SECURE_MESSAGING),
        0x01..=0x03 | 0x81..=0x83 => Err(StatusWord::NO_CHANNEL),
        _ => Err(StatusWord::UNKNOWN_CLASS),
    }
}
