//! The options of `shikaku backup` and what they print.

use super::{BackupError, Backups};
use crate::clock::Clock;
use crate::config::Config;
use crate::http::CheckpointReport;
use crate::line::{Engine, Refusal};
use crate::serve::store_options;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use shikaku_store::{Position, Store, StoreError, checkpoint_folder, remove_checkpoint};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Backups that are kept by default: two weeks of daily ones.
const KEPT: u32 = 14;
const GIB: f64 = 1_073_741_824.0;

/// Back up the store, also while the engine serves, and try backups out. Certificates, accounts and
/// configuration are small files of yours and not part of it. Backups hold personal data: keep
/// them where only the service's user can read.
#[derive(Args)]
pub struct BackupArgs {
    #[command(subcommand)]
    command: BackupCommand,
}

#[derive(Subcommand)]
enum BackupCommand {
    /// Make a backup. Only what earlier backups in the folder do not hold is copied.
    Create {
        #[command(flatten)]
        folder: Folder,
        /// Configuration whose store is backed up.
        #[arg(long, default_value = "shikaku.toml")]
        config: PathBuf,
        /// Keep so many backups and remove the oldest.
        #[arg(long, default_value_t = KEPT, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        keep: u32,
        #[command(flatten)]
        engine: Engine,
    },
    /// List the backups, the oldest first.
    List {
        #[command(flatten)]
        folder: Folder,
    },
    /// Read every byte of a backup and compare it with its digests.
    Verify {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        which: Which,
    },
    /// Put a backup where the configuration says that the store is. Nothing may be there.
    Restore {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        which: Which,
        /// Configuration whose store is restored.
        #[arg(long, default_value = "shikaku.toml")]
        config: PathBuf,
    },
    /// Restore a backup to a scratch folder, open it, read every record, and remove it again. Says
    /// how long a restore takes.
    Drill {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        which: Which,
        /// Folder with room for a whole store.
        #[arg(long)]
        scratch: PathBuf,
    },
}

#[derive(Args)]
struct Folder {
    /// Folder of the backups, best on another disk than the store.
    #[arg(long)]
    dir: PathBuf,
}

#[derive(Args)]
struct Which {
    /// The backup's id, as listed; by default the newest.
    #[arg(long)]
    id: Option<String>,
}

/// Runs `shikaku backup`.
///
/// # Errors
/// [`BackupError`] with what to do.
pub fn run(args: &BackupArgs, clock: &dyn Clock, out: &mut dyn Write) -> Result<(), BackupError> {
    let lines = match &args.command {
        BackupCommand::Create { folder, config, keep, engine } => {
            create(&folder.dir, config, *keep, engine, clock)?
        }
        BackupCommand::List { folder } => list(&folder.dir)?,
        BackupCommand::Verify { folder, which } => verify(&folder.dir, which)?,
        BackupCommand::Restore { folder, which, config } => restore(&folder.dir, which, config)?,
        BackupCommand::Drill { folder, which, scratch } => drill(&folder.dir, which, scratch)?,
    };
    // The work is done; a closed output changes nothing.
    let _ = lines.iter().try_for_each(|line| writeln!(out, "{line}"));
    Ok(())
}

