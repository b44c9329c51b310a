//! The request of `/v1/eligibility`.

use super::{flat, iso};
use crate::encoding::REQUEST_BYTES_MAX;
use crate::leaf::Leaf;
use crate::oqs::{Malformed, folded_symbol};
use serde::{Deserialize, Serialize};
use shikaku_domain::{
    CardQuery, CardText, Day, Folded, InsuredBranchNumber, InsurerNumber,
    LimitApplicationCertificateRelatedConsFlg, ValueError,
};
use std::borrow::Cow;
use utoipa::ToSchema;

/// A question with insurance-card data.
#[derive(Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EligibilityRequest {
    /// 保険者番号: six or eight digits.
    #[schema(example = "01040013", min_length = 6, max_length = 8)]
    pub insurer_number: String,
    /// 記号, as on the card; left out if the card has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "12-34", max_length = 20)]
    pub insured_card_symbol: Option<String>,
    /// 番号, as on the card.
    #[schema(example = "5678", max_length = 20)]
    pub insured_identification_number: String,
    /// 枝番; left out if the card has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "01", max_length = 2)]
    pub insured_branch_number: Option<String>,
    /// 生年月日
    #[schema(example = "1980-04-01", format = Date)]
    pub birthdate: String,
    /// 資格確認日: the day as of which eligibility is asked; today if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-11-01", format = Date)]
    pub qualification_confirmation_date: Option<String>,
    /// 限度額情報 提供同意: whether the patient agrees to showing the limit certificate.
    #[serde(default)]
    #[schema(example = false)]
    pub limit_application_certificate_consent: bool,
}

/// The question in domain terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EligibilityQuestion {
    /// The card.
    pub query: CardQuery,
    /// The day asked about; `None` for today.
    pub on: Option<Day>,
}

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldProblem {
    /// The field; empty if it is about the body as a whole.
    #[schema(example = "birthdate")]
    pub field: Cow<'static, str>,
    /// The stable code.
    #[schema(example = "SHK-VAL-008")]
    pub code: Cow<'static, str>,
    /// What to do, in Japanese.
    #[schema(example = "存在しない日付です(yyyy-MM-dd形式で指定してください)。")]
    pub ja: String,
    /// What to do, in English.
    #[schema(example = "there is no such date (expected yyyy-MM-dd)")]
    pub en: String,
}

impl FieldProblem {
    pub(super) fn of_field(field: &'static str, error: ValueError) -> Self {
        // The sentences of the domain speak of the interface's form of a date.
        let iso = |text: String| text.replace("yyyyMMdd", "yyyy-MM-dd");
        Self {
            field: field.into(),
            code: error.code().into(),
            ja: iso(error.ja()),
            en: iso(error.to_string()),
        }
    }

    fn of_body(error: Malformed) -> Self {
        Self { field: "".into(), code: error.code().into(), ja: error.ja(), en: error.to_string() }
    }

    /// The body is JSON, but not an object with these fields. The field is not named: what the
    /// caller made up may be anything.
    fn other_fields() -> Self {
        Self {
            field: "".into(),
            code: "SHK-MSG-010".into(),
            ja: "仕様書にある項目だけを、重複なく、1つのオブジェクトとして指定してください。"
                .to_owned(),
            en: "must be one object with the documented fields only, each at most once".to_owned(),
        }
    }

    pub(super) fn not_boolean(field: &'static str) -> Self {
        Self {
            field: field.into(),
            code: "SHK-MSG-011".into(),
            ja: "trueまたはfalseで指定してください。".to_owned(),
            en: "must be true or false".to_owned(),
        }
    }
}

/// The request before anyone has judged its values.
#[derive(Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct RawRequest<'a> {
    #[serde(borrow)]
    insurer_number: Leaf<'a>,
    #[serde(borrow)]
    insured_card_symbol: Leaf<'a>,
    #[serde(borrow)]
    insured_identification_number: Leaf<'a>,
    #[serde(borrow)]
    insured_branch_number: Leaf<'a>,
    #[serde(borrow)]
    birthdate: Leaf<'a>,
    #[serde(borrow)]
    qualification_confirmation_date: Leaf<'a>,
    #[serde(borrow)]
    limit_application_certificate_consent: Leaf<'a>,
}

/// Reads a request.
///
/// # Errors
/// Every field that is wrong, or one problem without a field if the body cannot be read at all.
// HOT PATH
pub fn parse_eligibility(body: &[u8]) -> Result<EligibilityQuestion, Vec<FieldProblem>> {
    RawRequest::usual(body).map_or_else(|| parse_object(body), Ok)?.into_question()
}

