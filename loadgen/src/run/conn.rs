//! One connection without blocking: plain TCP or TLS, a request out, an answer in.

use super::http::{ANSWER_BYTES_MAX, Head, parse_head};
use super::result::Fault;
use rustix::event::epoll::EventFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

/// Room for an answer before the buffer has to grow, in bytes.
const BUFFER_BYTES: usize = 4 * 1024;

/// How to make a connection secure.
pub(super) type Secure = (Arc<ClientConfig>, ServerName<'static>);

/// A connection with its buffer.
pub(super) struct Conn {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What the socket did not take yet of a plain request.
    unsent: Vec<u8>,
    /// What arrived of the answer; the rest is room.
    buffer: Vec<u8>,
    filled: usize,
    head: Option<Head>,
}

/// Why an exchange ended without an answer.
#[derive(Debug)]
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
            Self::Io(error) if error.kind() == ErrorKind::UnexpectedEof => Fault::Closed,
            Self::Io(_) => Fault::Broken,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl AsFd for Conn {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

impl Conn {
    /// Begins to connect. The socket becomes writable when it has.
    ///
    /// # Errors
    /// As the system says; a refused connection may also show later.
    pub(super) fn open(address: SocketAddr, secure: Option<&Secure>) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let tcp = TcpStream::from(socket);
        tcp.set_nodelay(true)?;
        let tls = match secure {
            None => None,
            Some((config, name)) => {
                let tls = ClientConnection::new(Arc::clone(config), name.clone());
                Some(Box::new(tls.map_err(io::Error::other)?))
            }
        };
        Ok(Self {
            tcp,
            tls,
            unsent: Vec::new(),
            buffer: vec![0; BUFFER_BYTES],
            filled: 0,
            head: None,
        })
    }

    /// Goes on with connecting and the handshake as far as the socket allows. `true` when a
    /// request can be sent.
    ///
    /// # Errors
    /// The system's, or a TLS error inside of one.
    pub(super) fn establish(&mut self) -> io::Result<bool> {
        if let Some(error) = self.tcp.take_error()? {
            return Err(error);
        }
        let Some(tls) = &mut self.tls else {
            return match self.tcp.peer_addr() {
                Ok(_) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
                Err(error) => Err(error),
            };
        };
        while tls.is_handshaking() {
            let step = if tls.wants_write() {
                tls.write_tls(&mut self.tcp)
            } else {
                pull(tls, &mut self.tcp)
            };
            match step {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if is_not_yet(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        flush(tls, &mut self.tcp)?;
        Ok(true)
    }

    /// Whether the TLS session was taken up again instead of being made anew.
    pub(super) fn is_resumed(&self) -> bool {
        let kind = self.tls.as_ref().and_then(|tls| tls.handshake_kind());
        kind == Some(HandshakeKind::Resumed)
    }

    /// Sends a request, or as much of it as the socket takes now.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.filled = 0;
        self.head = None;
        match &mut self.tls {
            Some(tls) => {
                tls.writer().write_all(request)?;
                flush(tls, &mut self.tcp)
            }
            None => {
                let sent = match self.tcp.write(request) {
                    Ok(sent) => sent,
                    Err(error) if is_not_yet(&error) => 0,
                    Err(error) => return Err(error),
                };
                self.unsent.extend_from_slice(request.get(sent..).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// Sends what is left and reads what has arrived; the answer's head when it is complete to
    /// the last byte. `flags` are those of the socket's event.
    ///
    /// # Errors
    /// [`Failure`]: the connection is of no further use.
    pub(super) fn advance(&mut self, flags: EventFlags) -> Result<Option<Head>, Failure> {
        match self.advance_once()? {
            // The end came together with the last bytes and will not be reported again.
            None if is_over(flags) => self.advance_once(),
            answer => Ok(answer),
        }
    }

    fn advance_once(&mut self) -> Result<Option<Head>, Failure> {
        self.send_rest()?;
        loop {
            let room = self.buffer.len() - self.filled;
            let read = match self.read() {
                Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                Ok(read) => read,
                Err(error) if is_not_yet(&error) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            self.filled += read;
            if let Some(head) = self.complete()? {
                return Ok(Some(head));
            }
            // Less than there was room for: the socket is empty and will report anew.
            if read < room && self.tls.is_none() {
                return Ok(None);
            }
            self.make_room();
        }
    }

    /// The body of the answer just read.
    pub(super) fn body(&self) -> &[u8] {
        let start = self.head.map_or(0, |head| head.head_bytes);
        self.buffer.get(start..self.filled).unwrap_or_default()
    }

    /// Bytes of the answer just read, head and all.
    pub(super) const fn answer_bytes(&self) -> usize {
        self.filled
    }

    /// Whether the idle connection is still good: nothing arrived, nobody closed it.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.filled = 0;
        match self.read() {
            Ok(_) => false,
            Err(error) => is_not_yet(&error),
        }
    }

    /// Says good-bye, so that the server need not guess.
    pub(super) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // It is a courtesy; a socket that does not take it is closed all the same.
            let _ = flush(tls, &mut self.tcp);
        }
    }

    fn send_rest(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            return flush(tls, &mut self.tcp);
        }
        while !self.unsent.is_empty() {
            match self.tcp.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if is_not_yet(&error) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<usize> {
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let Some(tls) = &mut self.tls else { return self.tcp.read(room) };
        loop {
            match tls.reader().read(room) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            if pull(tls, &mut self.tcp)? == 0 {
                return Ok(0);
            }
        }
    }

    fn complete(&mut self) -> Result<Option<Head>, Failure> {
        let arrived = self.buffer.get(..self.filled).unwrap_or_default();
        if self.head.is_none() {
            self.head = parse_head(arrived).map_err(Failure::Fault)?;
        }
        let Some(head) = self.head else { return Ok(None) };
        match arrived.len().cmp(&(head.head_bytes + head.body_bytes)) {
            std::cmp::Ordering::Less => Ok(None),
            std::cmp::Ordering::Equal => Ok(Some(head)),
            std::cmp::Ordering::Greater => Err(Failure::Fault(Fault::Excess)),
        }
    }

    fn make_room(&mut self) {
        if self.filled == self.buffer.len() {
            // INVARIANT: an answer over the limit was refused by its head.
            self.buffer.resize((2 * self.filled).min(ANSWER_BYTES_MAX + 1), 0);
        }
    }
}

/// Whether the server will not use a connection with this event any more.
pub(super) fn is_over(flags: EventFlags) -> bool {
    flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR)
}

/// Reads TLS records from the socket; zero at the end of the stream.
fn pull(tls: &mut ClientConnection, tcp: &mut TcpStream) -> io::Result<usize> {
    let read = tls.read_tls(tcp)?;
    if let Err(error) = tls.process_new_packets() {
        // The peer should hear what was wrong; this error matters more than one of sending it.
        let _ = tls.write_tls(tcp);
        return Err(io::Error::new(ErrorKind::InvalidData, error));
    }
    Ok(read)
}

/// Sends what TLS has to send, as far as the socket takes it.
fn flush(tls: &mut ClientConnection, tcp: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(tcp) {
            Ok(_) => {}
            Err(error) if is_not_yet(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
