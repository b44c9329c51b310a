//! Messages between a coordinator and its workers: JSON, each behind its length.

use crate::run::result::{RunResult, Second};
use ring::hmac;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Longest message, in bytes: the result of a whole day has about 90 MiB.
const MESSAGE_BYTES_MAX: u32 = 256 << 20;
/// Longest wait until the other side takes a message.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromWorker {
    /// First of all: its version, and a number that the run must be signed for.
    Hello { version: String, nonce: String },
    /// All connections are open.
    Ready,
    /// A second is over.
    Second(Second),
    /// The run is over.
    Done(Box<RunResult>),
    /// The run could not be made.
    Failed(String),
}

/// What a coordinator says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromCoordinator {
    /// Prepare this.
    Job(SignedJob),
    /// Everybody is ready.
    Start,
    /// The user wants to see results now.
    Stop,
}

/// A part of a run, signed if there is a secret.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SignedJob {
    /// [`Assignment`] in JSON.
    pub assignment: String,
    /// Signature of the worker's number and the assignment, in hexadecimal; or empty.
    pub signature: String,
}

/// A part of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Assignment {
    /// Arguments of `shikaku-loadgen run`.
    pub arguments: Vec<String>,
    /// Which part, from 0.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

/// Signs an assignment for a worker's number.
pub(super) fn sign(secret: &[u8], nonce: &str, assignment: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hex(hmac::sign(&key, format!("{nonce}\n{assignment}").as_bytes()).as_ref())
}

/// Whether a signature is right, in a time that does not depend on how wrong it is.
pub(super) fn is_signed(secret: &[u8], nonce: &str, job: &SignedJob) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let digits = job.signature.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let signature: Option<Vec<u8>> = digits.map(byte).collect();
    let message = format!("{nonce}\n{}", job.assignment);
    signature.is_some_and(|signature| hmac::verify(&key, message.as_bytes(), &signature).is_ok())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One end of a connection.
pub(super) struct Link {
    stream: TcpStream,
}

impl Link {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_TIME_MAX))?;
        Ok(Self { stream })
    }

    /// A second handle, so that one thread can send while another waits.
    pub(super) fn clone(&self) -> io::Result<Self> {
        Ok(Self { stream: self.stream.try_clone()? })
    }

    pub(super) fn send(&mut self, message: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let length = u32::try_from(text.len()).ok().filter(|length| *length <= MESSAGE_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("the message is too long"))?;
        self.stream.write_all(&length.to_be_bytes())?;
        self.stream.write_all(&text)
    }

    /// The next message.
    ///
    /// # Errors
    /// The other side is gone, said nothing for so long, or said what is no message.
    pub(super) fn receive<M: DeserializeOwned>(&mut self, most: Option<Duration>) -> io::Result<M> {
        self.stream.set_read_timeout(most)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > MESSAGE_BYTES_MAX {
            return Err(io::Error::new(ErrorKind::InvalidData, "the message is too long"));
        }
        // Memory grows with what arrives, not with what is announced.
        let mut text = Vec::new();
        (&self.stream).take(u64::from(length)).read_to_end(&mut text)?;
        if text.len() < length as usize {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&text)?)
    }
}
