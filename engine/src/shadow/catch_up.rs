//! Bringing a shadow up to what was acknowledged since it was begun.

use super::received::KeptFile;
use super::{Former, ShadowError, Shadows, Size, warm};
use crate::intake::{self, Desk, IntakeError, LoadOptions};
use crate::load::digest;
use crate::metrics::Metrics;
use crate::serving::Serving;
use ring::rand::{SecureRandom, SystemRandom};
use shikaku_store::{
    ApplyChanges, CardCarrier, Closing, FileId, InPlace, LocalLog, Reader, Store, Successor, Writer,
};
use shikaku_wire::members::RejectWriter;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::Mutex;

/// A full replacement that took members away in the serving store may take away as many here.
const ALL_PERCENT: u8 = 100;

/// A shadow that lacks only what came in the last moments.
pub(super) struct Prepared {
    writer: Mutex<Writer<LocalLog>>,
    shards: InPlace,
    reader: Reader,
    closing: Closing,
    generation: u32,
    rest: Rest,
}

/// A prepared shadow with its actors.
pub(super) struct Ready {
    serving: Serving,
    rest: Rest,
}

/// Which kept files are to be loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Files {
    /// Up to the one that the serving store is loading: what becomes of it is not known yet.
    Loaded,
    /// All: the serving store loads none now.
    All,
}

/// What is to be done still.
struct Rest {
    carrier: CardCarrier,
    successor: Successor,
    folder: PathBuf,
    /// Number of the last kept file that was loaded.
    loaded: u64,
}

/// Opens the shadow and brings it up to date, while the serving store goes on.
pub(super) fn prepare(shadows: &Shadows, size: Size) -> Result<Prepared, ShadowError> {
    let options = &shadows.options.store;
    let successor = Successor::new(&options.path)?;
    let store = Store::open_shadow(options)?;
    let (closing, generation, folder) =
        (store.closing(), store.generation(), store.folder().to_owned());
    let (mut writer, writers, reader) = store.into_parts();
    let shards = InPlace::new(writers);
    let serving = shadows.stores.current();
    let mut attempt = [0; 16];
    SystemRandom::new().fill(&mut attempt).map_err(|_| ShadowError::Fault)?;
    let mut carrier = CardCarrier::new(attempt, &serving.reader);
    if !carrier.copy(&serving.reader, &mut writer, &shards, &|| shadows.go_on())? {
        return Err(ShadowError::Stopping);
    }
    shadows.card_rows.store(carrier.rows(), Ordering::Relaxed);
    let mut prepared = Prepared {
        writer: Mutex::new(writer),
        shards,
        reader,
        closing,
        generation,
        rest: Rest { carrier, successor, folder, loaded: 0 },
    };
    let Prepared { writer, shards, reader, rest, .. } = &mut prepared;
    rest.load_files(shadows, &serving, (writer, shards, reader), Files::Loaded)?;
    if size == Size::Checked {
        check_size(&serving.reader, reader, shadows.options.removal_percent_max)?;
    }
    loop {
        let changes = rest.carrier.read(&*serving.writer.blocking_lock())?;
        let is_all = changes.is_all();
        rest.carrier.follow(changes, writer.get_mut(), shards)?;
        if is_all {
            break;
        }
        if !shadows.go_on() {
            return Err(ShadowError::Stopping);
        }
    }
    warm(shadows, reader)?;
    Ok(prepared)
}

impl Prepared {
    /// Tells when the shadow has closed.
    pub(super) fn closing(&self) -> Closing {
        self.closing.clone()
    }

    /// Gives the shards actors of their own. Needs the actor system.
    pub(super) fn start(self, metrics: &Arc<Metrics>) -> Ready {
        let Self { writer, shards, reader, closing, generation, rest } = self;
        let (writer, shards) = (writer.into_inner(), shards.into_shards());
        let serving = Serving::of_parts(writer, shards, reader, (closing, generation), metrics);
        Ready { serving, rest }
    }
}

