//! One suite over RocksDB and its memory twin: what holds for one holds for the other.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

#[path = "conformance/cards.rs"]
mod cards;
#[path = "../src/testing.rs"]
mod testing;

use proptest::prelude::*;
use shikaku_domain::{
    CardQuery, CardText, Day, InsuredBranchNumber, InsurerNumber, MemberChange, Outcome, PersonId,
    QualificationValidity, Registration, decide,
};
use shikaku_store::{
    ApplyChanges, BATCH_CHANGES_MAX, Batch, BatchSummary, CardKey, Change, ChangeLog, FileId,
    FileProgress, InPlace, LocalLog, MemoryLog, OperationId, Position, Reader, Residence,
    ShardWriter, Store, StoreError, StoreOptions, Writer, open_memory,
};
use std::ops::ControlFlow;
use std::sync::Mutex;
use testing::{INSURERS, day, insurer, period, registration};

/// An open store.
struct Open<L> {
    writer: Writer<L>,
    shards: InPlace,
    reader: Reader,
}

type Parts<L> = (Writer<L>, Vec<ShardWriter>, Reader);

/// Where a store is kept.
trait Medium {
    type Log: ChangeLog;
    fn create(shards: u16) -> (Self, Parts<Self::Log>)
    where
        Self: Sized;
    /// Opens again after everything of `writer` but its log was forgotten.
    fn reopen(&self, writer: Writer<Self::Log>) -> Parts<Self::Log>;
}

struct Rocks(tempfile::TempDir);

impl Rocks {
    fn options(&self, shards: u16) -> StoreOptions {
        StoreOptions {
            path: self.0.path().join("store"),
            shards,
            cache_bytes: 1 << 20,
            create: true,
        }
    }
}

impl Medium for Rocks {
    type Log = LocalLog;

    fn create(shards: u16) -> (Self, Parts<LocalLog>) {
        let rocks = Self(tempfile::tempdir().unwrap());
        let parts = Store::open(&rocks.options(shards)).unwrap().into_parts();
        (rocks, parts)
    }

    fn reopen(&self, writer: Writer<LocalLog>) -> Parts<LocalLog> {
        drop(writer);
        Store::open(&self.options(1)).unwrap().into_parts()
    }
}

/// [`Rocks`] with all entries in memory from the beginning.
struct Resident(Rocks);

fn resident(parts: Parts<LocalLog>) -> Parts<LocalLog> {
    let residence = parts.2.keep_resident(64 << 20, &|| true).unwrap();
    assert_eq!(residence, Residence::Resident);
    parts
}

impl Medium for Resident {
    type Log = LocalLog;

    fn create(shards: u16) -> (Self, Parts<LocalLog>) {
        let (rocks, parts) = Rocks::create(shards);
        (Self(rocks), resident(parts))
    }

    fn reopen(&self, writer: Writer<LocalLog>) -> Parts<LocalLog> {
        resident(self.0.reopen(writer))
    }
}

struct Memory(u16);

impl Medium for Memory {
    type Log = MemoryLog;

    fn create(shards: u16) -> (Self, Parts<MemoryLog>) {
        (Self(shards), open_memory(MemoryLog::default(), shards).unwrap())
    }

    fn reopen(&self, writer: Writer<MemoryLog>) -> Parts<MemoryLog> {
        open_memory(writer.log().clone(), self.0).unwrap()
    }
}

fn open<L>((writer, shards, reader): Parts<L>) -> Open<L> {
    Open { writer, shards: InPlace::new(shards), reader }
}

fn batch(name: u64, changes: Vec<MemberChange<'_>>) -> Batch<'_> {
    Batch { operation: OperationId::of(&[&name.to_be_bytes()]), changes, progress: None }
}

impl<L: ChangeLog> Open<L> {
    /// Submits under an operation id of its own.
    fn submit(&mut self, changes: Vec<MemberChange<'_>>) -> BatchSummary {
        let name = self.writer.head().number();
        self.writer.submit(&batch(name, changes), &self.shards).unwrap()
    }

    fn put(&mut self, registration: &Registration<'_>) -> BatchSummary {
        self.submit(vec![MemberChange::Put(registration.clone())])
    }

    fn validity(&self, registration: &Registration<'_>, on: &str) -> QualificationValidity {
        let query = CardQuery::for_card(registration);
        let known = insurer(&registration.card.insurer.to_string());
        self.reader
            .with_card(&query, |found| decide(Some(&known), found, &query, day(on)).validity())
            .unwrap()
    }
}

fn changed_card(
    registration: &Registration<'static>,
    number: &'static str,
) -> Registration<'static> {
    let mut changed = registration.clone();
    changed.card.number = CardText::new(number).unwrap();
    changed
}

