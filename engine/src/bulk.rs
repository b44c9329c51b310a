//! Loading members, or cards, in bulk: one thread reads and cuts, the others parse and collect; the
//! store sorts (`shikaku_store::BulkLoad`). In rounds, each of which ends durably, so that a load
//! that was killed goes on behind the last round.

use crate::intake::{FileDigest, IntakeError, Mode, binding, of_insurer};
use crate::load::{STANDARD_INPUT, rejects_beside};
use shikaku_domain::{InsurerNumber, MemberChange};
use shikaku_store::{
    BulkCursor, BulkKind, BulkLoad, BulkProgress, BulkSummary, Collected, Collector, InPlace,
    LocalLog, Reader, Writer,
};
use shikaku_wire::members::{
    Content, FileError, FileKind, FileShape, MemberFile, Problem, Reject, RejectWriter,
};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What is read, and parsed by one thread, at a time: some 2,000 lines.
const CHUNK_BYTES: usize = 1 << 20;
/// Chunks that wait for a thread.
const CHUNKS_WAITING: usize = 8;
/// Rejected lines that one thread keeps before a round ends.
const REJECTS_MAX: usize = 100_000;
/// Lines of one file, so that file and line fit one number.
const LINE_BITS: u32 = 40;
/// Threads that parse: the reading one hardly works.
const THREADS_MAX: usize = 64;

/// The places a bulk load works with.
pub(crate) struct Desk<'a> {
    /// The store's folder.
    pub(crate) store: &'a Path,
    pub(crate) writer: &'a mut Writer<LocalLog>,
    pub(crate) shards: &'a InPlace,
    pub(crate) reader: &'a Reader,
    /// When certificates are bound, Unix seconds.
    pub(crate) at: u64,
}

/// What happens, for whoever watches.
pub(crate) trait Watch: Sync {
    /// Bytes that were read, those of an earlier life of the load among them.
    fn read(&self, bytes: u64);
    /// Rows that were sorted.
    fn sorted(&self, progress: BulkProgress);
}

/// What a bulk load brought.
pub(crate) struct Loaded {
    pub(crate) summary: BulkSummary,
    /// Lines and rejected lines of each file, in the order given.
    pub(crate) files: Vec<(u64, u64)>,
}

/// Loads members' files, or files of cards, into a store without any. Goes on where an earlier life
/// was cut off.
///
/// # Errors
/// [`IntakeError`]; nothing is visible then, and the same files go on.
pub(crate) fn load(
    kind: BulkKind,
    files: &[PathBuf],
    desk: &mut Desk<'_>,
    watch: &dyn Watch,
) -> Result<Loaded, IntakeError> {
    let names: Vec<_> = files.iter().map(|path| path.as_os_str().as_encoded_bytes()).collect();
    let mut load = BulkLoad::open(desk.store, kind, &names, desk.writer, desk.reader)?;
    if !load.is_collected() {
        while let Some(path) =
            usize::try_from(load.cursor().files).ok().and_then(|at| files.get(at))
        {
            FileLoad::open(kind, path, load.cursor().clone(), watch)?.collect(&mut load, desk)?;
        }
        load.finish_collecting()?;
    }
    let lines = load.cursor().done.iter().map(|(_, lines, rejected)| (*lines, *rejected)).collect();
    let sorted = |progress| watch.sorted(progress);
    let (_, summary) = load.finish(desk.writer, desk.shards, &sorted)?;
    Ok(Loaded { summary, files: lines })
}

/// One file on its way into the runs.
struct FileLoad<'w> {
    path: PathBuf,
    source: Box<dyn Read>,
    shape: FileShape,
    digest: FileDigest,
    /// Bytes behind the last whole line.
    rest: Vec<u8>,
    cursor: BulkCursor,
    watch: &'w dyn Watch,
}

/// Whole lines, and the lines of the file before them.
struct Chunk {
    lines: Vec<u8>,
    lines_before: u64,
}

/// What one thread made of its chunks.
struct Parsed {
    rows: Collected,
    rejects: Vec<Reject>,
    rejected: u64,
}

