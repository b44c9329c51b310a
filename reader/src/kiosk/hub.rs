//! The thread that owns the session.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use shikaku_domain::Personal;
use tokio::sync::{oneshot, watch};

use super::counter::{Counter, Now, Row};
use super::desk::{EngineDesk, FileDesk};
use super::face_desk::FaceDesk;
use super::faces::Faces;
use super::self_test::is_right;
use crate::ReaderError;
use crate::card_api::{CardApi, japan};
use crate::card_protocol::TerminalKey;
use crate::clock::Clock;
use crate::exchange::Stop;
use crate::face_folder::FaceFolder;
use crate::pcsc::{Readers, Report, Settings as ReaderSettings};
use crate::record::Recorder;
use crate::session::{
    Effect, EngineFailure, Event, Limits, Moment, Refusal, State, Waiting, What, step,
};

/// Inputs that wait for the hub. When it is full an input is dropped and logged: every wait of the
/// session has a time-out, so that a lost end is a slow one.
const INPUTS_MAX: usize = 1024;
/// Between two looks at the clock: how late a time-out may be.
const TICK: Duration = Duration::from_millis(250);
const SECONDS_PER_MINUTE: i64 = 60;

/// What the hub takes.
pub(super) enum Input {
    /// From the readers.
    Event(Box<Event>),
    /// From the engine.
    EngineAnswered(Box<Event>),
    /// From a page, which wants to know whether it was of use.
    Asked { event: Box<Event>, reply: oneshot::Sender<bool> },
    /// Staff have seen a row.
    Dismissed(u64),
    /// A message was written, or not.
    Filed { row: u64, file: Result<String, &'static str> },
}

/// The way to the hub.
#[derive(Clone)]
pub(super) struct Inputs(pub(super) SyncSender<Input>);

impl Inputs {
    /// Puts an input; `false` when it is lost.
    pub(super) fn put(&self, input: Input) -> bool {
        let is_taken = self.0.try_send(input).is_ok();
        if !is_taken {
            tracing::error!("the hub is behind; an event was lost");
        }
        is_taken
    }
}

/// What the hub needs.
pub struct Parts {
    /// Limits of a session.
    pub limits: Limits,
    /// The readers.
    pub readers: ReaderSettings,
    /// What makes cards sign without a PIN.
    pub terminal: Option<Arc<dyn TerminalKey>>,
    /// What compares faces, where they are compared.
    pub faces: Option<Faces>,
    /// The engine.
    pub api: CardApi,
    /// Where messages go.
    pub face: FaceFolder,
    /// How long results stay.
    pub keep_results: Duration,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where events are recorded for bug reports, if they are.
    pub recorder: Option<Recorder>,
}

/// The hub's state.
pub struct Hub {
    state: State,
    start: Instant,
    clock: Arc<dyn Clock>,
    readers: Readers,
    faces: FaceDesk,
    engine: EngineDesk,
    files: FileDesk,
    counter: Counter,
    api: CardApi,
    /// The code of the last question's failure, when the engine was not reached.
    engine_failure: Option<String>,
    waiting_since: Option<(Vec<Waiting>, String)>,
    recorder: Option<Recorder>,
    kiosk: watch::Sender<Arc<str>>,
    desk: watch::Sender<Arc<str>>,
    /// A message whose row is not there yet: its report follows in the same step.
    message: Option<Personal<Arc<str>>>,
}

/// What pages reach the hub by.
#[derive(Clone)]
pub struct HubHandle {
    inputs: Inputs,
    pub(super) faces: FaceDesk,
    /// What the kiosk shows, as JSON.
    pub kiosk: watch::Receiver<Arc<str>>,
    /// What the counter shows, as JSON.
    pub counter: watch::Receiver<Arc<str>>,
}

/// The hub is behind.
#[derive(Debug, thiserror::Error)]
#[error("too much waits")]
pub struct Busy;

impl HubHandle {
    /// Tells what somebody did; `false` when the page was behind and nothing was done.
    ///
    /// # Errors
    /// `Busy`.
    pub async fn tell(&self, event: Event) -> Result<bool, Busy> {
        let (reply, end) = oneshot::channel();
        let is_taken = self.inputs.put(Input::Asked { event: Box::new(event), reply });
        if is_taken { end.await.map_err(|_| Busy) } else { Err(Busy) }
    }

