//! The decision: is this card valid on this day, and what may the facility see of it?

use crate::{
    CardText, ConsentChoice, Day, ElderlyRecipientCertificate, Folded, InformationType,
    InsuredBranchNumber, Insurer, InsurerNumber, LimitApplicationCertificate,
    LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode, MedicalTicket,
    QualificationValidity, Registration, Scheme, SpecificDiseasesCertificate,
};

/// A question with insurance-card data (被保険者証情報による照会, §1.5 QualificationConfirmSearchInfo).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CardQuery {
    /// 保険者番号
    pub insurer: InsurerNumber,
    /// 記号, folded; empty when the card has none or the caller left it out.
    pub symbol: Folded,
    /// 番号, folded
    pub number: Folded,
    /// 枝番; `None` asks for whoever fits the rest.
    pub branch: Option<InsuredBranchNumber>,
    /// 生年月日
    pub birthdate: Day,
    /// 限度額情報 提供同意
    pub limit_consent: LimitApplicationCertificateRelatedConsFlg,
}

impl CardQuery {
    /// Whether this registration bears the symbol, number and birth date asked for. The branch is
    /// compared where both sides have one: cards from before 2021 lack it.
    ///
    /// 後期高齢者医療 and 医療扶助 know no symbol, so a symbol given for them is not compared.
    #[must_use]
    pub fn matches(&self, registration: &Registration<'_>) -> bool {
        let card = &registration.card;
        card.insurer == self.insurer
            && card.symbol_to_compare() == self.symbol_to_compare()
            && *card.number.folded() == self.number
            && card.birthdate == self.birthdate
            && (self.branch.is_none() || card.branch.is_none() || card.branch == self.branch)
    }

    /// The symbol as it takes part in finding a registration: none for insurers without symbols.
    #[must_use]
    pub fn symbol_to_compare(&self) -> Folded {
        self.insurer.symbol_to_compare(self.symbol)
    }

    /// The query that finds this registration, as its own card states it.
    #[must_use]
    pub fn for_card(registration: &Registration<'_>) -> Self {
        let card = &registration.card;
        Self {
            insurer: card.insurer,
            symbol: card.symbol.as_ref().map_or(Folded::EMPTY, |s: &CardText<'_>| *s.folded()),
            number: *card.number.folded(),
            branch: card.branch,
            birthdate: card.birthdate,
            limit_consent: LimitApplicationCertificateRelatedConsFlg::NotGiven,
        }
    }
}

/// 資格有効性 (OQSCD006) with what it was decided on. Each of these is an answer, not an error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'r, 'a> {
    /// 1 有効
    Valid(&'r Registration<'a>),
    /// 2 無効: lost, or not yet begun.
    Invalid(&'r Registration<'a>),
    /// 3 無効(新しい資格あり). Which one is not disclosed to a query with card data (§3.7).
    InvalidNewerExists,
    /// 4 該当資格なし
    NotFound,
    /// 4 該当資格なし, because no such insurer is registered: staff should look at that number.
    UnknownInsurer,
    /// 5 複数該当
    Ambiguous,
    /// 6 有効(未登録): entitled to 医療扶助, but the month's ticket is not registered.
    ValidUnregistered(&'r Registration<'a>),
}

impl<'r, 'a> Outcome<'r, 'a> {
    /// The registration that the answer is about, where it is about one.
    #[must_use]
    pub const fn registration(&self) -> Option<&'r Registration<'a>> {
        match self {
            Self::Valid(registration)
            | Self::Invalid(registration)
            | Self::ValidUnregistered(registration) => Some(registration),
            Self::InvalidNewerExists | Self::NotFound | Self::UnknownInsurer | Self::Ambiguous => {
                None
            }
        }
    }

    /// The code of the answer.
    #[must_use]
    pub const fn validity(&self) -> QualificationValidity {
        match self {
            Self::Valid(_) => QualificationValidity::Valid,
            Self::Invalid(_) => QualificationValidity::Invalid,
            Self::InvalidNewerExists => QualificationValidity::InvalidNewerExists,
            Self::NotFound | Self::UnknownInsurer => QualificationValidity::NotFound,
            Self::Ambiguous => QualificationValidity::Ambiguous,
            Self::ValidUnregistered(_) => QualificationValidity::ValidUnregistered,
        }
    }
}

