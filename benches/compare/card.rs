//! Cards a second: challenge, session (certificate, revocation, signature) and the holder's
//! eligibility, over mutual TLS against the real engine.
//!
//! What counts is the engine's own CPU time, since the other end signs with the cards' keys, which
//! costs more than all that the engine does. Beside it, in the same run: what the two RSA
//! verifications of a session cost alone, which nothing could do without.

use super::report::{Report, machine, machine_text, table};
use super::say;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use shikaku_benches::{
    BenchError, Centre, FACILITY, SEED, Server, Summary, own_cpu_seconds, summary,
};
use shikaku_card::ca::{
    Authority, CertificateRequest, CrlSchedule, Generation, Purpose, Serial, Validity,
};
use shikaku_card::{CardFolder, CardKey, Issuer};
use shikaku_engine::clock::{Clock, SystemClock};
use std::fs;
use std::io::Write as _;
use std::thread;
use std::time::Instant;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

const DAY_SECONDS: u64 = 86_400;
/// What the issue asks of a core: verifications a second.
const WANTED_PER_SECOND: f64 = 3_000.0;
/// RSA verifications of the ceiling, in each run.
const CEILING_ROUNDS: u32 = 2_000;

#[derive(clap::Args)]
pub(super) struct Args {
    /// People in the store, each with a registered card.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    persons: u64,
    /// Cards of each run.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    cards: u64,
    /// Readers that ask at the same time, each on a connection of its own: the more, the more events
    /// share one wait for the disk.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=200))]
    readers: u64,
    /// Runs of each kind; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    runs: u64,
}

/// How far a run goes with each card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// To the session.
    Verified,
    /// To the answer, whose event is on disk.
    Answered,
}

/// One run: the engine's CPU time of one card, and cards a second by the clock.
struct Run {
    cpu_us: f64,
    per_second: f64,
}

/// A card as far as the engine sees it.
struct Card {
    certificate: String,
    key: CardKey,
}

impl Card {
    fn new(authority: &Authority, index: u64, now: u64) -> Result<Self, BenchError> {
        let key = CardKey::from_seed(SEED, "holder", index)?;
        let validity = Validity {
            not_before: now.saturating_sub(100 * DAY_SECONDS),
            not_after: now.saturating_add(1_000 * DAY_SECONDS),
        };
        let request = CertificateRequest {
            serial: Serial::of_person(index, 0)?,
            key: &key,
            generation: Generation::Third,
            validity,
            municipality: 13_221,
        };
        let certificate = STANDARD.encode(authority.issue(&request)?);
        Ok(Self { certificate, key })
    }
}

/// A reader at the facility's counter.
struct Reader {
    agent: ureq::Agent,
    engine: String,
    device: String,
    card: Card,
}