    /// Forgets a result.
    ///
    /// # Errors
    /// `Busy`.
    pub fn dismiss(&self, row: u64) -> Result<(), Busy> {
        if self.inputs.put(Input::Dismissed(row)) { Ok(()) } else { Err(Busy) }
    }
}

impl Hub {
    /// Starts the hub and everything that works for it; ends when `stop` is asked for.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(
        parts: Parts,
        stop: &Arc<Stop>,
    ) -> Result<(HubHandle, JoinHandle<()>), ReaderError> {
        let (sender, inputs) = mpsc::sync_channel(INPUTS_MAX);
        let sender = Inputs(sender);
        let to_hub = sender.clone();
        let report: Report = Arc::new(move |event| {
            to_hub.put(Input::Event(Box::new(event)));
        });
        let readers = Readers::start(parts.readers, parts.terminal, report, Arc::clone(stop))?;
        let faces = FaceDesk::new(parts.faces, sender.clone(), Arc::clone(&parts.clock));
        let (kiosk, kiosk_shown) = watch::channel(Arc::from(""));
        let (desk, desk_shown) = watch::channel(Arc::from(""));
        let mut hub = Self {
            state: State::new(parts.limits),
            start: parts.clock.instant(),
            readers,
            faces: faces.clone(),
            engine: EngineDesk::start(&parts.api, sender.clone())?,
            files: FileDesk::start(parts.face, Arc::clone(&parts.clock), sender.clone())?,
            clock: parts.clock,
            counter: Counter::new(parts.keep_results),
            api: parts.api,
            engine_failure: None,
            waiting_since: None,
            recorder: parts.recorder,
            kiosk,
            desk,
            message: None,
        };
        hub.publish();
        let stop = Arc::clone(stop);
        let thread = thread::Builder::new()
            .name("hub".to_owned())
            .spawn(move || hub.run(&inputs, &stop))
            .map_err(ReaderError::Thread)?;
        let handle = HubHandle { inputs: sender, faces, kiosk: kiosk_shown, counter: desk_shown };
        Ok((handle, thread))
    }

    fn run(mut self, inputs: &Receiver<Input>, stop: &Stop) {
        while !stop.is_asked() {
            match inputs.recv_timeout(TICK) {
                Ok(input) => self.take(input),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.on(Event::Ticked);
            self.counter.forget(self.now());
            self.publish();
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Event(event) => {
                self.on(*event);
            }
            Input::EngineAnswered(event) => {
                self.engine_failure = failure_of_reaching(&event).map(|f| f.code.clone());
                self.on(*event);
            }
            Input::Asked { event, reply } => {
                let was_of_use = self.on(*event);
                // Whoever asked may have gone.
                let _ = reply.send(was_of_use);
            }
            Input::Dismissed(row) => self.counter.dismiss(row),
            Input::Filed { row, file } => self.counter.filed(row, file),
        }
    }

    /// Takes an event; whether it was of use.
    fn on(&mut self, event: Event) -> bool {
        let now = self.now();
        let recorded = self.recorder.as_ref().map(|recorder| recorder.blank(&event));
        let empty = State::new(self.state.limits);
        let state = std::mem::replace(&mut self.state, empty);
        let (state, effects) = step(state, event, now);
        self.state = state;
        if let Some((recorder, event)) = self.recorder.as_mut().zip(recorded) {
            recorder.write(now, event, self.state.view(now).screen);
        }
        let is_stale = effects.contains(&Effect::Stale);
        for effect in effects {
            self.perform(effect);
        }
        !is_stale
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Identify { .. }
            | Effect::Authenticate { .. }
            | Effect::ReadAttributes { .. }
            | Effect::ReadPhoto { .. }
            | Effect::Release { .. } => self.readers.take(effect),
            Effect::PrepareFace { .. } | Effect::WatchFace(_) | Effect::ForgetFace => {
                self.faces.take(effect);
            }
            Effect::Challenge { .. }
            | Effect::Open { .. }
            | Effect::Find { .. }
            | Effect::Bind { .. }
            | Effect::Ask { .. } => self.engine.take(effect),
            Effect::Push(message) => self.message = Some(message),
            Effect::Report { method, answer } => {
                let row = self.counter.answered(method, answer, self.times());
                if let Some(message) = self.message.take() {
                    self.files.write(row, message);
                }
            }
            Effect::ReportFailure { method, failure } => {
                self.counter.failed(method, failure, self.times());
            }
            Effect::Stale => {}
        }
    }

