//! Who is insured where, and since when: the cards of a household and their histories.

use super::cards::{card_texts, late_stage_number, recipient_number};
use super::days::anniversary;
use super::history::Held;
use super::household::{Household, Member, Relation, share};
use super::insurers::Directory;
use super::place::Place;
use super::rng::Rng;
use shikaku_domain::{Day, InsurerNumber, ReasonOfLoss, Scheme};
use std::cmp::Ordering;

/// A stretch of time under one card, for one member of the household.
#[derive(Clone, Debug)]
pub(super) struct Stint {
    pub(super) insurer: InsurerNumber,
    pub(super) symbol: Option<String>,
    pub(super) number: String,
    pub(super) branch: Option<u8>,
    /// Place in the household of the insured person (for 国保 the head).
    pub(super) insured: usize,
    pub(super) start: Day,
    /// The first day not covered.
    pub(super) end: Option<Day>,
    pub(super) reason: Option<ReasonOfLoss>,
    pub(super) kind: CardKind,
}

/// What sort of card it is, beyond the scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CardKind {
    Ordinary,
    /// 短期被保険者証, for households in arrears.
    ShortTerm,
    /// 特別療養費支給対象者, for those long in arrears.
    SpecialMedicalExpense,
}

/// First day of the scheme for those of 75 and over.
const LATE_STAGE_SINCE: Option<Day> = match Day::new(2008, 4, 1) {
    Ok(day) => Some(day),
    Err(_) => None,
};
pub(super) const YEAR: u32 = 365;
/// How far back changes of insurer are kept, as the real system keeps five years.
pub(super) const HISTORY_DAYS: u32 = 5 * YEAR;

/// Share that died within the last year but is still on file, per mille, from this age up.
const DIED: [(u32, u32); 6] = [(0, 1), (50, 4), (65, 12), (75, 28), (85, 80), (95, 200)];

/// What the plan is made from.
pub(super) struct Planner<'p> {
    pub(super) directory: &'p Directory,
    pub(super) place: &'p Place<'p>,
    pub(super) household: &'p Household,
    pub(super) date: Day,
    pub(super) rng: &'p mut Rng,
}

