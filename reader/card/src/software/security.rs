//! Passwords: VERIFY, its query, and changing them.

use super::{Reply, SoftwareCard, WrongLengthVerify};
use crate::StatusWord;
use crate::apdu::Command;
use crate::file::{ChangeCommand, File, FileId, PasswordRule};
use crate::memory::PasswordState;

impl SoftwareCard {
    pub(super) fn verify(&mut self, command: &Command<'_>) -> Reply {
        if command.p1 != 0 {
            return Err(StatusWord::WRONG_PARAMETERS);
        }
        let (id, rule) = self.password(named_file(command.p2)?)?;
        let state = self.password_state(id, &rule);
        if command.data.is_empty() {
            // A question costs nothing, and is answered like this even after a success.
            return Err(StatusWord::tries_left(state.tries));
        }
        if state.tries == 0 {
            return Err(StatusWord::BLOCKED);
        }
        let fits = rule.form.fits_length(command.data.len());
        if !fits && self.platform.wrong_length == WrongLengthVerify::Refused {
            return Err(StatusWord::WRONG_LENGTH);
        }
        self.compare(id, &rule, state, command.data)
    }

    /// The try is spent before the comparison and given back after it: whoever pulls the card in
    /// between has lost it.
    fn compare(
        &mut self,
        id: FileId,
        rule: &PasswordRule,
        state: PasswordState,
        given: &[u8],
    ) -> Reply {
        let spent = PasswordState { tries: state.tries - 1, ..state };
        let tries = spent.tries;
        self.session.proven.remove(&id);
        self.keep(id, spent.clone())?;
        if spent.value.as_bytes() != given {
            return Err(StatusWord::tries_left(tries));
        }
        self.keep(id, PasswordState { tries: rule.tries, ..spent })?;
        self.session.proven.insert(id);
        Ok(Vec::new())
    }

    pub(super) fn change_password(&mut self, command: &Command<'_>) -> Reply {
        let (kind, p1) = match command.ins {
            0x24 => (ChangeCommand::ReferenceData, 0x01),
            _ => (ChangeCommand::Key, 0x00),
        };
        if command.p1 != p1 {
            return Err(StatusWord::WRONG_PARAMETERS);
        }
        let (id, rule) = self.password(named_file(command.p2)?)?;
        if rule.change != kind {
            return Err(StatusWord::CONDITIONS);
        }
        if !self.session.proven.contains(&id) {
            return Err(StatusWord::SECURITY_STATUS);
        }
        if !rule.form.fits(command.data) {
            return Err(StatusWord::WRONG_DATA);
        }
        // Digits and capitals, so it is text.
        let value = String::from_utf8_lossy(command.data).into_owned();
        self.keep(id, PasswordState { tries: rule.tries, value })?;
        Ok(Vec::new())
    }

    fn password(&self, named: Option<FileId>) -> Result<(FileId, PasswordRule), StatusWord> {
        match self.target(named)? {
            (id, File::Password(rule)) => Ok((id, rule.clone())),
            _ => Err(StatusWord::WRONG_FILE_STRUCTURE),
        }
    }

    fn password_state(&self, id: FileId, rule: &PasswordRule) -> PasswordState {
        let kept = self.memory.password(&self.password_name(id));
        let initial = || PasswordState { tries: rule.tries, value: rule.initial.clone() };
        // Nobody but an editor of the file can have given it more tries than the card has.
        kept.map_or_else(initial, |kept| PasswordState {
            tries: kept.tries.min(rule.tries),
            value: kept.value.clone(),
        })
    }

    fn keep(&mut self, id: FileId, state: PasswordState) -> Result<(), StatusWord> {
        let name = self.password_name(id);
        self.memory.keep(&name, state).map_err(|_| StatusWord::INTERNAL)
    }

    /// Application and file, as they stand in the memory's file.
    fn password_name(&self, id: FileId) -> String {
        let aid = self.application().map_or(&[][..], |application| application.aid);
        let aid: String = aid.iter().map(|byte| format!("{byte:02X}")).collect();
        format!("{aid}-{id:02X}")
    }
}

/// P2: `80` is the current file, `80` with a short identifier names one.
pub(super) fn named_file(p2: u8) -> Result<Option<FileId>, StatusWord> {
    match p2 {
        0x80 => Ok(None),
        0x81..=0x9E => Ok(Some(p2 & 0x1F)),
        _ => Err(StatusWord::WRONG_PARAMETERS),
    }
}
