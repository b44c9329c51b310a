//! What a configuration may say, and what is refused.

use super::*;

const MINIMAL: &str = r#"
    [tls]
    certificate = "ca/server.pem"
    key = "ca/server.key.pem"
    client_ca = "ca/ca.pem"
    [store]
    path = "/var/lib/shikaku"
    [accounts]
    file = "accounts.toml"
    token_key = "token.key"
"#;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shikaku.toml");
    std::fs::write(&path, text).unwrap();
    let owned = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let mut config = Config::load(&path, owned)?;
    let relative = config.tls.key.strip_prefix(folder.path()).unwrap().to_owned();
    config.tls.key = relative;
    Ok(config)
}

#[track_caller]
fn refused(text: &str, environment: &[(&str, &str)], words: &[&str]) {
    let message = load(text, environment).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{message:?} lacks {word:?}");
    }
}

#[test]
fn a_minimal_file_gets_sensible_defaults_and_paths_beside_the_file() {
    let config = load(MINIMAL, &[("HOME", "/root"), ("SHIKAKU_CACHE", "1")]).unwrap();
    assert!(config.server.listen.ip().is_loopback());
    assert_eq!(config.tls.key, Path::new("ca/server.key.pem"));
    assert_eq!(config.store.path, Path::new("/var/lib/shikaku"));
}

#[test]
fn the_environment_overrides_the_file() {
    let environment = [
        ("SHIKAKU_ENGINE_SERVER_WORKERS", "3"),
        ("SHIKAKU_ENGINE_SERVER_LISTEN", "127.0.0.1:0"),
        ("SHIKAKU_ENGINE_STORE_PATH", "/elsewhere"),
    ];
    let config = load(MINIMAL, &environment).unwrap();
    assert_eq!(config.server.workers, 3);
    assert_eq!(config.server.listen.port(), 0);
    assert_eq!(config.store.path, Path::new("/elsewhere"));
}

#[test]
fn every_mistake_names_its_key() {
    refused("[tls]\nkeey = 1", &[], &["SHK-CFG-002", "keey"]);
    refused("", &[], &["SHK-CFG-002", "tls"]);
    refused("not toml", &[], &["SHK-CFG-002"]);
    let zero = format!("{MINIMAL}\n[server]\nworkers = 0");
    refused(&zero, &[], &["SHK-CFG-003", "server.workers", "1 to 256"]);
    let text = format!("{MINIMAL}\n[server]\nworkers = \"two\"");
    refused(&text, &[], &["SHK-CFG-002", "usize"]);
    let filter = format!("{MINIMAL}\n[log]\nfilter = \"=[\"");
    refused(&filter, &[], &["SHK-CFG-006"]);
    refused(
        MINIMAL,
        &[("SHIKAKU_ENGINE_WORKERS", "1")],
        &["SHK-CFG-004", "SHIKAKU_ENGINE_WORKERS"],
    );
    refused(MINIMAL, &[("SHIKAKU_ENGINE_SERVER_WORKRES", "1")], &["SHK-CFG-002", "workres"]);
    refused(MINIMAL, &[("SHIKAKU_ENGINE_ADMIN_LISTEN", "127.0.0.1:8443")], &["admin.listen"]);
}

#[test]
fn a_missing_file_is_named_with_how_to_make_it() {
    let message = load(MINIMAL, &[]).unwrap().check_files().unwrap_err().to_string();
    assert!(message.contains("tls.certificate") && message.contains("shikaku ca"), "{message}");
}

#[test]
fn what_is_printed_can_be_read_again() {
    let config = load(MINIMAL, &[]).unwrap();
    assert_eq!(toml::from_str::<Config>(&config.to_toml()).unwrap(), config);
}
