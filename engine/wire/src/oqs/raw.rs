//! The request's tree before anyone has judged its values. The order of the checks is the order of
//! precedence: header before query, and elements in the order of the interface (§1.4, §1.5).

use super::elements as el;
use super::error::RequestError;
use super::request::{ARBITRARY_CHARS_MAX, RequestHeader, SearchInfo, SingleRequest};
use crate::leaf::Leaf;
use crate::xml::is_xml_char;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use shikaku_domain::{
    CARD_TEXT_CHARS_MAX, CardQuery, CardText, CharacterCode, Day, Folded, InsuredBranchNumber,
    InsurerNumber, LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode, Personal,
    ValueError,
};
use std::fmt;
use std::marker::PhantomData;

/// XmlMsg. Elements that the interface does not name are ignored.
#[derive(Default, Deserialize)]
pub(super) struct RawMessage<'a> {
    #[serde(borrow, default, rename = "MessageHeader", deserialize_with = "object")]
    pub(super) header: RawHeader<'a>,
    #[serde(borrow, default, rename = "MessageBody", deserialize_with = "object")]
    pub(super) body: RawBody<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawHeader<'a> {
    #[serde(borrow, rename = "QualificationConfirmationDate")]
    pub(super) confirmation_date: Leaf<'a>,
    #[serde(borrow, rename = "MedicalInstitutionCode")]
    pub(super) institution_code: Leaf<'a>,
    #[serde(borrow, rename = "ArbitraryFileIdentifier")]
    pub(super) file_identifier: Leaf<'a>,
    #[serde(borrow, rename = "CharacterCodeIdentifier")]
    pub(super) character_code: Leaf<'a>,
}

#[derive(Default, Deserialize)]
pub(super) struct RawBody<'a> {
    #[serde(
        borrow,
        default,
        rename = "QualificationConfirmSearchInfo",
        deserialize_with = "object"
    )]
    pub(super) search_info: RawSearchInfo<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RawSearchInfo<'a> {
    #[serde(borrow, rename = "InsurerNumber")]
    pub(super) insurer_number: Leaf<'a>,
    #[serde(borrow, rename = "InsuredCardSymbol")]
    pub(super) symbol: Leaf<'a>,
    #[serde(borrow, rename = "InsuredIdentificationNumber")]
    pub(super) number: Leaf<'a>,
    #[serde(borrow, rename = "InsuredBranchNumber")]
    pub(super) branch: Leaf<'a>,
    #[serde(borrow, rename = "Birthdate")]
    pub(super) birthdate: Leaf<'a>,
    #[serde(borrow, rename = "LimitApplicationCertificateRelatedConsFlg")]
    pub(super) limit_consent: Leaf<'a>,
    #[serde(borrow, rename = "ArbitraryIdentifier")]
    pub(super) arbitrary_identifier: Leaf<'a>,
}

/// Reads a struct from an object only. By itself serde takes an array for one too, by position.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Object<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }
    deserializer.deserialize_map(Object(PhantomData))
}

type InElement<T> = Result<T, (&'static str, ValueError)>;

fn within<T>(element: &'static str, value: Result<T, ValueError>) -> InElement<T> {
    value.map_err(|error| (element, error))
}

impl RawMessage<'_> {
    pub(super) fn into_request(self) -> Result<SingleRequest, RequestError> {
        let RawHeader { confirmation_date, institution_code, file_identifier, character_code } =
            self.header;
        let date = within(el::CONFIRMATION_DATE, confirmation_date.required(Day::parse));
        let institution =
            within(el::INSTITUTION_CODE, institution_code.required(MedicalInstitutionCode::parse));
        let file_identifier = within(el::FILE_IDENTIFIER, free_text(&file_identifier));
        let code = within(el::CHARACTER_CODE, character_code.optional(CharacterCode::from_code));

        let header = RequestHeader {
            qualification_confirmation_date: date.ok(),
            medical_institution_code: institution.ok(),
            arbitrary_file_identifier: file_identifier.clone().ok().flatten(),
            character_code: code.ok().flatten(),
        };
        let refuse = |(element, error)| RequestError::Header {
            element,
            error,
            header: Box::new(header.clone()),
        };
        let date = date.map_err(refuse)?;
        let institution = institution.map_err(refuse)?;
        let file_identifier = file_identifier.map_err(refuse)?;
        let code = code.map_err(refuse)?;

        let search_info = self.body.search_info.echo();
        match self.body.search_info.query() {
            Ok(query) => Ok(SingleRequest {
                qualification_confirmation_date: date,
                medical_institution_code: institution,
                arbitrary_file_identifier: file_identifier,
                character_code: code,
                query,
                search_info,
            }),
            Err((element, error)) => Err(RequestError::Person {
                element,
                error,
                header: Box::new(header),
                search_info: Box::new(search_info),
            }),
        }
    }
}

impl RawSearchInfo<'_> {
    fn query(&self) -> InElement<CardQuery> {
        let query = CardQuery {
            insurer: within(
                el::INSURER_NUMBER,
                self.insurer_number.required(InsurerNumber::parse),
            )?,
            symbol: within(el::SYMBOL, self.symbol.optional(folded_symbol))?
                .unwrap_or(Folded::EMPTY),
            number: within(
                el::NUMBER,
                self.number.required(|text| CardText::new(text).map(|number| *number.folded())),
            )?,
            branch: within(el::BRANCH, self.branch.optional(InsuredBranchNumber::parse))?,
            birthdate: within(el::BIRTHDATE, self.birthdate.required(Day::parse))?,
            limit_consent: within(
                el::LIMIT_CONSENT,
                self.limit_consent.required(LimitApplicationCertificateRelatedConsFlg::from_code),
            )?,
        };
        within(el::ARBITRARY_IDENTIFIER, free_text(&self.arbitrary_identifier))?;
        Ok(query)
    }

    fn echo(&self) -> SearchInfo {
        let text = |leaf: &Leaf<'_>| {
            leaf.verbatim().ok().flatten().map(|text| Personal::new(text.to_owned()))
        };
        SearchInfo {
            insurer_number: text(&self.insurer_number),
            symbol: text(&self.symbol),
            number: text(&self.number),
            branch: text(&self.branch),
            birthdate: text(&self.birthdate),
            limit_consent: text(&self.limit_consent),
            arbitrary_identifier: text(&self.arbitrary_identifier),
        }
    }
}

/// A symbol that consists of hyphens only is how some clients write that there is none.
pub(crate) fn folded_symbol(text: &str) -> Result<Folded, ValueError> {
    if text.chars().nth(CARD_TEXT_CHARS_MAX).is_some() {
        return Err(ValueError::TooLong { max: CARD_TEXT_CHARS_MAX });
    }
    Folded::new(text)
}

fn free_text(leaf: &Leaf<'_>) -> Result<Option<String>, ValueError> {
    let Some(text) = leaf.verbatim()? else { return Ok(None) };
    if text.chars().nth(ARBITRARY_CHARS_MAX).is_some() {
        return Err(ValueError::TooLong { max: ARBITRARY_CHARS_MAX });
    }
    if !text.chars().all(is_xml_char) {
        return Err(ValueError::Character);
    }
    Ok(Some(text.to_owned()))
}
