//! 初回登録: how the person of a new card is found, and both sides' yes.

use super::{Problems, finish, label, ticket, within};
use crate::leaf::Leaf;
use crate::oqs::folded_symbol;
use crate::v1::iso;
use crate::v1::request::{FieldProblem, keep, parse_object};
use serde::Deserialize;
use shikaku_domain::{
    CardQuery, CardText, Folded, Holder, InsuredBranchNumber, InsurerNumber,
    LimitApplicationCertificateRelatedConsFlg, Personal, Sex, ValueError,
};

/// Most characters of a name or an address, as on the card.
const ATTRIBUTE_CHARS_MAX: usize = 200;

/// A step of a registration in domain terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationQuestion {
    /// The session.
    pub session: String,
    /// What to do.
    pub by: RegisterBy,
}

/// What a registration asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterBy {
    /// Find the person with these attributes.
    Holder(Holder),
    /// Find the person with this insurance card.
    InsuranceCard(CardQuery),
    /// The person found is the holder.
    Confirmed(Confirmation),
}

/// Both sides' yes in domain terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// Names the person that was shown.
    pub candidate: String,
    /// Whether the patient says so.
    pub patient: bool,
    /// The member of staff who says so.
    pub staff: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawRegistration<'a> {
    #[serde(borrow)]
    session: Leaf<'a>,
    #[serde(borrow)]
    by: Option<RawBy<'a>>,
    #[serde(borrow)]
    confirm: Option<RawConfirmation<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum RawBy<'a> {
    #[serde(borrow)]
    Card(RawHolder<'a>),
    #[serde(borrow)]
    InsuranceCard(RawInsuranceCard<'a>),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawHolder<'a> {
    #[serde(borrow)]
    name: Leaf<'a>,
    #[serde(borrow)]
    birthdate: Leaf<'a>,
    #[serde(borrow)]
    sex: Leaf<'a>,
    #[serde(borrow)]
    address: Leaf<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawInsuranceCard<'a> {
    #[serde(borrow)]
    insurer_number: Leaf<'a>,
    #[serde(borrow)]
    symbol: Leaf<'a>,
    #[serde(borrow)]
    number: Leaf<'a>,
    #[serde(borrow)]
    branch: Leaf<'a>,
    #[serde(borrow)]
    birthdate: Leaf<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawConfirmation<'a> {
    #[serde(borrow)]
    candidate: Leaf<'a>,
    patient: bool,
    #[serde(borrow)]
    staff: Leaf<'a>,
}

impl RawHolder<'_> {
    fn into_holder(self, p: &mut Problems) -> Option<Holder> {
        let attribute = |text: &str| within(text, ATTRIBUTE_CHARS_MAX).map(Personal::new);
        let name = keep(p, "by.card.name", self.name.required(attribute));
        let birthdate = keep(p, "by.card.birthdate", self.birthdate.required(iso::parse_day));
        let sex = keep(p, "by.card.sex", self.sex.required(Sex::from_code));
        let address = keep(p, "by.card.address", self.address.required(attribute));
        Some(Holder { name: name?, birthdate: birthdate?, sex: sex?, address: address? })
    }
}

impl RawInsuranceCard<'_> {
    fn into_query(self, p: &mut Problems) -> Option<CardQuery> {
        let insurer = self.insurer_number.required(InsurerNumber::parse);
        let insurer = keep(p, "by.insuranceCard.insurerNumber", insurer);
        let symbol = self.symbol.optional(folded_symbol);
        let symbol = keep(p, "by.insuranceCard.symbol", symbol).flatten();
        let folded = |text: &str| CardText::new(text).map(|number| *number.folded());
        let number = keep(p, "by.insuranceCard.number", self.number.required(folded));
        let branch = self.branch.optional(InsuredBranchNumber::parse);
        let branch = keep(p, "by.insuranceCard.branch", branch).flatten();
        let birthdate = self.birthdate.required(iso::parse_day);
        let birthdate = keep(p, "by.insuranceCard.birthdate", birthdate);
        Some(CardQuery {
            insurer: insurer?,
            symbol: symbol.unwrap_or(Folded::EMPTY),
            number: number?,
            branch,
            birthdate: birthdate?,
            limit_consent: LimitApplicationCertificateRelatedConsFlg::NotGiven,
        })
    }
}

impl RawConfirmation<'_> {
    fn into_confirmation(self, p: &mut Problems) -> Option<Confirmation> {
        let candidate = keep(p, "confirm.candidate", self.candidate.required(ticket));
        let staff = keep(p, "confirm.staff", self.staff.required(label));
        Some(Confirmation { candidate: candidate?, patient: self.patient, staff: staff? })
    }
}

/// Reads a step of a registration: `confirm` if it is there, otherwise `by`.
///
/// # Errors
/// As [`super::parse_challenge`].
pub fn parse_registration(body: &[u8]) -> Result<RegistrationQuestion, Vec<FieldProblem>> {
    let RawRegistration { session, by, confirm } = parse_object(body)?;
    let p = &mut Vec::new();
    let session = keep(p, "session", session.required(ticket));
    let by = match (confirm, by) {
        (Some(confirm), _) => confirm.into_confirmation(p).map(RegisterBy::Confirmed),
        (None, Some(RawBy::Card(holder))) => holder.into_holder(p).map(RegisterBy::Holder),
        (None, Some(RawBy::InsuranceCard(card))) => {
            card.into_query(p).map(RegisterBy::InsuranceCard)
        }
        (None, None) => keep(p, "by", Err(ValueError::Missing)),
    };
    let question = session.zip(by).map(|(session, by)| RegistrationQuestion { session, by });
    finish(question, std::mem::take(p))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::card::tests::codes;

    #[test]
    fn a_registration_is_by_one_way_or_a_confirmation() {
        let none = codes(parse_registration(br#"{"session":"s"}"#));
        assert_eq!(none, [("by".into(), "SHK-VAL-001".into())]);
        let confirm = br#"{"session":"s","confirm":{"candidate":"c","patient":true,"staff":"a"}}"#;
        assert!(matches!(parse_registration(confirm).unwrap().by, RegisterBy::Confirmed(_)));
        let card = r#"{"session":"s","by":{"card":{"name":"資格 花子","birthdate":"1980-04-01",
            "sex":"2","address":"架空県"}}}"#;
        let question = parse_registration(card.as_bytes()).unwrap();
        assert!(matches!(question.by, RegisterBy::Holder(_)));
        assert!(!format!("{question:?}").contains("花子"), "personal data must not be printed");
    }
}
