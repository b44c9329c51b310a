//! Waiting for readers and cards to come and go.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::time::Duration;

use pcsc::{Context, Error, PNP_NOTIFICATION, ReaderState, Scope, State};
use ring::rand::{SecureRandom, SystemRandom};

use super::{Settings, Shared};
use crate::exchange::Stop;
use crate::session::{Event, SessionId};

/// Longest single wait: how late a stop and a card that does not answer are noticed.
const WAIT_MAX: Duration = Duration::from_millis(500);
/// Between two attempts to find pcscd.
const SERVICE_RETRY: Duration = Duration::from_secs(1);
/// Most readers; pcscd has no more.
const READERS_MAX: usize = 16;

/// What is known of one reader.
struct Seen {
    state: ReaderState,
    /// A card lies in it, as the session was told.
    has_card: bool,
    /// How many cards came and went.
    count: u32,
}

/// Watches until a stop is asked for.
pub(super) fn run(shared: &Shared, stop: &Stop) {
    let mut was_there = true;
    while !stop.is_asked() {
        let end = Context::establish(Scope::User).and_then(|context| {
            was_there = true;
            watch(&context, shared, stop)
        });
        let Err(error) = end else { continue };
        if was_there {
            tracing::warn!(%error, "PC/SC is not there; looking for it every second");
            was_there = false;
        }
        shared.staff(&[]);
        (shared.report)(Event::ReadersChanged(Vec::new()));
        shared.watch();
        stop.wait(SERVICE_RETRY);
    }
}

fn watch(context: &Context, shared: &Shared, stop: &Stop) -> Result<(), Error> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let mut is_new = true;
    while !stop.is_asked() {
        let names = shared.settings.choose(readers(context)?);
        let is_same = names.len() == seen.len() && names.iter().all(|name| seen.contains_key(name));
        if is_new || !is_same {
            tracing::info!(readers = names.len(), "card readers in use");
            seen.retain(|name, _| names.contains(name));
            for name in &names {
                let Ok(text) = CString::new(name.as_str()) else { continue };
                seen.entry(name.clone()).or_insert_with(|| Seen {
                    state: ReaderState::new(text, State::UNAWARE),
                    has_card: false,
                    count: 0,
                });
            }
            shared.staff(&names);
            (shared.report)(Event::ReadersChanged(names));
            is_new = false;
        }
        wait(context, &mut seen, shared)?;
        shared.watch();
    }
    Ok(())
}

fn readers(context: &Context) -> Result<Vec<String>, Error> {
    let names = match context.list_readers_owned() {
        Err(Error::NoReadersAvailable) => Vec::new(),
        other => other?,
    };
    // A name that is not text cannot be shown or configured.
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).take(READERS_MAX).collect())
}

/// The readers to be used, and whether a card lies in each, right now.
pub(super) fn survey(settings: &Settings) -> Result<Vec<(String, bool)>, Error> {
    let context = Context::establish(Scope::User)?;
    let names = settings.choose(readers(&context)?);
    let texts = names.iter().filter_map(|name| CString::new(name.as_str()).ok());
    let mut states: Vec<_> = texts.map(|name| ReaderState::new(name, State::UNAWARE)).collect();
    if !states.is_empty() {
        context.get_status_change(Duration::ZERO, &mut states)?;
    }
    let has_card = states.iter().map(|state| state.event_state().contains(State::PRESENT));
    Ok(names.into_iter().zip(has_card).collect())
}

/// Waits for one change and tells it.
fn wait(
    context: &Context,
    seen: &mut BTreeMap<String, Seen>,
    shared: &Shared,
) -> Result<(), Error> {
    let mut states = vec![ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
    for one in seen.values() {
        states.push(ReaderState::new(one.state.name(), one.state.current_state()));
    }
    match context.get_status_change(WAIT_MAX, &mut states) {
        Ok(()) => {}
        // A reader left between the listing and now: it is listed again.
        Err(Error::Timeout | Error::UnknownReader) => return Ok(()),
        Err(error) => return Err(error),
    }
    for (state, (name, one)) in states.into_iter().skip(1).zip(seen.iter_mut()) {
        let (event, count) = (state.event_state(), state.event_count());
        one.state = state;
        one.state.sync_current_state();
        let has_card = event.contains(State::PRESENT);
        // A card that was swapped between two looks shows only in the count.
        let is_another = has_card && one.has_card && count != one.count;
        if one.has_card && (!has_card || is_another) {
            (shared.report)(Event::CardRemoved { reader: name.clone() });
        }
        if has_card && (!one.has_card || is_another) {
            let session = session_id();
            (shared.report)(Event::CardInserted { reader: name.clone(), session });
        }
        (one.has_card, one.count) = (has_card, count);
    }
    Ok(())
}

fn session_id() -> SessionId {
    let mut bytes = [0_u8; 16];
    // INVARIANT: the system's source of randomness does not fail once the program runs; a constant
    // would only make two sessions look alike to a page, never to the machine's tickets.
    let _ = SystemRandom::new().fill(&mut bytes);
    SessionId(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
