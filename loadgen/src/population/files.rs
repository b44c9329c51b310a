//! The files of a population: what the insurers would deliver, and a manifest.
//!
//! People are made by several threads in chunks of [`CHUNK_BLOCKS`] blocks. Thread `t` of `n` makes
//! the chunks `t`, `t + n`, `t + 2n` and so on, each into its own bounded queue, and the writer
//! takes the queues in turn: the order of the file does not depend on the number of threads, and
//! no more than [`QUEUE_CHUNKS`] finished chunks wait in a queue.

use super::names::{in_cp932, is_outside_cp932};
use super::{Population, PopulationError, PopulationSpec, Tally};
use serde::{Deserialize, Serialize};
use shikaku_domain::{CharacterCode, Day, Registration, Text};
use shikaku_wire::members::{InsurerWriter, MemberWriter, WriteError};
use std::borrow::Cow;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Name of the insurer master in the directory.
pub const INSURERS_FILE: &str = "insurers.csv";
/// Name of the members' file of all insurers.
pub const MEMBERS_FILE: &str = "members.csv";
/// Name of the file of cards, in the directory when cards were asked for.
pub const CARDS_FILE: &str = "cards.csv";
/// Name of the manifest, written last: a directory without it is not complete.
pub const MANIFEST_FILE: &str = "population.toml";

/// Blocks in a chunk: 4,096 people, some 2 MB of text.
const CHUNK_BLOCKS: u64 = 16;
/// Finished chunks that wait for the writer, per thread.
const QUEUE_CHUNKS: usize = 2;
/// Most threads; beyond, the disk is the limit.
pub(super) const THREADS_MAX: usize = 64;

/// Character encoding of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// UTF-8 without byte order mark.
    #[value(name = "utf-8")]
    #[serde(rename = "utf-8")]
    Utf8,
    /// Shift_JIS as Windows writes it; characters that it lacks become the common variant.
    Cp932,
}

impl Encoding {
    pub(super) const fn code(self) -> CharacterCode {
        match self {
            Self::Utf8 => CharacterCode::Utf8,
            Self::Cp932 => CharacterCode::ShiftJis,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "utf-8",
            Self::Cp932 => "cp932",
        })
    }
}

/// What a directory holds: everything that is needed to make the same people again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the manifest and of the model: the same version makes the same people.
    pub format_version: u32,
    /// Number of people.
    pub persons: u64,
    /// Seed, in decimal digits: TOML's numbers end at 2^63.
    pub seed: String,
    /// Reference date, `yyyyMMdd`.
    pub date: String,
    /// Encoding of the files.
    pub encoding: Encoding,
    /// Number of insurers.
    pub insurers: u64,
    /// Number of registrations.
    pub registrations: u64,
    /// Percent of the people whose My Number card is registered.
    #[serde(default)]
    pub cards_percent: u8,
    /// Names of the files: the insurer master, then members' files.
    pub files: Vec<String>,
}

impl Manifest {
    /// The version that this program writes and reads.
    pub const FORMAT_VERSION: u32 = 1;

    /// Reads the manifest of a directory.
    ///
    /// # Errors
    /// [`PopulationError::File`] when it cannot be read, [`PopulationError::Manifest`] when it is
    /// not a manifest of this version.
    pub fn read(directory: &Path) -> Result<Self, PopulationError> {
        let path = directory.join(MANIFEST_FILE);
        let text = fs::read_to_string(&path).map_err(|e| file_error(&path, e))?;
        let refuse = |reason: String| PopulationError::Manifest { path: path.clone(), reason };
        let manifest: Self = toml::from_str(&text).map_err(|e| refuse(e.message().to_owned()))?;
        if manifest.format_version != Self::FORMAT_VERSION {
            return Err(refuse(format!("format_version is {}", manifest.format_version)));
        }
        manifest.spec_or(refuse)?;
        Ok(manifest)
    }

    /// What determines the population.
    ///
    /// # Errors
    /// [`PopulationError::Manifest`] when seed, date or size are not usable.
    pub fn spec(&self) -> Result<PopulationSpec, PopulationError> {
        self.spec_or(|reason| PopulationError::Manifest {
            path: PathBuf::from(MANIFEST_FILE),
            reason,
        })
    }