fn create(
    folder: &Path,
    config: &Path,
    keep: u32,
    engine: &Engine,
    clock: &dyn Clock,
) -> Result<Vec<String>, BackupError> {
    let config = Config::load(config, std::env::vars())?;
    let backups = Backups::open(folder)?;
    let started = Instant::now();
    let store = &config.store.path;
    let position = checkpoint(&config, engine)?;
    let bar = bytes_bar("backing up");
    let begin = |bytes| bar.set_length(bytes);
    let checkpoint = checkpoint_folder(store);
    let made = backups.create(&checkpoint, position, clock, &begin, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    remove_checkpoint(store)?;
    let made = made?;
    let removed = backups.keep(usize::try_from(keep).unwrap_or(usize::MAX))?;
    Ok(vec![
        format!("backup     {}", made.id),
        format!("position   {}", made.list.position),
        format!("size       {:.3} GiB in {} files", gib(made.list.bytes()), made.list.files.len()),
        format!("copied     {:.3} GiB in {}", gib(made.copied), seconds(started)),
        format!("removed    {removed} older backups"),
    ])
}

/// Has the running engine make a checkpoint, or makes one while none runs.
fn checkpoint(config: &Config, engine: &Engine) -> Result<Position, BackupError> {
    let failed = |Refusal { server, reason }| BackupError::Engine { server, reason };
    if let Some(engine) = engine.line().map_err(failed)? {
        let report: CheckpointReport = engine.post("/v1/checkpoint").map_err(failed)?;
        return Ok(Position::from_number(report.position));
    }
    let store = Store::open(&store_options(config)).map_err(|error| {
        if !matches!(error, StoreError::InUse { .. }) {
            return BackupError::Store(error);
        }
        let reason = "the engine runs: give --server with its address, --ca, --cert and --key";
        BackupError::Engine { server: "https://…".to_owned(), reason: reason.to_owned() }
    })?;
    let (mut writer, _, _) = store.into_parts();
    Ok(writer.checkpoint(&config.store.path)?)
}

fn list(folder: &Path) -> Result<Vec<String>, BackupError> {
    let all = Backups::open(folder)?.all()?;
    let mut lines = vec!["id              position         GiB  files  version".to_owned()];
    lines.extend(all.iter().map(|(id, list)| {
        let (position, files) = (list.position, list.files.len());
        format!("{id}  {position:>8}  {:>10.3}  {files:>5}  {}", gib(list.bytes()), list.version)
    }));
    Ok(lines)
}

fn verify(folder: &Path, which: &Which) -> Result<Vec<String>, BackupError> {
    let backups = Backups::open(folder)?;
    let (id, list) = backups.find(which.id.as_deref())?;
    let bar = bytes_bar("reading");
    bar.set_length(list.bytes());
    let verified = backups.verify(&list, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    verified?;
    Ok(vec![format!("Backup {id} is whole. バックアップは正常です。")])
}

fn restore(folder: &Path, which: &Which, config: &Path) -> Result<Vec<String>, BackupError> {
    let store = Config::load(config, std::env::vars())?.store.path;
    let backups = Backups::open(folder)?;
    let (id, list) = backups.find(which.id.as_deref())?;
    let started = Instant::now();
    let bar = bytes_bar("restoring");
    bar.set_length(list.bytes());
    let restored = backups.restore(&list, &store, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    restored?;
    Ok(vec![
        format!(
            "Backup {id} is in {}, up to position {}, after {}. 復元しました。",
            store.display(),
            list.position,
            seconds(started)
        ),
        "Changes after that position are not in it: insurers send their files again. \
         それ以降の変更は、保険者が再送する必要があります。"
            .to_owned(),
    ])
}

fn drill(folder: &Path, which: &Which, scratch: &Path) -> Result<Vec<String>, BackupError> {
    let backups = Backups::open(folder)?;
    let (id, list) = backups.find(which.id.as_deref())?;
    let started = Instant::now();
    let bar = bytes_bar("restoring");
    bar.set_length(list.bytes());
    let drilled = backups.drill(&list, scratch, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let report = drilled?;
    Ok(vec![
        format!("Backup {id} can be restored. このバックアップから復元できます。"),
        format!("restored and read in {}", seconds(started)),
        format!("log records   {:>12}", report.log_records),
        format!("card faces    {:>12}", report.entries),
        format!("persons       {:>12}", report.persons),
        format!("insurers      {:>12}", report.insurers),
    ])
}

fn bytes_bar(what: &'static str) -> ProgressBar {
    const FORM: &str = "{prefix} {bar:32} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left";
    let style = ProgressStyle::with_template(FORM).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style).with_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / GIB
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}