/// Reads one JSON object of a known shape.
pub(super) fn parse_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Vec<FieldProblem>> {
    if body.len() > REQUEST_BYTES_MAX {
        let error = Malformed::TooLarge { max: REQUEST_BYTES_MAX };
        return Err(vec![FieldProblem::of_body(error)]);
    }
    // Serde would take an array for an object, member by member.
    if body.trim_ascii_start().first() == Some(&b'[') {
        return Err(vec![FieldProblem::other_fields()]);
    }
    // Checking all of the text at once is quicker than string by string. Where it is not text, the
    // other way finds out what is wrong first.
    let object = match str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(body),
    };
    object.map_err(|error: serde_json::Error| {
        vec![if error.is_data() {
            FieldProblem::other_fields()
        } else if error.is_eof() {
            FieldProblem::of_body(Malformed::Truncated)
        } else {
            FieldProblem::of_body(Malformed::NotWellFormed)
        }]
    })
}

impl<'a> RawRequest<'a> {
    /// Reads a request of texts and flags, each at most once. `None` for any other, be it right or
    /// wrong: that is for [`parse_object`].
    fn usual(body: &'a [u8]) -> Option<Self> {
        if body.len() > REQUEST_BYTES_MAX {
            return None;
        }
        let [
            insurer_number,
            insured_card_symbol,
            insured_identification_number,
            insured_branch_number,
            birthdate,
            qualification_confirmation_date,
            limit_application_certificate_consent,
        ] = flat::members(
            str::from_utf8(body).ok()?,
            &[
                "insurerNumber",
                "insuredCardSymbol",
                "insuredIdentificationNumber",
                "insuredBranchNumber",
                "birthdate",
                "qualificationConfirmationDate",
                "limitApplicationCertificateConsent",
            ],
        )?;
        Some(Self {
            insurer_number,
            insured_card_symbol,
            insured_identification_number,
            insured_branch_number,
            birthdate,
            qualification_confirmation_date,
            limit_application_certificate_consent,
        })
    }

    fn into_question(self) -> Result<EligibilityQuestion, Vec<FieldProblem>> {
        let mut problems = Vec::new();
        let insurer = self.insurer_number.required(InsurerNumber::parse);
        let insurer = keep(&mut problems, "insurerNumber", insurer);
        let symbol = self.insured_card_symbol.optional(folded_symbol);
        let symbol = keep(&mut problems, "insuredCardSymbol", symbol).flatten();
        let folded = |text: &str| CardText::new(text).map(|number| *number.folded());
        let number = self.insured_identification_number.required(folded);
        let number = keep(&mut problems, "insuredIdentificationNumber", number);
        let branch = self.insured_branch_number.optional(InsuredBranchNumber::parse);
        let branch = keep(&mut problems, "insuredBranchNumber", branch).flatten();
        let birthdate = self.birthdate.required(iso::parse_day);
        let birthdate = keep(&mut problems, "birthdate", birthdate);
        let on = self.qualification_confirmation_date.optional(iso::parse_day);
        let on = keep(&mut problems, "qualificationConfirmationDate", on).flatten();
        let limit_consent = match self.limit_application_certificate_consent {
            Leaf::Flag(true) => LimitApplicationCertificateRelatedConsFlg::Given,
            Leaf::Flag(false) | Leaf::Absent => LimitApplicationCertificateRelatedConsFlg::NotGiven,
            Leaf::Text(_) | Leaf::NotText => {
                problems.push(FieldProblem::not_boolean("limitApplicationCertificateConsent"));
                LimitApplicationCertificateRelatedConsFlg::NotGiven
            }
        };
        match (insurer, number, birthdate) {
            (Some(insurer), Some(number), Some(birthdate)) if problems.is_empty() => {
                let symbol = symbol.unwrap_or(Folded::EMPTY);
                let query = CardQuery { insurer, symbol, number, branch, birthdate, limit_consent };
                Ok(EligibilityQuestion { query, on })
            }
            _ => Err(problems),
        }
    }
}

