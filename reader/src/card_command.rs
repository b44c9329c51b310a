//! `shikaku-reader card`: synthetic cards for demonstrations and test benches.

use crate::ReaderError;
use crate::clock::Clock;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use shikaku_card::ca::CrlSchedule;
use shikaku_card::pcscd::{Pcscd, SOCKET_VARIABLE};
use shikaku_card::vpcd::{DEFAULT_PORT, Event, Latency, Plugged};
use shikaku_card::{
    CardError, CardFolder, CardOrder, DEFAULT_PASSWORD, DEFAULT_PIN, FiledCard, Holder, Issuer,
    Profile,
};
use shikaku_domain::{Day, Personal, Sex, Timestamp};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

/// Days until the next revocation list, unless asked otherwise; the real one comes daily.
const CRL_DAYS: u64 = 7;

/// What to do with cards.
#[derive(Debug, Subcommand)]
pub enum CardCommand {
    /// Writes the card authority's certificates and revocation lists for an engine to trust.
    Ca(CaArgs),
    /// Makes a card for one synthetic person.
    Issue(IssueArgs),
    /// Lists the cards of a folder.
    List(FolderArgs),
    /// Holds a card on a virtual reader until it is stopped.
    Serve(ServeArgs),
    /// Runs a pcscd of its own with empty virtual readers until it is stopped, without root.
    Readers(ReadersArgs),
}

/// Where the cards are.
#[derive(Args, Debug)]
pub struct FolderArgs {
    /// Folder of the cards; holds trust.pem, crl.pem and cards/.
    #[arg(long, default_value = "cards")]
    dir: PathBuf,
}

/// How the authority is made.
#[derive(Args, Debug)]
pub struct CaArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Seed of all keys: the same one makes the same authority.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days until the next revocation lists are due.
    #[arg(long, default_value_t = CRL_DAYS, value_parser = clap::value_parser!(u64).range(1..=366))]
    crl_days: u64,
}

/// Who holds a card, and which kind of card.
#[derive(Args, Debug)]
pub struct IssueArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Seed of all keys, as given to `card ca`.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Index of the person in the population; the certificate's serial number follows from it.
    #[arg(long)]
    index: u64,
    /// Kind of card.
    #[arg(long, default_value = "adult", value_parser = PossibleValuesParser::new(
        Profile::NAMES.map(|(name, _)| name)
    ))]
    profile: String,
    /// Name: family name, ideographic space, given name.
    #[arg(long)]
    name: String,
    /// Address in one line.
    #[arg(long)]
    address: String,
    /// Date of birth, yyyyMMdd.
    #[arg(long, value_parser = Day::parse)]
    birthdate: Day,
    /// 1 male, 2 female, 3 not stated.
    #[arg(long, value_parser = Sex::from_code)]
    sex: Sex,
    /// Code of the municipality, 5 digits.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1000..=99_999))]
    municipality: u32,
    /// PIN of four digits.
    #[arg(long, default_value = DEFAULT_PIN)]
    pin: String,
    /// Password of the signature key, 6 to 16 capitals and digits.
    #[arg(long, default_value = DEFAULT_PASSWORD)]
    password: String,
}

/// Which card, on which reader.
#[derive(Args, Debug)]
pub struct ServeArgs {
    /// The card's file.
    card: PathBuf,
    /// Port of the virtual reader.
    #[arg(long, default_value_t = DEFAULT_PORT, conflicts_with = "private")]
    port: u16,
    /// Starts a pcscd of its own, its files in this folder, and says how programs reach it.
    #[arg(long, value_name = "FOLDER")]
    private: Option<PathBuf>,
    /// How long the card takes to answer.
    #[arg(long, value_enum, default_value_t = Speed::Instant)]
    speed: Speed,
}

/// Where a pcscd of one's own lives.
#[derive(Args, Debug)]
pub struct ReadersArgs {
    /// Folder of its socket and log; made if it is missing.
    #[arg(long, default_value = "pcscd")]
    dir: PathBuf,
}

