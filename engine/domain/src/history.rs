//! The rules about one person's memberships over time.

use crate::{Day, Period, Registration};

/// When a person is covered under another card by a later membership: what a registration has in
/// `elsewhere`.
///
/// `memberships` are all of one person, `own` the one asked for. Those under other cards that
/// start after it count; one that started on the same day or before is no newer eligibility, and
/// one under the same card is found by the same read. Ordered by start, then end.
#[must_use]
pub fn elsewhere<K: PartialEq>(own: (&K, Period), memberships: &[(K, Period)]) -> Vec<Period> {
    let (own_card, own_period) = own;
    let mut later: Vec<Period> = memberships
        .iter()
        .filter(|(card, period)| card != own_card && period.start() > own_period.start())
        .map(|(_, period)| *period)
        .collect();
    later.sort_by_key(|period| (period.start(), period.end().unwrap_or(Day::MAX)));
    later
}

/// Fills [`Registration::elsewhere`] of everything registered about one person, as the centre
/// would hold it.
pub fn fill_elsewhere(registrations: &mut [Registration<'_>]) {
    let memberships: Vec<_> = registrations
        .iter()
        .map(|registration| {
            let card = &registration.card;
            let key =
                (card.insurer, card.symbol_to_compare(), *card.number.folded(), card.birthdate);
            (key, registration.period)
        })
        .collect();
    for (registration, (card, period)) in registrations.iter_mut().zip(&memberships) {
        registration.elsewhere = elsewhere((card, *period), &memberships);
    }
}

/// How often one person's insurance has a gap: at least one day without cover between two
/// memberships.
#[must_use]
pub fn gaps(periods: &mut [Period]) -> u64 {
    periods.sort_by_key(|period| period.start());
    let mut gaps = 0;
    let mut covered_until: Option<Day> = None;
    for period in periods.iter().filter(|period| period.end() != Some(period.start())) {
        if covered_until.is_some_and(|until| until < period.start()) {
            gaps += 1;
        }
        // A day beyond the range stands for "open": no period starts after it.
        let end = period.end().unwrap_or(Day::MAX);
        covered_until = Some(covered_until.map_or(end, |until| until.max(end)));
    }
    gaps
}

/// How many pairs of one person's memberships with different insurers cover a same day.
#[must_use]
pub fn overlaps<I: PartialEq>(memberships: &[(I, Period)]) -> u64 {
    let mut overlaps = 0;
    let mut rest = memberships;
    while let Some(((insurer, period), later)) = rest.split_first() {
        overlaps += later
            .iter()
            .filter(|(other, other_period)| other != insurer && period.overlaps(*other_period))
            .count() as u64;
        rest = later;
    }
    overlaps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(start: u32, end: impl Into<Option<u32>>) -> Period {
        let day = |n| Day::from_number(n).unwrap();
        Period::new(day(start), end.into().map(day)).unwrap()
    }

    #[test]
    fn newer_means_another_card_that_starts_later() {
        let all = [
            ("a", period(10, 20)),
            ("b", period(20, None)),
            ("c", period(5, 10)),
            ("a", period(30, None)),
            ("d", period(10, None)),
        ];
        let of = |own: usize| elsewhere((&all[own].0, all[own].1), &all);
        assert_eq!(of(0), [period(20, None)]);
        assert_eq!(of(1), [period(30, None)]);
        assert_eq!(of(2), [period(10, 20), period(10, None), period(20, None), period(30, None)]);
        assert_eq!(of(3), []);
    }

    #[test]
    fn a_gap_is_at_least_one_uncovered_day() {
        let check = |mut periods: Vec<Period>, expected| {
            assert_eq!(gaps(&mut periods), expected, "{periods:?}");
        };
        check(vec![], 0);
        check(vec![period(10, 20)], 0);
        check(vec![period(10, 20), period(20, None)], 0);
        check(vec![period(21, None), period(10, 20)], 1);
        check(vec![period(10, 40), period(15, 20), period(30, 50)], 0);
        check(vec![period(10, None), period(50, 60)], 0);
        check(vec![period(10, 20), period(25, 25), period(20, None)], 0);
        check(vec![period(1, 2), period(3, 4), period(5, None)], 2);
    }

    #[test]
    fn only_different_insurers_overlap() {
        assert_eq!(overlaps(&[("x", period(1, 10)), ("y", period(9, None))]), 1);
        assert_eq!(overlaps(&[("x", period(1, 10)), ("y", period(10, None))]), 0);
        assert_eq!(overlaps(&[("x", period(1, 10)), ("x", period(5, None))]), 0);
        let all = [("x", period(1, None)), ("y", period(2, None)), ("z", period(3, None))];
        assert_eq!(overlaps(&all), 3);
    }
}
