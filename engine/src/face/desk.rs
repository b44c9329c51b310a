//! Faces of cards that are held for a while: whose they are, for how long, and one frame at a time.
//!
//! Nothing here asks for the time or looks at a picture. Time is monotonic: no clock that is set
//! back keeps a face for longer.

use super::FaceServiceError;
use shikaku_domain::MedicalInstitutionCode;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Faces that one facility may hold: a large hospital's readers, each with a patient. Holding more
/// lets go of its own oldest.
pub(super) const PER_FACILITY_MAX: usize = 64;
/// Faces over all facilities; some 4 KiB each.
const TOTAL_MAX: usize = 16_384;

/// Bytes of what names a face: unguessable.
pub(super) type Ticket = [u8; 24];

/// What becomes of a face after a frame.
pub(super) enum After<T> {
    /// The frame counted, and the try goes on.
    GoesOn(T),
    /// The try has ended without a match.
    NextTry(T),
    /// The face has served.
    LetGo,
}

struct Held<T> {
    facility: MedicalInstitutionCode,
    /// In the order of arrival, so that the oldest is known.
    number: u64,
    expires: Instant,
    tries_left: u32,
    is_looked_at: bool,
    value: T,
}

struct Shelf<T> {
    held: HashMap<Ticket, Held<T>>,
    next: u64,
}

/// The faces that are held.
pub(super) struct FaceDesk<T> {
    shelf: Mutex<Shelf<T>>,
    lifetime: Duration,
    total_max: usize,
}

