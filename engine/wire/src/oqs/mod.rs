//! OQSsiquc01, 資格確認: the single eligibility lookup with insurance-card data, as request and
//! answer, and the answer to a question with a My Number card, in XML (folders of the facility) and JSON (its terminal). §1.3–1.6, §1.10.
//!
//! A request is read by [`parse_json`] or [`parse_xml`], an answer is a [`SingleAnswer`] written by
//! [`to_json`] or [`to_xml`]. [`ParsedAnswer`] reads an answer back, as a client does.

mod answer;
mod elements;
mod error;
mod json;
mod parsed;
mod raw;
mod request;
mod sink;
mod tree;
mod xml;

pub use answer::{
    Answered, CardNotice, MessageResult, SingleAnswer, UNKNOWN_INSURER_CODE, WithCard, to_json,
    to_xml,
};
pub use error::{Malformed, RequestError};
pub use json::parse_json;
pub use parsed::{ANSWER_BYTES_MAX, ParsedAnswer};
pub(crate) use raw::folded_symbol;
pub use request::{ARBITRARY_CHARS_MAX, RequestHeader, SearchInfo, SingleRequest};
pub use sink::{JsonSink, Sink, XmlSink};
pub use tree::write;
pub use xml::parse_xml;
