//! The rules of online eligibility confirmation (オンライン資格確認) and the types they speak of.
//!
//! Everything here is pure: no I/O, no clock, no async, no serialisation. The day of the question
//! is always an argument. Text from outside becomes one of these types at the edge, once, and
//! cannot be malformed afterwards.
//!
//! Facts come from the project's interface notes (`spec/oqs-interface.md`), cited as "§1.5" and so
//! on; facts the notes mark as uncertain are kept in tables, never in logic.

mod calendar;
mod card;
mod certificate;
mod codes;
mod consent;
mod fold;
mod history;
mod holder;
mod identifier;
mod personal;
mod registration;
mod validity;
mod value_error;

pub use calendar::{Day, Month, Period, PeriodError, Timestamp};
pub use card::{CardCertificateId, CertificateLife, IdentityCheck, TokenKind, certificate_life};
pub use certificate::{
    ElderlyRecipientCertificate, Insurer, LimitApplicationCertificate, MedicalTicket,
    SpecificDiseasesCertificate,
};
pub use codes::{
    CharacterCode, ConsentFlag, ContributionRatio, DesignatedMedicalInstitutionFlag,
    InsuredCardClassification, LimitApplicationCertificateClassification,
    LimitApplicationCertificateClassificationFlag, LimitApplicationCertificateRelatedConsFlg,
    MedicalTreatmentType, PersonalFamilyClassification, PreschoolClassification,
    PrescriptionIssueSelect, ProcessingResultStatus, QualificationValidity, ReasonOfLoss,
    ReferenceClassification, SegmentOfResult, Sex, SingleOrCombinedUse, SpecificDiseasesCategory,
    TicketType,
};
pub use consent::{CONSENT_SECONDS, Consent, ConsentChoice, InformationType, may_consent_to};
pub use fold::{FOLDED_BYTES_MAX, Folded};
pub use history::{elsewhere, fill_elsewhere, gaps, overlaps};
pub use holder::{Holder, fold_name};
pub use identifier::{
    CARD_TEXT_CHARS_MAX, CardText, InsuredBranchNumber, InsurerNumber, MedicalInstitutionCode,
    PersonId, PostNumber, Scheme, check_digit,
};
pub use personal::Personal;
pub use registration::{CardFace, MemberChange, Registration, Text};
pub use validity::{
    CardQuery, Disclosure, Entitlement, Outcome, decide, decide_holder, disclose,
    disclose_by_consent, is_preschool,
};
pub use value_error::ValueError;
