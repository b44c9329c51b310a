//! Stores with damaged or missing files.
//!
//! Damage is named by its code, never answered wrongly and never a panic; what stands in the log
//! comes back by `shikaku rebuild`.

use shikaku_tests::{Centre, program, said};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PERSONS: u64 = 3_000;

/// A loaded centre, and damaged copies of its store.
struct Bench {
    centre: Centre,
    sound: Vec<String>,
}

impl Bench {
    fn new() -> Self {
        let centre = Centre::new(PERSONS);
        let mut bench = Self { centre, sound: Vec::new() };
        bench.sound = bench.counts(&bench.run("verify", "store"));
        bench
    }

    /// Runs a command on one of the stores.
    fn run(&self, command: &str, store: &str) -> Output {
        let output = Command::new(program("shikaku"))
            .arg(command)
            .env("SHIKAKU_ENGINE_STORE_PATH", store)
            .current_dir(self.centre.path(""))
            .output()
            .unwrap();
        assert!(!said(&output).contains("panicked"), "{command}: {}", said(&output));
        output
    }

    /// What a sound store holds.
    fn counts(&self, output: &Output) -> Vec<String> {
        assert!(output.status.success(), "{}", said(output));
        String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
    }

    /// A copy of the store; returns its folder.
    fn copy(&self) -> PathBuf {
        let folder = self.centre.path("copy");
        let _ = fs::remove_dir_all(&folder);
        copy(&self.centre.path("store"), &folder);
        folder
    }

    /// Either nobody needs what was damaged and all is there, or the damage is named.
    fn verify_names_it_or_is_whole(&self, what: &str) -> bool {
        let output = self.run("verify", "copy");
        if output.status.success() {
            assert_eq!(self.counts(&output), self.sound, "{what}");
            return false;
        }
        assert!(said(&output).contains("SHK-STO-"), "{what}: {}", said(&output));
        true
    }

    fn rebuild_heals(&self, what: &str) {
        let output = self.run("rebuild", "copy");
        assert!(output.status.success(), "{what}: {}", said(&output));
        assert_eq!(self.counts(&self.run("verify", "copy")), self.sound, "{what}");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => fs::copy(entry.path(), target).map(drop).unwrap(),
        }
    }
}

/// The files below a folder that hold data: tables and write-ahead logs, but empty ones.
fn data_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_data = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("sst" | "log")) && fs::metadata(path).unwrap().len() > 0
    };
    let mut files: Vec<_> = entries.filter(is_data).collect();
    files.sort();
    files
}

type Damage = fn(&mut Vec<u8>);

/// Ways to damage a file.
const DAMAGES: [(&str, Damage); 4] = [
    ("cut in half", |bytes| bytes.truncate(bytes.len() / 2)),
    ("emptied", Vec::clear),
    ("a bit flipped early", |bytes| flip(bytes, 100)),
    ("a bit flipped in the middle", |bytes| {
        let middle = bytes.len() / 2;
        flip(bytes, middle);
    }),
];

fn flip(bytes: &mut [u8], at: usize) {
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 0x10;
}

/// Damages each data file of a folder in each way and lets `check` look; `check` is told what was
/// done. Returns how many cases there were.
fn damage_each(bench: &Bench, folder: &str, mut check: impl FnMut(&str)) -> usize {
    let names: Vec<_> = data_files(&bench.centre.path("store").join(folder));
    let mut cases = 0;
    for path in &names {
        let name = path.file_name().unwrap();
        for (how, damage) in DAMAGES {
            let target = bench.copy().join(folder).join(name);
            let mut bytes = fs::read(&target).unwrap();
            damage(&mut bytes);
            fs::write(&target, bytes).unwrap();
            check(&format!("{folder}/{} {how}", name.to_string_lossy()));
            cases += 1;
        }
    }
    cases
}

#[test]
fn a_damaged_shard_is_named_and_rebuilt_from_the_log() {
    let bench = Bench::new();
    let mut named = 0;
    let cases = damage_each(&bench, "shard-00", |what| {
        named += u32::from(bench.verify_names_it_or_is_whole(what));
        bench.rebuild_heals(what);
    });
    eprintln!("{named} of {cases} damages of a shard were named, the others did not matter");
    assert!(cases > 0, "there was nothing to damage");
}

#[test]
fn a_damaged_log_is_named_and_nothing_is_made_up() {
    let bench = Bench::new();
    let mut named = 0;
    let cases = damage_each(&bench, "log", |what| {
        named += u32::from(bench.verify_names_it_or_is_whole(what));
        let rebuilt = bench.run("rebuild", "copy");
        assert!(rebuilt.status.success() || said(&rebuilt).contains("SHK-STO-"), "{what}");
    });
    eprintln!("{named} of {cases} damages of the log were named, the others did not matter");
    assert!(named > 0, "no damage of the log was noticed");
}

#[test]
fn a_missing_shard_is_made_again() {
    let bench = Bench::new();
    let copy = bench.copy();
    fs::remove_dir_all(copy.join("shard-01")).unwrap();
    assert!(!bench.verify_names_it_or_is_whole("shard-01 missing"));
}

#[test]
fn a_store_without_its_log_is_refused() {
    let bench = Bench::new();
    fs::remove_dir_all(bench.copy().join("log")).unwrap();
    assert!(bench.verify_names_it_or_is_whole("log missing"));
}

#[test]
fn a_damaged_or_missing_format_file_is_refused() {
    let bench = Bench::new();
    for damage in ["", "shikaku", "layout = 99\nshards = 3\n", "layout = 1\n", "\u{0}\u{1}\u{2}"] {
        let format = bench.copy().join("FORMAT");
        fs::write(&format, damage).unwrap();
        assert!(bench.verify_names_it_or_is_whole("FORMAT damaged"), "{damage:?}");
    }
    let format = bench.copy().join("FORMAT");
    fs::remove_file(&format).unwrap();
    assert!(bench.verify_names_it_or_is_whole("FORMAT missing"));
    // The configuration may say another number of shards by now: opening by it would find nobody.
    let serve = Command::new(program("shikaku"))
        .args(["load", "population/insurers.csv"])
        .envs([("SHIKAKU_ENGINE_STORE_PATH", "copy"), ("SHIKAKU_ENGINE_STORE_SHARDS", "5")])
        .current_dir(bench.centre.path(""))
        .output()
        .unwrap();
    assert!(!serve.status.success() && said(&serve).contains("SHK-STO-"), "{}", said(&serve));
    assert!(!format.exists());
}
