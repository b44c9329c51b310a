use super::*;
use crate::clock::FixedClock;
use clap::Parser;
use proptest::prelude::*;
use std::collections::HashSet;
use std::fs;
use std::io;

const PASSWORD: &str = "a-long-enough-one";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: AccountArgs,
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("accounts.toml")
    }

    fn run(&self, command: &str, options: &str, input: &str) -> Result<String, AccountError> {
        let file = self.file();
        let words = ["account", command, "--file", file.to_str().unwrap()];
        let cli = Cli::parse_from(words.into_iter().chain(options.split_whitespace()));
        let mut out = Vec::new();
        run(&cli.args, &mut input.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn with_one_account() -> Self {
        let bench = Self::new();
        let options = "--user reception-1 --code 1310000001";
        bench.run("add", options, &format!("{PASSWORD}\n")).unwrap();
        bench
    }
}

fn facility(text: &str) -> MedicalInstitutionCode {
    MedicalInstitutionCode::parse(text).unwrap()
}

#[test]
fn an_added_user_can_log_in_at_that_facility_only() {
    let bench = Bench::with_one_account();
    let accounts = Accounts::load(&bench.file()).unwrap();
    let clock = FixedClock::new(1000);
    let check = |user: &str, password: &str, at: &str| {
        accounts.verify(user, password, facility(at), &clock).map_err(|error| error.code())
    };
    assert_eq!(check("reception-1", PASSWORD, "1310000001"), Ok(()));
    let refused = Err("SHK-ACC-001");
    assert_eq!(check("reception-1", "another-password", "1310000001"), refused);
    assert_eq!(check("reception-1", PASSWORD, "1310000002"), refused);
    assert_eq!(check("reception-2", PASSWORD, "1310000001"), refused);
    assert_eq!(check("", "", "1310000001"), refused);
    assert_eq!(check(&"u".repeat(65), PASSWORD, "1310000001"), refused);
    assert_eq!(check("reception-1", &"p".repeat(257), "1310000001"), refused);
    assert!(accounts.contains("reception-1", facility("1310000001")));
    assert!(!accounts.contains("reception-1", facility("1310000002")));
}

#[test]
fn five_failures_lock_even_the_right_password_for_thirty_seconds() {
    let bench = Bench::with_one_account();
    let accounts = Accounts::load(&bench.file()).unwrap();
    let clock = FixedClock::new(1000);
    let check = |user, password, at| accounts.verify(user, password, facility(at), &clock);
    for user in ["reception-1", "nobody"] {
        for _ in 0..FAILURES_MAX {
            let error = check(user, "wrong-password", "1310000001").unwrap_err();
            assert!(matches!(error, AccountError::Refused));
        }
        // An unknown user is locked like a known one, so a lock does not tell who exists.
        let error = check(user, PASSWORD, "1310000001").unwrap_err();
        assert!(matches!(error, AccountError::Locked { seconds: 30 }));
    }
    accounts.reload().unwrap();
    clock.advance(LOCK_SECONDS - 1);
    let error = check("reception-1", PASSWORD, "1310000001").unwrap_err();
    assert!(matches!(error, AccountError::Locked { seconds: 1 }));
    clock.advance(1);
    assert!(check("reception-1", PASSWORD, "1310000001").is_ok());
    assert!(check("reception-1", PASSWORD, "1310000001").is_ok());
}

#[test]
fn the_file_is_private_and_holds_no_password() {
    let bench = Bench::with_one_account();
    let text = fs::read_to_string(bench.file()).unwrap();
    assert!(!text.contains(PASSWORD));
    assert!(text.contains("pbkdf2-sha256$210000$"));
    assert!(!private_file::is_open_to_others(&bench.file()).unwrap());
}

#[test]
fn accounts_are_listed_replaced_and_removed() {
    let bench = Bench::with_one_account();
    let owner = "--user reception-1 --code 1310000001";
    let error = bench.run("add", owner, PASSWORD).unwrap_err();
    assert!(matches!(error, AccountError::Exists));
    let printed = bench.run("add", &format!("{owner} --replace --generate"), "");
    let printed = printed.unwrap();
    let accounts = Accounts::load(&bench.file()).unwrap();
    let clock = FixedClock::new(1000);
    let check = |password| accounts.verify("reception-1", password, facility("1310000001"), &clock);
    assert!(check(printed.trim()).is_ok());
    assert!(check(PASSWORD).is_err());
    bench.run("add", "--user a@b --code 0110000001", PASSWORD).unwrap();
    assert_eq!(bench.run("list", "", "").unwrap(), "0110000001\ta@b\n1310000001\treception-1\n");
    bench.run("remove", owner, "").unwrap();
    let error = bench.run("remove", owner, "").unwrap_err();
    assert!(matches!(error, AccountError::Unknown));
    accounts.reload().unwrap();
    assert!(!accounts.contains("reception-1", facility("1310000001")));
}

#[test]
fn the_password_may_come_from_a_file_but_never_from_the_command_line() {
    let bench = Bench::new();
    let secret = bench.folder.path().join("password");
    fs::write(&secret, format!("{PASSWORD}\r\nsecond line")).unwrap();
    let options = format!("--user a --code 1310000001 --password-file {}", secret.display());
    bench.run("add", &options, "").unwrap();
    let accounts = Accounts::load(&bench.file()).unwrap();
    let clock = FixedClock::new(1000);
    let code = facility("1310000001");
    assert!(accounts.verify("a", PASSWORD, code, &clock).is_ok());
    let words = "account add --file f --user a --code 1310000001 --password secret";
    assert!(Cli::try_parse_from(words.split(' ')).is_err());
}

#[test]
fn mistakes_in_commands_and_files_are_explained() {
    let bench = Bench::new();
    let code = |result: Result<String, AccountError>| result.unwrap_err().code();
    let missing = bench.run("list", "", "");
    assert_eq!(code(missing), "SHK-ACC-003");
    let short = bench.run("add", "--user a --code 1310000001", "short\n");
    assert_eq!(code(short), "SHK-ACC-008");
    let user = bench.run("add", "--user 受付 --code 1310000001", PASSWORD);
    assert_eq!(code(user), "SHK-ACC-006");
    let facility = bench.run("add", "--user a --code 131000001", PASSWORD);
    assert_eq!(code(facility), "SHK-ACC-007");
    assert!(!bench.file().exists(), "nothing is written on an error");

    let hash = PasswordHash::new(PASSWORD).unwrap().to_text();
    let entry = |user: &str, code: &str, hash: &str| {
        format!(
            "[[account]]\nuser_id = \"{user}\"\nmedical_institution_code = \"{code}\"\n\
             password_hash = \"{hash}\"\n"
        )
    };
    let good = entry("a", "1310000001", &hash);
    let check = |text: String, code: &str, says: &str| {
        fs::write(bench.file(), &text).unwrap();
        let error = Accounts::load(&bench.file()).unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains(&hash), "{error}");
    };
    check(format!("{good}extra = 1\n"), "SHK-ACC-004", "line 5");
    check("[[account]]\n".to_owned(), "SHK-ACC-004", "line 1");
    check(format!("{good}{good}"), "SHK-ACC-005", "entry 2");
    check(entry("", "1310000001", &hash), "SHK-ACC-005", "user_id");
    check(entry("a", "1", &hash), "SHK-ACC-005", "institution");
    check(entry("a", "1310000001", "x"), "SHK-ACC-005", "password_hash");
}

