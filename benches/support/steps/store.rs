//! Reading and writing the index.

use super::Step;
use super::case::Case;
use crate::{BenchError, Corpus};
use shikaku_domain::{CardQuery, Folded, MemberChange, Registration};
use shikaku_store::{Batch, InPlace, OperationId, Residence, Store, StoreOptions};
use std::cell::OnceCell;
use std::hint::black_box;
use std::rc::Rc;

/// Block cache of the store that is written.
const CACHE_BYTES: usize = 64 << 20;
/// More than all entries take.
const RESIDENT_BYTES_MAX: usize = 1 << 30;
/// People written in one go.
const WRITTEN: usize = 100;

pub(super) fn steps(corpus: &Rc<Corpus>, current: &Rc<[Case]>) -> Result<Vec<Step>, BenchError> {
    let (hit, miss, resident) = (Rc::clone(corpus), Rc::clone(corpus), Rc::clone(corpus));
    let residence = OnceCell::new();
    let unknown =
        |case: &Case| CardQuery { number: Folded::new("no such number").unwrap(), ..case.query };
    let missing: Rc<[CardQuery]> = current.iter().map(unknown).collect();
    Ok(vec![
        Step::each("store/read and decode, found", current, move |case| {
            hit.reader.with_card(&case.query, |found| black_box(found).len()).unwrap()
        }),
        Step::each("store/read, not found", &missing, move |query| {
            miss.reader.with_card(query, |found| black_box(found).len()).unwrap()
        }),
        write(corpus.current(WRITTEN))?,
        // The last one: from its first round on, all entries are in memory.
        Step::each("store/read and decode, resident", current, move |case| {
            let make = || resident.reader.keep_resident(RESIDENT_BYTES_MAX, &|| true).unwrap();
            assert_eq!(residence.get_or_init(make), &Residence::Resident);
            resident.reader.with_card(&case.query, |found| black_box(found).len()).unwrap()
        }),
    ])
}

/// Puts people and takes them back, so that every round writes the same. Each waits for the disk
/// once, which is most of its time and none of its instructions.
fn write(people: Vec<Registration<'static>>) -> Result<Step, BenchError> {
    let folder = tempfile::tempdir().map_err(BenchError::io("a temporary folder"))?;
    let options = StoreOptions {
        path: folder.path().join("store"),
        shards: 1,
        cache_bytes: CACHE_BYTES,
        create: true,
    };
    let (mut writer, writers, _) = Store::open(&options)?.into_parts();
    let shards = InPlace::new(writers);
    let put: Vec<_> = people.iter().cloned().map(MemberChange::Put).collect();
    let take_back: Vec<_> = people.into_iter().map(withdraw).collect();
    let mut round: u64 = 0;
    let mut submit = move |changes: Vec<MemberChange<'static>>| {
        round += 1;
        let operation = OperationId::of(&[&round.to_be_bytes()]);
        writer.submit(&Batch { operation, changes, progress: None }, &shards).unwrap()
    };
    Ok(Step::new("store/put a hundred people and take them back", move || {
        // The folder lives as long as the step.
        let _folder = &folder;
        (submit(put.clone()), submit(take_back.clone()))
    }))
}

fn withdraw(registration: Registration<'static>) -> MemberChange<'static> {
    MemberChange::Withdraw {
        person: registration.person,
        qualified: registration.period.start(),
        card: registration.card,
    }
}