    fn times(&self) -> Now {
        Now { wall: self.clock.now(), moment: self.now() }
    }

    fn now(&self) -> Moment {
        let since = self.clock.instant().saturating_duration_since(self.start);
        Moment(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Shows what has changed.
    fn publish(&mut self) {
        let view = self.state.view(self.now());
        show(&self.kiosk, &view);
        let session = self.state.counter();
        if self.waiting_since.as_ref().is_none_or(|(waiting, _)| *waiting != session.waiting) {
            self.waiting_since = Some((session.waiting.clone(), time(self.clock.now())));
        }
        let since = self.waiting_since.as_ref().map_or("", |(_, since)| since);
        let waiting = session.waiting.iter().map(|one| WaitingView {
            session: &one.session.0,
            what: one.what,
            since,
            candidate: one.candidate.as_ref(),
        });
        let desk = CounterPage {
            seq: self.state.seq,
            reader: ReaderView { ok: !session.readers.is_empty(), names: &session.readers },
            engine: EngineView {
                ok: self.engine_failure.is_none(),
                code: self.engine_failure.as_deref(),
                clock_minutes: Some(self.api.clock_ahead_seconds())
                    .filter(|ahead| !is_right(*ahead))
                    .map(|ahead| ahead / SECONDS_PER_MINUTE),
            },
            waiting: waiting.collect(),
            results: self.counter.rows().collect(),
        };
        show(&self.desk, &desk);
    }
}

#[derive(Serialize)]
struct CounterPage<'a> {
    seq: u64,
    reader: ReaderView<'a>,
    engine: EngineView<'a>,
    waiting: Vec<WaitingView<'a>>,
    results: Vec<&'a Row>,
}

#[derive(Serialize)]
struct ReaderView<'a> {
    ok: bool,
    names: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EngineView<'a> {
    ok: bool,
    /// Why it was not reached.
    code: Option<&'a str>,
    /// Minutes by which this machine's clock is ahead of the engine's, when that is too much.
    clock_minutes: Option<i64>,
}

#[derive(Serialize)]
struct WaitingView<'a> {
    session: &'a str,
    what: What,
    since: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<&'a crate::session::CandidateView>,
}

fn time(now: SystemTime) -> String {
    japan(now).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// Sends a page's state to whoever looks at it, if it is another one.
fn show(page: &watch::Sender<Arc<str>>, state: &impl Serialize) {
    // INVARIANT: plain structs of text and numbers always have a JSON form.
    let Ok(json) = serde_json::to_string(state) else { return };
    page.send_if_modified(|shown| {
        let is_new = **shown != *json;
        if is_new {
            *shown = Arc::from(json);
        }
        is_new
    });
}

/// Why the engine could not be reached; `None` when it was.
fn failure_of_reaching(event: &Event) -> Option<&EngineFailure> {
    let (Event::Challenged(_, Err(failure))
    | Event::Opened(_, Err(failure))
    | Event::Found(_, Err(failure))
    | Event::Bound(_, Err(failure))
    | Event::Answered(_, Err(failure))) = event
    else {
        return None;
    };
    Some(failure).filter(|failure| failure.refusal == Refusal::Unavailable)
}
