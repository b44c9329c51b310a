//! The JSON of `/v1/eligibility`, `/v1/card/…` and `/v1/face/…`, for programs written today: the interface's element names in
//! lowerCamelCase, ISO dates, booleans for yes and no, and every mistake of a request at once.
//!
//! Codes keep the values of the interface's tables, as strings.

mod card;
mod card_request;
mod card_response;
mod face;
mod flat;
mod holder_answer;
mod iso;
mod request;
mod response;
mod write;

pub use card::{
    CardEligibilityQuestion, Confirmation, RegisterBy, RegistrationQuestion, SessionQuestion,
    WithdrawalQuestion, parse_card_eligibility, parse_challenge, parse_registration, parse_session,
    parse_withdrawal,
};
pub use card_request::{
    CardEligibilityRequest, ChallengeRequest, ConfirmationRequest, HolderRequest,
    InsuranceCardRequest, RegisterByRequest, RegistrationRequest, SessionRequest,
    WithdrawalRequest,
};
pub use card_response::{
    CardEligibilityResponse, CertificateState, ChallengeResponse, ConsentState, ConsentsResponse,
    ProposedPerson, RegisteredResponse, RegistrationResponse, SessionResponse,
};
pub use face::{FaceAudit, FaceCardResponse, FaceStepResponse};
pub use holder_answer::HolderAnswer;
pub use request::{EligibilityQuestion, EligibilityRequest, FieldProblem, parse_eligibility};
pub use response::{
    ConsentGiven, ElderlyRecipientCertificate, Eligibility, EligibilityResponse,
    LimitApplicationCertificate, MedicalTicketInfo, Notice, SpecificDiseasesCertificate, Validity,
};
pub use write::EligibilityAnswer;
