//! Recording a session for a bug report, and playing it again.
//!
//! A record is what happened, one JSON line an event, with the screen that followed. Everything
//! secret or personal is left out when it is written: PIN, numbers, names, certificates,
//! signatures, challenges, engine sessions, messages, photographs, frames and what each lacked. Cards and sessions get numbers in the order
//! of their appearance, so that "the same card" can still be told from "another card". Playing it
//! again takes the same way through [`step`], with stand-ins.

mod blanked;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ReaderError;
use crate::session::{Event, Limits, Moment, Screen, State, step};
use blanked::{Blanked, blank, revive};

/// Most lines of one record; then it ends, since a disk must not fill up.
const LINES_MAX: u64 = 200_000;
/// Longest line that is played, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    format: u8,
    limits: Limits,
}

#[derive(Serialize, Deserialize)]
struct Line {
    at: Moment,
    #[serde(flatten)]
    event: Blanked,
    screen: Value,
}

/// Writes a record.
pub struct Recorder {
    file: BufWriter<File>,
    /// Keyed anew for each record, so that a fingerprint finds no certificate elsewhere.
    key: [u8; 32],
    lines: u64,
    screen: Option<Screen>,
}

impl Recorder {
    /// Begins a record in a new file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(path: &Path, limits: Limits) -> Result<Self, ReaderError> {
        let failed = |source| ReaderError::Record { source };
        let file = File::create_new(path).map_err(failed)?;
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| ReaderError::Random)?;
        let mut recorder = Self { file: BufWriter::new(file), key, lines: 0, screen: None };
        recorder.line(&Header { format: 1, limits }).map_err(failed)?;
        Ok(recorder)
    }

    /// What is written of an event, taken before the session consumes it.
    pub(crate) fn blank(&self, event: &Event) -> Blanked {
        blank(event, &self.key)
    }

    /// Writes an event and the screen that followed. A disk that refuses ends the record, never
    /// the session.
    pub(crate) fn write(&mut self, at: Moment, event: Blanked, screen: Screen) {
        let is_small = matches!(event, Blanked::Ticked | Blanked::Looked { .. });
        let is_silent = is_small && self.screen == Some(screen);
        if is_silent || self.lines >= LINES_MAX {
            return;
        }
        self.screen = Some(screen);
        let screen = serde_json::to_value(screen).unwrap_or_default();
        if let Err(error) = self.line(&Line { at, event, screen }) {
            tracing::warn!(%error, "the record ends here");
            self.lines = LINES_MAX;
        }
    }

    fn line(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        self.lines += 1;
        serde_json::to_writer(&mut self.file, line)?;
        self.file.write_all(b"\n")?;
        self.file.flush()
    }
}

/// Plays a record: one line for each event that changed the screen, and whether all screens were
/// as recorded.
///
/// # Errors
/// When the file cannot be read or is not a record.
pub fn replay(path: &Path, say: &dyn Fn(&str)) -> Result<bool, ReaderError> {
    let failed = |source| ReaderError::Record { source };
    let damaged = |number: usize| ReaderError::RecordLine { line: number + 1 };
    let lines = BufReader::new(File::open(path).map_err(failed)?).lines();
    let (mut state, mut is_same, mut shown) = (None, true, Value::Null);
    for (number, line) in lines.enumerate() {
        let line = line.map_err(failed)?;
        if line.len() > LINE_BYTES_MAX || number as u64 > LINES_MAX {
            return Err(damaged(number));
        }
        let Some(before) = state.take() else {
            let header: Header = serde_json::from_str(&line).map_err(|_| damaged(number))?;
            state = Some(State::new(header.limits));
            continue;
        };
        let Line { at, event, screen } =
            serde_json::from_str(&line).map_err(|_| damaged(number))?;
        let event = revive(event).ok_or_else(|| damaged(number))?;
        let (after, _) = step(before, event, at);
        let found = serde_json::to_value(after.view(at).screen).unwrap_or_default();
        if found != screen {
            is_same = false;
            say(&format!("{:>9} ms  {found}, but {screen} was recorded\n", at.0));
        } else if found != shown {
            say(&format!("{:>9} ms  {found}\n", at.0));
        }
        shown = found;
        state = Some(after);
    }
    Ok(is_same)
}