#[test]
fn codes_are_unique_and_every_kind_speaks_both_languages() {
    let path = || PathBuf::from("accounts.toml");
    let io = || io::Error::from(io::ErrorKind::NotFound);
    let all = [
        AccountError::Refused,
        AccountError::Locked { seconds: 30 },
        AccountError::file(&path(), io()),
        AccountError::syntax(&path(), 1),
        AccountError::entry(&path(), 1, "user_id"),
        AccountError::UserId,
        AccountError::FacilityCode,
        AccountError::PasswordLength,
        AccountError::Exists,
        AccountError::Unknown,
        AccountError::Input(io()),
        AccountError::Output(io()),
        AccountError::Random,
        AccountError::KeySyntax(path()),
        AccountError::KeyOpen(path()),
    ];
    let mut codes: HashSet<_> = all.iter().map(AccountError::code).collect();
    codes.extend(TokenError::EXAMPLES.iter().map(TokenError::code));
    assert_eq!(codes.len(), all.len() + TokenError::EXAMPLES.len());
    let sentences = all.iter().map(AccountError::ja);
    let tokens = TokenError::EXAMPLES.iter().map(|error| error.ja().to_owned());
    assert!(sentences.chain(tokens).all(|text| text.ends_with('。')));
}

proptest! {
    #[test]
    fn any_file_is_read_or_explained(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let bench = Bench::new();
        fs::write(bench.file(), text).unwrap();
        let _ = Accounts::load(&bench.file());
        fs::write(bench.file(), bytes).unwrap();
        let _ = Accounts::load(&bench.file());
    }
}
