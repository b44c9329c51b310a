//! `shikaku-reader serve`: cards, pages and the receipt computer exchange in one program.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use actix_web::rt::System;
use shikaku_card::photo_authority;
use shikaku_card::terminal::TerminalAuthority;
use shikaku_domain::Timestamp;

use crate::ReaderError;
use crate::card_api::CardApi;
use crate::card_protocol::{SimTerminal, TerminalKey};
use crate::clock::Clock;
use crate::config::{CardConfig, Config, DemoConfig};
use crate::exchange::{Exchange, HttpEngine, LocalDisk, Stop};
use crate::face_folder::FaceFolder;
use crate::kiosk::{Faces, Hub, Parts, SelfTest, bind};
use crate::pcsc::Settings as ReaderSettings;
use crate::record::Recorder;
use crate::session::{Limits, Offer};
use crate::supervisor::{State, tell};
use crate::test_cards::TestCards;

/// Until a reader that another program holds is tried again.
const RETRY_MS: u64 = 2_000;
/// Between two looks of the pages' server whether it shall stop.
const STOP_LOOK: Duration = Duration::from_millis(200);
/// Days for which a demonstration's terminal is certified.
const TERMINAL_DAYS: i32 = 366;

/// Serves until a stop is asked for; `ready` gets the address of the pages.
///
/// # Errors
/// When something that is needed at the start is not there.
pub fn serve(
    config: &Config,
    clock: Arc<dyn Clock>,
    stop: &Arc<Stop>,
    ready: impl FnOnce(&str),
) -> Result<(), ReaderError> {
    let card = config.card.as_ref().ok_or(ReaderError::NoCardTable)?;
    let exchange = open_exchange(config, Arc::clone(&clock))?;
    let api = CardApi::new(&config.engine, &card.device, Arc::clone(&clock))?;
    let disk = Arc::new(LocalDisk);
    let settings = config.exchange_settings();
    let face = FaceFolder::open(&settings.root, &card.institution, settings.retention, disk)?;
    let self_test = Arc::new(self_test_of(config, card, &api, &clock, face.path()));
    let demo = config.demo.as_ref();
    let terminal = demo.map(|demo| terminal(demo, clock.as_ref())).transpose()?;
    let test_cards = demo.map(|demo| TestCards::open(&demo.cards, demo.port)).transpose()?;
    let system = System::new();
    let faces = faces(config, terminal.is_some(), &api)?;
    let limits = limits(config, terminal.is_some());
    let parts = Parts {
        limits,
        readers: reader_settings(card),
        terminal,
        faces,
        api: api.clone(),
        face,
        keep_results: Duration::from_secs(u64::from(config.kiosk.keep_results_minutes) * 60),
        clock,
        recorder: recorder(config, limits)?,
    };
    let (hub, hub_thread) = Hub::start(parts, stop)?;
    let server = bind(config.kiosk.listen, hub, api, self_test, test_cards.map(Arc::new))?;
    let working = thread::Builder::new().name("exchange".to_owned()).spawn({
        let stop = Arc::clone(stop);
        move || {
            let end = exchange.run(&stop);
            // Pages without the exchange would be half a program.
            stop.ask();
            end
        }
    });
    let working = working.map_err(ReaderError::Thread)?;
    ready(&server.address().to_string());
    tell(State::Ready);
    let served = system.block_on(server.run(stopped(Arc::clone(stop))));
    stop.ask();
    let exchanged = working.join().unwrap_or(Ok(()));
    // A panic of the hub was reported when it happened.
    let _ = hub_thread.join();
    served.and(exchanged)
}

/// Runs the self-test once.
///
/// # Errors
/// When the configuration cannot be used; what the test finds is in the checks.
pub fn self_test(
    config: &Config,
    clock: &Arc<dyn Clock>,
) -> Result<Vec<crate::kiosk::Check>, ReaderError> {
    let card = config.card.as_ref().ok_or(ReaderError::NoCardTable)?;
    let api = CardApi::new(&config.engine, &card.device, Arc::clone(clock))?;
    let folder = config.exchange.root.join("face");
    Ok(self_test_of(config, card, &api, clock, &folder).run())
}

