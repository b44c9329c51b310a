//! The command-line tools around the store: `load`, `rebuild`, `verify`.

use crate::bulk;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::http::LoadReport;
use crate::intake::{self, Desk, FileDigest, IntakeError, LoadOptions, Mode};
use crate::line::{Engine, Line};
use crate::serve::store_options;
use crate::shadow::{Received, ShadowError};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use shikaku_store::{
    BulkKind, BulkProgress, BulkSummary, FileId, InPlace, Reader, Store, StoreError,
};
use shikaku_wire::members::{FileKind, MemberFile, RejectWriter};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

type Outcome = Result<(), Box<dyn Error>>;

/// How much of a file is read at a time.
const READ_BYTES: usize = 1 << 20;

/// Load insurers' files.
#[derive(Args)]
pub struct LoadArgs {
    /// Files of members or insurers, loaded in this order. The list of insurers comes first.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What the lines are.
    #[arg(long, value_enum, default_value = "delta")]
    mode: CliMode,
    /// Load everybody at once into an empty store, then all cards: several times as fast, by
    /// sorting. `-` reads a members' file from standard input. When it is cut off, the same command
    /// goes on (一括登録: 空の保存先にのみ使用できます).
    #[arg(long, conflicts_with_all = ["mode", "server"])]
    bulk: bool,
    /// Configuration whose store is loaded. The engine must not be running.
    #[arg(long, default_value = "shikaku.toml", conflicts_with = "server")]
    config: PathBuf,
    #[command(flatten)]
    engine: Engine,
}

#[derive(Clone, Copy, ValueEnum)]
enum CliMode {
    /// 差分: changes; everyone else stays.
    Delta,
    /// 全件: all members of one insurer; whoever is missing is withdrawn.
    Full,
}

/// Make shards again from the change log.
#[derive(Args)]
pub struct RebuildArgs {
    /// Configuration whose store is rebuilt. The engine must not be running.
    #[arg(long, default_value = "shikaku.toml")]
    config: PathBuf,
    /// Only this shard, counted from 0.
    #[arg(long)]
    shard: Option<u16>,
}

/// Read everything in the store and say what is damaged.
#[derive(Args)]
pub struct VerifyArgs {
    /// Configuration whose store is read. The engine must not be running.
    #[arg(long, default_value = "shikaku.toml")]
    config: PathBuf,
}

/// Runs `shikaku load`.
///
/// # Errors
/// The first file that cannot be loaded ends the run; files before it are in.
pub fn load(args: &LoadArgs) -> Outcome {
    let mode = match args.mode {
        CliMode::Delta => Mode::Delta,
        CliMode::Full => Mode::Full,
    };
    if let Some(line) = args.engine.line()? {
        return args.files.iter().try_for_each(|file| send(&line, file, mode));
    }
    let how = if args.bulk { How::InBulk } else { How::ByLine(mode) };
    load_here(&args.files, how, &Config::load(&args.config, std::env::vars())?)
}

/// The name that stands for standard input.
pub(crate) const STANDARD_INPUT: &str = "-";

/// How files become registrations.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// Line by line.
    ByLine(Mode),
    /// Members and cards by sorting; lists of insurers line by line.
    InBulk,
}

fn load_here(files: &[PathBuf], how: How, config: &Config) -> Outcome {
    // A name that is mistyped is noticed before anything is made.
    let is_input = |path: &&PathBuf| how == How::InBulk && path.as_os_str() == STANDARD_INPUT;
    for path in files.iter().filter(|path| !is_input(path)) {
        File::open(path).map_err(|error| unreadable(path, &error))?;
    }
    let store = Store::open(&store_options(config)).map_err(|error| {
        let advice = match matches!(error, StoreError::InUse { .. }) {
            true => "\nThe running engine takes files: shikaku load --server https://… --ca … --cert … --key …",
            false => "",
        };
        with_code(&error) + advice
    })?;
    if Received::new(config.store.path.clone()).is_begun()? {
        // What is loaded here would not be in the store that takes over.
        return Err(ShadowError::UnderWay.in_words().into());
    }
    load_into(store, files, how, config)
}

