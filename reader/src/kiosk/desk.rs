//! Threads that wait for the engine and for the disk, so that the hub does not.

use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use shikaku_domain::Personal;

use super::hub::{Input, Inputs};
use crate::ReaderError;
use crate::card_api::{CONNECTIONS, CardApi};
use crate::clock::Clock;
use crate::face_folder::FaceFolder;
use crate::session::{Effect, EngineFailure, Event, Refusal};

/// Questions that wait for the engine: one session has one, patients who left a few.
const QUESTIONS_MAX: usize = 16;
/// Files that wait for the disk.
const FILES_MAX: usize = 64;
/// The code of an engine that is not asked because too much waits already.
const OVERLOADED: &str = "SHK-RDR-204";
/// The code of a message that could not be written.
const NOT_WRITTEN: &str = "SHK-RDR-205";

/// The threads that ask the engine.
pub(super) struct EngineDesk {
    questions: SyncSender<Effect>,
    inputs: Inputs,
}

impl EngineDesk {
    pub(super) fn start(api: &CardApi, inputs: Inputs) -> Result<Self, ReaderError> {
        let (questions, waiting) = mpsc::sync_channel(QUESTIONS_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..CONNECTIONS {
            let (api, waiting, inputs) = (api.clone(), Arc::clone(&waiting), inputs.clone());
            thread::Builder::new()
                .name(format!("engine-{number}"))
                .spawn(move || {
                    while let Some(effect) = next(&waiting) {
                        if let Some(event) = ask(&api, effect) {
                            inputs.put(Input::EngineAnswered(Box::new(event)));
                        }
                    }
                })
                .map_err(ReaderError::Thread)?;
        }
        Ok(Self { questions, inputs })
    }

    /// Asks the engine what an effect says; reports at once when too much waits.
    pub(super) fn take(&self, effect: Effect) {
        if let Err(mpsc::TrySendError::Full(effect) | mpsc::TrySendError::Disconnected(effect)) =
            self.questions.try_send(effect)
        {
            let failure =
                EngineFailure { refusal: Refusal::Unavailable, code: OVERLOADED.to_owned() };
            if let Some(event) = failed(&effect, failure) {
                self.inputs.put(Input::EngineAnswered(Box::new(event)));
            }
        }
    }
}

fn next<T>(waiting: &Mutex<Receiver<T>>) -> Option<T> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// Asks; `None` for an effect that is not the engine's.
fn ask(api: &CardApi, effect: Effect) -> Option<Event> {
    Some(match effect {
        Effect::Challenge { ticket } => Event::Challenged(ticket, api.challenge()),
        Effect::Open { ticket, challenge_id, signed, method, kind, staff } => {
            let end = api.open(&challenge_id, &signed, method, kind, staff.as_ref());
            Event::Opened(ticket, end)
        }
        Effect::Find { ticket, session, via } => Event::Found(ticket, api.find(&session, &via)),
        Effect::Bind { ticket, session, candidate, staff } => {
            Event::Bound(ticket, api.bind(&session, &candidate, &staff))
        }
        Effect::Ask { ticket, asked } => Event::Answered(ticket, api.ask(&asked)),
        Effect::Identify { .. }
        | Effect::Authenticate { .. }
        | Effect::ReadAttributes { .. }
        | Effect::ReadPhoto { .. }
        | Effect::PrepareFace { .. }
        | Effect::WatchFace(_)
        | Effect::ForgetFace
        | Effect::Release { .. }
        | Effect::Push(_)
        | Effect::Report { .. }
        | Effect::ReportFailure { .. }
        | Effect::Stale => return None,
    })
}

fn failed(effect: &Effect, failure: EngineFailure) -> Option<Event> {
    Some(match effect {
        Effect::Challenge { ticket } => Event::Challenged(*ticket, Err(failure)),
        Effect::Open { ticket, .. } => Event::Opened(*ticket, Err(failure)),
        Effect::Find { ticket, .. } => Event::Found(*ticket, Err(failure)),
        Effect::Bind { ticket, .. } => Event::Bound(*ticket, Err(failure)),
        Effect::Ask { ticket, .. } => Event::Answered(*ticket, Err(failure)),
        Effect::Identify { .. }
        | Effect::Authenticate { .. }
        | Effect::ReadAttributes { .. }
        | Effect::ReadPhoto { .. }
        | Effect::PrepareFace { .. }
        | Effect::WatchFace(_)
        | Effect::ForgetFace
        | Effect::Release { .. }
        | Effect::Push(_)
        | Effect::Report { .. }
        | Effect::ReportFailure { .. }
        | Effect::Stale => return None,
    })
}

/// A message for the receipt computer, and the row that shows it.
struct Message {
    row: u64,
    text: Personal<Arc<str>>,
}

/// The thread that writes files.
pub(super) struct FileDesk {
    messages: SyncSender<Message>,
    inputs: Inputs,
}

impl FileDesk {
    pub(super) fn start(
        face: FaceFolder,
        clock: Arc<dyn Clock>,
        inputs: Inputs,
    ) -> Result<Self, ReaderError> {
        let (messages, waiting) = mpsc::sync_channel::<Message>(FILES_MAX);
        let told = inputs.clone();
        let run = move || {
            for Message { row, text } in waiting {
                let file = face.push(text.expose(), clock.now()).map_err(|error| {
                    tracing::error!(%error, "a message for the receipt computer was not written");
                    NOT_WRITTEN
                });
                told.put(Input::Filed { row, file });
                if let Err(error) = face.sweep(clock.now()) {
                    tracing::warn!(%error, "the folder `face` cannot be swept");
                }
            }
        };
        let started = thread::Builder::new().name("face-files".to_owned()).spawn(run);
        started.map_err(ReaderError::Thread)?;
        Ok(Self { messages, inputs })
    }

    /// Writes a message soon; the row learns how it went.
    pub(super) fn write(&self, row: u64, text: Personal<Arc<str>>) {
        if self.messages.try_send(Message { row, text }).is_err() {
            self.inputs.put(Input::Filed { row, file: Err(NOT_WRITTEN) });
        }
    }
}
