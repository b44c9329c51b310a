//! Jobs begun and ended: the cards that a person or a 国保 household held in the last years.
//! Every irregularity that an eligibility system must bear with begins here.

use super::days::{anniversary, first_of_next_month, month_start};
use super::household::{Member, share};
use super::insurance::{HISTORY_DAYS, Planner, YEAR};
use super::insurers::InsurerIndex;
use shikaku_domain::{Day, ReasonOfLoss, Sex};

/// A card of a household and when it was held.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) insurer: InsurerIndex,
    /// Whose job or household the number belongs to, and which of their cards it is: below
    /// 800,000,000.
    pub(super) serial: u64,
    /// Place in the household of the insured person.
    pub(super) holder: usize,
    pub(super) start: Day,
    pub(super) end: Option<Day>,
    pub(super) reason: Option<ReasonOfLoss>,
}

/// Share of people with a job of their own under 被用者保険, per mille, from this age up.
const EMPLOYED_MEN: [(u32, u32); 9] = [
    (0, 0),
    (18, 230),
    (20, 500),
    (23, 790),
    (30, 835),
    (55, 815),
    (60, 700),
    (65, 370),
    (70, 170),
];
const EMPLOYED_WOMEN: [(u32, u32); 9] =
    [(0, 0), (18, 200), (20, 480), (23, 750), (30, 600), (55, 550), (60, 400), (65, 180), (70, 70)];
impl Planner<'_> {
    /// The cards of a member with a job, oldest first; `None` without a job.
    pub(super) fn job(&mut self, at: usize, member: &Member) -> Option<Vec<Held>> {
        let table = match member.sex {
            Sex::Female => &EMPLOYED_WOMEN,
            Sex::Male | Sex::NotStated => &EMPLOYED_MEN,
        };
        let age = self.age(member);
        if age >= 75 || !self.rng.per_mille(share(table, age)) {
            return None;
        }
        let adult = anniversary(member.birth, 18).min(self.date);
        let changes = match self.rng.below(1_000) {
            0..=29 => 2,
            30..=199 => 1,
            _ => 0,
        };
        let mut starts: Vec<Day> = (0..changes).map(|_| self.day_of_change(adult)).collect();
        starts.sort_unstable();
        let oldest = starts.first().copied().unwrap_or(self.date);
        starts.insert(0, self.earlier(oldest, 12 * YEAR).max(adult));
        starts.dedup();

        let mut cards: Vec<Held> = Vec::with_capacity(starts.len() + 1);
        for (ordinal, start) in (0..).zip(starts) {
            let was_national = ordinal == 0 && changes > 0 && self.rng.per_mille(200);
            let card = if was_national {
                self.national_card(start)
            } else {
                self.employer_card(at, ordinal, start)
            };
            self.hand_over(cards.last_mut(), start);
            cards.push(card);
        }
        self.perhaps_changes_soon(at, &mut cards);
        Some(cards)
    }

    /// Ends the old card when the new one begins: mostly on the same day, sometimes with a gap or
    /// an overlap, and not yet at all where the old insurer has not heard.
    fn hand_over(&mut self, old: Option<&mut Held>, start: Day) {
        let Some(old) = old else { return };
        let is_fresh = start.number() + 45 > self.date.number();
        let end = match self.rng.below(100) {
            0..=9 => start.saturating_add_days(-self.days(1, 60)),
            10..=14 => start.saturating_add_days(self.days(1, 30)),
            15..=49 if is_fresh => return,
            _ => start,
        };
        old.end = Some(end.max(old.start));
        let found_work = self.rng.per_mille(700);
        let reason = if found_work { ReasonOfLoss::OtherInsurance } else { ReasonOfLoss::Other };
        old.reason = Some(reason);
    }

    /// The end of the story for a few: lost and not yet insured again, a new job that begins
    /// after the date, or back at the same employer under the same card.
    fn perhaps_changes_soon(&mut self, at: usize, cards: &mut Vec<Held>) {
        let Some(last) = cards.last_mut() else { return };
        match self.rng.below(1_000) {
            0..=11 => {
                last.end = Some(self.past_day(180).max(last.start.saturating_add_days(1)));
                last.reason = Some(ReasonOfLoss::Other);
            }
            12..=19 => {
                let start = if self.rng.per_mille(600) {
                    first_of_next_month(self.date)
                } else {
                    self.date.saturating_add_days(self.days(1, 60))
                };
                if self.rng.per_mille(800) {
                    last.end = Some(start);
                    last.reason = Some(ReasonOfLoss::OtherInsurance);
                }
                cards.push(self.employer_card(at, 3, start));
            }
            20..=26 => {
                let back = self.past_day(2 * YEAR);
                let left = back.saturating_add_days(-self.days(20, 200));
                if last.start < left {
                    let mut again = last.clone();
                    last.end = Some(left);
                    last.reason = Some(ReasonOfLoss::Other);
                    again.start = back;
                    cards.push(again);
                }
            }
            _ => {}
        }
    }

    fn employer_card(&mut self, at: usize, ordinal: u64, start: Day) -> Held {
        Held {
            insurer: self.directory.of_employee(self.place.prefecture_index, self.rng),
            serial: (self.household.first + at as u64) * 4 + ordinal,
            holder: at,
            start,
            end: None,
            reason: None,
        }
    }

    pub(super) fn national_card(&self, start: Day) -> Held {
        Held {
            insurer: self.directory.national(self.place.municipality_index),
            serial: self.household.first * 4,
            holder: 0,
            start,
            end: None,
            reason: None,
        }
    }

    /// A 国保 household: since long, lately after somebody's job ended, or out of it and back.
    pub(super) fn national_history(&mut self) -> Vec<Held> {
        match self.rng.below(1_000) {
            0..=119 => {
                let start = self.day_of_change(Day::MIN);
                let job_start = self.earlier(start, 12 * YEAR);
                let mut job = self.employer_card(0, 3, job_start);
                self.hand_over(Some(&mut job), start);
                vec![job, self.national_card(start)]
            }
            120..=127 => {
                let joined = self.past_day(12 * YEAR);
                let mut left = self.national_card(joined);
                left.end = Some(self.past_day(120).max(left.start));
                left.reason = Some(ReasonOfLoss::Other);
                vec![left]
            }
            _ => {
                let joined = self.past_day(20 * YEAR);
                vec![self.national_card(joined)]
            }
        }
    }

    /// A day in the last years on which somebody changes insurer; often the first of a month.
    fn day_of_change(&mut self, earliest: Day) -> Day {
        let within = if self.rng.per_mille(80) { 45 } else { HISTORY_DAYS };
        let day = self.past_day(within);
        let day = if self.rng.per_mille(700) { month_start(day) } else { day };
        day.max(earliest)
    }
}
