//! What a configuration may say, and what is refused.

use super::*;
use proptest::prelude::*;

const MINIMAL: &str = r#"
    [engine]
    url = "https://engine.example:8443"
    ca = "ca.pem"
    certificate = "facility.pem"
    key = "facility.key"
    [exchange]
    root = "/srv/oqs"
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ReaderError> {
    let pairs = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::parse(text, pairs)
}

#[test]
fn a_minimal_file_gets_the_documented_defaults() {
    let config = parse(MINIMAL, &[]).unwrap();
    assert_eq!(config.exchange.response_encoding, ResponseEncoding::Utf8);
    assert_eq!(config.exchange.retention_minutes, 1440);
    assert_eq!(config.exchange_settings().answer_within, Duration::from_secs(300));
    assert_eq!(config.exchange.workers, 4);
    assert_eq!(config.exchange_settings().poll_interval, Duration::from_millis(200));
    assert_eq!(config.exchange_settings().request_bytes_max, 65_536);
}

#[test]
fn zero_retention_keeps_answers() {
    let config = parse(MINIMAL, &[("SHIKAKU_READER_EXCHANGE_RETENTION_MINUTES", "0")]).unwrap();
    assert_eq!(config.exchange_settings().retention, None);
}

#[test]
fn the_environment_overrides_the_file() {
    let environment = [
        ("SHIKAKU_READER_EXCHANGE_RESPONSE_ENCODING", "as-requested"),
        ("SHIKAKU_READER_EXCHANGE_WORKERS", "8"),
        ("UNRELATED", "x"),
    ];
    let config = parse(MINIMAL, &environment).unwrap();
    assert_eq!(config.exchange.response_encoding, ResponseEncoding::AsRequested);
    assert_eq!(config.exchange.workers, 8);
}

#[test]
fn unknown_keys_are_refused_in_the_file_and_in_the_environment() {
    let unknown = format!("{MINIMAL}\nworker = 3");
    assert_eq!(parse(&unknown, &[]).unwrap_err().code(), "SHK-EXC-002");
    for name in ["SHIKAKU_READER_EXCHANGE_WORKER", "SHIKAKU_READER_NOTHING_X"] {
        assert_eq!(parse(MINIMAL, &[(name, "3")]).unwrap_err().code(), "SHK-EXC-002");
    }
}

#[test]
fn values_out_of_bounds_are_refused_by_key() {
    for (key, value) in [
        ("ENGINE_URL", "http://engine.example"),
        ("ENGINE_URL", "https://user:secret@engine.example"),
        ("ENGINE_URL", "https://engine.example/?a=b"),
        ("ENGINE_URL", "engine"),
        ("EXCHANGE_ROOT", "relative/folder"),
        ("EXCHANGE_WORKERS", "0"),
        ("EXCHANGE_POLL_INTERVAL_MS", "1"),
        ("EXCHANGE_REQUEST_BYTES_MAX", "9999999"),
        ("EXCHANGE_ANSWER_WITHIN_SECONDS", "0"),
        ("EXCHANGE_IN_FLIGHT_MAX", "0"),
        ("EXCHANGE_STOP_WITHIN_SECONDS", "9999"),
        ("EXCHANGE_RETENTION_MINUTES", "9999999"),
        ("KIOSK_LISTEN", "0.0.0.0:8450"),
        ("KIOSK_PATIENT_SECONDS", "5"),
        ("KIOSK_KEEP_RESULTS_MINUTES", "0"),
    ] {
        let name = format!("{ENVIRONMENT_PREFIX}{key}");
        let error = parse(MINIMAL, &[(&name, value)]).unwrap_err();
        assert_eq!(error.code(), "SHK-EXC-003", "{key}={value}");
        let table_key = key.to_ascii_lowercase().replacen('_', ".", 1);
        assert!(error.to_string().contains(&table_key), "{error}");
    }
}

