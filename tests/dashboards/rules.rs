//! `rules.yml`: checked and tested by Prometheus' own tool, and held to the runbooks.

use crate::{folder, read};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::process::Command;

#[derive(Deserialize)]
struct File {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// A recording rule or an alert.
#[derive(Deserialize)]
pub(crate) struct Rule {
    pub(crate) record: Option<String>,
    pub(crate) alert: Option<String>,
    pub(crate) expr: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

pub(crate) fn rules() -> Vec<Rule> {
    let file: File = serde_yaml_ng::from_str(&read("rules.yml")).unwrap();
    file.groups.into_iter().flat_map(|group| group.rules).collect()
}

fn promtool(arguments: &[&str]) {
    let output = Command::new("promtool").args(arguments).current_dir(folder()).output();
    let output = output.unwrap_or_else(|error| panic!("promtool: {error}; use ./dev test"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn the_rules_are_good_prometheus() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", "rules.yml"]);
    promtool(&["check", "config", "prometheus.yml"]);
}

#[test]
fn each_alert_fires_when_it_should() {
    promtool(&["test", "rules", "rules.test.yml"]);
    let tests = read("rules.test.yml");
    for alert in rules().into_iter().filter_map(|rule| rule.alert) {
        assert!(tests.contains(&format!("alertname: {alert}\n")), "{alert} is not tested");
    }
}

#[test]
fn each_alert_says_how_bad_it_is_and_what_to_do() {
    let runbooks = read("RUNBOOKS.md");
    let alerts: Vec<_> =
        rules().into_iter().filter_map(|rule| Some((rule.alert.clone()?, rule))).collect();
    for (alert, rule) in &alerts {
        let severity = rule.labels.get("severity").map(String::as_str);
        assert!(matches!(severity, Some("page" | "ticket")), "{alert}: {severity:?}");
        assert!(rule.annotations.contains_key("summary"), "{alert}");
        let anchor = format!("RUNBOOKS.md#{}", alert.to_lowercase());
        assert_eq!(rule.annotations.get("runbook_url"), Some(&anchor), "{alert}");
        assert!(runbooks.contains(&format!("\n## {alert}\n")), "{alert} has no runbook");
    }
    let runbooks = runbooks.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(runbooks, alerts.len(), "a runbook is left over");
}
