//! The request in JSON, with the habits of the clients that exist (§1.10).

use super::error::{Malformed, RequestError};
use super::raw::{RawMessage, object};
use super::request::SingleRequest;
use crate::encoding::{EncodingError, REQUEST_BYTES_MAX, decode_utf8};
use serde::Deserialize;

/// The braces that close a request: the root, XmlMsg, MessageBody, QualificationConfirmSearchInfo.
const CLOSING_BRACES_MAX: usize = 4;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "XmlMsg", deserialize_with = "object")]
    message: RawMessage<'a>,
}

/// Reads a request in JSON.
///
/// Some clients take `Content-Length` from the number of characters, so that full-width text cuts
/// off the end. Such a body is completed when exactly its closing braces are missing, because then
/// nothing else can be.
///
/// # Errors
/// [`RequestError`], for the first thing that is wrong.
pub fn parse_json(body: &[u8]) -> Result<SingleRequest, RequestError> {
    if body.len() > REQUEST_BYTES_MAX {
        return Err(Malformed::TooLarge { max: REQUEST_BYTES_MAX }.into());
    }
    let text = match decode_utf8(body) {
        Ok(text) => text,
        Err(EncodingError::Malformed) if ends_within_a_character(body) => {
            return Err(Malformed::Truncated.into());
        }
        Err(error) => return Err(error.into()),
    };
    match envelope(text) {
        Ok(envelope) => envelope.message.into_request(),
        Err(error) if error.is_eof() => completed(text),
        Err(error) if error.is_data() => Err(Malformed::Structure.into()),
        Err(_) => Err(Malformed::NotWellFormed.into()),
    }
}

fn envelope(text: &str) -> serde_json::Result<Envelope<'_>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let envelope = object(&mut deserializer)?;
    deserializer.end()?;
    Ok(envelope)
}

/// Completes a body that lost as many bytes as it has more bytes than characters, if those were
/// closing braces. "Characters" are UTF-16 units to some clients and code points to others.
fn completed(text: &str) -> Result<SingleRequest, RequestError> {
    let utf16_units = text.chars().map(char::len_utf16).sum::<usize>();
    let code_points = text.chars().count();
    for characters in [utf16_units, code_points] {
        let lost = text.len() - characters;
        if !(1..=CLOSING_BRACES_MAX).contains(&lost) {
            continue;
        }
        let whole = format!("{text}{}", "}".repeat(lost));
        if let Ok(envelope) = envelope(&whole) {
            return envelope.message.into_request();
        }
    }
    Err(Malformed::Truncated.into())
}

fn ends_within_a_character(body: &[u8]) -> bool {
    str::from_utf8(body).is_err_and(|error| error.error_len().is_none())
}
