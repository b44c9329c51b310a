//! The options of `shikaku shadow` and what they print.

use super::{ShadowError, ShadowReport, Stage};
use crate::config::Config;
use crate::line::{Engine, Line};
use crate::load::{STANDARD_INPUT, load_shadow};
use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use shikaku_store::shadow_folder;
use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

type Outcome = Result<(), Box<dyn Error>>;

/// Between two looks at how far the engine is.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The lowest priority: questions come first. The kernel orders accesses to the disk by it too.
const NICE: i32 = 19;
/// Bytes on disk for each byte of members' files while they are sorted, in tenths: 280 bytes a
/// person, whose line has 364 (docs/capacity.md), and a sixth more for safety.
const DISK_TENTHS: u64 = 9;
/// Bytes on disk for each card face while everybody is sorted, where the input's size is not known.
const DISK_BYTES_A_CARD: u64 = 320;

/// Build the store anew while the engine serves, from the insurers' full files, and switch to it at one
/// moment: in another number of shards, or to be rid of everything that was. Members' files and
/// events of cards that come meanwhile are in it (新しい保存先を作成し、無停止で切り替えます).
#[derive(Args)]
pub struct ShadowArgs {
    #[command(subcommand)]
    command: ShadowCommand,
    /// Configuration whose store is built anew; its `store.shards` counts.
    #[arg(long, default_value = "shikaku.toml", global = true)]
    config: PathBuf,
}

#[derive(Subcommand)]
enum ShadowCommand {
    /// Begin: files that insurers send from now on are kept for the new store too. To be done before
    /// the insurers make their full files, so that nothing falls between.
    Begin {
        #[command(flatten)]
        engine: Engine,
    },
    /// Load the insurers' full files into the new store and switch to it. When it is cut off, the
    /// same command goes on.
    Load {
        /// The list of insurers, and members' files; `-` reads members from standard input.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Leave it at that; `shikaku shadow switch` switches.
        #[arg(long)]
        no_switch: bool,
        /// Switch also when the new store holds far fewer people.
        #[arg(long)]
        fewer: bool,
        #[command(flatten)]
        engine: Engine,
    },
    /// Switch to a new store that was loaded.
    Switch {
        /// Switch also when the new store holds far fewer people.
        #[arg(long)]
        fewer: bool,
        #[command(flatten)]
        engine: Engine,
    },
    /// Say how far it is.
    Status {
        #[command(flatten)]
        engine: Engine,
    },
    /// Give the new store up and remove it; the serving one is as it was.
    Abandon {
        #[command(flatten)]
        engine: Engine,
    },
}

/// Runs `shikaku shadow`.
///
/// # Errors
/// With what to do.
pub fn run(args: &ShadowArgs) -> Outcome {
    match &args.command {
        ShadowCommand::Begin { engine } => {
            let _: ShadowReport = line(engine)?.post(&format!("{PATH}/begin"))?;
            say(
                "Files of insurers are kept for the new store from now on. 受信ファイルの保存を開始しました。",
            );
        }
        ShadowCommand::Load { files, no_switch, fewer, engine } => {
            let line = line(engine)?;
            load(files, &Config::load(&args.config, std::env::vars())?, &line)?;
            if !no_switch {
                switch(&line, *fewer)?;
            }
        }
        ShadowCommand::Switch { fewer, engine } => switch(&line(engine)?, *fewer)?,
        ShadowCommand::Status { engine } => show(&line(engine)?.get(PATH)?),
        ShadowCommand::Abandon { engine } => {
            let _: ShadowReport = line(engine)?.post(&format!("{PATH}/abandon"))?;
            say("The new store is removed. 新しい保存先を削除しました。");
        }
    }
    Ok(())
}

const PATH: &str = "/v1/shadow";

fn line(engine: &Engine) -> Result<Line, Box<dyn Error>> {
    let none = "the engine must be running: give --server with its address, --ca, --cert and --key\n\
                稼働中のシステムの接続先を指定してください。";
    Ok(engine.line()?.ok_or(none)?)
}

