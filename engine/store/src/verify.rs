//! Reading everything in a store once, to know that it can be read.

use crate::bulk::TableFile;
use crate::cards::record as cards;
use crate::change::{Change, Position, Table};
use crate::codec::Damage;
use crate::error::StoreError;
use crate::keys::CardKey;
use crate::log::{ChangeLog, REPLAY_RECORDS_MAX};
use crate::reader::Reader;
use crate::record::{
    Membership, decode_insurer, decode_person, decode_progress, decode_slots, decode_town,
    with_registrations,
};
use crate::store::{Store, offline};
use shikaku_domain::PersonId;
use std::ops::ControlFlow;
use std::path::Path;

/// Most problems that a report lists; the count goes on.
pub const PROBLEMS_LISTED_MAX: usize = 100;

/// What a store holds and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Records in the log.
    pub log_records: u64,
    /// Cards with registrations.
    pub entries: u64,
    /// Registrations under those cards.
    pub registrations: u64,
    /// Persons with registrations.
    pub persons: u64,
    /// Registrations that the persons' records name; the same number when all is well.
    pub memberships: u64,
    /// Insurers.
    pub insurers: u64,
    /// Cards' certificates that are bound to persons.
    pub certificates: u64,
    /// Consents, withdrawn and expired ones too.
    pub consents: u64,
    /// What was done with cards.
    pub card_events: u64,
    /// How many problems were found.
    pub problem_count: u64,
    /// The first [`PROBLEMS_LISTED_MAX`] problems.
    pub problems: Vec<StoreError>,
}

impl VerifyReport {
    /// Whether everything is readable and consistent.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    fn note(&mut self, problem: StoreError) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_LISTED_MAX {
            self.problems.push(problem);
        }
    }
}

/// Opens a store, reads every record of the log and of every table, and checks that persons and
/// cards agree. Records that cannot be read are listed in the report.
///
/// # Errors
/// As [`Store::open`], or what the disk reports while reading.
pub fn verify(path: &Path) -> Result<VerifyReport, StoreError> {
    let (writer, _shards, reader) = Store::open(&offline(path))?.into_parts();
    let mut report = VerifyReport::default();
    verify_log(writer.log(), writer.log().store(), &mut report);
    for shard in reader.shards() {
        for table in Table::STORED {
            shard.scan(table, &[], &mut |key, value| {
                if let Err(damage) = verify_row(&reader, table, key, value, &mut report) {
                    report.note(shard.corrupt(table, damage));
                }
                ControlFlow::Continue(())
            })?;
        }
    }
    if report.registrations != report.memberships
        && let Some(shard) = reader.shards().first()
    {
        report.note(shard.corrupt(Table::Person, "persons and cards differ in number"));
    }
    Ok(report)
}

fn verify_log(log: &impl ChangeLog, store: &Path, report: &mut VerifyReport) {
    let mut next = Position::START.next();
    while next <= log.head() {
        match log.read_from(next, REPLAY_RECORDS_MAX) {
            Ok(records) if !records.is_empty() => {
                report.log_records += records.len() as u64;
                let changes = records.iter().flat_map(|record| &record.changes);
                for change in changes.filter(|change| change.table == Table::File) {
                    verify_file(store, change, report);
                }
                next = Position::from_number(next.number() + records.len() as u64);
            }
            Ok(_) => return,
            // What follows a damaged record is not replayed either.
            Err(problem) => return report.note(problem),
        }
    }
}

/// Checks a table file that shards are rebuilt from.
fn verify_file(store: &Path, change: &Change, report: &mut VerifyReport) {
    let file = change.value.as_deref().ok_or("a file is never deleted");
    let checked = match file.and_then(TableFile::decode) {
        Ok(file) => file.check_contents(store),
        Err(reason) => Err(StoreError::of_record(&store.join("log"), "log", reason)),
    };
    if let Err(problem) = checked {
        report.note(problem);
    }
}

fn verify_row(
    reader: &Reader,
    table: Table,
    key: &[u8],
    value: &[u8],
    report: &mut VerifyReport,
) -> Result<(), Damage> {
    match table {
        Table::Entry => {
            let card =
                CardKey::from_bytes(key).and_then(|key| key.parts()).ok_or("no such card key")?;
            let count = with_registrations(value, &card, reader.towns(), |all| all.len())?;
            report.entries += 1;
            report.registrations += count as u64;
        }
        Table::Person => {
            let person = key
                .try_into()
                .ok()
                .and_then(|bytes| PersonId::from_number(u64::from_be_bytes(bytes)))
                .ok_or("no such person number")?;
            let memberships = decode_person(value)?;
            report.persons += 1;
            report.memberships += memberships.len() as u64;
            for membership in &memberships {
                match is_registered(reader, person, membership) {
                    Ok(true) => {}
                    Ok(false) => return Err("a registration is not under its card"),
                    Err(problem) => report.note(problem),
                }
            }
        }
        Table::Insurer => {
            decode_insurer(key, value)?;
            report.insurers += 1;
        }
        Table::Progress => {
            decode_progress(value)?;
        }
        Table::Town => {
            decode_town(value)?;
        }
        Table::File => return Err("no such table"),
        Table::Certificate => {
            cards::decode_binding(key, value)?;
            report.certificates += 1;
        }
        Table::Consent => {
            cards::decode_consent(key, value)?;
            report.consents += 1;
        }
        Table::Event => {
            cards::decode_event(key, value)?;
            report.card_events += 1;
        }
        Table::Holder => cards::check_holder(key, value)?,
    }
    Ok(())
}

fn is_registered(
    reader: &Reader,
    person: PersonId,
    membership: &Membership,
) -> Result<bool, StoreError> {
    let has_it = |entry: &[u8]| -> Result<bool, Damage> {
        for slot in decode_slots(entry)? {
            let slot = slot?;
            if slot.person == person && slot.period == membership.period {
                return Ok(slot.branch == membership.branch);
            }
        }
        Ok(false)
    };
    let found = reader.read(Table::Entry, membership.card.as_bytes(), has_it)?;
    Ok(found.unwrap_or(false))
}