    fn spec_or(
        &self,
        refuse: impl Fn(String) -> PopulationError,
    ) -> Result<PopulationSpec, PopulationError> {
        let spec = PopulationSpec {
            persons: self.persons,
            seed: self.seed.parse().map_err(|_| refuse("seed is not a number".to_owned()))?,
            date: Day::parse(&self.date).map_err(|e| refuse(format!("date: {e}")))?,
        };
        spec.check().map_err(|e| refuse(e.to_string()))?;
        Ok(spec)
    }
}

/// Where the members' lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Members {
    /// To members.csv.
    File,
    /// To standard output, for a program that reads them at once.
    Stdout,
    /// Nowhere: the insurers only, and no population.toml.
    None,
}

/// Writes the files of a population into an existing directory, the manifest last. Each file is
/// written under a temporary name first. `progress` is told how many people were written since.
///
/// # Errors
/// [`PopulationError::File`], [`PopulationError::Row`] or [`PopulationError::Worker`].
pub(super) fn write(
    population: &Population,
    directory: &Path,
    encoding: Encoding,
    threads: usize,
    members: Members,
    cards_percent: u8,
    progress: impl FnMut(u64),
) -> Result<Tally, PopulationError> {
    remove_if_there(&directory.join(MANIFEST_FILE))?;
    write_file(&directory.join(INSURERS_FILE), |out| {
        let mut writer = InsurerWriter::new(out, encoding.code())?;
        for insurer in population.insurers() {
            writer.write(insurer)?;
        }
        writer.finish().map(|_| ())
    })?;
    let mut files = vec![INSURERS_FILE.to_owned()];
    let path = directory.join(MEMBERS_FILE);
    let tally = match members {
        Members::None => return Ok(Tally::default()),
        Members::File => {
            files.push(MEMBERS_FILE.to_owned());
            let to = |fill: Fill<'_>| write_file(&path, |out| fill(out));
            write_members(population, encoding, threads, progress, to)?
        }
        Members::Stdout => write_members(population, encoding, threads, progress, write_stdout)?,
    };
    let spec = population.spec();
    let manifest = Manifest {
        format_version: Manifest::FORMAT_VERSION,
        persons: spec.persons,
        seed: spec.seed.to_string(),
        date: spec.date.to_string(),
        encoding,
        insurers: population.insurers().len() as u64,
        registrations: tally.registrations,
        cards_percent,
        files,
    };
    write_file(&directory.join(MANIFEST_FILE), |out| {
        let text = toml::to_string(&manifest).map_err(io::Error::other)?;
        Ok(out.write_all(text.as_bytes())?)
    })?;
    Ok(tally)
}

/// Writes all lines.
type Fill<'f> = &'f mut dyn FnMut(&mut dyn Write) -> Result<(), WriteError>;

