//! From everything said about one person to what is registered: the rules of [`crate::draft`] for
//! a store that was empty before.

use crate::codec::Damage;
use crate::draft::{Effect, gaps_and_overlaps};
use crate::keys::CardKey;
use crate::record::{Membership, REGISTRATIONS_MAX, Slot, decode_change, encode_slot};
use shikaku_domain::{InsuredBranchNumber, MemberChange, Period, PersonId, elsewhere};
use std::borrow::Cow;

/// What a change says, as it lies in a run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StoredChange<'a> {
    pub(crate) card: CardKey,
    pub(crate) branch: Option<InsuredBranchNumber>,
    /// For a withdrawal the start counts only.
    pub(crate) period: Period,
    /// `None` withdraws.
    pub(crate) body: Option<&'a [u8]>,
}

/// What became of the lines of a bulk load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkSummary {
    /// Persons registered.
    pub persons: u64,
    /// Registrations that are new.
    pub added: u64,
    /// Lines that replaced or corrected a registration of the load.
    pub changed: u64,
    /// Lines that repeated one.
    pub unchanged: u64,
    /// Registrations of the load that it took back.
    pub withdrawn: u64,
    /// Registrations that should be taken back and were not there.
    pub not_found: u64,
    /// Gaps in the insurance of the persons.
    pub gaps: u64,
    /// Pairs of one person's memberships with different insurers that cover a same day.
    pub overlaps: u64,
}

impl BulkSummary {
    pub(super) const fn count(&mut self, effect: Effect) {
        let counter = match effect {
            Effect::Added => &mut self.added,
            Effect::Changed => &mut self.changed,
            Effect::Unchanged => &mut self.unchanged,
            Effect::Withdrawn => &mut self.withdrawn,
            Effect::NotFound => &mut self.not_found,
        };
        *counter += 1;
    }

    pub(super) const fn add(&mut self, other: &Self) {
        self.persons += other.persons;
        self.added += other.added;
        self.changed += other.changed;
        self.unchanged += other.unchanged;
        self.withdrawn += other.withdrawn;
        self.not_found += other.not_found;
        self.gaps += other.gaps;
        self.overlaps += other.overlaps;
    }
}

/// One person's registrations while the changes come in, by start and card.
#[derive(Default)]
pub(super) struct Person {
    held: Vec<(Membership, Vec<u8>)>,
}

impl Person {
    /// Takes the next change; `None` when the person would have too many registrations.
    pub(super) fn take(&mut self, change: &[u8]) -> Result<Option<Effect>, Damage> {
        let StoredChange { card, branch, period, body } = decode_change(change)?;
        let start = period.start();
        let Some(body) = body else {
            let is_meant =
                |m: &Membership| m.card == card && m.branch == branch && m.period.start() == start;
            return Ok(Some(match self.remove(is_meant) {
                Some(_) => Effect::Withdrawn,
                None => Effect::NotFound,
            }));
        };
        let new = Membership { card, branch, period };
        let old = self
            .remove(|m| m.card.insurer_part() == card.insurer_part() && m.period.start() == start);
        if self.held.len() >= REGISTRATIONS_MAX {
            return Ok(None);
        }
        let effect = match old {
            None => Effect::Added,
            Some((membership, old)) if membership == new && old == body => Effect::Unchanged,
            Some(_) => Effect::Changed,
        };
        let order = |m: &Membership| (m.period.start(), m.card);
        let at = self.held.partition_point(|(m, _)| order(m) < order(&new));
        self.held.insert(at, (new, body.to_vec()));
        Ok(Some(effect))
    }

    fn remove(&mut self, is_meant: impl Fn(&Membership) -> bool) -> Option<(Membership, Vec<u8>)> {
        let at = self.held.iter().position(|(m, _)| is_meant(m))?;
        Some(self.held.remove(at))
    }

    /// Passes on each registration as a slot, counts, and forgets the person. Gives the
    /// memberships, none when nothing stayed.
    pub(super) fn finish(
        &mut self,
        person: PersonId,
        summary: &mut BulkSummary,
        mut slot: impl FnMut(&CardKey, &Slot<'_>, &[u8]),
    ) -> Vec<Membership> {
        let held = std::mem::take(&mut self.held);
        let all: Vec<_> = held.iter().map(|(m, _)| (m.card, m.period)).collect();
        for (membership, body) in &held {
            let Membership { card, branch, period } = membership;
            let registered = Slot {
                person,
                branch: *branch,
                period: *period,
                elsewhere: elsewhere((card, *period), &all),
                body: Cow::Borrowed(body),
            };
            slot(card, &registered, &encode_slot(&registered));
        }
        let memberships: Vec<_> = held.into_iter().map(|(membership, _)| membership).collect();
        let (gaps, overlaps) = gaps_and_overlaps(&memberships);
        summary.gaps += gaps;
        summary.overlaps += overlaps;
        summary.persons += u64::from(!memberships.is_empty());
        memberships
    }
}

/// Whose change it is.
pub(super) const fn person_of(change: &MemberChange<'_>) -> PersonId {
    match change {
        MemberChange::Put(registration) => registration.person,
        MemberChange::Withdraw { person, .. } => *person,
    }
}
