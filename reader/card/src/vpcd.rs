//! The card in a virtual reader of the real pcscd: the card's end of vpcd's protocol (card §4.2).
//!
//! pcscd listens, the card connects. A frame is its length (16 bits, big endian) and so many bytes;
//! one byte alone is an order to the card, everything else a command. vpcd listens on every network
//! address without asking who is there, so it belongs on test benches only.

use crate::software::{Answer, SoftwareCard};
use crate::{CardError, StatusWord};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The port of vpcd's first slot; each further slot has the next one.
pub const DEFAULT_PORT: u16 = 0x8C7B;
/// How long to wait before the reader is looked for again.
const RETRY: Duration = Duration::from_millis(100);
/// How long a reader may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const ATR: u8 = 4;

/// How long the card takes, besides the time that this program really needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// For any command.
    pub command: Duration,
    /// For a signature, in place of the above.
    pub signature: Duration,
}

impl Latency {
    /// As fast as this machine is.
    pub const NONE: Self = Self { command: Duration::ZERO, signature: Duration::ZERO };
    /// About what a card on a contactless reader takes. Inferred, not measured (card §4.3).
    pub const CONTACTLESS: Self =
        Self { command: Duration::from_millis(20), signature: Duration::from_millis(450) };

    fn of(self, command: &[u8]) -> Duration {
        if SoftwareCard::is_slow(command) { self.signature } else { self.command }
    }
}

/// What happens to a card that is plugged in.
#[derive(Debug)]
pub enum Event {
    /// The reader has it.
    Connected,
    /// The reader is gone or was never there; it is looked for until the card is removed.
    Waiting(CardError),
    /// The card broke the contact by itself, as its profile says.
    Gone,
}

/// A card in a virtual reader, until [`Plugged::remove`] or the end of this value.
pub struct Plugged {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<SoftwareCard>>,
}

impl Plugged {
    /// Puts the card into the virtual reader on this port of this machine. Returns at once; the
    /// reader is looked for in the background, also after it went away.
    ///
    /// `on_event` is called on the card's own thread.
    ///
    /// # Errors
    /// [`CardError::Reader`] when no thread can be started.
    pub fn insert(
        card: SoftwareCard,
        port: u16,
        latency: Latency,
        on_event: impl Fn(Event) + Send + 'static,
    ) -> Result<Self, CardError> {
        let stop = Arc::new(Stop::default());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let slot = Slot { address, latency, stop: Arc::clone(&stop) };
        let thread = thread::Builder::new().name("card".to_owned());
        let thread = thread.spawn(move || slot.hold(card, &on_event));
        let thread = thread.map_err(|source| reader_error(address, source))?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Takes the card out and gives it back, with what it remembers. `None` if its thread panicked.
    #[must_use]
    pub fn remove(mut self) -> Option<SoftwareCard> {
        self.stop.set();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        self.stop.set();
    }
}

/// Says that the card is to be taken out, and wakes whatever its thread waits for.
#[derive(Default)]
struct Stop {
    state: Mutex<StopState>,
    changed: Condvar,
}

#[derive(Default)]
struct StopState {
    is_set: bool,
    /// The connection whose reading is to be ended.
    connection: Option<TcpStream>,
}

impl Stop {
    fn lock(&self) -> MutexGuard<'_, StopState> {
        // Nothing panics while it holds the lock; and a flag and a socket are never half written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self) {
        let mut state = self.lock();
        state.is_set = true;
        if let Some(connection) = state.connection.take() {
            // An error means that the other side was faster.
            let _ = connection.shutdown(Shutdown::Both);
        }
        self.changed.notify_all();
    }

    /// Waits so long, or less if the card is taken out, which the result says.
    fn wait(&self, duration: Duration) -> bool {
        let state = self.lock();
        if duration.is_zero() {
            return state.is_set;
        }
        let waited = self.changed.wait_timeout_while(state, duration, |state| !state.is_set);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_set
    }