fn load(files: &[PathBuf], config: &Config, line: &Line) -> Outcome {
    let is_file = |path: &&PathBuf| path.as_os_str() != STANDARD_INPUT;
    let mut bytes = Some(0);
    for path in files.iter().filter(is_file) {
        let about = fs::metadata(path).map_err(|error| crate::load::unreadable(path, &error))?;
        bytes = bytes.map(|bytes| bytes + about.len());
    }
    if files.iter().any(|path| path.as_os_str() == STANDARD_INPUT) {
        bytes = None;
    }
    // Before anything is written.
    let ShadowReport { generation, stage, card_faces, .. } = line.get(PATH)?;
    if stage == Stage::None {
        return Err(ShadowError::NotBegun.in_words().into());
    }
    check_disk(&config.store.path, bytes, card_faces)?;
    rustix::process::nice(NICE)?;
    load_shadow(files, config, generation)
}

/// Whether there is room for what sorting takes. What an earlier life has written is there already.
fn check_disk(store: &Path, bytes: Option<u64>, card_faces: u64) -> Outcome {
    let needed = bytes.map_or(card_faces * DISK_BYTES_A_CARD, |bytes| bytes * DISK_TENTHS / 10);
    let written = size(&shadow_folder(store)?)?;
    let needed = needed.saturating_sub(written);
    let disk = rustix::fs::statvfs(store)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= needed {
        return Ok(());
    }
    Err(format!(
        "SHK-SHD-009: the new store takes up to {} MiB while it is built, and {} has {} MiB left: \
         free space, then run the same command again\n空き容量が不足しています。空きを作ってから、\
         もう一度実行してください。",
        needed >> 20,
        store.display(),
        free >> 20,
    )
    .into())
}

/// Bytes of the files below a folder, which may not be there.
fn size(folder: &Path) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut bytes = 0;
    for entry in entries {
        let path = entry?.path();
        let about = fs::symlink_metadata(&path)?;
        bytes += if about.is_dir() { size(&path)? } else { about.len() };
    }
    Ok(bytes)
}

/// Has the engine bring the new store up to date and switch, and waits for it.
fn switch(line: &Line, fewer: bool) -> Outcome {
    let started = Instant::now();
    let path = format!("{PATH}/switch?fewer={fewer}");
    let before: ShadowReport = line.post(&path)?;
    let spinner = ProgressBar::new_spinner().with_prefix("switching");
    spinner.enable_steady_tick(LOOK_EVERY);
    // Nothing is ever sent: it is a clock.
    let (_clock, ticks) = channel::<()>();
    let switched = loop {
        let report: ShadowReport = line.get(PATH)?;
        let ShadowReport { card_rows, files_loaded, files_kept, .. } = report;
        spinner.set_message(format!("{card_rows} rows, {files_loaded} of {files_kept} files"));
        if report.generation > before.generation || report.failure.is_some() {
            break report;
        }
        if ticks.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Disconnected) {
            break report;
        }
    };
    spinner.finish_and_clear();
    if let Some(failure) = switched.failure {
        return Err(format!("{}: {}\n{}", failure.code, failure.en, failure.ja).into());
    }
    say(&format!(
        "The new store, generation {}, serves after {:.1} s. 新しい保存先に切り替えました。",
        switched.generation,
        started.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn show(report: &ShadowReport) {
    let ShadowReport { generation, stage, files_kept, card_rows, files_loaded, .. } = report;
    let stage = match stage {
        Stage::None => "none",
        Stage::Begun => "begun: files are kept, and it may be loaded",
        Stage::Switching => "switching",
    };
    say(&format!(
        "serving       generation {generation}\nshadow        {stage}\nfiles kept    {files_kept}\n\
         carried over  {card_rows} rows of cards, {files_loaded} files"
    ));
    if let Some(failure) = &report.failure {
        say(&format!("last failure  {}: {}\n{}", failure.code, failure.en, failure.ja));
    }
}

#[expect(clippy::print_stdout, reason = "the command's result is for its user")]
fn say(text: &str) {
    println!("{text}");
}
