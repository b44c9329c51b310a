//! Element names that both the reader and the writer of a message use.

pub(super) const XML_MSG: &str = "XmlMsg";
pub(super) const HEADER: &str = "MessageHeader";
pub(super) const BODY: &str = "MessageBody";
pub(super) const SEARCH_INFO: &str = "QualificationConfirmSearchInfo";
pub(super) const RESULT_LIST: &str = "ResultList";
pub(super) const RESULT: &str = "ResultOfQualificationConfirmation";

pub(super) const CONFIRMATION_DATE: &str = "QualificationConfirmationDate";
pub(super) const INSTITUTION_CODE: &str = "MedicalInstitutionCode";
pub(super) const FILE_IDENTIFIER: &str = "ArbitraryFileIdentifier";
pub(super) const CHARACTER_CODE: &str = "CharacterCodeIdentifier";

pub(super) const INSURER_NUMBER: &str = "InsurerNumber";
pub(super) const SYMBOL: &str = "InsuredCardSymbol";
pub(super) const NUMBER: &str = "InsuredIdentificationNumber";
pub(super) const BRANCH: &str = "InsuredBranchNumber";
pub(super) const BIRTHDATE: &str = "Birthdate";
pub(super) const LIMIT_CONSENT: &str = "LimitApplicationCertificateRelatedConsFlg";
pub(super) const ARBITRARY_IDENTIFIER: &str = "ArbitraryIdentifier";
