//! What a population contains, counted from the registrations themselves.

use super::names::{has_cp932_extension, is_outside_cp932};
use shikaku_domain::{
    Day, InsuredCardClassification, ReasonOfLoss, Registration, Scheme, is_preschool,
};
use std::fmt;

macro_rules! tally {
    ($($(#[$doc:meta])* $field:ident => $label:literal,)+) => {
        /// Counts of people, except where the label says otherwise.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Tally { $($(#[$doc])* pub $field: u64,)+ }

        impl Tally {
            /// Adds another count to this one.
            pub fn merge(&mut self, other: &Self) {
                $(self.$field += other.$field;)+
            }

            /// Label and count of each line, in order.
            #[must_use]
            pub fn lines(&self) -> Vec<(&'static str, u64)> {
                vec![$(($label, self.$field),)+]
            }
        }
    };
}

tally! {
    /// People.
    persons => "persons",
    /// Registrations of all people.
    registrations => "registrations",
    /// Covered by 協会けんぽ on the date.
    kyokai => "covered: 協会けんぽ",
    /// Covered by 組合健保.
    kumiai => "covered: 組合健保",
    /// Covered by 共済組合.
    mutual_aid => "covered: 共済組合",
    /// Covered by 国民健康保険.
    national => "covered: 国民健康保険",
    /// Covered by 後期高齢者医療.
    late_stage => "covered: 後期高齢者医療",
    /// Covered by 医療扶助.
    medical_aid => "covered: 医療扶助",
    /// Not covered on the date, for whatever reason.
    uncovered => "not covered on the date",
    /// Covered by two registrations on the date.
    overlap => "covered twice on the date",
    /// Two registrations with days between them without cover.
    gap => "with a gap between insurers",
    /// Lost eligibility by death.
    died => "died",
    /// A registration that begins after the date.
    future => "with eligibility to come",
    /// Two registrations under the same card.
    renewed => "back under the same card",
    /// No branch where the scheme has them.
    no_branch => "without branch number",
    /// Same birth date on the same card as the person before, no branch to tell them apart.
    twins_without_branch => "twins that a card cannot tell apart",
    /// Same birth date on the same card as the person before.
    twins => "twins on one card",
    /// Short-term card or 特別療養費.
    short_term => "with a short-term card",
    /// On 医療扶助 without a ticket for the date.
    no_ticket => "on 医療扶助 without the month's ticket",
    /// 高齢受給者証.
    elderly_recipient => "with 高齢受給者証",
    /// 限度額適用認定証 valid on the date.
    limit => "with 限度額適用認定証",
    /// The next 限度額適用認定証 is on file.
    limit_next => "with next year's 限度額適用認定証",
    /// 特定疾病療養受療証.
    specific_disease => "with 特定疾病療養受療証",
    /// Not yet at school.
    preschool => "preschool children",
    /// 通称.
    other_name => "with 通称",
    /// 髙 or 﨑.
    cp932_extension => "with 髙 or 﨑 in the name",
    /// A character that CP932 lacks.
    outside_cp932 => "with a character outside CP932",
}

impl Tally {
    /// Counts neighbours of a block, in the order of their indexes.
    pub fn add_block(&mut self, people: &[Vec<Registration<'_>>], date: Day) {
        for person in people {
            self.add(person, date);
        }
        for pair in people.windows(2) {
            if let [one, other] = pair
                && let (Some(a), Some(b)) = (one.last(), other.last())
                && a.card.birthdate == b.card.birthdate
                && a.card.insurer == b.card.insurer
                && a.card.number == b.card.number
                && a.card.symbol == b.card.symbol
            {
                self.twins += 1;
                let is_open = a.card.branch.is_none() || b.card.branch.is_none();
                self.twins_without_branch += u64::from(is_open);
            }
        }
    }

    fn add(&mut self, person: &[Registration<'_>], date: Day) {
        self.persons += 1;
        self.registrations += person.len() as u64;
        let any = |rule: &dyn Fn(&Registration<'_>) -> bool| u64::from(person.iter().any(rule));
        let covering: Vec<_> = person.iter().filter(|r| r.period.covers(date)).collect();
        self.overlap += u64::from(covering.len() > 1);
        match covering.last() {
            Some(registration) => self.add_covering(registration, date),
            None => self.uncovered += 1,
        }
        self.gap += u64::from(person.windows(2).any(|pair| match pair {
            [old, new] => old.period.end().is_some_and(|end| end < new.period.start()),
            _ => false,
        }));
        self.renewed += u64::from(
            person.windows(2).any(|pair| matches!(pair, [old, new] if old.card == new.card)),
        );
        self.died += any(&|r| r.reason_of_loss == Some(ReasonOfLoss::Death));
        self.future += any(&|r| r.period.start() > date);
        let has_branches = |scheme| match scheme {
            Scheme::NationalHealthInsurance | Scheme::EmployeesInsurance => true,
            Scheme::LateStageElderly | Scheme::MedicalAid | Scheme::Other => false,
        };
        self.no_branch +=
            any(&|r| r.card.branch.is_none() && has_branches(r.card.insurer.scheme()));
        self.short_term += any(&|r| match r.card_classification {
            InsuredCardClassification::ShortTermGeneral
            | InsuredCardClassification::ShortTermRetired
            | InsuredCardClassification::SpecialMedicalExpense => true,
            InsuredCardClassification::General
            | InsuredCardClassification::Retired
            | InsuredCardClassification::SpecialRetired
            | InsuredCardClassification::SelfDefenceForces
            | InsuredCardClassification::MedicalAid => false,
        });
        self.other_name += any(&|r| r.name_of_other.is_some());
        self.cp932_extension += any(&|r| has_cp932_extension(r.name.expose()));
        self.outside_cp932 += any(&|r| is_outside_cp932(r.name.expose()));
    }

    fn add_covering(&mut self, registration: &Registration<'_>, date: Day) {
        let is = u64::from;
        match registration.card.insurer.scheme() {
            Scheme::NationalHealthInsurance => self.national += 1,
            Scheme::LateStageElderly => self.late_stage += 1,
            Scheme::EmployeesInsurance | Scheme::Other => {
                match registration.card.insurer.number() / 1_000_000 {
                    1 => self.kyokai += 1,
                    6 => self.kumiai += 1,
                    _ => self.mutual_aid += 1,
                }
            }
            Scheme::MedicalAid => {
                self.medical_aid += 1;
                let has_ticket = registration.medical_tickets.iter().any(|t| t.valid.covers(date));
                self.no_ticket += is(!has_ticket);
            }
        }
        let limits = &registration.limit_application;
        self.elderly_recipient += is(!registration.elderly_recipient.is_empty());
        self.limit += is(limits.iter().any(|l| l.valid.covers(date)));
        self.limit_next += is(limits.iter().any(|l| l.valid.start() > date));
        self.specific_disease += is(!registration.specific_diseases.is_empty());
        self.preschool += is(is_preschool(registration.card.birthdate, date));
    }
}

impl fmt::Display for Tally {
    /// One line each, counts to the right, with the share of people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (label, count) in self.lines() {
            // Shares in hundredths of a percent, in whole numbers.
            let share = count * 10_000 / self.persons.max(1);
            writeln!(f, "{count:>13} {:>4}.{:02} %  {label}", share / 100, share % 100)?;
        }
        Ok(())
    }
}
