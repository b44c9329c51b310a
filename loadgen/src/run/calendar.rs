//! Simulated days: the hours of a facility's day, the days of its week, the rush after holidays.

use super::RunError;
use super::plan::Curve;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde::Deserialize;

/// Longest calendar, in days.
const DAYS_MAX: u32 = 366;
/// Hours of a day.
const HOURS: usize = 24;
/// Days of a week, Monday first.
const WEEK: usize = 7;

/// Which days are simulated, and how fast.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Calendar {
    /// The first day, such as `2026-11-01`.
    first_day: Date,
    /// How many days.
    days: u32,
    /// Seconds of the run for one simulated hour.
    hour_seconds: f64,
    /// Requests a second of all streams together in the busiest hour.
    peak_rate: f64,
    /// Days on which everything is as on a Sunday.
    #[serde(default)]
    holidays: Vec<Date>,
    /// How much more than usual happens on the first working day after closed days.
    #[serde(default = "usual")]
    after_holiday: f64,
}

const fn usual() -> f64 {
    1.0
}

/// A stream's share, hours and weekdays.
type Rhythm<'r> = (f64, &'r [f64], &'r [f64]);

impl Calendar {
    /// The same days, so many times as fast.
    pub(super) fn at_pace(mut self, pace: f64) -> Self {
        self.hour_seconds /= pace;
        self
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let is_fine = (1..=DAYS_MAX).contains(&self.days)
            && (0.01..=3600.0).contains(&self.hour_seconds)
            && self.peak_rate > 0.0
            && (0.0..=100.0).contains(&self.after_holiday);
        // The calendar of the library ends in 9999.
        let is_fine = is_fine && self.first_day.year() < 9000;
        is_fine.then_some(()).ok_or_else(|| {
            format!(
                "calendar: days 1 to {DAYS_MAX}, hour_seconds 0.01 to 3600, peak_rate above 0, \
                 after_holiday 0 to 100"
            )
        })
    }

    pub(super) fn check_stream(&self, hours: &[f64], weekdays: &[f64]) -> Result<(), String> {
        let are_weights = |list: &[f64], length| {
            list.len() == length && list.iter().all(|w| w.is_finite() && *w >= 0.0)
        };
        if are_weights(hours, HOURS)
            && are_weights(weekdays, WEEK)
            && hours.iter().any(|w| *w > 0.0)
        {
            Ok(())
        } else {
            Err(format!("a calendar needs {HOURS} hours and {WEEK} weekdays, none negative"))
        }
    }

    /// The rates of streams: steps of one hour, scaled so that the busiest hour of all streams
    /// together has the peak rate.
    ///
    /// # Errors
    /// [`RunError::Option`] when nothing ever happens.
    pub(super) fn curves(&self, streams: &[Rhythm<'_>]) -> Result<Vec<Curve>, RunError> {
        let wrong = |reason: String| RunError::Option { option: "calendar", reason };
        let hours = self.days as usize * HOURS;
        let all: Vec<_> = streams.iter().map(|stream| self.weights(*stream)).collect();
        let total = |hour| all.iter().filter_map(|weights| weights.get(hour)).sum::<f64>();
        let peak = (0..hours).map(total).fold(0.0, f64::max);
        if peak <= 0.0 {
            return Err(wrong("nothing ever happens".to_owned()));
        }
        let curve = |weights: &Vec<f64>| {
            let steps = weights.iter().enumerate().flat_map(|(hour, weight)| {
                let rate = weight * self.peak_rate / peak;
                // An hour ends at the very number at which the next begins.
                let at = |hour: usize| hour as f64 * self.hour_seconds;
                [(at(hour), rate), (at(hour + 1), rate)]
            });
            Curve::new(steps.collect())
        };
        all.iter().map(curve).collect()
    }

    /// How much a stream does in each hour.
    fn weights(&self, (share, hours, weekdays): Rhythm<'_>) -> Vec<f64> {
        let sum: f64 = hours.iter().sum();
        let is_closed =
            |day: Date| day.weekday() == Weekday::Sunday || self.holidays.contains(&day);
        let mut weights = Vec::new();
        for number in 0..self.days {
            let today = self.first_day.saturating_add(i64::from(number).days());
            let yesterday = today.saturating_sub(1.day());
            let weekday = if is_closed(today) { Weekday::Sunday } else { today.weekday() };
            let column = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(WEEK - 1);
            let rush = !is_closed(today) && is_closed(yesterday);
            let factor = weekdays.get(column).copied().unwrap_or_default()
                * if rush { self.after_holiday } else { 1.0 };
            weights.extend(hours.iter().map(|weight| share * weight / sum * factor));
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(after_holiday: f64, pace: f64) -> Curve {
        let calendar = Calendar {
            first_day: "2026-10-30".parse().unwrap(),
            days: 5,
            hour_seconds: 2.0,
            peak_rate: 100.0,
            holidays: vec!["2026-11-02".parse().unwrap()],
            after_holiday,
        };
        calendar.check().unwrap();
        let calendar = calendar.at_pace(pace);
        let mut hours = [0.0; HOURS];
        hours[9] = 3.0;
        hours[10] = 1.0;
        let weekdays = [1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.1];
        calendar.check_stream(&hours, &weekdays).unwrap();
        calendar.curves(&[(1.0, &hours, &weekdays)]).unwrap().remove(0)
    }

    #[test]
    fn the_day_after_holidays_is_the_peak() {
        // Friday, Saturday, Sunday, a holiday on Monday, Tuesday.
        let curve = week(1.5, 1.0);
        let at_nine = |day: f64| curve.rate_after((day * 24.0 + 9.0) * 2.0);
        let rates: Vec<_> = (0..5).map(|day| at_nine(f64::from(day)).round()).collect();
        assert_eq!(rates, [67.0, 33.0, 7.0, 7.0, 100.0]);
        assert_eq!(curve.rate_after(20.0).round(), 22.0, "Friday at ten");
        assert_eq!(curve.rate_after(40.0), 0.0, "Friday at twenty");
        assert_eq!(curve.end().as_secs(), 5 * 48);
    }

    #[test]
    fn hours_of_any_length_follow_each_other() {
        for pace in [3.0, 7.0, 20.0, 360.0] {
            assert_eq!(week(1.0, pace).end().as_secs_f64().round(), (240.0 / pace).round());
        }
    }
}