impl<'w> FileLoad<'w> {
    /// Opens a file and goes to where the cursor stands.
    fn open(
        kind: BulkKind,
        path: &Path,
        cursor: BulkCursor,
        watch: &'w dyn Watch,
    ) -> Result<Self, IntakeError> {
        let mut source = open(path).map_err(FileError::Io)?;
        let mut head = Vec::new();
        source.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut head).map_err(FileError::Io)?;
        let shape = MemberFile::shape(head.as_slice())?;
        let wanted = match kind {
            BulkKind::Members => FileKind::Members,
            BulkKind::Cards => FileKind::Cards,
        };
        if shape.kind() != wanted {
            return Err(IntakeError::BulkNeedsMembers);
        }
        let (head_bytes, head_lines) = shape.head();
        let source: Box<dyn Read> = Box::new(io::Cursor::new(head).chain(source));
        let mut file = Self {
            path: path.to_owned(),
            source,
            shape,
            digest: FileDigest::default(),
            rest: Vec::new(),
            cursor,
            watch,
        };
        let is_new = file.cursor.bytes == 0;
        let skipped = if is_new { head_bytes as u64 } else { file.cursor.bytes };
        file.skip(skipped)?;
        if is_new {
            file.cursor = BulkCursor {
                bytes: skipped,
                lines: head_lines,
                digest: String::new(),
                rejected: 0,
                reject_bytes: 0,
                ..file.cursor
            };
        } else if file.digest_so_far() != file.cursor.digest {
            return Err(IntakeError::BulkChanged { path: path.to_owned() });
        }
        Ok(file)
    }

    fn skip(&mut self, bytes: u64) -> Result<(), FileError> {
        let mut left = bytes;
        let mut buffer = vec![0; CHUNK_BYTES];
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            let read = self.source.read(buffer.get_mut(..most).unwrap_or_default())?;
            if read == 0 {
                return Ok(());
            }
            self.digest.update(buffer.get(..read).unwrap_or_default());
            self.watch.read(read as u64);
            left -= read as u64;
        }
        Ok(())
    }

    fn digest_so_far(&self) -> String {
        format!("{:?}", self.digest.clone().finish(Mode::Delta))
    }

    /// Reads the file to its end, round by round.
    fn collect(mut self, load: &mut BulkLoad, desk: &mut Desk<'_>) -> Result<(), IntakeError> {
        loop {
            let (parsed, is_over) = self.round(load, desk.reader, desk.at)?;
            let mut rejects = Vec::new();
            let mut rows = Vec::with_capacity(parsed.len());
            for part in parsed {
                self.cursor.rejected += part.rejected;
                rejects.extend(part.rejects);
                rows.push(part.rows);
            }
            rejects.sort_by_key(|reject| reject.line);
            self.write_rejects(&rejects).map_err(IntakeError::Rejects)?;
            self.cursor.digest = self.digest_so_far();
            if is_over {
                let BulkCursor { files, lines, rejected, digest, mut done, .. } = self.cursor;
                done.push((digest, lines, rejected));
                let cursor = BulkCursor { files: files + 1, done, ..BulkCursor::default() };
                return Ok(load.checkpoint(rows, cursor, desk.writer, desk.shards)?);
            }
            load.checkpoint(rows, self.cursor.clone(), desk.writer, desk.shards)?;
        }
    }

    /// Reads until a thread has as much as it may keep. Says whether the file is over.
    fn round(
        &mut self,
        load: &BulkLoad,
        reader: &Reader,
        at: u64,
    ) -> Result<(Vec<Parsed>, bool), IntakeError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
        let (chunks, queue) = sync_channel(CHUNKS_WAITING);
        let queue = Mutex::new(queue);
        let is_full = AtomicBool::new(false);
        let parser = Parser {
            shape: self.shape.clone(),
            reader,
            at,
            first: self.cursor.files << LINE_BITS,
            is_full: &is_full,
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..threads)
                .map(|_| scope.spawn(|| parser.parse(&queue, load.collector())))
                .collect();
            let is_over = self.feed(chunks, &is_full);
            let mut parsed = Vec::with_capacity(threads.len());
            for thread in threads {
                match thread.join() {
                    Ok(part) => parsed.push(part?),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            Ok((parsed, is_over?))
        })
    }

    fn feed(&mut self, to: SyncSender<Chunk>, is_full: &AtomicBool) -> Result<bool, FileError> {
        while !is_full.load(Ordering::Relaxed) {
            let Some(lines) = self.next_lines()? else { return Ok(true) };
            let lines_before = self.cursor.lines;
            self.cursor.lines += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.cursor.lines += u64::from(lines.last() != Some(&b'\n'));
            self.cursor.bytes += lines.len() as u64;
            self.digest.update(&lines);
            if to.send(Chunk { lines, lines_before }).is_err() {
                break; // a thread met an error, which it tells
            }
        }
        // What was read but not handed out is read again in the next round.
        Ok(false)
    }

    /// The next whole lines; `None` at the end.
    fn next_lines(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut lines = std::mem::take(&mut self.rest);
        let before = lines.len();
        let read = self.source.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut lines)?;
        self.watch.read(read as u64);
        if read == 0 {
            return Ok((before > 0).then_some(lines));
        }
        // A line that is longer than a chunk is refused by the parser.
        if let Some(end) = lines.iter().rposition(|byte| *byte == b'\n') {
            self.rest = lines.split_off(end + 1);
        }
        Ok(Some(lines))
    }

    /// Adds rejected lines to the list beside the file, behind those that count.
    fn write_rejects(&mut self, rejects: &[Reject]) -> io::Result<()> {
        let path = rejects_beside(&self.path);
        if rejects.is_empty() && self.cursor.reject_bytes == 0 {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let mut file = File::options().create(true).truncate(false).write(true).open(&path)?;
        file.set_len(self.cursor.reject_bytes)?;
        file.seek(SeekFrom::End(0))?;
        let out = BufWriter::new(file);
        let mut list = match self.cursor.reject_bytes {
            0 => RejectWriter::new(out)?,
            _ => RejectWriter::behind(out),
        };
        rejects.iter().try_for_each(|reject| list.write(reject))?;
        let mut file = list.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.flush()?;
        file.sync_all()?;
        self.cursor.reject_bytes = file.metadata()?.len();
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path.as_os_str() == STANDARD_INPUT {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(path)?))
}

