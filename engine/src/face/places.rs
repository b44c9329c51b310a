//! How many pictures may be on their way at a time, in all and of one facility. A place is taken
//! before a picture is received, so that memory is bounded by places times the largest picture.

use super::FaceServiceError;
use shikaku_domain::MedicalInstitutionCode;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A facility's part of the places is one in so many, and at least one.
const FACILITY_PART: usize = 4;

type Taken = HashMap<MedicalInstitutionCode, usize>;

/// The places.
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
    limit: usize,
}

/// A place, free again with this value.
pub struct Place {
    facility: MedicalInstitutionCode,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    pub(super) fn new(limit: usize) -> Self {
        Self { taken: Arc::default(), limit }
    }

    /// A place for a facility's picture.
    pub(super) fn take(&self, facility: MedicalInstitutionCode) -> Result<Place, FaceServiceError> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.limit {
            return Err(FaceServiceError::Busy { limit: self.limit });
        }
        let own = taken.entry(facility).or_default();
        let limit = (self.limit / FACILITY_PART).max(1);
        if *own >= limit {
            return Err(FaceServiceError::FacilityBusy { limit });
        }
        *own += 1;
        Ok(Place { facility, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken.get(&self.facility).map_or(0, |own| own.saturating_sub(1));
        match left {
            0 => taken.remove(&self.facility),
            left => taken.insert(self.facility, left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facility(text: &str) -> MedicalInstitutionCode {
        MedicalInstitutionCode::parse(text).unwrap()
    }

    fn code(result: &Result<Place, FaceServiceError>) -> &'static str {
        result.as_ref().map_or_else(FaceServiceError::code, |_| "")
    }

    #[test]
    fn a_facility_takes_its_part_of_the_places_and_leaves_the_rest_to_others() {
        let places = Places::new(8);
        let (a, b) = (facility("1310000001"), facility("1330000009"));
        let first = places.take(a);
        let second = places.take(a);
        assert_eq!(code(&places.take(a)), "SHK-FCS-004");
        assert_eq!(code(&places.take(b)), "", "others have room");
        drop(first);
        assert_eq!(code(&places.take(a)), "");
        drop(second);
        assert!(places.taken.lock().unwrap().is_empty(), "nothing is kept of who has left");
    }

    #[test]
    fn when_all_places_are_taken_nobody_gets_one() {
        let places = Places::new(1);
        let held = places.take(facility("1310000001"));
        assert_eq!(code(&places.take(facility("1330000009"))), "SHK-FCS-003");
        drop(held);
        assert_eq!(code(&places.take(facility("1330000009"))), "");
    }
}