impl Planner<'_> {
    /// The stints of every member, oldest first.
    pub(super) fn plan(mut self) -> Vec<Vec<Stint>> {
        let welfare_rank = self.place.welfare_rank.filter(|_| self.lives_on_welfare());
        let mut plan = match welfare_rank {
            Some(rank) => self.on_welfare(rank),
            None => self.insured(),
        };
        for ((at, member), stints) in (0..).zip(&self.household.members).zip(&mut plan) {
            self.perhaps_dies(member, stints);
            stints.retain(|s| s.end.is_none_or(|end| s.start < end));
            if stints.is_empty() {
                // Born after the family's card was lost: the municipality insures the child.
                let card = self.national_card(member.birth);
                stints.extend(self.stint(&card, at, member, true));
            }
            stints.sort_by_key(|s| s.start);
        }
        plan
    }

    pub(super) fn age(&self, member: &Member) -> u32 {
        (self.date.number() - member.birth.number()) * 4 / (4 * YEAR + 1)
    }

    /// 医療扶助 is for the small and the old households above all.
    fn lives_on_welfare(&mut self) -> bool {
        let age = self.household.members.first().map_or(0, |head| self.age(head));
        self.rng.per_mille(match self.household.members.len() {
            1 if age >= 60 => 1_000,
            1 => 620,
            2 => 500,
            _ => 170,
        })
    }

    fn on_welfare(&mut self, rank: u64) -> Vec<Vec<Stint>> {
        let (office, rank) = self.directory.welfare_office(self.place.prefecture_index, rank);
        let since = self.past_day(3 * HISTORY_DAYS);
        let is_recent = since.number() + HISTORY_DAYS > self.date.number();
        let joined = self.earlier(since, 10 * YEAR);
        let mut before = self.national_card(joined);
        before.end = Some(since);
        before.reason = Some(ReasonOfLoss::PublicAssistance);
        let Some(insurer) = self.directory.number(office) else {
            return Vec::new();
        };
        (0..)
            .zip(&self.household.members)
            .map(|(at, member)| {
                let had_national = is_recent && anniversary(member.birth, 75) > since;
                let before = had_national.then(|| self.stint(&before, at, member, true));
                let mut stints: Vec<_> = before.flatten().into_iter().collect();
                stints.push(Stint {
                    insurer,
                    symbol: None,
                    number: recipient_number(rank * 6 + at as u64),
                    branch: None,
                    insured: at,
                    start: since.max(member.birth),
                    end: None,
                    reason: None,
                    kind: CardKind::Ordinary,
                });
                stints
            })
            .collect()
    }

    /// Everybody who does not live on welfare.
    fn insured(&mut self) -> Vec<Vec<Stint>> {
        let members = &self.household.members;
        let jobs: Vec<_> = (0..).zip(members).map(|(at, m)| self.job(at, m)).collect();
        let earner = members.iter().zip(&jobs).find_map(|(m, job)| Some((m, job.as_ref()?)));
        let has_branches = self.has_branches();
        let national = self.national_history();
        let kind = match self.rng.below(1_000) {
            0..=19 => CardKind::ShortTerm,
            20..=23 => CardKind::SpecialMedicalExpense,
            _ => CardKind::Ordinary,
        };
        let mut plan = Vec::with_capacity(members.len());
        for ((at, member), own) in (0..).zip(members).zip(&jobs) {
            let cards = match (own, earner) {
                (Some(own), _) => own,
                (None, Some((earner, cards))) if self.is_dependant(member, earner) => cards,
                (None, _) => &national,
            };
            let mut stints: Vec<_> = cards
                .iter()
                .filter_map(|held| self.stint(held, at, member, has_branches))
                .collect();
            for stint in &mut stints {
                if stint.insurer.scheme() == Scheme::NationalHealthInsurance {
                    stint.kind = kind;
                }
            }
            self.perhaps_grows_old(at, member, &mut stints);
            plan.push(stints);
        }
        plan
    }

    /// Branch numbers are general since 2021; a few insurers' records still lack them, and so do
    /// more of those that have twins, which is when it matters.
    fn has_branches(&mut self) -> bool {
        let members = &self.household.members;
        let has_twins = members.windows(2).any(|pair| match pair {
            [a, b] => a.birth == b.birth,
            _ => false,
        });
        !self.rng.per_mille(if has_twins { 350 } else { 30 })
    }

    /// Whether a member without a job is insured on the earner's card. Parents seldom are on a
    /// child's, unless they are old.
    fn is_dependant(&mut self, member: &Member, earner: &Member) -> bool {
        let age = self.age(member);
        let is_on_child = earner.relation == Relation::Child;
        self.rng.per_mille(match member.relation {
            Relation::Head | Relation::Spouse if is_on_child => 220,
            Relation::Head | Relation::Spouse if age < 60 => 900,
            Relation::Head | Relation::Spouse => 420,
            Relation::Child if is_on_child => 120,
            Relation::Child if age < 23 => 970,
            Relation::Child => 380,
            Relation::Elder => 300,
        })
    }

    /// A held card as it concerns one member, from their birth on.
    fn stint(&self, held: &Held, at: usize, member: &Member, has_branches: bool) -> Option<Stint> {
        let start = held.start.max(member.birth);
        if held.end.is_some_and(|end| end <= start) {
            return None;
        }
        let insurer = self.directory.number(held.insurer)?;
        let (symbol, number) = card_texts(insurer, held.serial);
        let branch = u8::try_from(branch(insurer.scheme(), held.holder, at)).ok();
        Some(Stint {
            insurer,
            symbol,
            number,
            branch: branch.filter(|_| has_branches),
            insured: held.holder,
            start,
            end: held.end,
            reason: held.reason,
            kind: CardKind::Ordinary,
        })
    }

    /// 後期高齢者医療 from the 75th birthday on, for some with a disability from 65; registered up
    /// to two months ahead.
    fn perhaps_grows_old(&mut self, at: usize, member: &Member, stints: &mut Vec<Stint>) {
        let age = self.age(member);
        let is_disabled = (66..75).contains(&age) && self.rng.per_mille(25);
        let start = if is_disabled {
            self.past_day((age - 65) * YEAR)
        } else {
            anniversary(member.birth, 75)
        };
        if start > self.date.saturating_add_days(60) {
            return;
        }
        let start = LATE_STAGE_SINCE.map_or(start, |first| start.max(first));
        let is_history = start.number() + HISTORY_DAYS < self.date.number();
        stints.retain(|s| !is_history && s.start < start);
        let Some(insurer) =
            self.directory.number(self.directory.late_stage(self.place.prefecture_index))
        else {
            return;
        };
        for stint in stints.iter_mut() {
            if stint.end.is_none_or(|end| end > start) {
                stint.end = Some(start);
                stint.reason = Some(ReasonOfLoss::OtherInsurance);
            }
        }
        stints.push(Stint {
            insurer,
            symbol: None,
            number: late_stage_number(self.place.rank * 4 + self.elder_ordinal(at)),
            branch: None,
            insured: at,
            start,
            end: None,
            reason: None,
            kind: CardKind::Ordinary,
        });
    }

    /// Which of the household's people over 65 this is; more than four do not live together.
    fn elder_ordinal(&self, at: usize) -> u64 {
        let before = self.household.members.iter().take(at);
        before.filter(|m| self.age(m) >= 65).count() as u64 % 4
    }

    /// The old die, and stay on file for a while. Those others depend on are spared: what becomes
    /// of a whole card is told by the loss of a job.
    fn perhaps_dies(&mut self, member: &Member, stints: &mut Vec<Stint>) {
        let dies = self.rng.per_mille(share(&DIED, self.age(member)));
        let is_supporter = member.relation == Relation::Head
            && self.household.members.len() > 1
            && self.age(member) < 75;
        if !dies || is_supporter {
            return;
        }
        let lost = self.past_day(YEAR).max(member.birth.saturating_add_days(1));
        if stints.iter().all(|s| s.start >= lost) {
            return; // insured only since: a death would leave no record at all
        }
        stints.retain(|s| s.start < lost);
        for stint in stints {
            if stint.end.is_none_or(|end| end > lost) {
                stint.end = Some(lost);
                stint.reason = Some(ReasonOfLoss::Death);
            }
        }
    }

    pub(super) fn days(&mut self, low: u32, high: u32) -> i32 {
        i32::try_from(self.rng.between(low, high)).unwrap_or(i32::MAX)
    }

    /// A day within so many days before the date, the date itself included.
    pub(super) fn past_day(&mut self, within: u32) -> Day {
        self.earlier(self.date, within)
    }

    /// A day within so many days before another.
    pub(super) fn earlier(&mut self, day: Day, within: u32) -> Day {
        let days = self.days(0, within);
        day.saturating_add_days(-days)
    }
}

/// 枝番: 00 for an insured employee and 01 on for dependants; 01 on in a 国保 household.
fn branch(scheme: Scheme, holder: usize, at: usize) -> usize {
    match scheme {
        Scheme::NationalHealthInsurance => at + 1,
        Scheme::EmployeesInsurance
        | Scheme::LateStageElderly
        | Scheme::MedicalAid
        | Scheme::Other => match at.cmp(&holder) {
            Ordering::Less => at + 1,
            Ordering::Equal => 0,
            Ordering::Greater => at,
        },
    }
}