/// What the parsing threads share.
struct Parser<'r> {
    shape: FileShape,
    reader: &'r Reader,
    at: u64,
    /// The sequence number before the file's first line.
    first: u64,
    is_full: &'r AtomicBool,
}

impl Parser<'_> {
    fn parse(
        &self,
        queue: &Mutex<Receiver<Chunk>>,
        mut rows: Collector<'_>,
    ) -> Result<Parsed, IntakeError> {
        let (mut rejects, mut rejected) = (Vec::new(), 0);
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(Chunk { lines, lines_before }) = next else { break };
            let mut part = self.shape.part(&lines, lines_before);
            while let Some(line) = part.next() {
                let line = line.inspect_err(|_| self.is_full.store(true, Ordering::Relaxed))?;
                let number = line.number;
                let problems = match line.content {
                    Ok(Content::Member(change)) => self.take(number, &change, &mut rows),
                    Ok(Content::Card(card)) => match binding(&card, self.at, self.reader)? {
                        Ok(binding) => {
                            rows.bind(self.first + number, &binding);
                            Vec::new()
                        }
                        Err(problem) => vec![Reject { line: number, column: None, problem }],
                    },
                    Ok(Content::Insurer(_)) => Vec::new(), // neither kind of file has one
                    Err(problems) => problems,
                };
                rejected += u64::from(!problems.is_empty());
                rejects.extend(problems);
            }
            if rows.is_full() || rejects.len() > REJECTS_MAX {
                self.is_full.store(true, Ordering::Relaxed);
            }
        }
        Ok(Parsed { rows: rows.into(), rejects, rejected })
    }

    fn take(&self, line: u64, change: &MemberChange<'_>, rows: &mut Collector<'_>) -> Vec<Reject> {
        if self.reader.insurer(insurer_of(change)).is_none() {
            return vec![of_insurer(line, Problem::UnknownInsurer)];
        }
        rows.take(self.first + line, change);
        Vec::new()
    }
}

const fn insurer_of(change: &MemberChange<'_>) -> InsurerNumber {
    match change {
        MemberChange::Put(registration) => registration.card.insurer,
        MemberChange::Withdraw { card, .. } => card.insurer,
    }
}