/// Loads everybody into the shadow that was begun beside the serving generation, whose engine may be
/// running.
///
/// # Errors
/// [`ShadowError::NotBegun`] when that shadow serves by now, or was given up; else with what to do.
pub(crate) fn load_shadow(files: &[PathBuf], config: &Config, serving: u32) -> Outcome {
    let store = Store::open_shadow(&store_options(config)).map_err(|error| {
        let error = match matches!(error, StoreError::InUse { .. }) {
            true => ShadowError::UnderWay,
            false => error.into(),
        };
        error.in_words()
    })?;
    // Until it was open, its engine could let it serve: these files are older than the next one.
    let is_next = store.generation() == serving.saturating_add(1);
    if !(is_next && Received::new(config.store.path.clone()).is_begun()?) {
        return Err(ShadowError::NotBegun.in_words().into());
    }
    load_into(store, files, How::InBulk, config).map_err(|error| {
        const ADVICE: &str =
            "The same command goes on; `shikaku shadow abandon` gives the new store up.";
        format!("{error}\n{ADVICE}").into()
    })
}

fn load_into(store: Store, files: &[PathBuf], how: How, config: &Config) -> Outcome {
    let folder = store.folder().to_owned();
    let (writer, writers, reader) = store.into_parts();
    let mut writer = Mutex::new(writer);
    let shards = InPlace::new(writers);
    let stop = AtomicBool::new(false);
    let mut files = files.to_vec();
    let (mut members, mut cards) = (Vec::new(), Vec::new());
    let mode = match how {
        How::ByLine(mode) => mode,
        How::InBulk => Mode::Delta,
    };
    if how == How::InBulk {
        for path in std::mem::take(&mut files) {
            let is_input = path.as_os_str() == STANDARD_INPUT;
            let file = (!is_input).then(|| File::open(&path)).transpose()?;
            // What cannot be read as any of them is refused as a members' file.
            let kind = file.and_then(|file| Some(MemberFile::open(file).ok()?.kind()));
            match kind.unwrap_or(FileKind::Members) {
                FileKind::Insurers => files.push(path),
                FileKind::Members => members.push(path),
                FileKind::Cards => cards.push(path),
            }
        }
    }
    let mut desk = Desk { writer: &writer, shards: &shards, reader: &reader, stop: &stop };
    for path in &files {
        let started = Instant::now();
        let id = digest(path, mode)?;
        let bar = bar(std::fs::metadata(path)?.len(), path);
        let source = BufReader::with_capacity(READ_BYTES, bar.wrap_read(File::open(path)?));
        let rejects_path = rejects_beside(path);
        let rejects = RejectWriter::new(BufWriter::new(File::create(&rejects_path)?))?;
        let options = LoadOptions {
            mode,
            insurer: None,
            at: SystemClock.unix_seconds(),
            removal_percent_max: config.intake.removal_percent_max,
        };
        let lines = &mut |lines| bar.set_message(format!("{lines} lines"));
        let loaded = intake::load(source, id, options, &mut desk, rejects, lines);
        bar.finish_and_clear();
        let summary = loaded.map_err(|error| intake_error(&error))?;
        let report = LoadReport::new(id, mode, &summary);
        if report.rejected == 0 {
            std::fs::remove_file(&rejects_path)?;
        }
        print_report(path, &report, &rejects_path.display().to_string(), started.elapsed());
    }
    let mut desk = bulk::Desk {
        store: &folder,
        writer: writer.get_mut(),
        shards: &shards,
        reader: &reader,
        at: SystemClock.unix_seconds(),
    };
    for (kind, files) in [(BulkKind::Members, members), (BulkKind::Cards, cards)] {
        if !files.is_empty() {
            load_in_bulk(kind, &files, &mut desk)?;
        }
    }
    Ok(())
}

