//! The JSON of `/v1/eligibility`, for programs written today: the interface's element names in
//! lowerCamelCase, ISO dates, booleans for yes and no, and every mistake of a request at once.
//!
//! Codes keep the values of the interface's tables, as strings.

mod iso;
mod request;
mod response;
mod write;

pub use request::{EligibilityQuestion, EligibilityRequest, FieldProblem, parse_eligibility};
pub use response::{
    ElderlyRecipientCertificate, Eligibility, EligibilityResponse, LimitApplicationCertificate,
    MedicalTicketInfo, Notice, Validity,
};
pub use write::EligibilityAnswer;