fn moved(registration: &Registration<'static>, to: &str, start: &str) -> Registration<'static> {
    let mut moved = registration.clone();
    moved.card.insurer = InsurerNumber::parse(to).unwrap();
    moved.period = period(start, None);
    moved
}

fn withdraw(registration: &Registration<'static>) -> MemberChange<'static> {
    MemberChange::Withdraw {
        person: registration.person,
        card: registration.card.clone(),
        qualified: registration.period.start(),
    }
}

/// Everything in the index, in a form to compare.
fn contents(reader: &Reader) -> Vec<String> {
    let mut all = Vec::new();
    for number in INSURERS {
        let number = InsurerNumber::parse(number).unwrap();
        reader
            .scan_insurer(number, |found| {
                all.push(line(found));
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    all.sort();
    all
}

fn line(registration: &Registration<'_>) -> String {
    let card = CardKey::of_card(&registration.card);
    let person = registration.person.number();
    format!("{:?} {person} {registration:?}", card.as_bytes())
}

/// Applies to the shards below `works` only; the others fail, as with a full disk.
struct HalfBroken {
    shards: Mutex<Vec<ShardWriter>>,
    works: usize,
}

impl ApplyChanges for HalfBroken {
    fn apply(&self, position: Position, per_shard: Vec<Vec<Change>>) -> Result<(), StoreError> {
        let mut shards = self.shards.lock().unwrap();
        for (shard, changes) in shards.iter_mut().zip(&per_shard).take(self.works) {
            shard.apply(position, changes)?;
        }
        Err(StoreError::DiskFull { path: "shard".into() })
    }
}

/// What the store should do, done plainly: a list of registrations.
#[derive(Default)]
struct Model(Vec<Registration<'static>>);

impl Model {
    fn apply(&mut self, change: &MemberChange<'static>) {
        match change {
            MemberChange::Put(new) => {
                self.0.retain(|old| {
                    old.person != new.person
                        || old.card.insurer != new.card.insurer
                        || old.period.start() != new.period.start()
                });
                self.0.push(new.clone());
            }
            MemberChange::Withdraw { person, card, qualified } => self.0.retain(|old| {
                old.person != *person
                    || CardKey::of_card(&old.card) != CardKey::of_card(card)
                    || old.card.branch != card.branch
                    || old.period.start() != *qualified
            }),
        }
    }

    fn with_elsewhere(&self) -> Vec<Registration<'static>> {
        let newer = |own: &Registration<'_>| {
            let mut newer: Vec<_> = self
                .0
                .iter()
                .filter(|other| other.person == own.person)
                .filter(|other| CardKey::of_card(&other.card) != CardKey::of_card(&own.card))
                .map(|other| other.period)
                .filter(|period| period.start() > own.period.start())
                .collect();
            newer.sort_by_key(|period| (period.start(), period.end().unwrap_or(Day::MAX)));
            newer
        };
        let mut all = self.0.clone();
        for registration in &mut all {
            registration.elsewhere = newer(registration);
        }
        all
    }
}

fn answer(outcome: &Outcome<'_, '_>) -> (QualificationValidity, Option<PersonId>) {
    let shown = match outcome {
        Outcome::Valid(of) | Outcome::Invalid(of) | Outcome::ValidUnregistered(of) => {
            Some(of.person)
        }
        Outcome::InvalidNewerExists
        | Outcome::NotFound
        | Outcome::UnknownInsurer
        | Outcome::Ambiguous => None,
    };
    (outcome.validity(), shown)
}

fn check_against_model(reader: &Reader, model: &Model) {
    let expected = model.with_elsewhere();
    let mut lines: Vec<String> = expected.iter().map(line).collect();
    lines.sort();
    assert_eq!(contents(reader), lines);
    for asked in &expected {
        let known = insurer(&asked.card.insurer.to_string());
        for branch in [None, InsuredBranchNumber::from_number(0), asked.card.branch] {
            let query = CardQuery { branch, ..CardQuery::for_card(asked) };
            for on in (0..8).map(|on| Day::from_number(49_995 + on * 10).unwrap()) {
                let expected = answer(&decide(Some(&known), &expected, &query, on));
                let stored = reader
                    .with_card(&query, |found| answer(&decide(Some(&known), found, &query, on)))
                    .unwrap();
                assert_eq!(stored, expected);
            }
        }
    }
}

mod suite {
    pub(super) use super::cards::{
        a_person_is_found_by_the_four_attributes_while_they_are_theirs,
        events_of_one_group_follow_one_another_and_take_effect_once,
        what_was_done_with_cards_is_kept_over_a_restart,
    };
    use super::*;
    use QualificationValidity::{Invalid, InvalidNewerExists, NotFound, Valid};

    pub(super) fn what_was_written_is_read<M: Medium>() {
        let (medium, parts) = M::create(3);
        let mut store = open(parts);
        let all = [registration(1), testing::full_registration(), registration(3)];
        let summary = store.submit(all.iter().cloned().map(MemberChange::Put).collect());
        assert_eq!((summary.added, summary.position.number()), (3, 1));
        let before = contents(&store.reader);
        assert_eq!(before.len(), 3);
        let Open { writer, shards, reader } = store;
        drop((shards, reader));
        let store = open(medium.reopen(writer));
        assert_eq!(contents(&store.reader), before);
        assert_eq!(store.validity(&all[0], "20240101"), Valid);
        assert_eq!(store.validity(&changed_card(&all[0], "999"), "20240101"), NotFound);
        assert_eq!(store.reader.applied(), [Position::from_number(1); 3]);
    }

    pub(super) fn an_operation_takes_effect_once<M: Medium>() {
        let (_medium, parts) = M::create(2);
        let mut store = open(parts);
        let first = batch(7, vec![MemberChange::Put(registration(1))]);
        let done = store.writer.submit(&first, &store.shards).unwrap();
        assert!(!done.repeated);
        store.submit(vec![withdraw(&registration(1))]);
        let again = store.writer.submit(&first, &store.shards).unwrap();
        assert_eq!((again.repeated, again.position, again.added), (true, done.position, 0));
        assert_eq!(store.validity(&registration(1), "20240101"), NotFound);
    }

    pub(super) fn the_same_registration_again_changes_nothing<M: Medium>() {
        let (_medium, parts) = M::create(2);
        let mut store = open(parts);
        store.put(&registration(1));
        assert_eq!(store.put(&registration(1)).unchanged, 1);
        let mut ended = registration(1);
        ended.period = period("20200401", Some("20230401"));
        assert_eq!(store.put(&ended).changed, 1);
        assert_eq!(store.validity(&ended, "20230331"), Valid);
        assert_eq!(store.validity(&ended, "20230401"), Invalid);
    }

    pub(super) fn a_newer_membership_is_known_under_the_old_card<M: Medium>() {
        let (_medium, parts) = M::create(2);
        let mut store = open(parts);
        let mut old = registration(1);
        old.period = period("20200401", Some("20230401"));
        let new = moved(&registration(1), INSURERS[1], "20230401");
        store.put(&old);
        assert_eq!(store.validity(&old, "20240101"), Invalid);
        store.put(&new);
        assert_eq!(store.validity(&old, "20240101"), InvalidNewerExists);
        assert_eq!(store.validity(&new, "20240101"), Valid);
        store.submit(vec![withdraw(&new)]);
        assert_eq!(store.validity(&old, "20240101"), Invalid);
    }

    pub(super) fn a_corrected_card_replaces_the_wrong_one<M: Medium>() {
        let (_medium, parts) = M::create(2);
        let mut store = open(parts);
        let wrong = registration(1);
        store.put(&wrong);
        let right = changed_card(&wrong, "4321");
        assert_eq!(store.put(&right).changed, 1);
        assert_eq!(store.validity(&wrong, "20240101"), NotFound);
        assert_eq!(store.validity(&right, "20240101"), Valid);
        let mut born = right.clone();
        born.card.birthdate = day("19750411");
        assert_eq!(store.put(&born).changed, 1);
        assert_eq!(contents(&store.reader).len(), 1);
    }

    pub(super) fn twins_on_one_card_are_told_apart<M: Medium>() {
        let (_medium, parts) = M::create(2);
        let mut store = open(parts);
        let twin = |person, branch| {
            let mut twin = registration(person);
            twin.card = registration(1).card;
            twin.card.branch = InsuredBranchNumber::from_number(branch);
            twin
        };
        let changes = vec![MemberChange::Put(twin(1, 1)), MemberChange::Put(twin(2, 2))];
        assert_eq!(store.submit(changes).added, 2);
        assert_eq!(store.validity(&twin(1, 1), "20240101"), Valid);
        let mut unnamed = twin(1, 1);
        unnamed.card.branch = None;
        assert_eq!(store.validity(&unnamed, "20240101"), QualificationValidity::Ambiguous);
        assert_eq!(store.submit(vec![withdraw(&twin(2, 2))]).withdrawn, 1);
        assert_eq!(store.validity(&unnamed, "20240101"), Valid);
    }

    pub(super) fn withdrawing_what_is_not_there_is_counted<M: Medium>() {
        let (_medium, parts) = M::create(1);
        let mut store = open(parts);
        store.put(&registration(1));
        let mut other = registration(1);
        other.card.branch = None;
        let changes = vec![withdraw(&registration(2)), withdraw(&other)];
        assert_eq!(store.submit(changes).not_found, 2);
        assert_eq!(store.validity(&registration(1), "20240101"), Valid);
    }

    pub(super) fn gaps_and_overlaps_are_reported<M: Medium>() {
        let (_medium, parts) = M::create(2);
        let mut store = open(parts);
        let mut old = registration(1);
        old.period = period("20200401", Some("20230331"));
        let gap = moved(&old, INSURERS[1], "20230401");
        let changes = vec![MemberChange::Put(old.clone()), MemberChange::Put(gap)];
        let summary = store.submit(changes);
        assert_eq!((summary.gaps, summary.overlaps), (1, 0));
        old.period = period("20200401", Some("20230501"));
        let summary = store.put(&old);
        assert_eq!((summary.gaps, summary.overlaps), (0, 1));
    }

    pub(super) fn progress_is_written_with_its_lines<M: Medium>() {
        let (_medium, parts) = M::create(4);
        let mut store = open(parts);
        let file = FileId::from_digest([9; 32]);
        assert_eq!(store.reader.progress(&file).unwrap(), None);
        let before = FileProgress { lines: 12, rejected: 1, added: 10, ..FileProgress::default() };
        let mut lines = batch(1, vec![MemberChange::Put(registration(1))]);
        lines.progress = Some((file, before));
        store.writer.submit(&lines, &store.shards).unwrap();
        let after = FileProgress { added: 11, ..before };
        assert_eq!(store.reader.progress(&file).unwrap(), Some(after));
    }

    pub(super) fn insurers_are_registered_and_stay<M: Medium>() {
        let (medium, parts) = M::create(2);
        let mut store = open(parts);
        let operation = OperationId::from_bytes([1; 16]);
        let insurers = INSURERS.map(insurer);
        let put = |store: &mut Open<M::Log>, operation, insurers: &[_]| {
            store.writer.put_insurers(operation, insurers, &store.shards).unwrap()
        };
        assert_eq!(put(&mut store, operation, &insurers).added, 4);
        assert!(put(&mut store, operation, &insurers).repeated);
        let mut renamed = insurer(INSURERS[0]);
        renamed.name = "改称保険者".to_owned();
        let summary = put(
            &mut store,
            OperationId::from_bytes([2; 16]),
            &[renamed.clone(), insurer(INSURERS[1])],
        );
        assert_eq!((summary.changed, summary.unchanged), (1, 1));
        assert_eq!(store.reader.insurer(renamed.number).as_deref(), Some(&renamed));
        let Open { writer, shards, reader } = store;
        drop((shards, reader));
        let store = open(medium.reopen(writer));
        assert_eq!(store.reader.insurer_count(), 4);
        assert_eq!(store.reader.insurer(renamed.number).as_deref(), Some(&renamed));
    }

    pub(super) fn a_scan_sees_one_insurer_and_can_be_stopped<M: Medium>() {
        let (_medium, parts) = M::create(3);
        let mut store = open(parts);
        let other = moved(&registration(9), INSURERS[1], "20200401");
        let changes = (1..=5).map(registration).chain([other]);
        store.submit(changes.map(MemberChange::Put).collect());
        let number = InsurerNumber::parse(INSURERS[0]).unwrap();
        let count = |most: usize| {
            let mut seen = 0;
            store
                .reader
                .scan_insurer(number, |found| {
                    assert_eq!(found.card.insurer, number);
                    seen += 1;
                    if seen == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .unwrap();
            seen
        };
        assert_eq!(count(usize::MAX), 5);
        assert_eq!(count(2), 2);
    }

    pub(super) fn a_batch_beyond_its_limit_does_nothing<M: Medium>() {
        let (_medium, parts) = M::create(1);
        let mut store = open(parts);
        let changes = vec![MemberChange::Put(registration(1)); BATCH_CHANGES_MAX + 1];
        let refused = store.writer.submit(&batch(1, changes), &store.shards);
        assert!(matches!(refused, Err(StoreError::BatchTooLarge { .. })), "{refused:?}");
        assert_eq!(store.writer.head(), Position::START);
    }

    pub(super) fn shards_that_fell_behind_catch_up<M: Medium>() {
        for works in 0..3 {
            for reopens in [false, true] {
                let (medium, (mut writer, shards, reader)) = M::create(3);
                let broken = HalfBroken { shards: Mutex::new(shards), works };
                let changes: Vec<_> = (1..=20).map(registration).map(MemberChange::Put).collect();
                let first = batch(1000, changes);
                assert!(writer.submit(&first, &broken).is_err());
                let shards = broken.shards.into_inner().unwrap();
                let mut store = if reopens {
                    drop((shards, reader));
                    open(medium.reopen(writer))
                } else {
                    open((writer, shards, reader))
                };
                let again = store.writer.submit(&first, &store.shards).unwrap();
                assert!(again.repeated, "it was in the log");
                assert_eq!(contents(&store.reader).len(), 20);
                assert_eq!(store.put(&registration(1)).unchanged, 1);
            }
        }
    }

    pub(super) fn random_histories_agree_with_a_list<M: Medium>(
        history: &[Vec<MemberChange<'static>>],
        shards: u16,
    ) {
        let (medium, parts) = M::create(shards);
        let mut store = open(parts);
        let mut model = Model::default();
        for changes in history {
            for change in changes {
                model.apply(change);
            }
            store.submit(changes.clone());
            check_against_model(&store.reader, &model);
        }
        let Open { writer, shards, reader } = store;
        drop((shards, reader));
        check_against_model(&open(medium.reopen(writer)).reader, &model);
    }
}

macro_rules! conformance {
    ($cases:literal, $medium:ident in $module:ident: $($name:ident),+ $(,)?) => {
        mod $module {
            use super::*;

            $(#[test]
            fn $name() {
                suite::$name::<$medium>();
            })+

            proptest! {
                #![proptest_config(ProptestConfig::with_cases($cases))]

                #[test]
                fn random_histories_agree_with_a_list(
                    history in proptest::collection::vec(proptest::collection::vec(testing::change(), 0..8), 1..8),
                    shards in 1u16..4,
                ) {
                    suite::random_histories_agree_with_a_list::<$medium>(&history, shards);
                }
            }
        }
    };
}

macro_rules! both {
    ($($name:ident),+ $(,)?) => {
        // Each history on RocksDB waits for the disk several times; memory sees the many.
        conformance!(12, Rocks in rocks: $($name),+);
        conformance!(12, Resident in resident: $($name),+);
        conformance!(300, Memory in memory: $($name),+);
    };
}

both!(
    what_was_written_is_read,
    an_operation_takes_effect_once,
    the_same_registration_again_changes_nothing,
    a_newer_membership_is_known_under_the_old_card,
    a_corrected_card_replaces_the_wrong_one,
    twins_on_one_card_are_told_apart,
    withdrawing_what_is_not_there_is_counted,
    gaps_and_overlaps_are_reported,
    progress_is_written_with_its_lines,
    insurers_are_registered_and_stay,
    a_scan_sees_one_insurer_and_can_be_stopped,
    a_batch_beyond_its_limit_does_nothing,
    shards_that_fell_behind_catch_up,
    what_was_done_with_cards_is_kept_over_a_restart,
    events_of_one_group_follow_one_another_and_take_effect_once,
    a_person_is_found_by_the_four_attributes_while_they_are_theirs,
);

#[test]
fn a_table_in_memory_that_is_worn_is_made_anew() {
    let (_rocks, parts) = Resident::create(1);
    let mut store = open(parts);
    // More than a small table has room for.
    let everybody: Vec<_> = (1..=6_000).map(registration).collect();
    for some in everybody.chunks(1_000) {
        store.submit(some.iter().cloned().map(MemberChange::Put).collect());
    }
    let memory = |store: &Open<LocalLog>| store.reader.stats().shards[0].resident_bytes;
    assert_eq!(memory(&store), 0, "let go");
    let check = |store: &Open<LocalLog>| {
        let valid = |person| store.validity(person, "20260401") == QualificationValidity::Valid;
        assert!(everybody.iter().all(valid));
    };
    check(&store);
    assert_eq!(store.reader.keep_resident(64 << 20, &|| true).unwrap(), Residence::Resident);
    assert!(memory(&store) > 0);
    check(&store);
}