pub(super) fn keep<T>(
    problems: &mut Vec<FieldProblem>,
    field: &'static str,
    value: Result<T, ValueError>,
) -> Option<T> {
    value.map_err(|error| problems.push(FieldProblem::of_field(field, error))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn problems(body: &str) -> Vec<(String, String)> {
        let problems = parse_eligibility(body.as_bytes()).unwrap_err();
        problems.into_iter().map(|p| (p.field.into_owned(), p.code.into_owned())).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(field, code)| ((*field).to_owned(), (*code).to_owned())).collect()
    }

    #[test]
    fn a_written_request_reads_back_as_the_same_question() {
        let request = EligibilityRequest {
            insurer_number: "01040013".to_owned(),
            insured_card_symbol: Some("１２－３４".to_owned()),
            insured_identification_number: "5678".to_owned(),
            insured_branch_number: Some("01".to_owned()),
            birthdate: "1980-04-01".to_owned(),
            qualification_confirmation_date: Some("2026-11-01".to_owned()),
            limit_application_certificate_consent: true,
        };
        let question = parse_eligibility(&serde_json::to_vec(&request).unwrap()).unwrap();
        assert_eq!(question.query.symbol, Folded::new("1234").unwrap());
        assert_eq!(question.query.birthdate, Day::parse("19800401").unwrap());
        assert_eq!(question.on, Day::parse("20261101").ok());
        assert_eq!(question.query.limit_consent, LimitApplicationCertificateRelatedConsFlg::Given);
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let body = r#"{"insurerNumber":"01040014","insuredIdentificationNumber":true,
            "birthdate":"1980-02-30","limitApplicationCertificateConsent":"1"}"#;
        let expected = [
            ("insurerNumber", "SHK-VAL-007"),
            ("insuredIdentificationNumber", "SHK-VAL-003"),
            ("birthdate", "SHK-VAL-008"),
            ("limitApplicationCertificateConsent", "SHK-MSG-011"),
        ];
        assert_eq!(problems(body), pairs(&expected));
        let missing = [
            ("insurerNumber", "SHK-VAL-001"),
            ("insuredIdentificationNumber", "SHK-VAL-001"),
            ("birthdate", "SHK-VAL-001"),
        ];
        assert_eq!(problems("{}"), pairs(&missing));
    }

    #[test]
    fn a_body_that_is_not_the_request_is_one_problem() {
        assert_eq!(problems(r#"{"surprise":1}"#), pairs(&[("", "SHK-MSG-010")]));
        assert_eq!(problems(r#"{"birthdate":"","birthdate":""}"#), pairs(&[("", "SHK-MSG-010")]));
        assert_eq!(problems("[]"), pairs(&[("", "SHK-MSG-010")]));
        assert_eq!(problems("{"), pairs(&[("", "SHK-MSG-009")]));
        assert_eq!(problems("<a/>"), pairs(&[("", "SHK-MSG-005")]));
        assert_eq!(problems(&" ".repeat(REQUEST_BYTES_MAX + 1)), pairs(&[("", "SHK-MSG-004")]));
    }

    #[test]
    fn codes_of_this_module_are_not_used_elsewhere() {
        for own in ["SHK-MSG-010", "SHK-MSG-011"] {
            assert!(Malformed::EXAMPLES.iter().all(|other| other.code() != own));
        }
    }

    #[test]
    fn a_date_problem_speaks_of_the_iso_form() {
        let body = r#"{"insurerNumber":"01040013","insuredIdentificationNumber":"1","birthdate":"1980-02-30"}"#;
        let problems = parse_eligibility(body.as_bytes()).unwrap_err();
        assert!(problems[0].ja.contains("yyyy-MM-dd") && problems[0].en.contains("yyyy-MM-dd"));
    }

    /// Names of members, one of which is none.
    fn name() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "insurerNumber",
            "insuredCardSymbol",
            "insuredIdentificationNumber",
            "insuredBranchNumber",
            "birthdate",
            "qualificationConfirmationDate",
            "limitApplicationCertificateConsent",
            "surprise",
        ])
    }

    proptest! {
        #[test]
        fn the_usual_request_is_read_as_any_other(members in proptest::collection::vec((name(), "\"[0-9記\\\\-]{0,9}\"|true|false|null|1|\\[\\]"), 0..8), blank in "[ \n]?") {
            let member = |(name, value): (&str, String)| format!("{blank}\"{name}\":{blank}{value}");
            let members: Vec<_> = members.into_iter().map(member).collect();
            let body = format!("{{{}{blank}}}", members.join(","));
            if let Some(request) = RawRequest::usual(body.as_bytes()) {
                prop_assert!(parse_object(body.as_bytes()).is_ok_and(|parsed: RawRequest<'_>| parsed == request));
            }
        }

        #[test]
        fn every_written_request_is_usual(symbol in proptest::option::of("[0-9０-９－記-]{1,9}"), number in "[0-9]{1,9}", consent: bool) {
            let request = EligibilityRequest {
                insured_card_symbol: symbol,
                insured_identification_number: number,
                limit_application_certificate_consent: consent,
                ..EligibilityRequest::default()
            };
            let body = serde_json::to_vec(&request).unwrap();
            let read = RawRequest::usual(&body).unwrap();
            prop_assert!(parse_object(&body).is_ok_and(|parsed: RawRequest<'_>| parsed == read));
        }

        #[test]
        fn any_body_gives_a_question_or_problems(body in ".{0,200}") {
            prop_assert!(parse_eligibility(body.as_bytes()).map_or_else(|p| !p.is_empty(), |_| true));
        }
    }
}