#[test]
fn a_card_table_is_checked_and_has_defaults() {
    let with = |line: &str| parse(&format!("{MINIMAL}\n[card]\n{line}"), &[]);
    let config = with("institution = \"1310000001\"").unwrap();
    assert_eq!(config.card.unwrap().answer_seconds, 5);
    assert!(config.demo.is_none() && config.kiosk.listen.ip().is_loopback());
    for wrong in ["131000000", "131000000X"] {
        let error = with(&format!("institution = \"{wrong}\"")).unwrap_err();
        assert_eq!(error.code(), "SHK-EXC-003");
    }
}

#[test]
fn the_shown_configuration_masks_the_key_and_reads_back() {
    let shown = parse(MINIMAL, &[]).unwrap().masked();
    assert!(shown.contains("***") && !shown.contains("facility.key"));
    assert!(parse(&shown, &[]).is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".*", name in "[A-Z_]{0,12}", value in ".*") {
        let name = format!("{ENVIRONMENT_PREFIX}{name}");
        let _ = parse(&text, &[(&name, &value)]);
        let _ = parse(MINIMAL, &[(&name, &value)]);
    }
}

const FACE: &str = "\n[face]\nmanifest = \"models/manifest.toml\"\n";

#[test]
fn a_face_table_is_a_policy_with_defaults_and_rates_come_from_the_environment_too() {
    let config = parse(&format!("{MINIMAL}{FACE}"), &[]).unwrap().face.unwrap();
    let policy = config.policy();
    assert_eq!((policy.fmr, policy.frames, policy.tries, policy.apcer), (1e-3, 3, 3, Some(0.1)));
    let environment = [
        ("SHIKAKU_READER_FACE_FALSE_MATCH_RATE", "1e-4"),
        ("SHIKAKU_READER_FACE_ATTACK_PASS_RATE", "0.0"),
    ];
    let config = parse(&format!("{MINIMAL}{FACE}"), &environment).unwrap().face.unwrap();
    assert_eq!((config.policy().fmr, config.policy().apcer), (1e-4, None));
    let minutes = [("SHIKAKU_READER_FACE_MEMORY_MINUTES", "0")];
    let error = parse(&format!("{MINIMAL}{FACE}"), &minutes).unwrap_err();
    assert!(error.to_string().contains("face.memory_minutes"), "{error}");
    let tries = [("SHIKAKU_READER_FACE_TRIES", "11")];
    let error = parse(&format!("{MINIMAL}{FACE}"), &tries).unwrap_err();
    assert!(error.to_string().contains("face.tries"), "{error}");
    let unknown = format!("{MINIMAL}{FACE}threshold = 0.5");
    assert_eq!(parse(&unknown, &[]).unwrap_err().code(), "SHK-EXC-002");
}

#[test]
fn faces_are_compared_here_or_by_the_engine_and_its_rule_is_not_ours() {
    let with = |lines: &str| parse(&format!("{MINIMAL}\n[face]\n{lines}\n"), &[]);
    let config = with("engine = true\ntries = 2").unwrap().face.unwrap();
    assert!(config.engine && config.manifest.is_none());
    assert!(with("manifest = \"m.toml\"\nfalse_match_rate = 0.01").is_ok());
    for wrong in [
        "",
        "engine = false",
        "engine = true\nmanifest = \"m.toml\"",
        "engine = true\nfalse_match_rate = 0.01",
        "engine = true\nframes = 3",
        "engine = true\nattack_pass_rate = 0.0",
    ] {
        let error = with(wrong).unwrap_err();
        assert!(error.to_string().contains("face.manifest"), "{wrong}: {error}");
    }
}

#[test]
fn what_looks_like_a_number_and_is_a_name_stays_a_name() {
    let card = format!("{MINIMAL}\n[card]\ninstitution = \"1310000001\"\n");
    for name in ["nan", "inf", "infinity"] {
        let config = parse(&card, &[("SHIKAKU_READER_CARD_DEVICE", name)]).unwrap();
        assert_eq!(config.card.unwrap().device, name);
    }
}
