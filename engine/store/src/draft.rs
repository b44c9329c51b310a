//! What a batch makes of the index before anything is written: the rules of registering.
//!
//! **Which registration is meant.** A person holds at most one membership with one insurer from
//! one 資格取得年月日. A `Put` with the same person, insurer and qualification date replaces it. If
//! symbol, number, branch or birth date differ, the `Put` is a correction: the old card does not
//! find the person any more. Another insurer or another qualification date is another membership,
//! and the old one stays until it is ended or withdrawn.
//!
//! **Taking back.** A `Withdraw` must name the card as it is registered, branch included. A
//! mismatch is counted as not found rather than guessed at.

use crate::cards::record::{HolderKey, holder_keys};
use crate::change::{Change, Table};
use crate::codec::Damage;
use crate::error::StoreError;
use crate::keys::CardKey;
use crate::reader::Reader;
use crate::record::{
    ENTRY_BYTES_MAX, Membership, REGISTRATIONS_MAX, Slot, decode_person, decode_slots, encode_body,
    encode_entry, encode_person,
};
use crate::towns::NewTowns;
use shikaku_domain::{
    Day, InsuredBranchNumber, MemberChange, Period, PersonId, elsewhere, gaps, overlaps,
};
use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

/// A change with everything computed that needs no other change.
pub(crate) struct Prepared {
    person: PersonId,
    card: CardKey,
    branch: Option<InsuredBranchNumber>,
    action: Action,
}

enum Action {
    Put { period: Period, body: Vec<u8>, found_by: Vec<HolderKey> },
    Withdraw { qualified: Day },
}

impl Prepared {
    pub(crate) fn new(change: &MemberChange<'_>, towns: &NewTowns) -> Self {
        match change {
            MemberChange::Put(registration) => Self {
                person: registration.person,
                card: CardKey::of_card(&registration.card),
                branch: registration.card.branch,
                action: Action::Put {
                    period: registration.period,
                    body: encode_body(registration, towns),
                    found_by: holder_keys(registration),
                },
            },
            MemberChange::Withdraw { person, card, qualified } => Self {
                person: *person,
                card: CardKey::of_card(card),
                branch: card.branch,
                action: Action::Withdraw { qualified: *qualified },
            },
        }
    }
}

/// What one change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Added,
    Changed,
    Unchanged,
    Withdrawn,
    NotFound,
}

/// One person's memberships, by start and card.
#[derive(Default)]
pub(crate) struct PersonDraft {
    memberships: Vec<Membership>,
    is_dirty: bool,
}

/// The registrations under one card, in the order of [`Slot::order`].
#[derive(Default)]
pub(crate) struct EntryDraft {
    slots: Vec<Slot<'static>>,
    is_dirty: bool,
}

/// A change with the stored state it speaks of.
pub(crate) struct Fetched {
    prepared: Prepared,
    person: PersonDraft,
    entry: EntryDraft,
}

/// Prepares a change and reads what it speaks of. Needs no draft, so a batch is read in parallel.
pub(crate) fn fetch(
    reader: &Reader,
    towns: &NewTowns,
    change: &MemberChange<'_>,
) -> Result<Fetched, StoreError> {
    let prepared = Prepared::new(change, towns);
    Ok(Fetched {
        person: read_person(reader, prepared.person)?,
        entry: read_entry(reader, &prepared.card)?,
        prepared,
    })
}

fn read_person(reader: &Reader, person: PersonId) -> Result<PersonDraft, StoreError> {
    let key = person.number().to_be_bytes();
    let memberships = reader.read(Table::Person, &key, decode_person)?;
    Ok(PersonDraft { memberships: memberships.unwrap_or_default(), is_dirty: false })
}

fn read_entry(reader: &Reader, card: &CardKey) -> Result<EntryDraft, StoreError> {
    let owned = |entry: &[u8]| -> Result<Vec<Slot<'static>>, Damage> {
        decode_slots(entry)?.map(|slot| slot.map(Slot::into_owned)).collect()
    };
    let slots = reader.read(Table::Entry, card.as_bytes(), owned)?;
    Ok(EntryDraft { slots: slots.unwrap_or_default(), is_dirty: false })
}

/// The state after the changes so far, over the stored one.
pub(crate) struct Draft<'r> {
    reader: &'r Reader,
    persons: HashMap<PersonId, PersonDraft>,
    entries: HashMap<CardKey, EntryDraft>,
    /// Keys of the table `holder` of everyone who was added or changed.
    found_by: BTreeSet<HolderKey>,
}