impl<T: Clone> FaceDesk<T> {
    /// Holds each face for so long.
    pub(super) fn new(lifetime: Duration) -> Self {
        let shelf = Shelf { held: HashMap::new(), next: 0 };
        Self { shelf: Mutex::new(shelf), lifetime, total_max: TOTAL_MAX }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Shelf<T>) -> R) -> R {
        f(&mut self.shelf.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a face in, for so many tries.
    pub(super) fn hold(
        &self,
        facility: MedicalInstitutionCode,
        ticket: Ticket,
        value: T,
        tries: u32,
        now: Instant,
    ) -> Result<(), FaceServiceError> {
        self.with(|shelf| {
            shelf.held.retain(|_, held| held.expires > now);
            let own = shelf.held.iter().filter(|(_, held)| held.facility == facility);
            let own: Vec<_> = own.map(|(ticket, held)| (held.number, *ticket)).collect();
            if own.len() >= PER_FACILITY_MAX
                && let Some((_, oldest)) = own.iter().min()
            {
                shelf.held.remove(oldest);
            }
            if shelf.held.len() >= self.total_max {
                return Err(FaceServiceError::Full);
            }
            let number = shelf.next;
            shelf.next += 1;
            let (expires, tries_left) = (now + self.lifetime, tries);
            let held = Held { facility, number, expires, tries_left, is_looked_at: false, value };
            shelf.held.insert(ticket, held);
            Ok(())
        })
    }

    /// Begins to look at a frame. Each beginning has its [`FaceDesk::end`] or [`FaceDesk::give_up`].
    pub(super) fn begin(
        &self,
        facility: MedicalInstitutionCode,
        ticket: &Ticket,
        now: Instant,
    ) -> Result<T, FaceServiceError> {
        self.with(|shelf| match shelf.held.get_mut(ticket) {
            Some(held) if held.facility == facility && held.expires > now => {
                if std::mem::replace(&mut held.is_looked_at, true) {
                    return Err(FaceServiceError::InTurn);
                }
                Ok(held.value.clone())
            }
            Some(_) | None => Err(FaceServiceError::NoHandle),
        })
    }

    /// Ends it, and says how many tries are left.
    pub(super) fn end(&self, ticket: &Ticket, after: After<T>) -> u32 {
        self.with(|shelf| {
            // It may have expired or been let go of meanwhile.
            let Some(held) = shelf.held.get_mut(ticket) else { return 0 };
            held.is_looked_at = false;
            match after {
                After::GoesOn(value) => held.value = value,
                After::NextTry(value) => {
                    held.value = value;
                    held.tries_left = held.tries_left.saturating_sub(1);
                }
                After::LetGo => held.tries_left = 0,
            }
            let left = held.tries_left;
            if left == 0 {
                shelf.held.remove(ticket);
            }
            left
        })
    }

    /// The frame came to nothing: all is as it was before it.
    pub(super) fn give_up(&self, ticket: &Ticket) {
        self.with(|shelf| {
            if let Some(held) = shelf.held.get_mut(ticket) {
                held.is_looked_at = false;
            }
        });
    }

    /// Lets go of a facility's face. Says whether there was one.
    pub(super) fn let_go(&self, facility: MedicalInstitutionCode, ticket: &Ticket) -> bool {
        self.with(|shelf| {
            let is_own = shelf.held.get(ticket).is_some_and(|held| held.facility == facility);
            is_own && shelf.held.remove(ticket).is_some()
        })
    }

    /// Lets go of what has expired; says how many are still held.
    pub(super) fn sweep(&self, now: Instant) -> usize {
        self.with(|shelf| {
            shelf.held.retain(|_, held| held.expires > now);
            shelf.held.len()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const MINUTE: Duration = Duration::from_secs(60);

    fn facility(text: &str) -> MedicalInstitutionCode {
        MedicalInstitutionCode::parse(text).unwrap()
    }

    fn ticket(number: u8) -> Ticket {
        [number; 24]
    }

    fn desk() -> (FaceDesk<u32>, MedicalInstitutionCode, MedicalInstitutionCode, Instant) {
        let (a, b) = (facility("1310000001"), facility("1330000009"));
        (FaceDesk::new(MINUTE), a, b, Instant::now())
    }

    fn code<T>(result: Result<T, FaceServiceError>) -> &'static str {
        result.map_or_else(|error| error.code(), |_| "")
    }

    #[test]
    fn a_face_is_its_own_facilitys_until_its_time_is_over() {
        let (desk, a, b, now) = desk();
        desk.hold(a, ticket(1), 7, 3, now).unwrap();
        assert_eq!(code(desk.begin(b, &ticket(1), now)), "SHK-FCS-005");
        assert!(!desk.let_go(b, &ticket(1)));
        let late = now + MINUTE;
        assert_eq!(desk.begin(a, &ticket(1), late - Duration::from_secs(1)).unwrap(), 7);
        desk.give_up(&ticket(1));
        assert_eq!(code(desk.begin(a, &ticket(1), late)), "SHK-FCS-005");
        assert_eq!(desk.sweep(late), 0);
    }

    #[test]
    fn one_frame_is_looked_at_at_a_time_and_one_that_came_to_nothing_changes_nothing() {
        let (desk, a, _, now) = desk();
        desk.hold(a, ticket(1), 7, 3, now).unwrap();
        assert_eq!(desk.begin(a, &ticket(1), now).unwrap(), 7);
        assert_eq!(code(desk.begin(a, &ticket(1), now)), "SHK-FCS-006");
        desk.give_up(&ticket(1));
        assert_eq!(desk.begin(a, &ticket(1), now).unwrap(), 7);
        assert_eq!(desk.end(&ticket(1), After::GoesOn(8)), 3);
        assert_eq!(desk.begin(a, &ticket(1), now).unwrap(), 8);
    }

    #[test]
    fn tries_are_counted_and_the_last_one_lets_go() {
        let (desk, a, _, now) = desk();
        desk.hold(a, ticket(1), 7, 2, now).unwrap();
        for left in [1, 0] {
            desk.begin(a, &ticket(1), now).unwrap();
            assert_eq!(desk.end(&ticket(1), After::NextTry(0)), left);
        }
        assert_eq!(code(desk.begin(a, &ticket(1), now)), "SHK-FCS-005");
        desk.hold(a, ticket(2), 7, 2, now).unwrap();
        desk.begin(a, &ticket(2), now).unwrap();
        assert_eq!(desk.end(&ticket(2), After::LetGo), 0);
        assert_eq!(desk.sweep(now), 0);
    }

    #[test]
    fn a_facility_that_holds_too_many_lets_go_of_its_own_oldest_only() {
        let (desk, a, b, now) = desk();
        desk.hold(b, ticket(255), 0, 1, now).unwrap();
        for number in 0..=u8::try_from(PER_FACILITY_MAX).unwrap() {
            desk.hold(a, ticket(number), 0, 1, now).unwrap();
        }
        assert_eq!(code(desk.begin(a, &ticket(0), now)), "SHK-FCS-005");
        assert_eq!(code(desk.begin(a, &ticket(1), now)), "");
        assert_eq!(code(desk.begin(b, &ticket(255), now)), "");
    }

    #[test]
    fn a_full_desk_refuses_until_something_expires() {
        let (mut desk, a, b, now) = desk();
        desk.total_max = 1;
        desk.hold(a, ticket(1), 0, 1, now).unwrap();
        assert_eq!(code(desk.hold(b, ticket(2), 0, 1, now)), "SHK-FCS-002");
        assert_eq!(code(desk.hold(b, ticket(2), 0, 1, now + MINUTE)), "");
    }

    /// What is let go of is dropped there and then: a face overwrites itself when it is.
    #[test]
    fn nothing_is_kept_of_a_face_that_was_let_go_of() {
        let (a, now) = (facility("1310000001"), Instant::now());
        let desk = FaceDesk::new(MINUTE);
        let faces: Vec<_> = (0..3).map(Arc::new).collect();
        for (number, face) in (0..).zip(&faces) {
            desk.hold(a, ticket(number), Arc::clone(face), 1, now).unwrap();
        }
        drop(desk.begin(a, &ticket(0), now).unwrap());
        desk.end(&ticket(0), After::LetGo);
        assert!(desk.let_go(a, &ticket(1)));
        desk.sweep(now + MINUTE);
        assert!(faces.iter().all(|face| Arc::strong_count(face) == 1));
    }
}
