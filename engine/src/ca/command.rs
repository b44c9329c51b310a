//! The options of `shikaku ca` and what they print.

use super::authority::{
    Authority, CERTIFICATE_DAYS, CERTIFICATE_DAYS_MAX, CRL_DAYS, CRL_DAYS_MAX, Issued, Replace,
};
use super::error::CaError;
use crate::clock::Clock;
use crate::identity::{Identity, serial_text};
use crate::private_file;
use clap::{Args, Subcommand};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use shikaku_domain::{InsurerNumber, MedicalInstitutionCode, Timestamp};
use std::io::Write;
use std::path::{Path, PathBuf};
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate given with `--certificate` is far smaller.
const CERTIFICATE_BYTES_MAX: u64 = 64 << 10;

/// A certificate authority for demonstrations and test benches. Not for a national operation: its
/// key lies in a file without a pass phrase.
#[derive(Debug, Args)]
pub struct CaArgs {
    #[command(subcommand)]
    command: CaCommand,
}

#[derive(Debug, Subcommand)]
enum CaCommand {
    /// Makes a new authority, a server certificate for this machine and an empty revocation list.
    Init {
        #[command(flatten)]
        folder: Folder,
        /// The authority's name.
        #[arg(long, default_value = "Shikaku test CA")]
        name: String,
        /// Further host names or addresses of the engine; may be repeated.
        #[arg(long = "host", value_name = "HOST")]
        hosts: Vec<String>,
    },
    /// Issues the engine's certificate again, for localhost and the hosts given.
    Server {
        #[command(flatten)]
        folder: Folder,
        /// Host names or addresses of the engine; may be repeated.
        #[arg(long = "host", value_name = "HOST", required = true)]
        hosts: Vec<String>,
        #[command(flatten)]
        validity: Validity,
    },
    /// Issues a client certificate for a facility (医療機関・薬局).
    Facility {
        #[command(flatten)]
        folder: Folder,
        /// Medical institution code (医療機関コード), ten digits.
        #[arg(long)]
        code: String,
        #[command(flatten)]
        client: ClientOptions,
    },
    /// Issues a client certificate for an insurer (保険者).
    Insurer {
        #[command(flatten)]
        folder: Folder,
        /// Insurer number (保険者番号), six or eight digits.
        #[arg(long)]
        number: String,
        #[command(flatten)]
        client: ClientOptions,
    },
    /// Issues a client certificate for an operator of the centre.
    Operator {
        #[command(flatten)]
        folder: Folder,
        /// Account name: letters, digits and . _ - @
        #[arg(long)]
        name: String,
        #[command(flatten)]
        client: ClientOptions,
    },
    /// Revokes a certificate and reissues the revocation list. Reload the engine afterwards.
    Revoke {
        #[command(flatten)]
        folder: Folder,
        #[command(flatten)]
        which: Which,
    },
    /// Lists serial number, holder, end of validity and time of revocation.
    List {
        #[command(flatten)]
        folder: Folder,
    },
    /// Reissues the revocation list before the present one runs out.
    RenewCrl {
        #[command(flatten)]
        folder: Folder,
        /// Days until the list must be renewed again.
        #[arg(long, default_value_t = CRL_DAYS, value_parser = clap::value_parser!(u16).range(1..=i64::from(CRL_DAYS_MAX)))]
        days: u16,
    },
}