impl Reader {
    fn new(centre: &Centre, engine: &Server, number: u64, card: Card) -> Result<Self, BenchError> {
        let read = |name: &str| {
            let path = centre.path(name);
            fs::read(&path).map_err(BenchError::file(&path))
        };
        let facility = format!("ca/clients/facility-{FACILITY}");
        let pem = |error: ureq::Error| failed("a certificate", &error);
        let ca = Certificate::from_pem(&read("ca/ca.pem")?).map_err(pem)?.to_owned();
        let own = read(&format!("{facility}.pem"))?;
        let own = Certificate::from_pem(&own).map_err(pem)?.to_owned();
        let key = PrivateKey::from_pem(&read(&format!("{facility}.key.pem"))?).map_err(pem)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[ca]))
            .client_cert(Some(ClientCert::new_with_certs(&[own], key)))
            .build();
        let agent = ureq::Agent::config_builder().tls_config(tls).build().new_agent();
        let device = format!("reader-{number}");
        Ok(Self { agent, engine: engine.address.clone(), device, card })
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, BenchError> {
        let url = format!("{}/v1/card/{path}", self.engine);
        let request = self.agent.post(url).header("content-type", "application/json");
        let mut reply = request.send(body.to_string()).map_err(|error| failed(path, &error))?;
        let body = reply.body_mut().read_to_vec().map_err(|error| failed(path, &error))?;
        serde_json::from_slice(&body).map_err(|_| BenchError::Report { field: "engine's JSON" })
    }

    /// One card, as far as asked.
    fn read(&self, way: Way) -> Result<(), BenchError> {
        let text = |value: &Value, field: &'static str| {
            let found = value.get(field).and_then(Value::as_str).map(str::to_owned);
            found.ok_or(BenchError::Report { field })
        };
        let challenge = self.post("challenges", &json!({ "device": self.device }))?;
        let bytes = STANDARD.decode(text(&challenge, "challenge")?);
        let bytes = bytes.map_err(|_| BenchError::Report { field: "challenge" })?;
        let opened = self.post(
            "sessions",
            &json!({
                "challengeId": text(&challenge, "challengeId")?,
                "device": self.device,
                "certificate": self.card.certificate,
                "signature": STANDARD.encode(self.card.key.sign_message(&bytes)?),
                "method": "pin",
                "tokenKind": "card",
            }),
        )?;
        if way == Way::Answered {
            let consents = json!({ "medication": true, "checkup": false });
            let ask = json!({ "session": text(&opened, "session")?, "consents": consents });
            let answer = self.post("eligibility", &ask)?;
            answer.get("answer").ok_or(BenchError::WrongAnswers { count: 1 })?;
        }
        Ok(())
    }
}

fn failed(what: &str, error: &ureq::Error) -> BenchError {
    BenchError::Program { program: format!("the engine ({what})"), said: error.to_string() }
}

pub(super) fn measure(args: &Args, out: &std::path::Path) -> Result<Report, BenchError> {
    let centre = Centre::new(out)?;
    say(&format!("making {} persons with cards", args.persons));
    prepare(&centre, args.persons)?;
    let engine = centre.start_engine()?;
    let authority = Authority::new(SEED, Purpose::UserAuthentication)?;
    let now = SystemClock.unix_seconds();
    let readers = (0..args.readers)
        .map(|number| Reader::new(&centre, &engine, number, Card::new(&authority, number, now)?));
    let readers = readers.collect::<Result<Vec<_>, _>>()?;
    run(&engine, &readers, Way::Answered, args.readers)?;
    let (mut verified, mut answered, mut ceiling) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=args.runs {
        say(&format!("run {number} of {}", args.runs));
        verified.push(run(&engine, &readers, Way::Verified, args.cards)?);
        answered.push(run(&engine, &readers, Way::Answered, args.cards)?);
        ceiling.push(two_verifications_us()?);
    }
    Ok(report(args, &centre, [&verified, &answered], summary(ceiling)))
}

/// People, everyone with a registered card, and the authorities that the engine trusts.
fn prepare(centre: &Centre, persons: u64) -> Result<(), BenchError> {
    let (persons, seed) = (persons.to_string(), SEED.to_string());
    let make = ["population", "--persons", &persons, "--seed", &seed, "--cards", "100"];
    let date = ["--date", shikaku_benches::DATE, "--out", "population"];
    centre.run("shikaku-loadgen", &[&make[..], &date].concat())?;
    for file in ["insurers.csv", "members.csv", "cards.csv"] {
        centre.load(file)?;
    }
    let this_update = SystemClock.unix_seconds();
    let next_update = this_update.saturating_add(DAY_SECONDS);
    let schedule = CrlSchedule { number: 1, this_update, next_update };
    CardFolder::new(centre.path("cards")).write_trust(&Issuer::new(SEED)?, schedule)?;
    let path = centre.path("shikaku.toml");
    fs::File::options()
        .append(true)
        .open(&path)
        .and_then(|mut file| {
            file.write_all(b"[card]\ntrust = \"cards/trust.pem\"\ncrl = \"cards/crl.pem\"\n")
        })
        .map_err(BenchError::file(&path))
}

