//! A server that knows the right answer to each of a list of questions, and nothing else: one
//! thread, one `epoll`, a hash table. It costs as little as a server can, so that what is measured
//! beside it is the client.

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use shikaku_benches::BenchError;
use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

/// Longest question with its head, in bytes.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Most headers of a question.
const HEADERS_MAX: usize = 32;
/// Events taken at a time.
const EVENTS_MAX: usize = 256;
/// The listener among the events.
const LISTENER: u64 = u64::MAX;
/// What a question that is not in the list gets.
const UNKNOWN: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Questions and answers, as `shikaku-loadgen questions` prints them.
    #[arg(long)]
    questions: PathBuf,
}

/// Whole answers by the body of the question.
type Book = HashMap<Vec<u8>, Vec<u8>>;

/// Serves until it is killed.
pub(crate) fn serve(args: &Args) -> Result<(), BenchError> {
    let book = read(&args.questions)?;
    let io = |what: &str| BenchError::io(what.to_owned());
    let listener = TcpListener::bind("127.0.0.1:0").map_err(io("the port"))?;
    listener.set_nonblocking(true).map_err(io("the port"))?;
    let address = listener.local_addr().map_err(io("the port"))?;
    #[expect(clippy::print_stdout, reason = "whoever started this waits for the line")]
    {
        println!("book: serving http://{address}");
    }
    let poll = epoll::create(CreateFlags::CLOEXEC).map_err(|e| io("epoll")(e.into()))?;
    let add = |fd: std::os::fd::BorrowedFd<'_>, data| {
        epoll::add(&poll, fd, EventData::new_u64(data), EventFlags::IN)
            .map_err(|e| io("epoll")(e.into()))
    };
    add(listener.as_fd(), LISTENER)?;
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS_MAX);
    loop {
        events.clear();
        // An interrupted wait has no events; the next one will.
        let _ = epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None);
        for event in &events {
            let data = event.data.u64();
            if data == LISTENER {
                while let Ok((tcp, _)) = listener.accept() {
                    tcp.set_nonblocking(true).and(tcp.set_nodelay(true)).map_err(io("a socket"))?;
                    add(tcp.as_fd(), peers.len() as u64)?;
                    peers.push(Some(Peer { tcp, buffer: Vec::new() }));
                }
            } else if let Some(place) = usize::try_from(data).ok().and_then(|at| peers.get_mut(at))
                && place.as_mut().is_some_and(|peer| peer.serve(&book).is_none())
            {
                *place = None;
            }
        }
    }
}

fn read(path: &PathBuf) -> Result<Book, BenchError> {
    let text = std::fs::read_to_string(path).map_err(BenchError::file(path))?;
    let entry = |line: &str| {
        let entry: serde_json::Value = serde_json::from_str(line).ok()?;
        let (question, answer) = (entry.get("question")?.as_str()?, entry.get("answer")?.as_str()?);
        let length = answer.len();
        // The heads that the engine's answers have.
        let whole = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ncache-control: no-store\r\n\
             content-type: application/json\r\ndate: Mon, 23 Nov 2026 00:00:00 GMT\r\n\r\n{answer}"
        );
        Some((question.as_bytes().to_vec(), whole.into_bytes()))
    };
    let book: Option<Book> = text.lines().map(entry).collect();
    book.filter(|book| !book.is_empty()).ok_or(BenchError::Report { field: "questions" })
}

struct Peer {
    tcp: TcpStream,
    /// What arrived of a question that is not complete.
    buffer: Vec<u8>,
}

impl Peer {
    /// Answers what has arrived; `None` when the connection is over.
    fn serve(&mut self, book: &Book) -> Option<()> {
        let mut chunk = [0; REQUEST_BYTES_MAX];
        let read = match self.tcp.read(&mut chunk) {
            Ok(0) => return None,
            Ok(read) => chunk.get(..read)?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(()),
            Err(_) => return None,
        };
        if self.buffer.is_empty()
            && let Some((body, length)) = parse(read)
            && length == read.len()
        {
            return self.tcp.write_all(answer(book, body)).ok();
        }
        self.buffer.extend_from_slice(read);
        while let Some((body, length)) = parse(&self.buffer) {
            self.tcp.write_all(answer(book, body)).ok()?;
            self.buffer.drain(..length);
        }
        (self.buffer.len() <= REQUEST_BYTES_MAX).then_some(())
    }
}

fn answer<'b>(book: &'b Book, body: &[u8]) -> &'b [u8] {
    book.get(body).map_or(UNKNOWN, |answer| answer)
}

/// The body of the first question, and the length of the whole; `None` while it is incomplete.
fn parse(arrived: &[u8]) -> Option<(&[u8], usize)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(arrived).ok()? else { return None };
    let length = request.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"))?;
    let length: usize = std::str::from_utf8(length.value).ok()?.parse().ok()?;
    let end = head.checked_add(length)?;
    Some((arrived.get(head..end)?, end))
}