#[derive(Debug, Args)]
struct Folder {
    /// The authority's folder.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
struct Validity {
    /// Days of validity; never longer than the authority's own.
    #[arg(long, default_value_t = CERTIFICATE_DAYS, value_parser = clap::value_parser!(u16).range(1..=i64::from(CERTIFICATE_DAYS_MAX)))]
    days: u16,
}

#[derive(Debug, Args)]
struct ClientOptions {
    #[command(flatten)]
    validity: Validity,
    /// Issues another certificate although the holder has a valid one, and replaces the files.
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Serial number in hexadecimal, as `shikaku ca list` and the engine's log show it.
    #[arg(long, value_name = "SERIAL")]
    serial: Option<String>,
    /// The certificate itself.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

/// Runs one `shikaku ca` command and prints what was made, never a key.
///
/// # Errors
/// [`CaError`].
pub fn run(args: &CaArgs, clock: &dyn Clock, out: &mut dyn Write) -> Result<(), CaError> {
    let open = |folder: &Folder| Authority::open(&folder.dir, clock);
    let issue = |folder: &Folder, identity: Identity, options: &ClientOptions| {
        let replace = match options.replace {
            true => Replace::Yes,
            false => Replace::No,
        };
        open(folder)?.issue_client(&identity, options.validity.days, replace)
    };
    let issued = match &args.command {
        CaCommand::Init { folder, name, hosts } => {
            Authority::init(&folder.dir, name, hosts, clock)?;
            return line(out, &format!("made an authority in {}", folder.dir.display()));
        }
        CaCommand::Server { folder, hosts, validity } => {
            open(folder)?.issue_server(hosts, validity.days)?
        }
        CaCommand::Facility { folder, code, client } => {
            let code = MedicalInstitutionCode::parse(code).map_err(CaError::FacilityCode)?;
            issue(folder, Identity::Facility(code), client)?
        }
        CaCommand::Insurer { folder, number, client } => {
            let number = InsurerNumber::parse(number).map_err(CaError::InsurerNumber)?;
            issue(folder, Identity::Insurer(number), client)?
        }
        CaCommand::Operator { folder, name, client } => {
            issue(folder, Identity::operator(name)?, client)?
        }
        CaCommand::Revoke { folder, which } => {
            let serial = serial(which)?;
            open(folder)?.revoke(&serial)?;
            return line(out, &format!("revoked {serial}"));
        }
        CaCommand::List { folder } => return list(&open(folder)?, out),
        CaCommand::RenewCrl { folder, days } => {
            open(folder)?.renew_crl(*days)?;
            return line(out, "renewed crl.pem");
        }
    };
    print_issued(&issued, out)
}

fn serial(which: &Which) -> Result<String, CaError> {
    match (&which.serial, &which.certificate) {
        (_, Some(path)) => serial_of_file(path),
        (Some(serial), None) => Ok(serial.clone()),
        (None, None) => Err(CaError::UnknownSerial),
    }
}

fn serial_of_file(path: &Path) -> Result<String, CaError> {
    let content = private_file::read(path, CERTIFICATE_BYTES_MAX)
        .map_err(|source| CaError::file(path, source))?;
    let wrong = || CaError::NotACertificate(path.to_owned());
    let der = CertificateDer::from_pem_slice(&content).map_err(|_| wrong())?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| wrong())?;
    Ok(serial_text(certificate.raw_serial()))
}

fn list(authority: &Authority<'_>, out: &mut dyn Write) -> Result<(), CaError> {
    for issued in authority.issued()? {
        let revoked = issued.revoked_at.map_or_else(|| "-".to_owned(), time);
        let (serial, subject) = (&issued.serial, &issued.subject);
        line(out, &format!("{serial}\t{subject}\t{}\t{revoked}", time(issued.not_after)))?;
    }
    Ok(())
}

fn print_issued(issued: &Issued, out: &mut dyn Write) -> Result<(), CaError> {
    let (path, serial) = (issued.path.display(), &issued.serial);
    let until = time(issued.not_after);
    line(out, &format!("issued {path} (serial {serial}, until {until})"))
}

/// `yyyyMMddHHmmss` in Japan standard time.
fn time(unix_seconds: u64) -> String {
    let digits = Timestamp::from_unix_seconds(unix_seconds).to_digits();
    digits.map(char::from).iter().collect()
}

fn line(out: &mut dyn Write, text: &str) -> Result<(), CaError> {
    writeln!(out, "{text}").map_err(CaError::Output)
}
