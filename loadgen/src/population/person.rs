//! From a household to its members' registrations.

use super::days::{renewal_after, renewal_before};
use super::household::Household;
use super::insurance::{CardKind, Stint};
use super::names::{FullName, Names};
use super::papers;
use super::place::Place;
use super::rng::Rng;
use shikaku_domain::{
    CardFace, CardText, Day, InsuredBranchNumber, InsuredCardClassification, Period, PersonId,
    PersonalFamilyClassification, PostNumber, Registration, Scheme, Sex, Text,
};
use std::borrow::Cow;

/// 個人単位被保険者番号 of the person with this index: different for each index below 2^40, and
/// spread out, as nothing may rely on people being numbered in order.
pub(super) fn person_id(index: u64) -> Option<PersonId> {
    const LOW_40_BITS: u64 = (1 << 40) - 1;
    // An odd factor is a one-to-one map of 40-bit numbers.
    let spread = (index + 1).wrapping_mul(0x9E_3779_B97F) & LOW_40_BITS;
    PersonId::from_number(100_000_000_000_000 + spread)
}

/// The registrations of every member of a household, oldest first.
pub(super) fn registrations(
    names: &Names,
    household: &Household,
    plan: Vec<Vec<Stint>>,
    place: &Place<'_>,
    date: Day,
    rng: &mut Rng,
) -> Vec<Vec<Registration<'static>>> {
    let family = names.family(rng);
    let full_names: Vec<FullName> = household
        .members
        .iter()
        .map(|m| names.member(&family, m.sex, m.birth.ymd().0, rng))
        .collect();
    let (address, post) = place.address(rng);
    let people = (0..).zip(&household.members).zip(&full_names);
    people
        .zip(plan)
        .map(|(((at, member), name), stints)| {
            let current = stints.iter().rposition(|s| is_current(s, date));
            let registration = |stint: Stint| {
                let person = Subject {
                    id: person_id(household.first + at as u64)?,
                    birth: member.birth,
                    sex: member.sex,
                    name,
                    is_insured: stint.insured == at,
                    insured: full_names.get(stint.insured).unwrap_or(name),
                };
                let mut made = person.registration(stint, date)?;
                made.address = Some(Text::new(Cow::Owned(address.clone())));
                made.post_number = PostNumber::from_number(post);
                Some(made)
            };
            let mut made: Vec<_> = stints.into_iter().filter_map(registration).collect();
            if let Some(current) = current.and_then(|at| made.get_mut(at)) {
                papers::add(current, date, rng);
            }
            made
        })
        .collect()
}

fn is_current(stint: &Stint, date: Day) -> bool {
    stint.start <= date && stint.end.is_none_or(|end| date < end)
}

/// Whose registration it is.
struct Subject<'n> {
    id: PersonId,
    birth: Day,
    sex: Sex,
    name: &'n FullName,
    is_insured: bool,
    insured: &'n FullName,
}

impl Subject<'_> {
    /// `None` would mean that a stint broke a rule of the domain's types; the tests show that
    /// none does.
    fn registration(&self, stint: Stint, date: Day) -> Option<Registration<'static>> {
        let scheme = stint.insurer.scheme();
        let (issued, expires) = card_days(scheme, &stint, date);
        let other = self.name.other.as_ref();
        let text = |s: &String| Text::new(Cow::Owned(s.clone()));
        Some(Registration {
            person: self.id,
            card: CardFace {
                insurer: stint.insurer,
                symbol: stint.symbol.map(CardText::new).transpose().ok()?,
                number: CardText::new(stint.number).ok()?,
                branch: stint.branch.and_then(InsuredBranchNumber::from_number),
                birthdate: self.birth,
            },
            period: Period::new(stint.start, stint.end).ok()?,
            reason_of_loss: stint.reason,
            card_classification: classification(scheme, stint.kind),
            personal_family: personal_family(scheme, self.is_insured),
            insured_name: (scheme != Scheme::MedicalAid).then(|| text(&self.insured.name)),
            name: text(&self.name.name),
            name_of_other: other.map(|(name, _)| text(name)),
            name_kana: Some(text(&self.name.kana)),
            name_of_other_kana: other.map(|(_, kana)| text(kana)),
            sex1: self.sex,
            sex2: None,
            post_number: None,
            address: None,
            card_issued: Some(issued),
            card_valid_from: Some(issued),
            card_expires: expires,
            contribution_ratio: None,
            elderly_recipient: Vec::new(),
            limit_application: Vec::new(),
            specific_diseases: Vec::new(),
            medical_tickets: Vec::new(),
            elsewhere: Vec::new(),
        })
    }
}

fn classification(scheme: Scheme, kind: CardKind) -> InsuredCardClassification {
    match (scheme, kind) {
        (Scheme::MedicalAid, _) => InsuredCardClassification::MedicalAid,
        (_, CardKind::Ordinary) => InsuredCardClassification::General,
        (_, CardKind::ShortTerm) => InsuredCardClassification::ShortTermGeneral,
        (_, CardKind::SpecialMedicalExpense) => InsuredCardClassification::SpecialMedicalExpense,
    }
}

fn personal_family(scheme: Scheme, is_insured: bool) -> Option<PersonalFamilyClassification> {
    match scheme {
        Scheme::MedicalAid => None,
        Scheme::LateStageElderly => Some(PersonalFamilyClassification::Insured),
        Scheme::NationalHealthInsurance | Scheme::EmployeesInsurance | Scheme::Other => {
            Some(if is_insured {
                PersonalFamilyClassification::Insured
            } else {
                PersonalFamilyClassification::Family
            })
        }
    }
}

/// 交付日 and 有効終了日. Employees' cards do not expire; those of 国保 and 後期高齢者医療 are
/// renewed each 1 August; short-term cards last six months.
fn card_days(scheme: Scheme, stint: &Stint, date: Day) -> (Day, Option<Day>) {
    match scheme {
        Scheme::EmployeesInsurance | Scheme::MedicalAid | Scheme::Other => (stint.start, None),
        Scheme::NationalHealthInsurance | Scheme::LateStageElderly => {
            let last = stint.end.map_or(date, |end| end.min(date)).max(stint.start);
            let issued = renewal_before(last).max(stint.start);
            let expires = match stint.kind {
                CardKind::ShortTerm => issued.saturating_add_days(181),
                CardKind::Ordinary | CardKind::SpecialMedicalExpense => {
                    renewal_after(last).saturating_add_days(-1)
                }
            };
            (issued, Some(expires))
        }
    }
}
