//! 加入者情報: what an insurer registered about one member.

use crate::{
    CardText, ContributionRatio, Day, ElderlyRecipientCertificate, Folded, InsuredBranchNumber,
    InsuredCardClassification, InsurerNumber, LimitApplicationCertificate, MedicalTicket, Period,
    PersonId, Personal, PersonalFamilyClassification, PostNumber, ReasonOfLoss, Sex,
    SpecificDiseasesCertificate,
};
use std::borrow::Cow;

/// Personal text, borrowed from the file or record it was read from where possible.
pub type Text<'a> = Personal<Cow<'a, str>>;

/// What is printed on the insurance card (被保険者証の券面) and finds a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardFace<'a> {
    /// 保険者番号
    pub insurer: InsurerNumber,
    /// 記号; 後期高齢者医療 and 医療扶助 have none.
    pub symbol: Option<CardText<'a>>,
    /// 番号; for 医療扶助 the 受給者番号.
    pub number: CardText<'a>,
    /// 枝番; `None` where the insurer has not assigned one.
    pub branch: Option<InsuredBranchNumber>,
    /// 生年月日
    pub birthdate: Day,
}

impl CardFace<'_> {
    /// The folded symbol; empty when the card has none.
    #[must_use]
    pub fn folded_symbol(&self) -> Folded {
        self.symbol.as_ref().map_or(Folded::EMPTY, |symbol| *symbol.folded())
    }

    /// The symbol as it takes part in finding a registration; see
    /// [`InsurerNumber::symbol_to_compare`].
    #[must_use]
    pub fn symbol_to_compare(&self) -> Folded {
        self.insurer.symbol_to_compare(self.folded_symbol())
    }
}

/// One membership of one person with one insurer, in the terms of the answer (§1.6).
///
/// Identity: person, card face and 資格取得年月日. A person who leaves and joins again has two
/// registrations; a person who changes insurer has one under each card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration<'a> {
    /// Whose membership it is. Never disclosed.
    pub person: PersonId,
    /// How it is found.
    pub card: CardFace<'a>,
    /// 資格取得年月日 until 資格喪失年月日, the first day not covered.
    pub period: Period,
    /// 資格喪失事由
    pub reason_of_loss: Option<ReasonOfLoss>,
    /// 被保険者証の種類
    pub card_classification: InsuredCardClassification,
    /// 本人・家族の別
    pub personal_family: Option<PersonalFamilyClassification>,
    /// 被保険者(世帯主)氏名
    pub insured_name: Option<Text<'a>>,
    /// 氏名
    pub name: Text<'a>,
    /// 氏名(その他): the name a person goes by.
    pub name_of_other: Option<Text<'a>>,
    /// 氏名カナ, half width
    pub name_kana: Option<Text<'a>>,
    /// 氏名カナ(その他), half width
    pub name_of_other_kana: Option<Text<'a>>,
    /// 性別, front of the card
    pub sex1: Sex,
    /// 性別, back of the card
    pub sex2: Option<Sex>,
    /// 郵便番号
    pub post_number: Option<PostNumber>,
    /// 住所
    pub address: Option<Text<'a>>,
    /// 被保険者証の交付日
    pub card_issued: Option<Day>,
    /// 被保険者証の有効開始日
    pub card_valid_from: Option<Day>,
    /// 被保険者証の有効終了日, the last valid day
    pub card_expires: Option<Day>,
    /// 後期高齢者の一部負担割合
    pub contribution_ratio: Option<ContributionRatio>,
    /// 高齢受給者証, one for each period
    pub elderly_recipient: Vec<ElderlyRecipientCertificate>,
    /// 限度額適用認定証, one for each period
    pub limit_application: Vec<LimitApplicationCertificate>,
    /// 特定疾病療養受療証, one for each disease and period
    pub specific_diseases: Vec<SpecificDiseasesCertificate>,
    /// 医療券・調剤券, one for each month and facility
    pub medical_tickets: Vec<MedicalTicket<'a>>,
    /// When this person is covered under another card, as of the last change. Kept by the store
    /// so that one read answers "does a newer eligibility exist?"; empty in insurers' files.
    pub elsewhere: Vec<Period>,
}

impl CardFace<'_> {
    /// The card with its texts owned, free of what it was read from.
    #[must_use]
    pub fn into_owned(self) -> CardFace<'static> {
        let Self { insurer, symbol, number, branch, birthdate } = self;
        let symbol = symbol.map(CardText::into_owned);
        CardFace { insurer, symbol, number: number.into_owned(), branch, birthdate }
    }
}

impl Registration<'_> {
    /// The registration with its texts owned, free of what it was read from.
    #[must_use]
    pub fn into_owned(self) -> Registration<'static> {
        let own = |text: Text<'_>| Personal::new(Cow::Owned(text.into_exposed().into_owned()));
        let ticket = |ticket: MedicalTicket<'_>| MedicalTicket {
            ticket_type: ticket.ticket_type,
            valid: ticket.valid,
            issue_number: own(ticket.issue_number),
            treatment_month: ticket.treatment_month,
            institution: ticket.institution,
            institution_name: own(ticket.institution_name),
            treatment_type: ticket.treatment_type,
            self_pay_yen: ticket.self_pay_yen,
            use_with_other: ticket.use_with_other,
        };
        Registration {
            card: self.card.into_owned(),
            insured_name: self.insured_name.map(own),
            name: own(self.name),
            name_of_other: self.name_of_other.map(own),
            name_kana: self.name_kana.map(own),
            name_of_other_kana: self.name_of_other_kana.map(own),
            address: self.address.map(own),
            medical_tickets: self.medical_tickets.into_iter().map(ticket).collect(),
            person: self.person,
            period: self.period,
            reason_of_loss: self.reason_of_loss,
            card_classification: self.card_classification,
            personal_family: self.personal_family,
            sex1: self.sex1,
            sex2: self.sex2,
            post_number: self.post_number,
            card_issued: self.card_issued,
            card_valid_from: self.card_valid_from,
            card_expires: self.card_expires,
            contribution_ratio: self.contribution_ratio,
            elderly_recipient: self.elderly_recipient,
            limit_application: self.limit_application,
            specific_diseases: self.specific_diseases,
            elsewhere: self.elsewhere,
        }
    }
}

/// One line of an insurer's file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every line is a registration")]
pub enum MemberChange<'a> {
    /// Registers a membership, or replaces the one with the same identity.
    Put(Registration<'a>),
    /// Takes back a membership that should never have been registered.
    Withdraw {
        /// Whose membership it was.
        person: PersonId,
        /// The card it stood under.
        card: CardFace<'a>,
        /// Its 資格取得年月日.
        qualified: Day,
    },
}

impl MemberChange<'_> {
    /// The change with its texts owned, free of the line it was read from.
    #[must_use]
    pub fn into_owned(self) -> MemberChange<'static> {
        match self {
            Self::Put(registration) => MemberChange::Put(registration.into_owned()),
            Self::Withdraw { person, card, qualified } => {
                MemberChange::Withdraw { person, card: card.into_owned(), qualified }
            }
        }
    }
}
