//! Every metric and label that a query names exists in the engine's table.

use crate::{boards, rules};
use promql_parser::parser::{self, Expr, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};
use shikaku_engine::metrics::{Kind, TABLE};
use std::convert::Infallible;

/// Labels that Prometheus itself adds, or that every histogram has.
const OTHER_LABELS: [&str; 3] = ["job", "instance", "le"];

/// Queries with where they are.
fn queries() -> Vec<(String, String)> {
    let boards = boards::boards();
    let panels = boards.iter().flat_map(|board| {
        board.panels().flat_map(|panel| {
            let place = format!("{}: {}", board.uid, panel.title);
            panel.expressions().map(move |expression| (place.clone(), expression))
        })
    });
    let rules = rules::rules()
        .into_iter()
        .map(|rule| (rule.record.or(rule.alert).unwrap_or_default(), rule.expr));
    panels.chain(rules).collect()
}

/// Grafana's variables with values, as Prometheus would get them.
pub(crate) fn filled(expression: &str, interval: &str) -> String {
    expression.replace("$__rate_interval", interval).replace("$instance", ".*")
}

struct Selectors(Vec<VectorSelector>);

impl ExprVisitor for Selectors {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        if let Expr::VectorSelector(selector) = expr {
            self.0.push(selector.clone());
        } else if let Expr::MatrixSelector(selector) = expr {
            self.0.push(selector.vs.clone());
        }
        Ok(true)
    }
}

/// The labels of a metric, if the engine or Prometheus has it.
fn labels_of(name: &str, recorded: &[String]) -> Option<Vec<&'static str>> {
    if name == "up" || name.starts_with("process_") || recorded.iter().any(|rule| rule == name) {
        return Some(vec![]);
    }
    let declared = TABLE.iter().find(|metric| match metric.kind {
        Kind::Histogram => name
            .strip_prefix(metric.name)
            .is_some_and(|end| matches!(end, "_bucket" | "_count" | "_sum")),
        Kind::Counter | Kind::Gauge => metric.name == name,
    })?;
    Some(declared.labels.to_vec())
}

#[test]
fn every_query_asks_for_what_the_engine_measures() {
    let recorded: Vec<_> = rules::rules().into_iter().filter_map(|rule| rule.record).collect();
    for (place, query) in queries() {
        let parsed = parser::parse(&filled(&query, "5m"));
        let parsed = parsed.unwrap_or_else(|error| panic!("{place}: {error}: {query}"));
        let mut selectors = Selectors(vec![]);
        walk_expr(&mut selectors, &parsed).unwrap();
        for selector in selectors.0 {
            let name = selector.name.clone().unwrap_or_default();
            let labels = labels_of(&name, &recorded);
            let labels = labels.unwrap_or_else(|| panic!("{place}: no metric {name}"));
            for matcher in &selector.matchers.matchers {
                let is_known = labels.contains(&matcher.name.as_str())
                    || OTHER_LABELS.contains(&matcher.name.as_str());
                assert!(is_known, "{place}: {name} has no label {}", matcher.name);
            }
        }
    }
}

#[test]
fn every_metric_of_the_table_is_shown_somewhere() {
    let all: String = queries().into_iter().map(|(_, query)| query + "\n").collect();
    for metric in TABLE.iter().filter(|metric| metric.name != "oqs_build_info") {
        assert!(all.contains(metric.name), "no board or rule shows {}", metric.name);
    }
}