fn load_in_bulk(kind: BulkKind, files: &[PathBuf], desk: &mut bulk::Desk<'_>) -> Outcome {
    let started = Instant::now();
    let bytes = files.iter().map(|path| std::fs::metadata(path).map_or(0, |data| data.len()));
    let bars = BulkBars { reading: bar(bytes.sum(), Path::new("reading")), sorting: sorting_bar() };
    let loaded = bulk::load(kind, files, desk, &bars);
    bars.reading.finish_and_clear();
    bars.sorting.finish_and_clear();
    if matches!(loaded, Err(IntakeError::Store(StoreError::NotEmpty { .. })))
        && were_loaded(files, desk.reader)?
    {
        say("These very files were loaded before; nothing was done. 登録済みのファイルです。");
        return Ok(());
    }
    let loaded = loaded.map_err(|error| intake_error(&error))?;
    for (path, (lines, rejected)) in files.iter().zip(&loaded.files) {
        say(&format!("{} (bulk)\n  lines      {lines:>10}", path.display()));
        if *rejected > 0 {
            say(&format!("  REJECTED   {rejected:>10}  see {}", rejects_beside(path).display()));
        }
    }
    if kind == BulkKind::Cards {
        let (lines, seconds) = (
            loaded.files.iter().map(|(lines, _)| lines).sum::<u64>(),
            started.elapsed().as_secs_f64(),
        );
        say(&format!(
            "together, in {seconds:.1} s, {:.0} lines a second",
            lines as f64 / seconds.max(f64::MIN_POSITIVE)
        ));
        return Ok(());
    }
    let BulkSummary { persons, added, changed, unchanged, .. } = loaded.summary;
    let BulkSummary { withdrawn, not_found, gaps, overlaps, .. } = loaded.summary;
    let seconds = started.elapsed().as_secs_f64();
    say(&format!(
        "together\n  persons    {persons:>10}  in {seconds:.1} s, {:.0} a second\n  added      \
         {added:>10}  changed {changed}  unchanged {unchanged}\n  withdrawn  {withdrawn:>10}  not \
         found {not_found}\n  gaps       {gaps:>10}  overlaps {overlaps}",
        persons as f64 / seconds.max(f64::MIN_POSITIVE),
    ));
    Ok(())
}

/// Whether all of these files are in: a load may have been cut off when it had done its work.
fn were_loaded(files: &[PathBuf], reader: &Reader) -> Result<bool, Box<dyn Error>> {
    for path in files {
        if path.as_os_str() == STANDARD_INPUT {
            return Ok(false);
        }
        let progress = reader.progress(&digest(path, Mode::Delta)?)?;
        if !progress.is_some_and(|progress| progress.complete) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reading and sorting, shown one after the other.
struct BulkBars {
    reading: ProgressBar,
    sorting: ProgressBar,
}

impl bulk::Watch for BulkBars {
    fn read(&self, bytes: u64) {
        self.reading.inc(bytes);
    }

    fn sorted(&self, progress: BulkProgress) {
        self.reading.finish_and_clear();
        self.sorting.set_length(progress.of);
        self.sorting.set_position(progress.rows);
    }
}

fn sorting_bar() -> ProgressBar {
    const FORM: &str = "{prefix} {bar:32} {human_pos}/{human_len} rows {per_sec} {eta} left";
    let style = ProgressStyle::with_template(FORM).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_prefix("sorting")
}

fn with_code(error: &StoreError) -> String {
    format!("{}: {error}\n{}", error.code(), error.staff_ja())
}

fn intake_error(error: &IntakeError) -> String {
    format!("{}: {error}\n{}", error.code(), error.ja())
}

pub(crate) fn rejects_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".rejects.csv");
    path.with_file_name(name)
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> String {
    format!(
        "SHK-INT-005: cannot read {}: {error}\nファイルを読み取れません。名前と権限を確認してください。",
        path.display()
    )
}

pub(crate) fn digest(path: &Path, mode: Mode) -> io::Result<FileId> {
    let mut digest = FileDigest::default();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let read = file.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        digest.update(bytes);
    }
    Ok(digest.finish(mode))
}

fn send(line: &Line, path: &Path, mode: Mode) -> Outcome {
    let started = Instant::now();
    let bar = bar(std::fs::metadata(path)?.len(), path);
    let mut lines = bar.wrap_read(File::open(path)?);
    let report = line.upload(&format!("/v1/members?mode={}", mode.name()), &mut lines);
    bar.finish_and_clear();
    let report: LoadReport = report?;
    let rejects = line.address(&format!("/v1/members/rejects/{}", report.file));
    print_report(path, &report, &rejects, started.elapsed());
    Ok(())
}

