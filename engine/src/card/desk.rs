//! Things that are open at facilities for a while: challenges and sessions.
//!
//! Each facility has a bounded share, and taking more pushes out its own oldest, so that no
//! facility can take another's room.

use super::CardError;
use shikaku_domain::MedicalInstitutionCode;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Open things of one kind at one facility. A large hospital has some dozens of readers.
pub(super) const PER_FACILITY_MAX: usize = 256;
/// Open things of one kind over all facilities; about 100 MiB.
const TOTAL_MAX: usize = 1 << 18;

/// How far the clock may be set back without ending what is open, in seconds: what keeping time over
/// the network does. A thing is open for so much longer at most, whatever the clock does.
const CLOCK_BACK_SECONDS_MAX: u64 = 10;

/// Bytes of what names an open thing: unguessable.
pub(super) type Ticket = [u8; 24];

/// What came of looking for a ticket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<R> {
    /// It is open, and this is what was made of it.
    Open(R),
    /// Its time was over.
    Expired,
    /// This facility has none.
    Unknown,
}

struct Held<T> {
    ticket: Ticket,
    opened: u64,
    expires: u64,
    value: T,
}

impl<T> Held<T> {
    /// Whether its time is not over. Nothing is open before it was opened: then the clock was set
    /// back, and how long it has been open cannot be known.
    const fn is_open(&self, now: u64) -> bool {
        now <= self.expires && now.saturating_add(CLOCK_BACK_SECONDS_MAX) >= self.opened
    }
}

struct Shelves<T> {
    by_facility: HashMap<MedicalInstitutionCode, VecDeque<Held<T>>>,
    held: usize,
    swept_at: u64,
}

/// Open things by facility.
///
/// Invariant: a facility's own are in the order in which they were opened.
pub(super) struct Desk<T> {
    shelves: Mutex<Shelves<T>>,
    seconds: u64,
    total_max: usize,
}

impl<T> Desk<T> {
    /// Keeps each thing for so many seconds.
    pub(super) fn new(seconds: u64) -> Self {
        let shelves = Shelves { by_facility: HashMap::new(), held: 0, swept_at: 0 };
        Self { shelves: Mutex::new(shelves), seconds, total_max: TOTAL_MAX }
    }

    /// Puts a thing on the facility's shelf; returns when it expires, in Unix seconds.
    pub(super) fn open(
        &self,
        facility: MedicalInstitutionCode,
        ticket: Ticket,
        value: T,
        now: u64,
    ) -> Result<u64, CardError> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.held >= self.total_max {
            shelves.sweep(now);
            if shelves.held >= self.total_max {
                return Err(CardError::Full);
            }
        }
        let expires = now.saturating_add(self.seconds);
        let shelf = shelves.by_facility.entry(facility).or_default();
        let before = shelf.len();
        while shelf.len() >= PER_FACILITY_MAX {
            shelf.pop_front();
        }
        shelf.push_back(Held { ticket, opened: now, expires, value });
        let after = shelf.len();
        shelves.held = (shelves.held + after).saturating_sub(before);
        Ok(expires)
    }

    /// Looks for a thing of the facility, and lets `f` use it if its time is not over.
    pub(super) fn find<R>(
        &self,
        facility: MedicalInstitutionCode,
        ticket: &Ticket,
        now: u64,
        f: impl FnOnce(&mut T) -> R,
    ) -> Found<R> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        let shelf = shelves.by_facility.get_mut(&facility);
        // Newest first: what is asked for was mostly opened just now.
        let mut newest_first = shelf.into_iter().flatten().rev();
        match newest_first.find(|held| held.ticket == *ticket) {
            None => Found::Unknown,
            Some(held) if held.is_open(now) => Found::Open(f(&mut held.value)),
            Some(_) => Found::Expired,
        }
    }
}

impl<T> Shelves<T> {
    /// Clears away what has expired; once a second at most, since it looks at everything.
    fn sweep(&mut self, now: u64) {
        if now == self.swept_at {
            return;
        }
        self.swept_at = now;
        for shelf in self.by_facility.values_mut() {
            shelf.retain(|held| held.is_open(now));
        }
        self.by_facility.retain(|_, shelf| !shelf.is_empty());
        self.held = self.by_facility.values().map(VecDeque::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facility(text: &str) -> MedicalInstitutionCode {
        MedicalInstitutionCode::parse(text).unwrap()
    }

    fn ticket(number: usize) -> Ticket {
        let mut ticket = [0; 24];
        ticket[..8].copy_from_slice(&number.to_be_bytes());
        ticket
    }

    #[test]
    fn a_thing_is_open_for_its_own_facility_until_its_time_is_over() {
        let desk = Desk::new(60);
        let (a, b) = (facility("1310000001"), facility("1330000009"));
        assert_eq!(desk.open(a, ticket(1), 7, 1_000), Ok(1_060));
        assert_eq!(desk.find(a, &ticket(1), 1_060, |v| *v), Found::Open(7));
        assert_eq!(desk.find(a, &ticket(1), 1_061, |v| *v), Found::Expired);
        assert_eq!(desk.find(b, &ticket(1), 1_000, |v| *v), Found::Unknown);
        assert_eq!(desk.find(a, &ticket(2), 1_000, |v| *v), Found::Unknown);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nothing_open_for_longer() {
        let desk = Desk::new(60);
        let a = facility("1310000001");
        // It was an hour ahead.
        desk.open(a, ticket(1), 7, 4_600).unwrap();
        assert_eq!(desk.find(a, &ticket(1), 4_590, |v| *v), Found::Open(7), "a small correction");
        assert_eq!(desk.find(a, &ticket(1), 1_000, |v| *v), Found::Expired);
        assert_eq!(desk.find(a, &ticket(1), 4_589, |v| *v), Found::Expired);
    }

    #[test]
    fn what_a_clock_that_was_ahead_has_opened_takes_nobodys_room() {
        let mut desk = Desk::new(60);
        desk.total_max = 1;
        let a = facility("1310000001");
        desk.open(a, ticket(1), (), 4_600).unwrap();
        assert_eq!(desk.open(a, ticket(2), (), 1_000), Ok(1_060));
    }

    #[test]
    fn a_facility_that_takes_too_many_pushes_out_its_own_oldest_only() {
        let desk = Desk::new(60);
        let (a, b) = (facility("1310000001"), facility("1330000009"));
        desk.open(b, ticket(0), 0, 1_000).unwrap();
        for number in 0..=PER_FACILITY_MAX {
            desk.open(a, ticket(number), number, 1_000).unwrap();
        }
        assert_eq!(desk.find(a, &ticket(0), 1_000, |v| *v), Found::Unknown);
        assert_eq!(desk.find(a, &ticket(1), 1_000, |v| *v), Found::Open(1));
        assert_eq!(desk.find(b, &ticket(0), 1_000, |v| *v), Found::Open(0));
    }

    #[test]
    fn a_full_desk_refuses_until_something_expires() {
        let mut desk = Desk::new(60);
        desk.total_max = 2;
        let a = facility("1310000001");
        desk.open(a, ticket(1), (), 1_000).unwrap();
        desk.open(a, ticket(2), (), 1_030).unwrap();
        assert_eq!(desk.open(a, ticket(3), (), 1_060), Err(CardError::Full));
        assert_eq!(desk.open(a, ticket(3), (), 1_061), Ok(1_121));
        assert_eq!(desk.open(a, ticket(4), (), 1_061), Err(CardError::Full));
    }
}
