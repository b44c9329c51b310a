//! Failed log-ins: after [`FAILURES_MAX`] of one user at one facility, a pause.

use super::Owner;
use std::collections::HashMap;

/// Attempts before a pause.
pub const FAILURES_MAX: u32 = 5;
/// Length of the pause after the last attempt that was allowed.
pub const LOCK_SECONDS: u64 = 30;
/// Failures are forgotten when none has followed for this long.
pub const FAILURE_WINDOW_SECONDS: u64 = 600;
/// Most users whose failures are remembered: about 2 MB.
pub const LOCKOUT_ENTRIES_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Lockout {
    failures: HashMap<Owner, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    /// Unix seconds.
    last: u64,
}

impl Lockout {
    /// Counts an attempt as failed before its password is looked at.
    ///
    /// The error is the number of seconds to wait; such an attempt is not counted.
    pub(super) fn begin(&mut self, owner: &Owner, now: u64) -> Result<(), u64> {
        if let Some(failures) = self.failures.get_mut(owner) {
            // A clock that was set back must not lengthen the pause by as much.
            failures.last = failures.last.min(now);
            let age = now.saturating_sub(failures.last);
            if age >= FAILURE_WINDOW_SECONDS {
                failures.count = 0;
            }
            if failures.count >= FAILURES_MAX && age < LOCK_SECONDS {
                return Err(LOCK_SECONDS - age);
            }
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
            return Ok(());
        }
        self.make_room(now);
        let first = Failures { count: 1, last: now };
        self.failures.insert(owner.clone(), first);
        Ok(())
    }

    /// Forgets the failures of a user who gave the right password.
    pub(super) fn succeed(&mut self, owner: &Owner) {
        self.failures.remove(owner);
    }

    /// Keeps the memory bounded: forgets what is too old, then whoever failed longest ago.
    fn make_room(&mut self, now: u64) {
        if self.failures.len() < LOCKOUT_ENTRIES_MAX {
            return;
        }
        self.failures
            .retain(|_, failures| now.saturating_sub(failures.last) < FAILURE_WINDOW_SECONDS);
        if self.failures.len() < LOCKOUT_ENTRIES_MAX {
            return;
        }
        // Those under lock go last: filling the table must not set anybody free early.
        let oldest = self
            .failures
            .iter()
            .min_by_key(|(_, failures)| (failures.count >= FAILURES_MAX, failures.last))
            .map(|(owner, _)| owner.clone());
        if let Some(owner) = oldest {
            self.failures.remove(&owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikaku_domain::MedicalInstitutionCode;

    fn owner(user: &str) -> Owner {
        let facility = MedicalInstitutionCode::parse("1310000001").unwrap();
        (facility, user.to_owned())
    }

    #[test]
    fn the_sixth_attempt_waits_and_the_wait_ends() {
        let mut lockout = Lockout::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(lockout.begin(&owner("a"), 100), Ok(()));
        }
        assert_eq!(lockout.begin(&owner("a"), 100), Err(30));
        assert_eq!(lockout.begin(&owner("a"), 129), Err(1));
        assert_eq!(lockout.begin(&owner("b"), 129), Ok(()));
        assert_eq!(lockout.begin(&owner("a"), 130), Ok(()));
        assert_eq!(lockout.begin(&owner("a"), 130), Err(30), "locked again");
        assert_eq!(lockout.begin(&owner("a"), 130 + 600), Ok(()));
        assert_eq!(lockout.begin(&owner("a"), 130 + 600), Ok(()), "forgotten");
    }

    #[test]
    fn a_clock_that_is_set_back_neither_ends_nor_lengthens_the_pause() {
        let mut lockout = Lockout::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(lockout.begin(&owner("a"), 100_000), Ok(()));
        }
        assert_eq!(lockout.begin(&owner("a"), 100), Err(30));
        assert_eq!(lockout.begin(&owner("a"), 120), Err(10));
        assert_eq!(lockout.begin(&owner("a"), 130), Ok(()));
    }

    #[test]
    fn a_right_password_clears_the_count() {
        let mut lockout = Lockout::default();
        for _ in 0..20 {
            assert_eq!(lockout.begin(&owner("a"), 100), Ok(()));
            lockout.succeed(&owner("a"));
        }
        assert!(lockout.failures.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_locked_stay_locked() {
        let mut lockout = Lockout::default();
        for _ in 0..FAILURES_MAX {
            assert_eq!(lockout.begin(&owner("victim"), 100), Ok(()));
        }
        for n in 0..LOCKOUT_ENTRIES_MAX + 50 {
            let _ = lockout.begin(&owner(&n.to_string()), 101);
        }
        assert_eq!(lockout.failures.len(), LOCKOUT_ENTRIES_MAX);
        assert_eq!(lockout.begin(&owner("victim"), 102), Err(28));
    }
}
