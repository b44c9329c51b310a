//! An open-loop client that shares nothing with shikaku-loadgen but the rules it is held to: a thread
//! for each connection, blocking reads and writes, and percentiles from the sorted list of all times.
//!
//! Whoever is free takes the next request, waits until it is due, sends it and waits for its answer.
//! If nobody is free when it is due, it waits, and the wait counts.

use serde_json::json;
use shikaku_benches::BenchError;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The one request, without meaning.
const REQUEST: &[u8] = b"POST /constant HTTP/1.1\r\nHost: localhost\r\n\
    Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
/// Time before measuring begins.
const WARMUP: Duration = Duration::from_secs(1);
/// Time for all threads to be there.
const START_DELAY: Duration = Duration::from_millis(50);
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 4096;
/// Most headers of an answer.
const HEADERS_MAX: usize = 16;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    target: SocketAddr,
    /// Requests a second, evenly.
    #[arg(long)]
    rate: f64,
    /// Seconds that are measured.
    #[arg(long)]
    seconds: u64,
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1024))]
    connections: u32,
}

/// Times of one connection.
#[derive(Default)]
struct Times {
    /// From the due time to the last byte.
    latency: Vec<Duration>,
    /// From the due time to the send, where the connection was free in time.
    lag: Vec<Duration>,
}

/// Runs, and prints the percentiles in microseconds as JSON.
pub(crate) fn run(args: &Args) -> Result<(), BenchError> {
    let connect = |_| {
        let stream = TcpStream::connect(args.target)?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    let streams: Result<Vec<_>, std::io::Error> = (0..args.connections).map(connect).collect();
    let streams = streams.map_err(BenchError::io("the server"))?;
    let (next, start) = (AtomicU64::new(0), Instant::now() + START_DELAY);
    let all = std::thread::scope(|scope| {
        let threads: Vec<_> = streams
            .into_iter()
            .map(|stream| scope.spawn(|| ask(stream, args, &next, start)))
            .collect();
        let joined = threads.into_iter().map(|thread| {
            let failed = || std::io::Error::other("a thread panicked");
            thread.join().unwrap_or_else(|_| Err(failed()))
        });
        joined.collect::<Result<Vec<_>, _>>()
    });
    let all = all.map_err(BenchError::io("a connection"))?;
    let sorted = |of: fn(&Times) -> &Vec<Duration>| {
        let mut times: Vec<_> = all.iter().flat_map(of).copied().collect();
        times.sort_unstable();
        times
    };
    let (latency, lag) = (sorted(|times| &times.latency), sorted(|times| &times.lag));
    let answer = json!({
        "p50": at(&latency, 50_000), "p90": at(&latency, 90_000),
        "p99": at(&latency, 99_000), "p99.9": at(&latency, 99_900),
        "lag_p99": at(&lag, 99_000),
    });
    #[expect(clippy::print_stdout, reason = "whoever started this reads the line")]
    {
        println!("{answer}");
    }
    Ok(())
}

/// The time that so many of 100,000 do not exceed, in microseconds.
fn at(sorted: &[Duration], of_100_000: usize) -> f64 {
    let rank = (sorted.len() * of_100_000).div_ceil(100_000);
    sorted.get(rank.saturating_sub(1)).map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}

fn ask(
    mut stream: TcpStream,
    args: &Args,
    next: &AtomicU64,
    start: Instant,
) -> std::io::Result<Times> {
    let mut times = Times::default();
    let end = WARMUP + Duration::from_secs(args.seconds);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due = Duration::from_secs_f64(number as f64 / args.rate);
        if due >= end {
            return Ok(times);
        }
        let free = Instant::now();
        let due = start + due;
        // A park may end early.
        while let Some(wait) = due.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(wait);
        }
        let lag = due.elapsed();
        stream.write_all(REQUEST)?;
        read_answer(&mut stream)?;
        if due >= start + WARMUP {
            times.latency.push(due.elapsed());
            if free < due {
                times.lag.push(lag);
            }
        }
    }
}

fn read_answer(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut answer = [0; ANSWER_BYTES_MAX];
    let mut filled = 0;
    loop {
        let room = answer.get_mut(filled..).unwrap_or_default();
        match stream.read(room)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
        if length(answer.get(..filled).unwrap_or_default()) == Some(filled) {
            return Ok(());
        }
    }
}

/// Bytes of a whole answer, once its head is there.
fn length(arrived: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = answer.parse(arrived).ok()? else { return None };
    let length = answer.headers.iter().find(|h| h.name.eq_ignore_ascii_case("content-length"))?;
    let length: usize = std::str::from_utf8(length.value).ok()?.parse().ok()?;
    head.checked_add(length)
}