fn write_members(
    population: &Population,
    encoding: Encoding,
    threads: usize,
    mut progress: impl FnMut(u64),
    to: impl FnOnce(Fill<'_>) -> Result<(), PopulationError>,
) -> Result<Tally, PopulationError> {
    let threads = threads.clamp(1, THREADS_MAX);
    let header = encode(&[], encoding)?;
    let mut failure = None;
    let mut tally = Tally::default();
    let written = thread::scope(|scope| {
        let queues: Vec<_> = (0..threads)
            .map(|first| {
                let (sender, queue) = sync_channel(QUEUE_CHUNKS);
                let header_bytes = header.len();
                scope.spawn(move || {
                    let chunks = (first as u64..).step_by(threads);
                    work(population, encoding, header_bytes, chunks, &sender);
                });
                queue
            })
            .collect();
        to(&mut |out| {
            out.write_all(&header)?;
            let chunks = population.blocks().div_ceil(CHUNK_BLOCKS);
            for queue in queues.iter().cycle().take(usize::try_from(chunks).unwrap_or(usize::MAX)) {
                match next_chunk(queue) {
                    Ok(chunk) => {
                        out.write_all(&chunk.bytes)?;
                        tally.merge(&chunk.tally);
                        progress(chunk.tally.persons);
                    }
                    Err(error) => {
                        failure = Some(error);
                        return Err(io::Error::other("no chunk").into());
                    }
                }
            }
            Ok(())
        })
        // The queues end here, so threads that wait to send stop before the scope waits for them.
    });
    match failure {
        Some(error) => Err(error),
        None => written.map(|()| tally),
    }
}

struct Chunk {
    bytes: Vec<u8>,
    tally: Tally,
}

fn next_chunk(queue: &Receiver<Result<Chunk, PopulationError>>) -> Result<Chunk, PopulationError> {
    queue.recv().unwrap_or(Err(PopulationError::Worker))
}

/// Makes chunks until there are no more people or nobody takes them.
fn work(
    population: &Population,
    encoding: Encoding,
    header_bytes: usize,
    chunks: impl Iterator<Item = u64>,
    queue: &SyncSender<Result<Chunk, PopulationError>>,
) {
    for chunk in chunks {
        let blocks = chunk * CHUNK_BLOCKS..((chunk + 1) * CHUNK_BLOCKS).min(population.blocks());
        if blocks.is_empty() {
            return;
        }
        let made = make(population, encoding, header_bytes, blocks);
        if queue.send(made).is_err() {
            return;
        }
    }
}

fn make(
    population: &Population,
    encoding: Encoding,
    header_bytes: usize,
    blocks: std::ops::Range<u64>,
) -> Result<Chunk, PopulationError> {
    let mut tally = Tally::default();
    let mut registrations = Vec::new();
    for block in blocks {
        let people = population.block(block);
        tally.add_block(&people, population.spec().date);
        registrations.extend(people.into_iter().flatten());
    }
    if encoding == Encoding::Cp932 {
        registrations.iter_mut().for_each(use_common_variants);
    }
    let mut bytes = encode(&registrations, encoding)?;
    bytes.drain(..header_bytes.min(bytes.len()));
    Ok(Chunk { bytes, tally })
}

/// A whole members' file, header and all.
fn encode(
    registrations: &[Registration<'_>],
    encoding: Encoding,
) -> Result<Vec<u8>, PopulationError> {
    let refuse = |reason: String| PopulationError::Row { encoding, reason };
    let write = || {
        let mut writer = MemberWriter::new(Vec::new(), encoding.code())?;
        for registration in registrations {
            writer.write(registration)?;
        }
        writer.finish()
    };
    match write().map_err(|error: WriteError| refuse(error.to_string()))? {
        (bytes, 0) => Ok(bytes),
        (_, count) => Err(refuse(format!("{count} characters do not exist in it"))),
    }
}

/// Replaces what CP932 lacks.
pub(super) fn use_common_variants(registration: &mut Registration<'static>) {
    let names = [Some(&mut registration.name), registration.insured_name.as_mut()];
    for name in names.into_iter().flatten() {
        if is_outside_cp932(name.expose()) {
            *name = Text::new(Cow::Owned(in_cp932(name.expose())));
        }
    }
}

fn write_stdout(fill: Fill<'_>) -> Result<(), PopulationError> {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let written = fill(&mut out).map_err(of_write).and_then(|()| out.flush());
    written.map_err(|error| file_error(Path::new("standard output"), error))
}

fn of_write(error: WriteError) -> io::Error {
    match error {
        WriteError::Io(error) => error,
        WriteError::TooMany { .. } => io::Error::other(error),
    }
}

/// Writes a file under a temporary name and gives it its own when everything is on the disk.
pub(super) fn write_file(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), WriteError>,
) -> Result<(), PopulationError> {
    let temporary = path.with_extension("part");
    let write = || {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
        fill(&mut out).map_err(of_write)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|error| {
        // Best effort: the error that is told is the one that stopped the writing.
        let _ = fs::remove_file(&temporary);
        file_error(path, error)
    })
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), PopulationError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_error(path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn file_error(path: &Path, source: io::Error) -> PopulationError {
    PopulationError::File { path: path.to_owned(), source }
}
