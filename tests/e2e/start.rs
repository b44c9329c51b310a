//! A start that cannot succeed says why, by a stable code, and what to do; it never half-starts.

use crate::population::Registered;
use crate::shared::{Desk, shared, today};
use shikaku_engine::config::Config;
use shikaku_tests::{Centre, program, said};
use std::fs;
use std::process::{Command, Output, Stdio};

/// Runs `shikaku` to its end with environment variables.
fn shikaku(centre: &Centre, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(program("shikaku"))
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(centre.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Expects that the engine does not start, and that it says these words.
#[track_caller]
fn expect_no_start(centre: &Centre, environment: &[(&str, &str)], words: &[&str]) {
    let output = shikaku(centre, &["serve"], environment);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{said:?} lacks {word:?}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert!(output.stdout.is_empty(), "it announced itself: {said}");
}

#[test]
fn a_port_in_use_is_named_with_its_setting() {
    let centre = Centre::empty(1);
    let taken = |address: &str, scheme: &str| address.strip_prefix(scheme).unwrap().to_owned();
    let service = taken(&shared().engine.service, "https://");
    let admin = taken(&shared().engine.admin, "http://");
    let words = ["SHK-SRV-001", "server.listen", service.as_str()];
    expect_no_start(&centre, &[("SHIKAKU_ENGINE_SERVER_LISTEN", &service)], &words);
    let words = ["SHK-SRV-001", "admin.listen", admin.as_str()];
    expect_no_start(&centre, &[("SHIKAKU_ENGINE_ADMIN_LISTEN", &admin)], &words);
}

#[test]
fn a_second_engine_on_the_same_store_is_refused_and_the_first_goes_on() {
    let centre = Centre::empty(1);
    let engine = centre.start();
    expect_no_start(&centre, &[], &["SHK-STO-001", "store", "in use"]);
    for command in ["rebuild", "verify"] {
        let output = shikaku(&centre, &[command], &[]);
        assert!(!output.status.success());
        assert!(said(&output).contains("SHK-STO-001"), "{}", said(&output));
    }
    assert_eq!(engine.admin("/readyz").0, 200);
}

#[test]
fn mistakes_of_the_configuration_are_named_before_anything_starts() {
    let centre = Centre::empty(1);
    let good = fs::read_to_string(centre.path("shikaku.toml")).unwrap();
    for (text, environment, words) in [
        (good.replace("workers", "wrokers"), ("A", "1"), ["SHK-CFG-002", "wrokers"]),
        (good.replace("workers = 2", "workers = \"two\""), ("A", "1"), ["SHK-CFG-002", "workers"]),
        (good.replace("[tls]", "[lts]"), ("A", "1"), ["SHK-CFG-002", "lts"]),
        (good.replace("[log]", "[log"), ("A", "1"), ["SHK-CFG-002", "shikaku.toml"]),
        (good.replace("shards = 3", "shards = 65"), ("A", "1"), ["SHK-CFG-003", "store.shards"]),
        (good.replace("\"debug\"", "\"a=b=c\""), ("A", "1"), ["SHK-CFG-006", "log.filter"]),
        (good.clone(), ("SHIKAKU_ENGINE_SERVER_WROKERS", "2"), ["SHK-CFG-002", "wrokers"]),
        (good.clone(), ("SHIKAKU_ENGINE_WORKERS", "2"), ["SHK-CFG-004", "SHIKAKU_ENGINE_WORKERS"]),
        (good.clone(), ("SHIKAKU_ENGINE_SERVER_WORKERS", "0"), ["SHK-CFG-003", "server.workers"]),
        (good.clone(), ("SHIKAKU_ENGINE_TLS_KEY", "no.pem"), ["SHK-CFG-005", "no.pem"]),
        (good.clone(), ("SHIKAKU_ENGINE_ACCOUNTS_FILE", "no"), ["SHK-CFG-005", "account add"]),
    ] {
        fs::write(centre.path("shikaku.toml"), &text).unwrap();
        expect_no_start(&centre, &[environment], &words);
        let checked = shikaku(&centre, &["check-config"], &[environment]);
        assert!(!checked.status.success());
        assert!(said(&checked).contains(words[0]), "{}", said(&checked));
        assert!(!centre.path("store").exists(), "nothing was made");
    }
    fs::remove_file(centre.path("shikaku.toml")).unwrap();
    expect_no_start(&centre, &[], &["SHK-CFG-001", "shikaku.toml"]);
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let centre = Centre::empty(1);
    for (setting, value, words) in [
        ("SHIKAKU_ENGINE_TLS_CERTIFICATE", "password", ["SHK-TLS-002", "password"]),
        ("SHIKAKU_ENGINE_TLS_KEY", "ca/ca.key.pem", ["SHK-TLS-004", "ca.key.pem"]),
        ("SHIKAKU_ENGINE_TLS_CLIENT_CA", "ca/server.pem", ["SHK-TLS-007", "server.pem"]),
        ("SHIKAKU_ENGINE_TLS_CRL", "ca/ca.pem", ["SHK-TLS-002", "ca.pem"]),
        ("SHIKAKU_ENGINE_ACCOUNTS_FILE", "shikaku.toml", ["SHK-ACC-004", "shikaku.toml"]),
        ("SHIKAKU_ENGINE_ACCOUNTS_TOKEN_KEY", "password", ["SHK-ACC-01", "password"]),
    ] {
        expect_no_start(&centre, &[(setting, value)], &words);
    }
}

#[test]
fn a_configuration_can_be_checked_and_shown_with_what_overrides_it() {
    let centre = Centre::empty(1);
    let environment = [
        ("SHIKAKU_ENGINE_SERVER_WORKERS", "7"),
        ("SHIKAKU_ENGINE_LOG_FORMAT", "text"),
        ("SHIKAKU_UNRELATED", "1"),
    ];
    let checked = shikaku(&centre, &["check-config"], &environment);
    assert!(checked.status.success() && said(&checked).contains("設定"), "{}", said(&checked));
    let shown = shikaku(&centre, &["print-config"], &environment);
    assert!(shown.status.success());
    let shown = String::from_utf8(shown.stdout).unwrap();
    let config: Config = toml::from_str(&shown).unwrap();
    assert_eq!((config.server.workers, config.store.shards), (7, 3));
    assert_eq!(config.intake.removal_percent_max, 10, "defaults are shown too");
    assert!(!centre.path("store").exists());
}

/// A damaged shard is made again from the log.
#[test]
fn a_damaged_shard_is_named_with_the_command_that_heals_it() {
    let centre = Centre::new(300);
    let registered = Registered::new(&centre.population);
    let (_, question) = registered.valid(today(), |_| true);
    for shard in ["shard-00", "shard-01", "shard-02"] {
        let current = centre.path("store").join(shard).join("CURRENT");
        fs::write(current, "MANIFEST-999999\n").unwrap();
    }
    expect_no_start(&centre, &[], &["SHK-STO-007", "shard-0", "shikaku rebuild"]);
    let verified = shikaku(&centre, &["verify"], &[]);
    assert!(!verified.status.success() && said(&verified).contains("SHK-STO-"));

    let rebuilt = centre.shikaku(&["rebuild"]);
    assert!(rebuilt.contains("再構築"), "{rebuilt}");
    let verified = centre.shikaku(&["verify"]);
    assert!(verified.contains("problems                  0"), "{verified}");
    let engine = centre.start();
    assert_eq!(Desk::new(&centre, &engine).validity(&question), "1");
}

#[test]
fn a_store_path_that_cannot_be_a_store_is_named() {
    let centre = Centre::empty(1);
    fs::write(centre.path("store"), "a file").unwrap();
    expect_no_start(&centre, &[], &["SHK-STO-0", "store"]);
    fs::remove_file(centre.path("store")).unwrap();
    fs::create_dir(centre.path("store")).unwrap();
    fs::write(centre.path("store/FORMAT"), "layout = 999\nshards = 3\n").unwrap();
    expect_no_start(&centre, &[], &["SHK-STO-003", "999"]);
    fs::write(centre.path("store/FORMAT"), "nonsense").unwrap();
    expect_no_start(&centre, &[], &["SHK-STO-004", "FORMAT"]);
}

#[test]
fn commands_name_mistakes_by_code_in_two_languages() {
    let centre = Centre::empty(1);
    let account = ["account", "add", "--file", "accounts.toml", "--code", "1310000001"];
    let password = ["--password-file", "password"];
    let account = [&account[..], &password[..]].concat();
    for (arguments, code) in [
        (vec!["ca", "init", "--dir", "ca"], "SHK-CA-002"),
        (vec!["ca", "facility", "--dir", "nowhere", "--code", "1310000001"], "SHK-CA-003"),
        (vec!["ca", "facility", "--dir", "ca", "--code", "1310000001"], "SHK-CA-007"),
        (vec!["ca", "revoke", "--dir", "ca", "--serial", "00"], "SHK-CA-008"),
        (vec!["ca", "insurer", "--dir", "ca", "--number", "01040014"], "SHK-CA-012"),
        ([&account[..], &["--user", "reception"]].concat(), "SHK-ACC-009"),
        ([&account[..], &["--user", "受付"]].concat(), "SHK-ACC-006"),
        (vec!["verify"], "SHK-STO-002"),
        (vec!["rebuild"], "SHK-STO-002"),
        (vec!["load", "missing.csv"], "missing.csv"),
        (vec!["load", "--config", "missing.toml", "x.csv"], "SHK-CFG-001"),
    ] {
        let output = shikaku(&centre, &arguments, &[]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = said(&output);
        assert!(said.contains(code) && !said.contains("panicked"), "{arguments:?}: {said}");
        let is_store_or_config = code.starts_with("SHK-CFG") || code == "missing.csv";
        assert!(is_store_or_config || said.contains('。'), "{arguments:?}: {said}");
    }
}