/// What a batch comes to.
#[derive(Default)]
pub(crate) struct Finished {
    /// In the order of table and key, so that one batch always gives the same bytes.
    pub(crate) changes: Vec<Change>,
    /// Over all persons that the batch names.
    pub(crate) gaps: u64,
    /// Over all persons that the batch names.
    pub(crate) overlaps: u64,
}

impl<'r> Draft<'r> {
    pub(crate) fn new(reader: &'r Reader, changes: usize) -> Self {
        Self {
            reader,
            persons: HashMap::with_capacity(changes),
            entries: HashMap::with_capacity(changes),
            found_by: BTreeSet::new(),
        }
    }

    /// Takes one change into the draft; `index` is its place in the batch, for messages.
    pub(crate) fn take(&mut self, fetched: Fetched, index: usize) -> Result<Effect, StoreError> {
        let Fetched { prepared, person, entry } = fetched;
        // What the draft has is newer than what was read.
        self.persons.entry(prepared.person).or_insert(person);
        self.entries.entry(prepared.card).or_insert(entry);
        let Prepared { person, card, branch, action } = prepared;
        match action {
            Action::Put { period, body, found_by } => {
                let membership = Membership { card, branch, period };
                let effect = self.put(person, membership, body, index)?;
                if effect != Effect::Unchanged {
                    self.found_by.extend(found_by);
                }
                Ok(effect)
            }
            Action::Withdraw { qualified } => self.withdraw(person, &card, branch, qualified),
        }
    }

    fn put(
        &mut self,
        person: PersonId,
        new: Membership,
        body: Vec<u8>,
        index: usize,
    ) -> Result<Effect, StoreError> {
        let start = new.period.start();
        let too_many = |whose| StoreError::TooManyRegistrations {
            change: index,
            whose,
            max: REGISTRATIONS_MAX,
        };
        let memberships = self.person(person)?;
        let old = memberships.take(|m| {
            m.card.insurer_part() == new.card.insurer_part() && m.period.start() == start
        });
        if memberships.memberships.len() >= REGISTRATIONS_MAX {
            return Err(too_many("person"));
        }
        memberships.insert(new);
        memberships.is_dirty |= old != Some(new);
        let old_slot = match &old {
            Some(old) => Some(self.take_slot(&old.card, person, start)?),
            None => None,
        };
        let slot = Slot {
            person,
            branch: new.branch,
            period: new.period,
            elsewhere: old_slot.as_ref().map_or_else(Vec::new, |slot| slot.elsewhere.clone()),
            body: Cow::Owned(body),
        };
        let is_same = old_slot.as_ref() == Some(&slot);
        if let Some(old) = old.filter(|old| old.card != new.card) {
            self.entry(&old.card)?.is_dirty = true;
        }
        let entry = self.entry(&new.card)?;
        if entry.slots.len() >= REGISTRATIONS_MAX {
            return Err(too_many("card"));
        }
        entry.insert(slot);
        if is_same && old == Some(new) {
            return Ok(Effect::Unchanged);
        }
        entry.is_dirty = true;
        Ok(if old.is_some() { Effect::Changed } else { Effect::Added })
    }

    fn withdraw(
        &mut self,
        person: PersonId,
        card: &CardKey,
        branch: Option<InsuredBranchNumber>,
        qualified: Day,
    ) -> Result<Effect, StoreError> {
        let memberships = self.person(person)?;
        let is_meant =
            |m: &Membership| m.card == *card && m.branch == branch && m.period.start() == qualified;
        if memberships.take(is_meant).is_none() {
            return Ok(Effect::NotFound);
        }
        memberships.is_dirty = true;
        self.take_slot(card, person, qualified)?;
        self.entry(card)?.is_dirty = true;
        Ok(Effect::Withdrawn)
    }

    /// Brings `elsewhere` up to date and gives the changes to write.
    pub(crate) fn finish(mut self) -> Result<Finished, StoreError> {
        let mut finished = Finished::default();
        let persons = std::mem::take(&mut self.persons);
        for (person, draft) in &persons {
            if draft.is_dirty {
                self.update_elsewhere(*person, &draft.memberships)?;
            }
            let (gaps, overlaps) = gaps_and_overlaps(&draft.memberships);
            finished.gaps += gaps;
            finished.overlaps += overlaps;
        }
        let changes = &mut finished.changes;
        changes.reserve(self.entries.len() + persons.len());
        for (card, entry) in self.entries.iter().filter(|(_, entry)| entry.is_dirty) {
            let value = (!entry.slots.is_empty()).then(|| encode_entry(&entry.slots));
            check_size(value.as_ref())?;
            changes.push(Change::entry(card, value));
        }
        for (person, draft) in persons.iter().filter(|(_, draft)| draft.is_dirty) {
            let memberships = &draft.memberships;
            let value = (!memberships.is_empty()).then(|| encode_person(memberships));
            changes.push(Change::person(*person, value));
        }
        changes.extend(self.found_by.into_iter().map(Change::holder));
        changes.sort_unstable_by(|a, b| (a.table, &a.key).cmp(&(b.table, &b.key)));
        Ok(finished)
    }

