//! Reading the configuration again while the engine serves (SIGHUP).
//!
//! What can change at once does, the rest is named as waiting for a restart. A configuration with
//! a mistake changes nothing.

use crate::config::{Config, ConfigError};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Settings, or whole sections, that a running engine takes over.
const LIVE: [&str; 2] = ["limits", "log.filter"];
/// Stands for a setting that is not there.
const NOTHING: &str = "(none)";

/// Where the configuration comes from, and how the log follows it.
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Puts another filter of the log in force; it has been checked.
    pub set_log_filter: Box<dyn Fn(&str)>,
}

/// When a changed setting counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Now,
    AfterRestart,
}

/// A setting that is not what it was. Settings are paths, addresses and numbers, never secrets.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    key: String,
    from: String,
    to: String,
    effect: Effect,
}

impl Source {
    /// Reads the configuration again, tells the log what is different, and takes over in
    /// `running` what can change while the engine runs.
    ///
    /// # Errors
    /// [`ConfigError`]: then `running` is as it was.
    pub fn read_again(&self, running: &mut Config) -> Result<(), ConfigError> {
        let read = Config::load(&self.path, std::env::vars())?;
        read.check_files()?;
        let changes = changes(running, &read);
        for Change { key, from, to, effect } in &changes {
            match effect {
                Effect::Now => tracing::info!(key, from, to, "A setting changed."),
                Effect::AfterRestart => {
                    tracing::warn!(key, from, to, "A setting changed and waits for a restart.");
                }
            }
        }
        tracing::info!(changes = changes.len(), "Read the configuration again.");
        running.limits = read.limits;
        if running.log.filter != read.log.filter {
            (self.set_log_filter)(&read.log.filter);
            running.log.filter = read.log.filter;
        }
        Ok(())
    }
}

fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let (old, new) = (settings(old), settings(new));
    let keys = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key)));
    let value = |settings: &BTreeMap<String, String>, key| {
        settings.get(key).cloned().unwrap_or_else(|| NOTHING.to_owned())
    };
    keys.filter(|key| old.get(*key) != new.get(*key))
        .map(|key| Change {
            key: key.clone(),
            from: value(&old, key),
            to: value(&new, key),
            effect: effect(key),
        })
        .collect()
}

fn effect(key: &str) -> Effect {
    let section = key.split_once('.').map_or(key, |(section, _)| section);
    if LIVE.iter().any(|live| *live == key || *live == section) {
        Effect::Now
    } else {
        Effect::AfterRestart
    }
}

/// Every setting by `section.key`.
fn settings(config: &Config) -> BTreeMap<String, String> {
    let table = toml::Table::try_from(config).unwrap_or_default();
    let mut settings = BTreeMap::new();
    for (section, values) in table {
        for (key, value) in values.as_table().into_iter().flatten() {
            settings.insert(format!("{section}.{key}"), value.to_string());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> Config {
        let text = format!(
            "[tls]\ncertificate = \"a\"\nkey = \"b\"\nclient_ca = \"c\"\n[store]\npath = \"s\"\n\
             [accounts]\nfile = \"d\"\ntoken_key = \"e\"\n{more}"
        );
        toml::from_str(&text).unwrap()
    }

    fn change(key: &str, from: &str, to: &str, effect: Effect) -> Change {
        Change { key: key.to_owned(), from: from.to_owned(), to: to.to_owned(), effect }
    }

    #[test]
    fn what_changed_is_named_with_when_it_counts() {
        let old = config("[server]\nworkers = 1\n[limits]\nfacility_burst = 10\n");
        let new = config("[server]\nworkers = 2\n[limits]\nfacility_burst = 20\n");
        let expected = [
            change("limits.facility_burst", "10", "20", Effect::Now),
            change("server.workers", "1", "2", Effect::AfterRestart),
        ];
        assert_eq!(changes(&old, &new), expected);
        assert_eq!(changes(&new, &new), []);
    }

    #[test]
    fn a_section_that_appears_or_goes_is_a_change_of_its_settings() {
        let (without, with) = (config(""), config("[card]\ntrust = \"t\"\n"));
        let appeared = changes(&without, &with);
        assert!(appeared.contains(&change("card.trust", NOTHING, "\"t\"", Effect::AfterRestart)));
        let gone = changes(&with, &without);
        assert!(gone.contains(&change("card.trust", "\"t\"", NOTHING, Effect::AfterRestart)));
    }
}