    /// Remembers the connection to end; `false` when the card is already to be taken out.
    fn watch(&self, connection: &TcpStream) -> io::Result<bool> {
        let connection = connection.try_clone()?;
        let mut state = self.lock();
        state.connection = Some(connection);
        Ok(!state.is_set)
    }
}

/// How a connection ended, other than by an error.
enum End {
    /// The card broke the contact.
    Gone,
    /// The reader closed it, or the card was taken out.
    Closed,
}

struct Slot {
    address: SocketAddr,
    latency: Latency,
    stop: Arc<Stop>,
}

impl Slot {
    fn hold(self, mut card: SoftwareCard, on_event: &dyn Fn(Event)) -> SoftwareCard {
        while !self.stop.wait(Duration::ZERO) {
            match self.connect_and_serve(&mut card, on_event) {
                Ok(End::Gone) => {
                    card.power_off();
                    on_event(Event::Gone);
                    return card;
                }
                Ok(End::Closed) => {}
                Err(source) => on_event(Event::Waiting(reader_error(self.address, source))),
            }
            card.power_off();
            if self.stop.wait(RETRY) {
                break;
            }
        }
        card
    }

    fn connect_and_serve(
        &self,
        card: &mut SoftwareCard,
        on_event: &dyn Fn(Event),
    ) -> io::Result<End> {
        let mut stream = TcpStream::connect_timeout(&self.address, CONNECT_TIMEOUT)?;
        stream.set_nodelay(true)?;
        if !self.stop.watch(&stream)? {
            return Ok(End::Closed);
        }
        on_event(Event::Connected);
        let mut frame = Vec::new();
        let mut is_mute = false;
        while read_frame(&mut stream, &mut frame)? {
            let answer = match frame.as_slice() {
                // Nothing comes from a card that hangs, not even that it is there.
                _ if is_mute => continue,
                [] => continue,
                [POWER_OFF | POWER_ON] => {
                    card.power_off();
                    continue;
                }
                [RESET] => {
                    card.reset();
                    continue;
                }
                [ATR] => card.atr().to_vec(),
                command => match card.transmit(command) {
                    Answer::Bytes(bytes) => {
                        if self.stop.wait(self.latency.of(command)) {
                            return Ok(End::Closed);
                        }
                        bytes
                    }
                    Answer::Silence => {
                        is_mute = true;
                        continue;
                    }
                    Answer::Gone => return Ok(End::Gone),
                },
            };
            write_frame(&mut stream, answer)?;
        }
        Ok(End::Closed)
    }
}

/// Reads one frame; `false` when the other side has closed the connection between two frames.
fn read_frame(stream: &mut TcpStream, frame: &mut Vec<u8>) -> io::Result<bool> {
    // vpcd writes length and content apart and waits for the first to be acknowledged: without
    // this, which holds for one acknowledgement, each command takes 44 ms (card §4.3).
    acknowledge_at_once(stream)?;
    let mut length = [0; 2];
    if stream.read(length.get_mut(..1).unwrap_or_default())? == 0 {
        return Ok(false);
    }
    stream.read_exact(length.get_mut(1..).unwrap_or_default())?;
    acknowledge_at_once(stream)?;
    frame.resize(usize::from(u16::from_be_bytes(length)), 0);
    stream.read_exact(frame)?;
    Ok(true)
}

#[cfg(target_os = "linux")]
fn acknowledge_at_once(stream: &TcpStream) -> io::Result<()> {
    std::os::linux::net::TcpStreamExt::set_quickack(stream, true)
}

