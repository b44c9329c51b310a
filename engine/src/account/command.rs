//! `shikaku account`: adding, removing and listing accounts.

use super::error::AccountError;
use super::password::{PASSWORD_BYTES_MAX, PasswordHash, generate};
use super::{AccountsFile, Entry, is_user_id};
use crate::private_file;
use clap::{Args, Subcommand};
use shikaku_domain::MedicalInstitutionCode;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Manages the user accounts of facilities.
#[derive(Debug, Args)]
pub struct AccountArgs {
    #[command(subcommand)]
    command: AccountCommand,
}

#[derive(Debug, Subcommand)]
enum AccountCommand {
    /// Adds an account. The password comes from the terminal or a pipe unless an option says else.
    Add(AddArgs),
    /// Removes an account. Tokens already given end with it when the engine reloads the file.
    Remove(OwnerArgs),
    /// Lists facilities and user ids.
    List {
        /// The accounts file.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct OwnerArgs {
    /// The accounts file; created by the first account.
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    /// User id: letters, digits and . _ - @
    #[arg(long, value_name = "ID")]
    user: String,
    /// Medical institution code (医療機関コード), ten digits.
    #[arg(long, value_name = "CODE")]
    code: String,
}

#[derive(Debug, Args)]
struct AddArgs {
    #[command(flatten)]
    owner: OwnerArgs,
    /// Reads the password from the first line of this file.
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    password_file: Option<PathBuf>,
    /// Makes a random password and prints it once.
    #[arg(long)]
    generate: bool,
    /// Gives an existing account a new password.
    #[arg(long)]
    replace: bool,
}

/// Runs one `shikaku account` command: reads a password from `input` where none is given
/// otherwise, prints results to `out`.
///
/// # Errors
/// [`AccountError`]; the file is then as it was before, except after [`AccountError::Output`].
pub fn run(
    args: &AccountArgs,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), AccountError> {
    match &args.command {
        AccountCommand::Add(add_args) => add(add_args, input, out),
        AccountCommand::Remove(owner) => remove(owner, out),
        AccountCommand::List { file } => list(file, out),
    }
}

fn add(args: &AddArgs, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<(), AccountError> {
    let owner = &args.owner;
    let facility = facility(owner)?;
    let mut file = match owner.file.exists() {
        true => AccountsFile::read(&owner.file)?,
        false => AccountsFile::default(),
    };
    let before = file.account.len();
    file.account.retain(|entry| !is_of(entry, owner, facility));
    if file.account.len() < before && !args.replace {
        return Err(AccountError::Exists);
    }
    let password = password(args, input)?;
    file.account.push(Entry {
        user_id: owner.user.clone(),
        medical_institution_code: facility.to_string(),
        password_hash: PasswordHash::new(&password)?.to_text(),
    });
    file.write(&owner.file)?;
    if args.generate {
        writeln!(out, "{password}").map_err(AccountError::Output)?;
    }
    Ok(())
}

fn remove(owner: &OwnerArgs, out: &mut dyn Write) -> Result<(), AccountError> {
    let facility = facility(owner)?;
    let mut file = AccountsFile::read(&owner.file)?;
    let before = file.account.len();
    file.account.retain(|entry| !is_of(entry, owner, facility));
    if file.account.len() == before {
        return Err(AccountError::Unknown);
    }
    file.write(&owner.file)?;
    writeln!(out, "removed {} at {facility}", owner.user).map_err(AccountError::Output)
}

fn list(path: &Path, out: &mut dyn Write) -> Result<(), AccountError> {
    let mut owners: Vec<_> = AccountsFile::read(path)?.into_hashes(path)?.into_keys().collect();
    owners.sort();
    owners
        .iter()
        .try_for_each(|(facility, user)| writeln!(out, "{facility}\t{user}"))
        .map_err(AccountError::Output)
}

fn facility(owner: &OwnerArgs) -> Result<MedicalInstitutionCode, AccountError> {
    if !is_user_id(&owner.user) {
        return Err(AccountError::UserId);
    }
    MedicalInstitutionCode::parse(&owner.code).map_err(|_| AccountError::FacilityCode)
}

fn is_of(entry: &Entry, owner: &OwnerArgs, facility: MedicalInstitutionCode) -> bool {
    entry.user_id == owner.user && entry.medical_institution_code == facility.as_str()
}

fn password(args: &AddArgs, input: &mut dyn BufRead) -> Result<String, AccountError> {
    if args.generate {
        return generate();
    }
    match &args.password_file {
        Some(path) => {
            let content = private_file::read(path, PASSWORD_BYTES_MAX as u64 + 2)
                .map_err(|source| AccountError::file(path, source))?;
            first_line(&mut content.as_slice())
        }
        None => {
            let _quiet = io::stdin().is_terminal().then(QuietTerminal::new);
            first_line(input)
        }
    }
}

/// The first line, without its end; never more than a password may have.
fn first_line(input: &mut dyn BufRead) -> Result<String, AccountError> {
    let mut line = String::new();
    input.take(PASSWORD_BYTES_MAX as u64 + 2).read_line(&mut line).map_err(AccountError::Input)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Asks for a password on the terminal and hides what is typed while it lives. Where `stty` is
/// missing the password is shown, which the prompt then says.
struct QuietTerminal {
    is_hidden: bool,
}

impl QuietTerminal {
    fn new() -> Self {
        let is_hidden = set_echo("-echo");
        let note = if is_hidden { "" } else { " (it will be visible)" };
        // Without a prompt one can still type.
        let _ = write!(io::stderr(), "Password{note}: ");
        Self { is_hidden }
    }
}

impl Drop for QuietTerminal {
    fn drop(&mut self) {
        if self.is_hidden {
            set_echo("echo");
            let _ = writeln!(io::stderr());
        }
    }
}

fn set_echo(mode: &str) -> bool {
    Command::new("stty")
        .arg(mode)
        .stdin(Stdio::inherit())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
