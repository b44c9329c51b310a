//! The request in domain terms.

use shikaku_domain::{CardQuery, CharacterCode, Day, MedicalInstitutionCode, Personal};

/// Most characters of a free field that is echoed. Facilities use up to 20; the limit of the
/// interface is not public.
pub const ARBITRARY_CHARS_MAX: usize = 256;

/// A question about one person with insurance-card data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleRequest {
    /// 資格確認日: the day as of which eligibility is asked.
    pub qualification_confirmation_date: Day,
    /// 医療機関コード, as the message says; who is asking is for the certificate to say.
    pub medical_institution_code: MedicalInstitutionCode,
    /// 任意のファイル識別子, to be echoed as it stands, blanks included. Free text of at most
    /// [`ARBITRARY_CHARS_MAX`] characters, all of which XML can carry.
    ///
    /// Clients look for the literal element of their request in the answer (§1.2). It is the same
    /// text there, with `&`, `<` and `>` escaped as every XML library escapes them.
    pub arbitrary_file_identifier: Option<String>,
    /// The encoding that the caller wants for the answer, if it says.
    pub character_code: Option<CharacterCode>,
    /// The question.
    pub query: CardQuery,
    /// The question as it was given, to be echoed.
    pub search_info: SearchInfo,
}

/// What could be read of a request's header; needed to answer one that is not all right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// 資格確認日
    pub qualification_confirmation_date: Option<Day>,
    /// 医療機関コード
    pub medical_institution_code: Option<MedicalInstitutionCode>,
    /// 任意のファイル識別子
    pub arbitrary_file_identifier: Option<String>,
    /// 文字コード識別
    pub character_code: Option<CharacterCode>,
}

/// QualificationConfirmSearchInfo as the caller spelled it. The answer repeats it unchanged, so
/// that a program can compare; `None` for what was left out or was not text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchInfo {
    /// InsurerNumber
    pub insurer_number: Option<Personal<String>>,
    /// InsuredCardSymbol
    pub symbol: Option<Personal<String>>,
    /// InsuredIdentificationNumber
    pub number: Option<Personal<String>>,
    /// InsuredBranchNumber
    pub branch: Option<Personal<String>>,
    /// Birthdate
    pub birthdate: Option<Personal<String>>,
    /// LimitApplicationCertificateRelatedConsFlg
    pub limit_consent: Option<Personal<String>>,
    /// ArbitraryIdentifier: free text of the facility for this person.
    pub arbitrary_identifier: Option<Personal<String>>,
}
