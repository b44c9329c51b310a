//! The answer: its parts, and its forms as bytes.

use super::error::RequestError;
use super::request::{SearchInfo, SingleRequest};
use super::sink::{JsonSink, XmlSink};
use super::tree::write;
use crate::encoding::encode_shift_jis;
use shikaku_domain::{
    CharacterCode, ConsentChoice, Day, Disclosure, Insurer,
    LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode, Outcome,
    PrescriptionIssueSelect, ReferenceClassification, Timestamp,
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
    /// What a question with a My Number card adds; `None` for one with card data.
    pub with_card: Option<&'a WithCard<'a>>,
    /// The query as given, to be echoed; `None` for a question with a My Number card.
    pub search_info: Option<&'a SearchInfo>,
}

/// What the answer to a question with a My Number card says beyond the eligibility.
#[derive(Clone, Debug)]
pub struct WithCard<'a> {
    /// What the patient answered at the reader, just now.
    pub consents: ConsentChoice,
    /// Until when consents open what they are for (閲覧可能期限).
    pub until: Timestamp,
    /// 処方箋発行形態 that the patient chose.
    pub prescription: Option<PrescriptionIssueSelect>,
    /// What staff should tell the patient about the card.
    pub notice: Option<CardNotice>,
    /// 医療扶助 beside the medical insurance: what may be shown, and the office's name.
    pub beside: Option<(&'a Disclosure<'a, 'a>, Option<&'a Insurer>)>,
}

/// What staff should tell the patient about the card (§3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardNotice {
    /// The certificate expires within three months.
    ExpiresSoon,
    /// It has expired; the eligibility goes on for some weeks.
    Grace,
}

impl CardNotice {
    /// ProcessingResultCode. The official list (別紙6-1) is not public.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ExpiresSoon => "SHK-ANS-002",
            Self::Grace => "SHK-ANS-003",
        }
    }

    /// ProcessingResultMessage.
    #[must_use]
    pub const fn ja(self) -> &'static str {
        match self {
            Self::ExpiresSoon => {
                "電子証明書の有効期限まで3か月以内です。市区町村の窓口での更新を案内してください。"
            }
            Self::Grace => {
                "電子証明書の有効期限が切れています。資格情報だけを提供できます。更新を案内してください。"
            }
        }
    }

    /// The same in English.
    #[must_use]
    pub const fn en(self) -> &'static str {
        match self {
            Self::ExpiresSoon => {
                "the certificate expires within three months: the municipal office renews it"
            }
            Self::Grace => {
                "the certificate has expired: only the eligibility is available until it is renewed"
            }
        }
    }
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