/// How long a card takes.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Speed {
    /// As fast as this machine is.
    Instant,
    /// About what a contactless card takes: 20 ms for a command, 450 ms for a signature.
    Contactless,
}

/// Runs one command and gives what it has to say. `wait` returns when the program is to stop; `say`
/// shows a line at once.
///
/// # Errors
/// [`ReaderError::Card`], and what `wait` gives.
pub fn run(
    command: CardCommand,
    clock: &dyn Clock,
    say: &dyn Fn(&str),
    wait: impl FnOnce() -> Result<(), ReaderError>,
) -> Result<(), ReaderError> {
    // A machine whose clock stands before 1970 makes certificates that are not yet valid: safe.
    let now = clock.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match command {
        CardCommand::Ca(arguments) => write_trust(&arguments, now, say).map_err(ReaderError::Card),
        CardCommand::Issue(arguments) => issue(arguments, now, say).map_err(ReaderError::Card),
        CardCommand::List(arguments) => list(arguments, say).map_err(ReaderError::Card),
        CardCommand::Serve(arguments) => serve(&arguments, say, wait),
        CardCommand::Readers(arguments) => readers(&arguments, say, wait),
    }
}

fn write_trust(arguments: &CaArgs, now: u64, say: &dyn Fn(&str)) -> Result<(), CardError> {
    // Rises with every list that is made in another minute, as long as the clock does.
    let number = u32::try_from(now / 60).unwrap_or(u32::MAX);
    let next_update = now + arguments.crl_days * Duration::from_hours(24).as_secs();
    let schedule = CrlSchedule { number, this_update: now, next_update };
    let dir = &arguments.folder.dir;
    CardFolder::new(dir).write_trust(&Issuer::new(arguments.seed)?, schedule)?;
    say(&format!("{}\n{}\n", dir.join("trust.pem").display(), dir.join("crl.pem").display()));
    Ok(())
}

fn issue(arguments: IssueArgs, now: u64, say: &dyn Fn(&str)) -> Result<(), CardError> {
    let holder = Holder {
        index: arguments.index,
        name: Personal::new(arguments.name),
        address: Personal::new(arguments.address),
        birth: arguments.birthdate,
        sex: arguments.sex,
        municipality: arguments.municipality,
    };
    let today = Timestamp::from_unix_seconds(now).day();
    // INVARIANT: the argument is one of the names.
    let profile = Profile::from_name(&arguments.profile).unwrap_or(Profile::Adult);
    let order = CardOrder {
        pin: arguments.pin,
        password: arguments.password,
        ..CardOrder::new(holder, profile, today)
    };
    let serial = order.serial()?;
    let path = CardFolder::new(arguments.folder.dir).add(arguments.seed, &order)?;
    // Read back, so that a wrong PIN is told now and not when the card is held on a reader.
    if let Err(error) = FiledCard::read(&path) {
        let _ = std::fs::remove_file(&path);
        return Err(error);
    }
    say(&format!("{} serial {}\n", path.display(), serial.number()));
    Ok(())
}

fn list(arguments: FolderArgs, say: &dyn Fn(&str)) -> Result<(), CardError> {
    let mut text = String::new();
    for card in CardFolder::new(arguments.dir).list()? {
        let serial = card.order.serial()?.number();
        let (path, profile) = (card.path.display(), card.order.profile.name());
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{path} serial {serial} {profile}");
    }
    say(&text);
    Ok(())
}

/// Says what a shell has to `eval` so that `shikaku-reader serve` finds the readers.
fn readers(
    arguments: &ReadersArgs,
    say: &dyn Fn(&str),
    wait: impl FnOnce() -> Result<(), ReaderError>,
) -> Result<(), ReaderError> {
    let dir = std::path::absolute(&arguments.dir).unwrap_or_else(|_| arguments.dir.clone());
    let pcscd = Pcscd::start(&dir).map_err(ReaderError::Card)?;
    let (socket, port) = (pcscd.socket().display(), pcscd.port());
    say(&format!("export {SOCKET_VARIABLE}='{socket}' SHIKAKU_READER_DEMO_PORT={port}\n"));
    wait()?;
    drop(pcscd);
    Ok(())
}