/// The exchange of the configuration, not yet running.
///
/// # Errors
/// As [`Exchange::open`] and [`HttpEngine::connect`].
pub fn open_exchange(config: &Config, clock: Arc<dyn Clock>) -> Result<Exchange, ReaderError> {
    let engine = HttpEngine::connect(&config.engine, config.exchange.workers)?;
    let settings = config.exchange_settings();
    Exchange::open(settings, Arc::new(LocalDisk), Arc::new(engine), clock)
}

fn self_test_of(
    config: &Config,
    card: &CardConfig,
    api: &CardApi,
    clock: &Arc<dyn Clock>,
    folder: &std::path::Path,
) -> SelfTest {
    SelfTest {
        readers: reader_settings(card),
        api: api.clone(),
        face_at_centre: config.face.as_ref().is_some_and(|face| face.engine),
        certificate: config.engine.certificate.clone(),
        folder: folder.to_owned(),
        clock: Arc::clone(clock),
    }
}

fn reader_settings(card: &CardConfig) -> ReaderSettings {
    ReaderSettings {
        names: card.readers.clone(),
        ignored: card.ignored_readers.clone(),
        answer_within: Duration::from_secs(card.answer_seconds.into()),
    }
}

fn limits(config: &Config, visual: bool) -> Limits {
    let kiosk = &config.kiosk;
    let milliseconds = |seconds: u32| u64::from(seconds) * 1000;
    Limits {
        patient_ms: milliseconds(kiosk.patient_seconds),
        staff_ms: milliseconds(kiosk.staff_seconds),
        work_ms: milliseconds(kiosk.work_seconds),
        last_ms: milliseconds(kiosk.last_seconds),
        note_ms: milliseconds(kiosk.note_seconds),
        retry_ms: RETRY_MS,
        face_memory_ms: config.face.as_ref().map_or(0, |f| u64::from(f.memory_minutes) * 60_000),
        face_tries: config.face.as_ref().map_or(0, |face| face.tries),
        offer: Offer {
            visual,
            face: config.face.is_some(),
            face_at_centre: config.face.as_ref().is_some_and(|face| face.engine),
            prescription: kiosk.prescription,
        },
    }
}

/// What makes the demonstration's cards sign for staff. A real terminal's certificate is the
/// operator's; how cards take it is not public (card §1.7).
fn terminal(demo: &DemoConfig, clock: &dyn Clock) -> Result<Arc<dyn TerminalKey>, ReaderError> {
    let now = clock.now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let today = Timestamp::from_unix_seconds(now).day();
    let authority = TerminalAuthority::new(demo.seed).map_err(ReaderError::Card)?;
    let until = today.saturating_add_days(TERMINAL_DAYS);
    let terminal = authority.terminal(demo.seed, 1, until).map_err(ReaderError::Card)?;
    let photo_authority = photo_authority(demo.seed).map_err(ReaderError::Card)?;
    Ok(Arc::new(SimTerminal { terminal, photo_authority }))
}

/// What compares faces, before any port opens.
fn faces(config: &Config, has_terminal: bool, api: &CardApi) -> Result<Option<Faces>, ReaderError> {
    let Some(face) = &config.face else { return Ok(None) };
    if !has_terminal {
        return Err(ReaderError::FaceWithoutTerminal);
    }
    match &face.manifest {
        Some(manifest) => Faces::here(manifest, face.policy()).map(Some),
        None => Ok(Some(Faces::at_engine(api.clone()))),
    }
}

fn recorder(config: &Config, limits: Limits) -> Result<Option<Recorder>, ReaderError> {
    let path = &config.kiosk.record;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    Recorder::create(path, limits).map(Some)
}

async fn stopped(stop: Arc<Stop>) {
    while !stop.is_asked() {
        tell(State::Alive);
        tokio::time::sleep(STOP_LOOK).await;
    }
    tell(State::Stopping);
}
