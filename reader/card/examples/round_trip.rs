//! How long one command to the card takes: in this process, through vpcd's protocol alone, and
//! through the real pcscd. `./dev bench card [COMMANDS]`.
//!
//! All three run in turns within one run, so that their ratios say what each layer costs whatever
//! else the machine does. Needs pcscd and vsmartcard-vpcd.

#![expect(clippy::print_stdout, reason = "a table for the terminal")]

use shikaku_card::pcscd::{Pcscd, SOCKET_VARIABLE};
use shikaku_card::vpcd::{Event, Latency, Plugged};
use shikaku_card::{Answer, CardOrder, Holder, IssuedCard, Issuer, Memory, Profile, SoftwareCard};
use shikaku_domain::{Day, Personal, Sex};
use std::error::Error;
use std::ffi::CString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// How often each command is sent, unless asked otherwise; signatures a tenth as often.
const COMMANDS: usize = 2000;
/// The rounds in which the layers take turns.
const ROUNDS: usize = 10;
/// How long pcscd may take to find the card.
const START: Duration = Duration::from_secs(30);

const SELECT: &[u8] = b"\x00\xA4\x04\x0C\x0A\xD3\x92\xF0\x00\x26\x01\x00\x00\x00\x01";
const VERIFY: &[u8] = b"\x00\x20\x00\x98\x041234";
const QUERY: &[u8] = b"\x00\x20\x00\x98";
const READ: &[u8] = b"\x00\xB0\x8A\x00\x00";
const SIGN: &[u8] = b"\x80\x2A\x03\x97\x01A\x00";

/// One way to the card.
trait Way {
    fn send(&mut self, command: &[u8]) -> Fallible<usize>;
}

impl Way for SoftwareCard {
    fn send(&mut self, command: &[u8]) -> Fallible<usize> {
        match self.transmit(command) {
            Answer::Bytes(bytes) => Ok(bytes.len()),
            Answer::Silence | Answer::Gone => Err("no answer".into()),
        }
    }
}

/// vpcd's end of its protocol.
struct Frames {
    stream: TcpStream,
    /// Held on the other end as long as this lives.
    _card: Plugged,
}

impl Way for Frames {
    fn send(&mut self, command: &[u8]) -> Fallible<usize> {
        let length = u16::try_from(command.len())?.to_be_bytes();
        self.stream.write_all(&[&length, command].concat())?;
        let mut length = [0; 2];
        self.stream.read_exact(&mut length)?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        self.stream.read_exact(&mut answer)?;
        Ok(answer.len())
    }
}

impl Way for pcsc::Card {
    fn send(&mut self, command: &[u8]) -> Fallible<usize> {
        let mut buffer = [0; 512];
        Ok(self.transmit(command, &mut buffer)?.len())
    }
}

fn card() -> Fallible<IssuedCard> {
    let holder = Holder {
        index: 5,
        name: Personal::new("資格　花子".to_owned()),
        address: Personal::new("合成県見本市一丁目２番３号".to_owned()),
        birth: Day::parse("19800217")?,
        sex: Sex::Female,
        municipality: 13_221,
    };
    let order = CardOrder::new(holder, Profile::Adult, Day::parse("20261123")?);
    Ok(Issuer::new(1)?.card(&order)?)
}

fn frames(card: &IssuedCard) -> Fallible<Frames> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let plugged = Plugged::insert(card.insert(Memory::volatile()), port, Latency::NONE, |_| {})?;
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    Ok(Frames { stream, _card: plugged })
}

fn through_pcscd() -> Fallible<pcsc::Card> {
    let context = pcsc::Context::establish(pcsc::Scope::User)?;
    let reader = CString::new("Virtual PCD 00 00")?;
    let mut states = [pcsc::ReaderState::new(reader.clone(), pcsc::State::UNAWARE)];
    let until = Instant::now() + START;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        context.get_status_change(left, &mut states)?;
        if states.iter().any(|state| state.event_state().contains(pcsc::State::PRESENT)) {
            return Ok(context.connect(
                &reader,
                pcsc::ShareMode::Exclusive,
                pcsc::Protocols::ANY,
            )?);
        }
        states.iter_mut().for_each(pcsc::ReaderState::sync_current_state);
    }
}

/// Times of one command over one way, in microseconds.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn measure(&mut self, way: &mut dyn Way, command: &[u8], count: usize) -> Fallible<()> {
        for _ in 0..count {
            let start = Instant::now();
            let bytes = way.send(command)?;
            self.0.push(start.elapsed().as_secs_f64() * 1e6);
            if bytes < 2 {
                return Err("the card is gone".into());
            }
        }
        Ok(())
    }

    /// The time below which this share of the commands was answered.
    fn quantile(&mut self, share: usize) -> f64 {
        self.0.sort_by(f64::total_cmp);
        self.0.get(self.0.len().saturating_sub(1) * share / 100).copied().unwrap_or_default()
    }
}

fn measure(commands: usize) -> Fallible<()> {
    let card = card()?;
    let mut ways: [(&str, Box<dyn Way>); 3] = [
        ("in this process", Box::new(card.insert(Memory::volatile()))),
        ("vpcd's protocol", Box::new(frames(&card)?)),
        ("pcscd and vpcd", Box::new(through_pcscd()?)),
    ];
    let kinds = [
        ("VERIFY query", QUERY, commands),
        ("READ BINARY, 256 bytes", READ, commands),
        ("signature", SIGN, commands / 10),
    ];
    for (_, way) in &mut ways {
        way.send(SELECT)?;
        way.send(VERIFY)?;
    }
    println!("| Command | Way | median µs | p99 µs | of the way above |\n|---|---|---|---|---|");
    for (kind, command, count) in kinds {
        let mut times = [Times::default(), Times::default(), Times::default()];
        for _ in 0..ROUNDS {
            for ((_, way), times) in ways.iter_mut().zip(&mut times) {
                times.measure(way.as_mut(), command, count / ROUNDS)?;
            }
        }
        let mut above = None;
        for ((name, _), times) in ways.iter().zip(&mut times) {
            let (median, p99) = (times.quantile(50), times.quantile(99));
            let ratio = above.map_or(String::new(), |above: f64| format!("{:.1}x", median / above));
            println!("| {kind} | {name} | {median:.1} | {p99:.1} | {ratio} |");
            above = Some(median);
        }
    }
    Ok(())
}

/// Starts pcscd with a card in it, then this program again with the address of its socket: the PC/SC
/// library takes it from the environment, which a program must not change for itself.
fn main() -> Fallible<()> {
    let commands = std::env::args().nth(1).map(|count| count.parse()).transpose()?;
    let commands = commands.unwrap_or(COMMANDS).max(10 * ROUNDS);
    if std::env::var_os(SOCKET_VARIABLE).is_some() {
        return measure(commands);
    }
    let folder = tempfile::tempdir()?;
    let pcscd = Pcscd::start(folder.path())?;
    let (sender, events) = mpsc::channel();
    let on_event = move |event| {
        let _ = sender.send(event);
    };
    let memory = Memory::volatile();
    let plugged = Plugged::insert(card()?.insert(memory), pcscd.port(), Latency::NONE, on_event)?;
    while !matches!(events.recv_timeout(START)?, Event::Connected) {}
    let mut again = Command::new(std::env::current_exe()?);
    let status = again.arg(commands.to_string()).env(SOCKET_VARIABLE, pcscd.socket()).status()?;
    drop(plugged.remove());
    if status.success() { Ok(()) } else { Err("the measurement failed".into()) }
}