/// Takes in what came in the last moments and lets the shadow serve. On the intake's thread, so that
/// no file is loaded meanwhile; events of cards wait while the log's writer stands still.
pub(super) fn finish(shadows: &Shadows, ready: Ready) -> Result<Former, ShadowError> {
    let Ready { serving: mut next, mut rest } = ready;
    let former = shadows.stores.current();
    rest.load_files(shadows, &former, (&next.writer, &next.shards, &next.reader), Files::All)?;
    let stopped = former.writer.blocking_lock();
    let begin = Instant::now();
    loop {
        let changes = rest.carrier.read(&*stopped)?;
        let is_all = changes.is_all();
        rest.carrier.follow(changes, next.writer.get_mut(), &next.shards)?;
        if is_all {
            break;
        }
    }
    rest.successor.succeed()?;
    let generation = next.generation;
    shadows.stores.replace(next, &stopped);
    drop(stopped);
    let seconds = begin.elapsed().as_secs_f64();
    shadows.metrics.shadow_stop_seconds.set(seconds);
    let card_rows = rest.carrier.rows();
    tracing::info!(
        generation,
        card_rows,
        files = rest.loaded,
        seconds,
        "The shadow store serves. The log's writer stood still for these seconds."
    );
    let Rest { successor, folder, .. } = rest;
    Ok(Former { serving: former, successor, folder })
}

impl Rest {
    /// Loads the files kept until there is none left of these.
    fn load_files(
        &mut self,
        shadows: &Shadows,
        serving: &Serving,
        (writer, shards, reader): (&Mutex<Writer<LocalLog>>, &dyn ApplyChanges, &Reader),
        files: Files,
    ) -> Result<(), ShadowError> {
        loop {
            let kept = shadows.received.list()?;
            let next = kept.into_iter().find(|file| file.number > self.loaded);
            let Some(file) = next.filter(|file| files == Files::All || !file.is_loading) else {
                return Ok(());
            };
            let options = LoadOptions {
                mode: file.mode,
                insurer: file.insurer,
                at: file.at,
                removal_percent_max: match file.removed {
                    true => ALL_PERCENT,
                    false => shadows.options.removal_percent_max,
                },
            };
            let mut desk = Desk { writer, shards, reader, stop: &shadows.stop };
            load_file(&file, options, &serving.reader, &mut desk)?;
            self.loaded = file.number;
            shadows.files_loaded.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Loads one file, whose lines must not fare worse than in the serving store.
fn load_file(
    file: &KeptFile,
    options: LoadOptions,
    serving: &Reader,
    desk: &mut Desk<'_>,
) -> Result<(), ShadowError> {
    let id = digest(&file.path, file.mode)?;
    let before = serving.progress(&id)?;
    let source = BufReader::new(File::open(&file.path)?);
    // Whoever sent it was told of its rejected lines.
    let rejects = RejectWriter::new(io::sink())?;
    let loaded = match intake::load(source, id, options, desk, rejects, &mut |_| {}) {
        Ok(loaded) => loaded,
        Err(IntakeError::Store(error)) => return Err(error.into()),
        Err(IntakeError::Interrupted { .. }) => return Err(ShadowError::Stopping),
        // Cut off in the serving store too: what of it took effect there did so here.
        Err(_) if before.is_none_or(|progress| !progress.complete) => return Ok(()),
        Err(source) => return Err(ShadowError::File { file: named(id), source }),
    };
    let rejected = before.map_or(u64::MAX, |progress| progress.rejected);
    match loaded.progress.rejected.checked_sub(rejected) {
        Some(lines @ 1..) => Err(ShadowError::Refuses { file: named(id), lines }),
        Some(0) | None => Ok(()),
    }
}

fn named(id: FileId) -> String {
    format!("{id:?}")
}

/// Cards with registrations, by RocksDB's estimate.
pub(super) fn card_faces(reader: &Reader) -> u64 {
    reader.stats().shards.iter().map(|shard| shard.entries_estimate).sum()
}

/// A list that was cut off must not uninsure a city.
fn check_size(serving: &Reader, shadow: &Reader, percent: u8) -> Result<(), ShadowError> {
    let (serving, shadow) = (card_faces(serving), card_faces(shadow));
    let kept = u64::from(ALL_PERCENT.saturating_sub(percent));
    let least = serving.saturating_mul(kept) / u64::from(ALL_PERCENT);
    if shadow >= least { Ok(()) } else { Err(ShadowError::Fewer { shadow, serving }) }
}
