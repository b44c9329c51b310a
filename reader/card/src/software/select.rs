//! Choosing applications and files, and reading them.

use super::{Reply, Session, SoftwareCard};
use crate::StatusWord;
use crate::apdu::Command;
use crate::file::{Access, File, FileId};

/// The card's own level (GlobalPlatform's issuer security domain): selecting it leaves every
/// application.
const CARD_LEVEL_AID: &[u8] = &[0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00];
/// The largest object that the short form of GET DATA gives.
const SHORT_OBJECT_BYTES_MAX: usize = 256;
/// The most random bytes in one answer.
const CHALLENGE_BYTES_MAX: usize = 256;

impl SoftwareCard {
    pub(super) fn select(&mut self, command: &Command<'_>) -> Reply {
        match (command.p1, command.p2) {
            (0x04, 0x00 | 0x0C) => self.select_application(command.data),
            (0x02, 0x0C) => self.select_file(command.data),
            (0x00, _) => self.select_master_file(command.data),
            _ => Err(StatusWord::WRONG_PARAMETERS),
        }
    }

    fn select_application(&mut self, aid: &[u8]) -> Reply {
        if aid.is_empty() {
            return Err(StatusWord::NOT_FOUND);
        }
        // The beginning of a name is enough (JICSAP).
        let mut applications = self.platform.applications.iter();
        let found = applications.position(|application| application.aid.starts_with(aid));
        if found.is_none() && !CARD_LEVEL_AID.starts_with(aid) {
            return Err(StatusWord::NOT_FOUND);
        }
        // What was proven lasts while its application stays current; selecting the same one again
        // keeps it (JICSAP 5.1.3), and clients rely on that.
        if found != self.session.application {
            self.session =
                Session { application: found, commands: self.session.commands, ..Session::new() };
        }
        self.session.file = None;
        Ok(Vec::new())
    }

    fn select_file(&mut self, id: &[u8]) -> Reply {
        let &[high, low] = id else { return Err(StatusWord::WRONG_LENGTH) };
        if high != 0 || self.file(low).is_none() {
            return Err(StatusWord::NOT_FOUND);
        }
        self.session.file = Some(low);
        Ok(Vec::new())
    }

    /// A trap of the real card: inside an application it succeeds and changes nothing.
    fn select_master_file(&self, id: &[u8]) -> Reply {
        if !id.is_empty() {
            return Err(StatusWord::NOT_FOUND);
        }
        match self.session.application {
            Some(_) => Ok(Vec::new()),
            None => Err(StatusWord::WRONG_PARAMETERS),
        }
    }

    pub(super) fn read_binary(&mut self, command: &Command<'_>) -> Reply {
        let (named, offset) = if command.p1 & 0x80 == 0 {
            (None, usize::from(command.p1) << 8 | usize::from(command.p2))
        } else {
            (Some(command.p1 & 0x1F), usize::from(command.p2))
        };
        let expected = command.expected.ok_or(StatusWord::WRONG_LENGTH)?;
        let id = self.choose(named)?;
        let Some(File::Binary { content, read }) = self.file(id) else {
            return Err(StatusWord::WRONG_FILE_STRUCTURE);
        };
        self.check_access(*read)?;
        let rest = content.get(offset..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(StatusWord::WRONG_OFFSET)?;
        Ok(rest.get(..expected).unwrap_or(rest).to_vec())
    }

    pub(super) fn read_record(&mut self, command: &Command<'_>) -> Reply {
        if command.p2 & 0x07 != 0x04 {
            return Err(StatusWord::WRONG_PARAMETERS);
        }
        let named = Some(command.p2 >> 3).filter(|id| *id != 0);
        command.expected.ok_or(StatusWord::WRONG_LENGTH)?;
        let id = self.choose(named)?;
        let Some(File::Records { records, read }) = self.file(id) else {
            return Err(StatusWord::WRONG_FILE_STRUCTURE);
        };
        self.check_access(*read)?;
        let at = usize::from(command.p1).checked_sub(1);
        let record = at.and_then(|at| records.get(at)).ok_or(StatusWord::RECORD_NOT_FOUND)?;
        Ok(record.clone())
    }

    pub(super) fn get_data(&self, command: &Command<'_>) -> Reply {
        let tag = u16::from_be_bytes([command.p1, command.p2]);
        let expected = command.expected.ok_or(StatusWord::WRONG_LENGTH)?;
        if self.session.application.is_some() {
            return Err(StatusWord::REFERENCE_NOT_FOUND);
        }
        let mut objects = self.platform.objects.iter();
        let object = objects.find(|(one, _)| *one == tag).map(|(_, object)| object);
        let object = object.ok_or(StatusWord::REFERENCE_NOT_FOUND)?;
        // Larger objects ask for the extended form.
        if object.len() > SHORT_OBJECT_BYTES_MAX && expected <= SHORT_OBJECT_BYTES_MAX {
            return Err(StatusWord::WRONG_LENGTH);
        }
        Ok(object.clone())
    }

    pub(super) fn get_challenge(&mut self, command: &Command<'_>) -> Reply {
        if (command.p1, command.p2) != (0, 0) {
            return Err(StatusWord::WRONG_PARAMETERS);
        }
        let bytes = command.expected.ok_or(StatusWord::WRONG_LENGTH)?;
        if bytes > CHALLENGE_BYTES_MAX {
            return Err(StatusWord::CONDITIONS);
        }
        let challenge = self.rng.bytes(bytes);
        self.session.challenge.clone_from(&challenge);
        Ok(challenge)
    }

    /// The file that a short identifier names, which becomes current, or the current one.
    fn choose(&mut self, named: Option<FileId>) -> Result<FileId, StatusWord> {
        if let Some(id) = named {
            self.file(id).ok_or(StatusWord::NOT_FOUND)?;
            self.session.file = Some(id);
        }
        self.session.file.ok_or(StatusWord::NO_CURRENT_FILE)
    }

    pub(super) fn check_access(&self, access: Access) -> Result<(), StatusWord> {
        let is_open = match access {
            Access::Free => true,
            Access::AnyOf(keys) => keys.iter().any(|key| self.session.proven.contains(key)),
            Access::Never => false,
        };
        if is_open { Ok(()) } else { Err(StatusWord::SECURITY_STATUS) }
    }
}