fn bar(bytes: u64, path: &Path) -> ProgressBar {
    const FORM: &str =
        "{prefix} {bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left  {msg}";
    let style = ProgressStyle::with_template(FORM).unwrap_or_else(|_| ProgressStyle::default_bar());
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    ProgressBar::new(bytes).with_style(style).with_prefix(name)
}

#[expect(clippy::print_stdout, reason = "the command's result is for its user")]
fn print_report(path: &Path, report: &LoadReport, rejects: &str, took: Duration) {
    let LoadReport { lines, added, changed, unchanged, withdrawn, not_found, .. } = report;
    println!("{} ({})", path.display(), report.mode);
    if report.repeated {
        println!("  This very file was loaded before; nothing was done. 登録済みのファイルです。");
        return;
    }
    if report.resumed_after > 0 {
        println!("  resumed after line {}", report.resumed_after);
    }
    println!("  lines      {lines:>10}  in {:.1} s", took.as_secs_f64());
    if report.insurers > 0 {
        println!("  insurers   {:>10}", report.insurers);
        return;
    }
    println!("  added      {added:>10}  changed {changed}  unchanged {unchanged}");
    println!("  withdrawn  {withdrawn:>10}  not found {not_found}  removed {}", report.removed);
    println!("  gaps       {:>10}  overlaps {}", report.gaps, report.overlaps);
    if report.removals_withheld > 0 {
        println!(
            "  {} members not in the file were KEPT: lines were rejected, or too many would go. \
             Correct the file and load it again. 対象外の加入者は削除していません。",
            report.removals_withheld
        );
    }
    if report.rejected > 0 {
        println!("  REJECTED   {:>10}  see {rejects}", report.rejected);
    }
}

/// Runs `shikaku rebuild`.
///
/// # Errors
/// What the store reports.
pub fn rebuild(args: &RebuildArgs) -> Outcome {
    let config = Config::load(&args.config, std::env::vars())?;
    let bar = ProgressBar::new(0).with_prefix("rebuilding");
    let result = shikaku_store::rebuild(&config.store.path, args.shard, &mut |progress| {
        bar.set_length(progress.head.number());
        bar.set_position(progress.applied.number());
    });
    bar.finish_and_clear();
    result.map_err(|error| with_code(&error))?;
    say("The shards are as the change log says. シャードを再構築しました。");
    Ok(())
}

/// Runs `shikaku verify`.
///
/// # Errors
/// What is damaged.
pub fn verify(args: &VerifyArgs) -> Outcome {
    let config = Config::load(&args.config, std::env::vars())?;
    let report = shikaku_store::verify(&config.store.path).map_err(|error| with_code(&error))?;
    say(&format!(
        "log records    {:>12}\ncard faces     {:>12}\nregistrations  {:>12}\npersons        {:>12}\n\
         insurers       {:>12}\ncards          {:>12}\nconsents       {:>12}\n\
         card events    {:>12}\nproblems       {:>12}",
        report.log_records,
        report.entries,
        report.registrations,
        report.persons,
        report.insurers,
        report.certificates,
        report.consents,
        report.card_events,
        report.problem_count,
    ));
    report.problems.iter().for_each(|problem| say(&format!("  {}: {problem}", problem.code())));
    if report.is_sound() {
        return Ok(());
    }
    Err("the store is damaged; `shikaku rebuild` makes shards again from the log. \
         データが破損しています。`shikaku rebuild`で再構築してください。"
        .into())
}

#[expect(clippy::print_stdout, reason = "the command's result is for its user")]
fn say(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shadow_is_loaded_only_beside_the_generation_that_it_was_begun_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shikaku.toml");
        let text = "tls = { certificate = 'a', key = 'a', client_ca = 'a' }\n\
                    store = { path = 'store', shards = 1 }\n\
                    accounts = { file = 'a', token_key = 'a' }";
        std::fs::write(&path, text).unwrap();
        let config = Config::load(&path, std::iter::empty()).unwrap();
        let load = |serving| load_shadow(&[], &config, serving).map_err(|error| error.to_string());
        let is_refused = |serving| load(serving).unwrap_err().contains("SHK-SHD-010");
        assert!(is_refused(1), "nothing was begun");
        Received::new(config.store.path.clone()).begin().unwrap();
        assert_eq!(load(1), Ok(()));
        assert!(is_refused(0), "what was begun beside generation 0 is generation 1, which serves");
    }
}
