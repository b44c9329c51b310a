//! Backups of a small store, and everything that can be wrong with one.

use super::*;
use crate::clock::FixedClock;
use shikaku_domain::{Insurer, InsurerNumber};
use shikaku_store::{InPlace, LocalLog, OperationId, StoreOptions, Writer, checkpoint_folder};

struct Place {
    folder: tempfile::TempDir,
    clock: FixedClock,
}

struct Open {
    writer: Writer<LocalLog>,
    shards: InPlace,
}

impl Place {
    fn new() -> Self {
        // 2026-11-23 09:00:00 in Japan.
        Self { folder: tempfile::tempdir().unwrap(), clock: FixedClock::new(1_795_392_000) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self, store: &str) -> Open {
        let options =
            StoreOptions { path: self.path(store), shards: 2, cache_bytes: 8 << 20, create: true };
        let (writer, writers, _) = Store::open(&options).unwrap().into_parts();
        Open { writer, shards: InPlace::new(writers) }
    }

    fn backups(&self) -> Backups {
        Backups::open(&self.path("backups")).unwrap()
    }

    /// Backs up the open store, an hour after the backup before.
    fn back_up(&self, store: &mut Open) -> Made {
        self.clock.advance(3_600);
        let position = store.writer.checkpoint(&self.path("store")).unwrap();
        let checkpoint = checkpoint_folder(&self.path("store"));
        let made = self.backups().create(&checkpoint, position, &self.clock, &|_| {}, &|_| {});
        made.unwrap()
    }
}

impl Open {
    /// Registers an insurer.
    fn change(&mut self, name: &str) {
        let insurer =
            Insurer { number: InsurerNumber::parse("138131").unwrap(), name: name.to_owned() };
        let operation = OperationId::of(&[name.as_bytes()]);
        self.writer.put_insurers(operation, &[insurer], &self.shards).unwrap();
    }
}

/// The insurer's name in a store that is not open.
fn name_in(place: &Place, store: &str) -> String {
    let options =
        StoreOptions { path: place.path(store), shards: 1, cache_bytes: 8 << 20, create: false };
    let (_, _, reader) = Store::open(&options).unwrap().into_parts();
    reader.insurer(InsurerNumber::parse("138131").unwrap()).unwrap().name.clone()
}

/// The largest file of a backup in the pool.
fn largest(backups: &Backups, list: &BackupList) -> PathBuf {
    let file = list.files.iter().max_by_key(|file| file.bytes).unwrap();
    backups.folder.join("files").join(file.sha256.as_str())
}

#[test]
fn a_backup_of_an_open_store_is_restored_as_it_was_at_that_moment() {
    let place = Place::new();
    let mut store = place.open("store");
    store.change("one");
    let first = place.back_up(&mut store);
    store.change("two");
    let second = place.back_up(&mut store);
    assert_eq!((first.list.position, second.list.position), (1, 2));
    let backups = place.backups();
    for (made, name) in [(&first, "one"), (&second, "two")] {
        let (_, list) = backups.find(Some(&made.id)).unwrap();
        backups.restore(&list, &place.path(name), &|_| {}).unwrap();
        assert_eq!(name_in(&place, name), name);
    }
    let (newest, _) = backups.find(None).unwrap();
    assert_eq!(newest, second.id);
    assert!(matches!(backups.find(Some("../x")), Err(BackupError::NoSuchBackup(_))));
}

#[test]
fn a_second_backup_copies_only_what_changed() {
    let place = Place::new();
    let mut store = place.open("store");
    for number in 0..200 {
        store.change(&format!("insurer {number}"));
    }
    let first = place.back_up(&mut store);
    let again = place.back_up(&mut store);
    assert_eq!(first.list.position, again.list.position);
    let tables = |made: &Made| -> HashMap<PathBuf, BackupFile> {
        let tables = made.list.files.iter().filter(|f| f.path.extension() == Some("sst".as_ref()));
        tables.map(|file| (file.path.clone(), file.clone())).collect()
    };
    assert!(!tables(&first).is_empty());
    assert_eq!(tables(&first), tables(&again));
    let of_tables: u64 = tables(&first).values().map(|file| file.bytes).sum();
    assert!(again.copied <= again.list.bytes() - of_tables, "no table file was copied again");
}

#[test]
fn the_newest_backup_is_the_last_whatever_the_clock_does() {
    let place = Place::new();
    let mut store = place.open("store");
    let first = place.back_up(&mut store).id;
    let set_back_and_back_up = |_| {
        place.clock.set(1_795_392_000);
        place.back_up(&mut store).id
    };
    let made: Vec<_> = (0..3).map(set_back_and_back_up).collect();
    let listed: Vec<_> = place.backups().all().unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(
        listed,
        [&[first][..], &made[..]].concat(),
        "two in one second, and clocks set back"
    );
}

#[test]
fn old_backups_go_and_take_along_only_what_nobody_else_needs() {
    let place = Place::new();
    let mut store = place.open("store");
    for name in ["one", "two", "three"] {
        store.change(name);
        place.back_up(&mut store);
    }
    let backups = place.backups();
    assert_eq!(backups.keep(2).unwrap(), 1);
    let left = backups.all().unwrap();
    assert_eq!(left.len(), 2);
    for (_, list) in &left {
        backups.verify(list, &|_| {}).unwrap();
    }
    let needed: HashSet<_> =
        left.iter().flat_map(|(_, list)| &list.files).map(|f| f.sha256.as_str()).collect();
    assert_eq!(fs::read_dir(place.path("backups/files")).unwrap().count(), needed.len());
}

#[test]
fn a_flipped_bit_is_found_by_verify_restore_and_drill() {
    let place = Place::new();
    let mut store = place.open("store");
    store.change("one");
    let made = place.back_up(&mut store);
    let backups = place.backups();
    assert!(backups.drill(&made.list, &place.path("scratch"), &|_| {}).unwrap().is_sound());
    let path = largest(&backups, &made.list);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let damaged = |result: Result<(), BackupError>| {
        assert!(matches!(result, Err(BackupError::DamagedFile(_))), "{result:?}");
    };
    damaged(backups.verify(&made.list, &|_| {}));
    damaged(backups.restore(&made.list, &place.path("restored"), &|_| {}));
    assert!(!place.path("restored").exists(), "half a store is no store");
    damaged(backups.drill(&made.list, &place.path("scratch"), &|_| {}).map(drop));
    assert_eq!(fs::read_dir(place.path("scratch")).unwrap().count(), 0);
    fs::remove_file(&path).unwrap();
    damaged(backups.verify(&made.list, &|_| {}));
}

#[test]
fn nothing_is_restored_over_a_store_and_two_programs_do_not_work_on_one_folder() {
    let place = Place::new();
    let mut store = place.open("store");
    store.change("one");
    let made = place.back_up(&mut store);
    let backups = place.backups();
    let over = backups.restore(&made.list, &place.path("store"), &|_| {});
    assert!(matches!(over, Err(BackupError::NotEmpty(_))));
    let second = Backups::open(&place.path("backups"));
    assert!(matches!(second, Err(BackupError::InUse(_))));
    let short = BackupList { position: 7, ..made.list };
    let incomplete = backups.restore(&short, &place.path("other"), &|_| {});
    assert!(matches!(incomplete, Err(BackupError::Incomplete { found: 1, expected: 7 })));
}

#[test]
fn a_checkpoint_that_was_left_behind_is_gone_after_the_next_opening() {
    let place = Place::new();
    let mut store = place.open("store");
    store.change("one");
    store.writer.checkpoint(&place.path("store")).unwrap();
    let checkpoint = checkpoint_folder(&place.path("store"));
    assert!(checkpoint.exists());
    drop(store);
    drop(place.open("store"));
    assert!(!checkpoint.exists());
}

#[test]
fn codes_are_unique_and_every_error_says_what_to_do() {
    let path = || PathBuf::from("backups");
    let errors = [
        BackupError::file(&path())(std::io::ErrorKind::StorageFull.into()),
        BackupError::NoSuchBackup(path()),
        BackupError::DamagedList(path()),
        BackupError::NewerForm { path: path(), found: 2, supported: 1 },
        BackupError::DamagedFile(path()),
        BackupError::InUse(path()),
        BackupError::NotEmpty(path()),
        BackupError::Incomplete { found: 1, expected: 2 },
        BackupError::Unsound { problems: 1 },
        BackupError::Engine { server: "https://localhost".into(), reason: "no answer".into() },
    ];
    let codes: HashSet<_> = errors.iter().map(BackupError::code).collect();
    assert_eq!(codes.len(), errors.len());
    for error in &errors {
        assert!(error.ja().ends_with('。') && error.to_string().contains(": "), "{error}");
    }
}
