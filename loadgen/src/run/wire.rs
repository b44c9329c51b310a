//! One connection: a request out, an answer in.

use super::http::{Head, parse_head};
use super::tally::Fault;
use super::target::{Stream, Target};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Room for an answer before the buffer has to grow, in bytes.
const BUFFER_BYTES: usize = 16 * 1024;

/// Why an exchange ended without an answer.
pub(super) enum Failure {
    /// The bytes that came are no answer.
    Fault(Fault),
    /// No more bytes came.
    Io(io::Error),
}

impl Failure {
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Fault(fault) => *fault,
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => Fault::Closed,
            Self::Io(_) => Fault::Broken,
        }
    }
}

/// A connection with its buffer.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    /// What arrived of the last answer.
    pub buffer: Vec<u8>,
}

impl Wire {
    pub(super) async fn open(target: &Target) -> io::Result<Self> {
        let stream = target.connect().await?;
        Ok(Self { stream, buffer: Vec::with_capacity(BUFFER_BYTES) })
    }

    /// Sends a request and reads its answer to the last byte.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Head, Failure> {
        self.buffer.clear();
        self.stream.write_all(request).await.map_err(Failure::Io)?;
        self.stream.flush().await.map_err(Failure::Io)?;
        let mut head = None;
        loop {
            if self.stream.read_buf(&mut self.buffer).await.map_err(Failure::Io)? == 0 {
                return Err(Failure::Fault(Fault::Closed));
            }
            if head.is_none() {
                head = parse_head(&self.buffer).map_err(Failure::Fault)?;
            }
            let Some(head) = head else { continue };
            match self.buffer.len().cmp(&(head.head_bytes + head.body_bytes)) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return Ok(head),
                std::cmp::Ordering::Greater => return Err(Failure::Fault(Fault::Excess)),
            }
        }
    }

    /// The body of the answer just read.
    pub(super) fn body(&self, head: Head) -> &[u8] {
        self.buffer.get(head.head_bytes..).unwrap_or_default()
    }

    /// Returns when the idle connection is closed or says something unasked.
    pub(super) async fn disturbed(&mut self) {
        let mut byte = [0];
        // Whatever it is, the connection is of no further use.
        let _ = self.stream.read(&mut byte).await;
    }
}
