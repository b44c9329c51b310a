//! A real Prometheus scrapes a real engine, and every query of every board and rule returns data.

use crate::{boards, folder, queries, rules};
use serde_json::Value;
use shikaku_tests::{Centre, Engine, post, wait_until};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Prometheus {
    child: Child,
    url: String,
}

impl Prometheus {
    fn start(data: &Path, engine: &Engine) -> Self {
        let rules = folder().canonicalize().unwrap().join("rules.yml");
        let target = engine.admin.trim_start_matches("http://");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{}']\n\
             scrape_configs: [{{job_name: shikaku, static_configs: [{{targets: ['{target}']}}]}}]\n",
            rules.display()
        );
        std::fs::write(data.join("prometheus.yml"), config).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .current_dir(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus: {error}; use ./dev test"));
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    /// How many series an expression gives; none while it is starting.
    fn series(&self, expression: &str) -> usize {
        let request = ureq::get(format!("{}/api/v1/query", self.url)).query("query", expression);
        let Ok(mut response) = request.call() else { return 0 };
        let body = response.body_mut().read_to_string().unwrap_or_default();
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        answer["data"]["result"].as_array().map_or(0, Vec::len)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Work of every kind that is counted: found and unknown people, refused values, a file.
fn work(centre: &Centre, engine: &Engine) {
    let json = [("content-type", "application/json")];
    let facility = centre.client("facility-1310000001");
    let ask = |number: &str, birthdate: &str| {
        let body = serde_json::json!({
            "insurerNumber": "01040013", "insuredIdentificationNumber": number, "birthdate": birthdate,
        });
        let url = format!("{}/v1/eligibility", engine.service);
        post(&facility, &url, &json, body.to_string().as_bytes()).unwrap()
    };
    assert_eq!(ask("1", "1980-04-01").0, 200);
    assert_eq!(ask("1", "yesterday").0, 422);
    let members = std::fs::read(centre.path("population/members.csv")).unwrap();
    let url = format!("{}/v1/members?mode=delta", engine.service);
    let csv = [("content-type", "text/csv")];
    let (status, said) = post(&centre.client("operator-tests"), &url, &csv, &members).unwrap();
    assert_eq!(status, 200, "{said}");
}

#[test]
fn every_query_returns_data_from_a_working_engine() {
    let centre = Centre::new(300);
    let engine = centre.start();
    let data = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(data.path(), &engine);
    let boards = boards::boards();
    let panels =
        boards.iter().flat_map(|board| board.panels().flat_map(|panel| panel.expressions()));
    let recorded = rules::rules().into_iter().filter(|rule| rule.record.is_some());
    let mut waiting: Vec<String> = panels.chain(recorded.map(|rule| rule.expr)).collect();
    let all = waiting.len();
    wait_until("every query returns data", || {
        work(&centre, &engine);
        waiting.retain(|query| prometheus.series(&queries::filled(query, "30s")) == 0);
        if let Some(first) = waiting.first() {
            eprintln!("{} of {all} queries without data yet, first: {first}", waiting.len());
        }
        waiting.is_empty()
    });
}
