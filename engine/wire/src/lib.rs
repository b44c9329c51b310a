//! Messages, code lists, encodings and files as they cross the wire: parsed into domain types and
//! written from them.
//!
//! Nothing here opens a file or a socket or reads a clock; input is bytes or a [`std::io::Read`],
//! output a buffer or a [`std::io::Write`]. Every parser survives any bytes, within named limits,
//! and says in Japanese and English what the sender should mend, without repeating what was sent.
//!
//! | module | what crosses |
//! |---|---|
//! | [`encoding`] | UTF-8 and Shift_JIS (CP932) |
//! | [`oqs`] | OQSsiquc01, the single eligibility lookup, in XML and JSON |
//! | [`v1`] | the JSON of `/v1/eligibility` |
//! | [`members`] | insurers' CSV files |

pub mod encoding;
#[doc(hidden)]
pub mod fuzzing;
mod json;
mod leaf;
pub mod members;
pub mod oqs;
pub mod v1;
mod xml;