fn serve(
    arguments: &ServeArgs,
    say: &dyn Fn(&str),
    wait: impl FnOnce() -> Result<(), ReaderError>,
) -> Result<(), ReaderError> {
    let held = hold(arguments, say).map_err(ReaderError::Card)?;
    wait()?;
    drop(held);
    Ok(())
}

/// The card on its reader, and the pcscd that was started for it; both until they are dropped, the
/// card first.
fn hold(arguments: &ServeArgs, say: &dyn Fn(&str)) -> Result<(Plugged, Option<Pcscd>), CardError> {
    let filed = FiledCard::read(&arguments.card)?;
    let card = Issuer::new(filed.seed)?.card(&filed.order)?;
    let pcscd = arguments.private.as_deref().map(Pcscd::start).transpose()?;
    let port = pcscd.as_ref().map_or(arguments.port, Pcscd::port);
    if let Some(pcscd) = &pcscd {
        say(&format!("export {SOCKET_VARIABLE}={}\n", pcscd.socket().display()));
    }
    let latency = match arguments.speed {
        Speed::Instant => Latency::NONE,
        Speed::Contactless => Latency::CONTACTLESS,
    };
    Ok((Plugged::insert(card.insert(filed.memory()?), port, latency, tell)?, pcscd))
}

/// Says what happens to the card, without a word about its holder.
fn tell(event: Event) {
    match event {
        Event::Connected => tracing::info!("The card is on the virtual reader."),
        Event::Waiting(error) => tracing::debug!(%error, "The virtual reader is not there yet."),
        Event::Gone => tracing::info!("The card broke the contact, as its kind does."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::cell::RefCell;
    use std::time::{Instant, SystemTime};

    /// 2026-11-23 in Japan.
    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(1_795_400_000)
        }

        fn instant(&self) -> Instant {
            Instant::now()
        }
    }

    #[derive(Parser)]
    struct Line {
        #[command(subcommand)]
        command: CardCommand,
    }

    fn said(line: &[&str]) -> Result<String, ReaderError> {
        let command = Line::try_parse_from([&["card"], line].concat()).unwrap().command;
        let text = RefCell::new(String::new());
        run(command, &Fixed, &|line| text.borrow_mut().push_str(line), || Ok(()))?;
        Ok(text.into_inner())
    }

    #[test]
    fn a_card_is_issued_listed_and_revoked_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_str().unwrap();
        let issue = |profile, pin| {
            said(&[
                "issue",
                "--dir",
                dir,
                "--index",
                "5",
                "--profile",
                profile,
                "--pin",
                pin,
                "--name",
                "資格　花子",
                "--address",
                "合成県見本市１",
                "--birthdate",
                "19800217",
                "--sex",
                "2",
                "--municipality",
                "13221",
            ])
        };
        let path = folder.path().join("cards/5-revoked.toml");
        assert_eq!(
            issue("revoked", "1234").unwrap(),
            format!("{} serial 1048581\n", path.display())
        );
        let error = issue("adult", "12a4").unwrap_err();
        assert!(error.to_string().contains("pin") && !error.to_string().contains("資格"));
        let listed = said(&["list", "--dir", dir]).unwrap();
        assert_eq!(listed, format!("{} serial 1048581 revoked\n", path.display()));
        said(&["ca", "--dir", dir]).unwrap();
        let lists = std::fs::read_to_string(folder.path().join("crl.pem")).unwrap();
        // The first generation ended in 2025, and an engine takes no list from it any more.
        assert_eq!(lists.matches("BEGIN X509 CRL").count(), 2);
        assert!(folder.path().join("trust.pem").exists());
    }
}