/// Answers a query with card data as of a day.
///
/// `candidates` are the registrations under the queried card; others are ignored. `insurer` is the
/// queried insurer if the centre knows it. The order of the steps is the order of precedence:
///
/// 1. an unknown insurer;
/// 2. nobody with this card (4);
/// 3. several people fit (5); if exactly one of them is covered on the day, the question is
///    about that one, so that a number given to somebody new does not hide its holder;
/// 4. covered on the day (1), for 医療扶助 only with a ticket for the day (6 without);
/// 5. not covered here but under another card (3);
/// 6. lost or not yet begun (2).
#[must_use]
pub fn decide<'r, 'a>(
    insurer: Option<&Insurer>,
    candidates: &'r [Registration<'a>],
    query: &CardQuery,
    on: Day,
) -> Outcome<'r, 'a> {
    if insurer.is_none() {
        return Outcome::UnknownInsurer;
    }
    let matching = || candidates.iter().filter(|registration| query.matches(registration));
    let covering = || matching().filter(|registration| registration.period.covers(on));

    let asked = match sole_person(covering()) {
        Sole::One(registration) => registration,
        Sole::Several => return several_people(query),
        Sole::Nobody => match sole_person(matching()) {
            Sole::One(registration) => latest_until(matching(), on).unwrap_or(registration),
            Sole::Several => return several_people(query),
            Sole::Nobody => return Outcome::NotFound,
        },
    };

    if asked.period.covers(on) {
        return covered(asked, on);
    }
    if asked.elsewhere.iter().any(|period| period.covers(on)) {
        return Outcome::InvalidNewerExists;
    }
    Outcome::Invalid(asked)
}

/// Covered on the day; 医療扶助 needs a ticket for the day beside.
fn covered<'r, 'a>(registration: &'r Registration<'a>, on: Day) -> Outcome<'r, 'a> {
    let needs_ticket = registration.card.insurer.scheme() == Scheme::MedicalAid;
    if needs_ticket && !registration.medical_tickets.iter().any(|t| t.valid.covers(on)) {
        Outcome::ValidUnregistered(registration)
    } else {
        Outcome::Valid(registration)
    }
}

/// What a person is entitled to: the answer to a question with a My Number card.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entitlement<'r, 'a> {
    /// The answer's validity is this one's: the medical insurance if there is any.
    pub main: Outcome<'r, 'a>,
    /// 医療扶助 beside a medical insurance (§1.5, several results).
    pub medical_aid: Option<Outcome<'r, 'a>>,
}

/// Answers a question with a My Number card as of a day, of all registrations of its holder:
///
/// 1. covered by one medical insurance on the day (1), and 医療扶助 beside it if covered (1, 6);
/// 2. covered by several medical insurances, since a loss was not registered yet: 5 (§3.7);
/// 3. covered by 医療扶助 only (1, 6);
/// 4. covered by none: the one lost last, or the first that is to begin (2);
/// 5. never registered (4).
///
/// A card shows where its holder is insured now, so 3 does not exist here.
#[must_use]
pub fn decide_holder<'r, 'a>(
    registrations: &'r [Registration<'a>],
    on: Day,
) -> Entitlement<'r, 'a> {
    let is_aid = |one: &&Registration<'_>| one.card.insurer.scheme() == Scheme::MedicalAid;
    let covering = || registrations.iter().filter(|one| one.period.covers(on));
    let mut insurances = covering().filter(|one| !is_aid(one));
    let aid = covering().filter(is_aid).max_by_key(|one| one.period.start());
    let aid = aid.map(|registration| covered(registration, on));
    let main = match (insurances.next(), insurances.next()) {
        (Some(only), None) => return Entitlement { main: covered(only, on), medical_aid: aid },
        (Some(_), Some(_)) => Outcome::Ambiguous,
        (None, _) => aid.unwrap_or_else(|| {
            let first = || registrations.iter().min_by_key(|one| one.period.start());
            let lost = latest_until(registrations.iter(), on).or_else(first);
            lost.map_or(Outcome::NotFound, Outcome::Invalid)
        }),
    };
    Entitlement { main, medical_aid: None }
}

/// 5 exists for medical insurance only (OQSCD006); for 医療扶助 naming any of several people would
/// be a guess.
fn several_people<'r, 'a>(query: &CardQuery) -> Outcome<'r, 'a> {
    match query.insurer.scheme() {
        Scheme::MedicalAid => Outcome::NotFound,
        Scheme::NationalHealthInsurance
        | Scheme::EmployeesInsurance
        | Scheme::LateStageElderly
        | Scheme::Other => Outcome::Ambiguous,
    }
}

enum Sole<T> {
    Nobody,
    One(T),
    Several,
}

/// The registration of the only person among these; the one that began last if there are several
/// of that person.
fn sole_person<'r, 'a: 'r>(
    registrations: impl Iterator<Item = &'r Registration<'a>>,
) -> Sole<&'r Registration<'a>> {
    let mut found: Option<&Registration<'_>> = None;
    for registration in registrations {
        match found {
            Some(other) if other.person != registration.person => return Sole::Several,
            Some(other) if other.period.start() >= registration.period.start() => {}
            _ => found = Some(registration),
        }
    }
    found.map_or(Sole::Nobody, Sole::One)
}