    fn update_elsewhere(
        &mut self,
        person: PersonId,
        memberships: &[Membership],
    ) -> Result<(), StoreError> {
        let all: Vec<_> = memberships.iter().map(|m| (m.card, m.period)).collect();
        for (card, period) in &all {
            let elsewhere = elsewhere((card, *period), &all);
            let slot = self.slot(card, person, period.start())?;
            if slot.elsewhere != elsewhere {
                slot.elsewhere = elsewhere;
                self.entry(card)?.is_dirty = true;
            }
        }
        Ok(())
    }

    fn person(&mut self, person: PersonId) -> Result<&mut PersonDraft, StoreError> {
        match self.persons.entry(person) {
            Entry::Occupied(draft) => Ok(draft.into_mut()),
            Entry::Vacant(slot) => Ok(slot.insert(read_person(self.reader, person)?)),
        }
    }

    fn entry(&mut self, card: &CardKey) -> Result<&mut EntryDraft, StoreError> {
        match self.entries.entry(*card) {
            Entry::Occupied(draft) => Ok(draft.into_mut()),
            Entry::Vacant(slot) => Ok(slot.insert(read_entry(self.reader, card)?)),
        }
    }

    fn slot(
        &mut self,
        card: &CardKey,
        person: PersonId,
        start: Day,
    ) -> Result<&mut Slot<'static>, StoreError> {
        let reader = self.reader;
        let slots = &mut self.entry(card)?.slots;
        let slot = slots.iter_mut().find(|slot| slot.order() == (person, start));
        slot.ok_or_else(|| lost_slot(reader, card))
    }

    fn take_slot(
        &mut self,
        card: &CardKey,
        person: PersonId,
        start: Day,
    ) -> Result<Slot<'static>, StoreError> {
        let reader = self.reader;
        let slots = &mut self.entry(card)?.slots;
        let at = slots.iter().position(|slot| slot.order() == (person, start));
        at.map(|at| slots.remove(at)).ok_or_else(|| lost_slot(reader, card))
    }
}

/// A person's record names a registration that its card's entry lacks.
fn lost_slot(reader: &Reader, card: &CardKey) -> StoreError {
    match reader.shard(Table::Entry, card.as_bytes()) {
        Ok(shard) => shard.corrupt(Table::Entry, "a person's registration is missing"),
        Err(error) => error,
    }
}

/// How often one person's insurance has gaps, and how many pairs of insurers overlap.
pub(crate) fn gaps_and_overlaps(memberships: &[Membership]) -> (u64, u64) {
    if memberships.len() < 2 {
        return (0, 0);
    }
    let mut periods: Vec<_> = memberships.iter().map(|m| m.period).collect();
    let by_insurer: Vec<_> =
        memberships.iter().map(|m| (m.card.insurer_part(), m.period)).collect();
    (gaps(&mut periods), overlaps(&by_insurer))
}

fn check_size(entry: Option<&Vec<u8>>) -> Result<(), StoreError> {
    match entry.map(Vec::len) {
        Some(given) if given > ENTRY_BYTES_MAX => Err(StoreError::BatchTooLarge {
            given,
            max: ENTRY_BYTES_MAX,
            unit: "bytes for one card",
        }),
        Some(_) | None => Ok(()),
    }
}

impl PersonDraft {
    fn take(&mut self, is_meant: impl Fn(&Membership) -> bool) -> Option<Membership> {
        let at = self.memberships.iter().position(is_meant)?;
        Some(self.memberships.remove(at))
    }

    fn insert(&mut self, new: Membership) {
        let order = |m: &Membership| (m.period.start(), m.card);
        let at = self.memberships.partition_point(|m| order(m) < order(&new));
        self.memberships.insert(at, new);
    }
}

impl EntryDraft {
    fn insert(&mut self, new: Slot<'static>) {
        let at = self.slots.partition_point(|slot| slot.order() < new.order());
        self.slots.insert(at, new);
    }
}