/// So many cards over all readers.
fn run(engine: &Server, readers: &[Reader], way: Way, cards: u64) -> Result<Run, BenchError> {
    let count = readers.len() as u64;
    let each = cards.div_ceil(count);
    let (before, start) = (engine.cpu()?, Instant::now());
    thread::scope(|scope| {
        let work =
            |reader| scope.spawn(move || (0..each).try_for_each(|_| Reader::read(reader, way)));
        let threads: Vec<_> = readers.iter().map(work).collect();
        let ended = threads.into_iter().map(|thread| {
            thread.join().unwrap_or(Err(BenchError::Report { field: "end of a reader's thread" }))
        });
        ended.collect::<Result<Vec<()>, _>>()
    })?;
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), engine.cpu()?.since(before));
    #[expect(clippy::cast_precision_loss, reason = "a million at most")]
    let done = (each * count) as f64;
    Ok(Run { cpu_us: cpu.total() * 1e6 / done, per_second: done / seconds })
}

/// Microseconds of the certificate's and the challenge's RSA verification, by themselves.
fn two_verifications_us() -> Result<f64, BenchError> {
    let key = CardKey::from_seed(SEED, "holder", 0)?;
    let (message, public) = ([7; 32], key.public().subject_public_key.raw_bytes());
    let signature = key.sign_message(&message)?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public);
    let start = own_cpu_seconds();
    for _ in 0..CEILING_ROUNDS {
        let verified = public.verify(&message, &signature);
        verified.map_err(|_| BenchError::Report { field: "verified signature" })?;
    }
    Ok(2.0 * (own_cpu_seconds() - start) * 1e6 / f64::from(CEILING_ROUNDS))
}

fn report(args: &Args, centre: &Centre, runs: [&[Run]; 2], ceiling: Summary) -> Report {
    let of = |runs: &[Run], number: fn(&Run) -> f64| summary(runs.iter().map(number));
    let cpu = runs.map(|runs| of(runs, |run| run.cpu_us));
    let per_core = runs.map(|runs| of(runs, |run| 1e6 / run.cpu_us.max(1e-9)));
    let wall = runs.map(|runs| of(runs, |run| run.per_second));
    let row = |name: &str, [verified, answered]: [Summary; 2], decimals| {
        vec![name.to_owned(), verified.text(decimals), answered.text(decimals)]
    };
    let share = cpu.map(|cpu| format!("{:.2}", ceiling.median / cpu.median.max(1e-9)));
    let rows = [
        row("engine's CPU, us a card", cpu, 1),
        row("cards a second of one core's time", per_core, 0),
        row("cards a second by the clock, with the signing beside", wall, 0),
        [vec!["the two RSA verifications alone, as a share".to_owned()], share.to_vec()].concat(),
    ];
    let machine = machine(centre.pinned);
    let markdown = format!(
        "# Cards through the engine\n\n{runs} runs of {cards} cards each way, {readers} readers, \
         mTLS, {persons} persons. Median (range). The two RSA verifications take {rsa} us. Wanted: \
         {WANTED_PER_SECOND} verifications a second of a core.\n\n{table}\n{machine}",
        runs = args.runs,
        cards = args.cards,
        readers = args.readers,
        persons = args.persons,
        rsa = ceiling.text(1),
        table = table(
            &["", "challenge and session", "challenge, session and eligibility on disk"],
            &rows
        ),
        machine = machine_text(&machine),
    );
    let json = json!({
        "machine": machine,
        "cards": args.cards,
        "cpu_us": cpu.map(Summary::to_json),
        "per_core_second": per_core.map(Summary::to_json),
        "per_second": wall.map(Summary::to_json),
        "two_rsa_us": ceiling.to_json(),
    });
    Report { name: "card".to_owned(), markdown, json }
}
