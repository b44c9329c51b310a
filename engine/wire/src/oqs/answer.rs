//! The answer: its parts, and its forms as bytes.

use super::error::RequestError;
use super::request::{SearchInfo, SingleRequest};
use super::sink::{JsonSink, XmlSink};
use super::tree::write;
use crate::encoding::encode_shift_jis;
use shikaku_domain::{
    CharacterCode, Day, Disclosure, Insurer, LimitApplicationCertificateRelatedConsFlg,
    MedicalInstitutionCode, Outcome, ReferenceClassification, Timestamp,
};
use std::borrow::Cow;

/// ProcessingResultCode of an answer about an insurer that is not registered. The official list
/// (別紙6-1) is not public; §1.5 allows a code beside a result.
pub const UNKNOWN_INSURER_CODE: &str = "SHK-ANS-001";

/// An answer to a single lookup. It borrows what it shows.
#[derive(Clone, Debug)]
pub struct SingleAnswer<'a> {
    /// When the centre answered.
    pub process_execution_time: Timestamp,
    /// 資格確認日; `None` only if the request's own cannot be read.
    pub qualification_confirmation_date: Option<Day>,
    /// 医療機関コード; `None` only if the request's own cannot be read.
    pub medical_institution_code: Option<MedicalInstitutionCode>,
    /// 任意のファイル識別子 of the request, unchanged.
    pub arbitrary_file_identifier: Option<&'a str>,
    /// 照会区分
    pub reference_classification: ReferenceClassification,
    /// What is answered.
    pub result: MessageResult<'a>,
}

/// How far the question got.
#[derive(Clone, Debug)]
pub enum MessageResult<'a> {
    /// It was decided (SegmentOfResult 1, ProcessingResultStatus 1).
    Answered(Answered<'a>),
    /// The query itself is wrong (SegmentOfResult 1, ProcessingResultStatus 2).
    PersonError {
        /// ProcessingResultCode
        code: &'static str,
        /// ProcessingResultMessage, without personal data.
        message: Cow<'a, str>,
        /// The query as given, to be echoed.
        search_info: &'a SearchInfo,
    },
    /// The message as a whole is refused (SegmentOfResult 9).
    MessageError {
        /// ErrorCode
        code: &'static str,
        /// ErrorMessage, without personal data.
        message: Cow<'a, str>,
    },
}

/// A decision and what may be shown of it.
#[derive(Clone, Debug)]
pub struct Answered<'a> {
    /// The decision.
    pub outcome: Outcome<'a, 'a>,
    /// What [`shikaku_domain::disclose`] allows.
    pub disclosure: Option<&'a Disclosure<'a, 'a>>,
    /// The insurer asked about, whose name is shown with a disclosure.
    pub insurer: Option<&'a Insurer>,
    /// The consent of the query, repeated in the result.
    pub limit_consent: LimitApplicationCertificateRelatedConsFlg,
    /// The query as given, to be echoed; `None` for a question with a My Number card.
    pub search_info: Option<&'a SearchInfo>,
}

impl<'a> SingleAnswer<'a> {
    /// The answer to a request with card data that could be read.
    #[must_use]
    pub fn to_request(
        request: &'a SingleRequest,
        at: Timestamp,
        result: MessageResult<'a>,
    ) -> Self {
        Self {
            process_execution_time: at,
            qualification_confirmation_date: Some(request.qualification_confirmation_date),
            medical_institution_code: Some(request.medical_institution_code),
            arbitrary_file_identifier: request.arbitrary_file_identifier.as_deref(),
            reference_classification: ReferenceClassification::InsuranceCard,
            result,
        }
    }

    /// The answer to a request that could not be read in full; `None` for one that cannot be
    /// answered with a message at all ([`RequestError::Malformed`]).
    #[must_use]
    pub fn to_refused(error: &'a RequestError, at: Timestamp) -> Option<Self> {
        let message = Cow::Owned(error.ja());
        let code = error.code();
        let (header, result) = match error {
            RequestError::Malformed(_) => return None,
            RequestError::Header { header, .. } => {
                (header, MessageResult::MessageError { code, message })
            }
            RequestError::Person { header, search_info, .. } => {
                (header, MessageResult::PersonError { code, message, search_info })
            }
        };
        Some(Self {
            process_execution_time: at,
            qualification_confirmation_date: header.qualification_confirmation_date,
            medical_institution_code: header.medical_institution_code,
            arbitrary_file_identifier: header.arbitrary_file_identifier.as_deref(),
            reference_classification: ReferenceClassification::InsuranceCard,
            result,
        })
    }
}

/// Appends the answer in JSON (UTF-8).
pub fn to_json(answer: &SingleAnswer<'_>, out: &mut Vec<u8>) {
    write(answer, CharacterCode::Utf8, &mut JsonSink::new(out));
}

/// Appends the answer in XML in the given encoding. Returns how many characters became 〓 because
/// the encoding or XML lacks them, so that the caller can count them.
#[must_use = "a replaced character is a name that staff will see with a gap"]
pub fn to_xml(answer: &SingleAnswer<'_>, code: CharacterCode, out: &mut Vec<u8>) -> usize {
    match code {
        CharacterCode::Utf8 => utf8_xml(answer, code, out),
        CharacterCode::ShiftJis => {
            let mut utf8 = Vec::new();
            let replaced = utf8_xml(answer, code, &mut utf8);
            // INVARIANT: the sink writes UTF-8 only.
            replaced + encode_shift_jis(str::from_utf8(&utf8).unwrap_or_default(), out)
        }
    }
}

fn utf8_xml(answer: &SingleAnswer<'_>, code: CharacterCode, out: &mut Vec<u8>) -> usize {
    let mut sink = XmlSink::new(out, code);
    write(answer, code, &mut sink);
    sink.replaced()
}
