//! `shikaku ca`: a small certificate authority for demonstrations and test benches.
//!
//! It keeps its private key in a file without a pass phrase and its records in a plain index. A
//! national operation uses its own authority; the engine only needs that one's certificate and
//! revocation list.

mod authority;
mod command;
mod error;
mod index;

pub use authority::{
    Authority, CA_DAYS, CERTIFICATE_DAYS, CERTIFICATE_DAYS_MAX, CRL_DAYS, CRL_DAYS_MAX, Issued,
    Replace,
};
pub use command::{CaArgs, run};
pub use error::CaError;
pub use index::{INDEX_BYTES_MAX, IssuedCertificate};

#[cfg(test)]
mod tests;
