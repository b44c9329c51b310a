//! Days that law and custom care about: birthdays, firsts of a month, the 1st of August.

use shikaku_domain::Day;

/// The birthday of this age. Those born on 29 February have it on 1 March in common years.
pub(super) fn anniversary(birth: Day, years: u32) -> Day {
    let (year, month, day) = birth.ymd();
    Day::new(year + years, month, day).or_else(|_| Day::new(year + years, 3, 1)).unwrap_or(Day::MAX)
}

/// The first day of the month.
pub(super) fn month_start(day: Day) -> Day {
    day.month().first_day()
}

/// The first day of the month after.
pub(super) fn first_of_next_month(day: Day) -> Day {
    // Day 1 plus 31 lies in the next month, whatever the month's length.
    month_start(month_start(day).saturating_add_days(31))
}

/// The 1st of August on or before the day: when papers of 国保 and 後期高齢者医療 are renewed.
pub(super) fn renewal_before(day: Day) -> Day {
    let (year, month, _) = day.ymd();
    let year = if month >= 8 { year } else { year - 1 };
    Day::new(year, 8, 1).unwrap_or(Day::MIN)
}

/// The 1st of August after the day.
pub(super) fn renewal_after(day: Day) -> Day {
    anniversary(renewal_before(day), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_days_of_a_year() {
        let day = |text| Day::parse(text).unwrap();
        let check = |actual: Day, expected: &str| assert_eq!(actual.to_string(), expected);
        check(anniversary(day("19510415"), 75), "20260415");
        check(anniversary(day("19480229"), 75), "20230301");
        check(first_of_next_month(day("20260131")), "20260201");
        check(first_of_next_month(day("20261201")), "20270101");
        check(renewal_before(day("20260731")), "20250801");
        check(renewal_before(day("20260801")), "20260801");
        check(renewal_after(day("20260731")), "20260801");
        check(renewal_after(day("20260801")), "20270801");
    }
}