/// Other systems have no such setting; there the card is slower.
#[cfg(not(target_os = "linux"))]
fn acknowledge_at_once(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

fn write_frame(stream: &mut TcpStream, mut content: Vec<u8>) -> io::Result<()> {
    let length = u16::try_from(content.len()).unwrap_or_else(|_| {
        // Longer than the protocol can say; the card says so instead.
        content = StatusWord::INTERNAL.0.to_be_bytes().to_vec();
        2
    });
    content.splice(0..0, length.to_be_bytes());
    stream.write_all(&content)
}

fn reader_error(address: SocketAddr, source: io::Error) -> CardError {
    CardError::Reader { address, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::software::tests::ADULT;
    use std::net::TcpListener;
    use std::sync::mpsc;

    /// vpcd's end of the connection.
    struct Reader(TcpStream);

    impl Reader {
        fn send(&mut self, frame: &[u8]) {
            let length = u16::try_from(frame.len()).unwrap().to_be_bytes();
            self.0.write_all(&length).unwrap();
            self.0.write_all(frame).unwrap();
        }

        fn receive(&mut self) -> Vec<u8> {
            let mut length = [0; 2];
            self.0.read_exact(&mut length).unwrap();
            let mut frame = vec![0; u16::from_be_bytes(length).into()];
            self.0.read_exact(&mut frame).unwrap();
            frame
        }
    }

    fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[test]
    fn a_card_answers_through_the_frames_of_the_protocol() {
        let (listener, port) = listen();
        let card = ADULT.insert(Memory::volatile());
        let plugged = Plugged::insert(card, port, Latency::NONE, |_| {}).unwrap();
        let mut reader = Reader(listener.accept().unwrap().0);
        reader.send(&[POWER_ON]);
        reader.send(&[ATR]);
        assert_eq!(reader.receive(), [0x3B, 0xE0, 0x00, 0xFF, 0x81, 0x31, 0xFE, 0x45, 0x14]);
        reader.send(b"\x00\xA4\x04\x0C\x0A\xD3\x92\xF0\x00\x26\x01\x00\x00\x00\x01");
        assert_eq!(reader.receive(), [0x90, 0x00]);
        reader.send(b"\x00\x20\x00\x98\x041234");
        assert_eq!(reader.receive(), [0x90, 0x00]);
        reader.send(&[RESET]);
        reader.send(b"\x80\x2A\x03\x97\x01A\x00");
        assert_eq!(reader.receive().len(), 258);
        reader.send(&[POWER_OFF]);
        reader.send(b"\x80\x2A\x03\x97\x01A\x00");
        assert_eq!(reader.receive(), [0x6A, 0x88]);
        assert!(plugged.remove().is_some());
        assert_eq!(reader.0.read(&mut [0]).unwrap(), 0, "the card is still in");
    }

    #[test]
    fn a_card_waits_for_its_reader_and_comes_back_after_a_restart() {
        let (listener, port) = listen();
        drop(listener);
        let (sender, events) = mpsc::channel();
        let card = ADULT.insert(Memory::volatile());
        let plugged = Plugged::insert(card, port, Latency::NONE, move |event| {
            let _ = sender.send(event);
        })
        .unwrap();
        assert!(matches!(events.recv().unwrap(), Event::Waiting(CardError::Reader { .. })));
        for _ in 0..2 {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
            let mut reader = Reader(listener.accept().unwrap().0);
            while !matches!(events.recv().unwrap(), Event::Connected) {}
            reader.send(&[ATR]);
            assert_eq!(reader.receive().len(), 9);
        }
        assert!(plugged.remove().is_some());
    }

    #[test]
    fn removal_does_not_wait_for_a_slow_card() {
        let (listener, port) = listen();
        let hour = Duration::from_secs(3600);
        let latency = Latency { command: hour, signature: hour };
        let card = ADULT.insert(Memory::volatile());
        let plugged = Plugged::insert(card, port, latency, |_| {}).unwrap();
        let mut reader = Reader(listener.accept().unwrap().0);
        reader.send(&[0x00, 0x84, 0x00, 0x00, 0x08]);
        assert!(plugged.remove().is_some());
        assert_eq!(reader.0.read(&mut [0]).unwrap(), 0);
    }
}