/// The registration that began last on or before the day: the one that was lost, rather than one
/// that is still to come.
fn latest_until<'r, 'a: 'r>(
    registrations: impl Iterator<Item = &'r Registration<'a>>,
    on: Day,
) -> Option<&'r Registration<'a>> {
    registrations
        .filter(|registration| registration.period.start() <= on)
        .max_by_key(|registration| registration.period.start())
}

/// What a facility may see of a registration, as of the day and by the consents given.
#[derive(Clone, Debug, PartialEq)]
pub struct Disclosure<'r, 'a> {
    /// The registration itself.
    pub registration: &'r Registration<'a>,
    /// Whether the person is not yet at school (未就学).
    pub is_preschool: bool,
    /// The 高齢受給者証 valid on the day.
    pub elderly_recipient: Option<&'r ElderlyRecipientCertificate>,
    /// The 限度額適用認定証 valid on the day, only if the patient agreed.
    pub limit_application: Option<&'r LimitApplicationCertificate>,
    /// The 特定疾病療養受療証 valid on the day, only if the patient agreed at the reader.
    pub specific_diseases: Vec<&'r SpecificDiseasesCertificate>,
    /// The tickets valid on the day, each with whether it names the asking facility.
    pub medical_tickets: Vec<(&'r MedicalTicket<'a>, bool)>,
}

/// Applies the rules of disclosure to an outcome: `None` where nothing may be shown.
///
/// A lost eligibility (2) is shown with its dates and reason, without certificates. A query with
/// card data never shows 特定疾病, medication or checkups: those need the patient's consent at the
/// reader (§3.4).
#[must_use]
pub fn disclose<'r, 'a>(
    outcome: &Outcome<'r, 'a>,
    query: &CardQuery,
    facility: MedicalInstitutionCode,
    on: Day,
) -> Option<Disclosure<'r, 'a>> {
    let mut consents = ConsentChoice::default();
    match query.limit_consent {
        LimitApplicationCertificateRelatedConsFlg::Given => {
            consents.give(InformationType::LimitApplicationCertificate);
        }
        LimitApplicationCertificateRelatedConsFlg::NotGiven => {}
    }
    disclose_by_consent(outcome, &consents, facility, on)
}

/// As [`disclose`], for a question with a My Number card: the patient has answered for each kind of
/// information at the reader.
#[must_use]
pub fn disclose_by_consent<'r, 'a>(
    outcome: &Outcome<'r, 'a>,
    consents: &ConsentChoice,
    facility: MedicalInstitutionCode,
    on: Day,
) -> Option<Disclosure<'r, 'a>> {
    let (registration, is_valid) = match *outcome {
        Outcome::Valid(registration) | Outcome::ValidUnregistered(registration) => {
            (registration, true)
        }
        Outcome::Invalid(registration) => (registration, false),
        Outcome::InvalidNewerExists
        | Outcome::NotFound
        | Outcome::UnknownInsurer
        | Outcome::Ambiguous => return None,
    };
    let shows_limit = is_valid && consents.includes(InformationType::LimitApplicationCertificate);
    let shows_diseases = is_valid && consents.includes(InformationType::SpecificDiseases);
    let limit = || registration.limit_application.iter().find(|c| c.valid.covers(on));
    let elderly = || registration.elderly_recipient.iter().find(|c| c.valid.covers(on));
    let diseases = registration.specific_diseases.iter();
    let diseases = diseases.filter(|c| shows_diseases && c.valid.covers(on));
    let tickets = registration.medical_tickets.iter().filter(|t| is_valid && t.valid.covers(on));
    Some(Disclosure {
        registration,
        is_preschool: is_valid && is_preschool(registration.card.birthdate, on),
        elderly_recipient: if is_valid { elderly() } else { None },
        limit_application: if shows_limit { limit() } else { None },
        specific_diseases: diseases.collect(),
        medical_tickets: tickets.map(|t| (t, t.institution == facility)).collect(),
    })
}

/// 未就学: until the first 31 March on or after the day on which the person is six. In law an age
/// is reached on the day before the birthday, so a child born on 1 April starts school with those
/// born the day before.
#[must_use]
pub fn is_preschool(birthdate: Day, on: Day) -> bool {
    let (year, month, day) = birthdate.ymd();
    let starts_a_year_earlier = month < 4 || (month == 4 && day == 1);
    let school_year = if starts_a_year_earlier { year + 6 } else { year + 7 };
    birthdate <= on && Day::new(school_year, 4, 1).is_ok_and(|school| on < school)
}
