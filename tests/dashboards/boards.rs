//! `boards.toml` becomes Grafana's JSON (classic model, schema version 42).

use crate::{folder, read};
use serde::Deserialize;
use serde_json::{Value, json};

/// Version of Grafana's classic model.
const SCHEMA_VERSION: u32 = 42;
/// Columns of a board.
const COLUMNS: u32 = 24;
/// Height of a panel, in Grafana's grid units.
const HEIGHT: u32 = 8;
/// What `$sel` stands for: the engines that were chosen on the board.
pub(crate) const SELECTOR: &str = r#"job="shikaku",instance=~"$instance""#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    board: Vec<Board>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Board {
    pub(crate) uid: String,
    title: String,
    description: String,
    row: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    title: String,
    panel: Vec<Panel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Panel {
    kind: Kind,
    width: u32,
    pub(crate) title: String,
    description: String,
    unit: String,
    /// Value from which a colour holds; the first one holds below as well.
    #[serde(default)]
    thresholds: Vec<(f64, String)>,
    /// Expression and legend.
    queries: Vec<(String, String)>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    TimeSeries,
    Stat,
    Heatmap,
}

impl Board {
    pub(crate) fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.row.iter().flat_map(|row| &row.panel)
    }
}

impl Panel {
    /// The expressions, with the selector in its place.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = String> {
        self.queries.iter().map(|(expression, _)| expression.replace("$sel", SELECTOR))
    }
}

pub(crate) fn boards() -> Vec<Board> {
    toml::from_str::<File>(&read("boards.toml")).unwrap().board
}

fn grafana(board: &Board) -> Value {
    let (mut panels, mut y, mut id) = (Vec::new(), 0, 0);
    let mut next_id = || {
        id += 1;
        id
    };
    for row in &board.row {
        let place = json!({ "x": 0, "y": y, "w": COLUMNS, "h": 1 });
        panels.push(json!({ "id": next_id(), "type": "row", "title": row.title, "gridPos": place, "collapsed": false, "panels": [] }));
        y += 1;
        let mut x = 0;
        for panel in &row.panel {
            if x + panel.width > COLUMNS {
                (x, y) = (0, y + HEIGHT);
            }
            let place = json!({ "x": x, "y": y, "w": panel.width, "h": HEIGHT });
            panels.push(grafana_panel(panel, next_id(), &place));
            x += panel.width;
        }
        y += HEIGHT;
    }
    json!({
        "uid": board.uid,
        "title": board.title,
        "description": board.description,
        "tags": ["shikaku"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": false,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "Asia/Tokyo",
        "time": { "from": "now-6h", "to": "now" },
        "links": [{ "type": "dashboards", "title": "Shikaku", "tags": ["shikaku"], "asDropdown": true, "icon": "external link", "targetBlank": false, "tooltip": "", "includeVars": true, "keepTime": true }],
        "templating": { "list": [
            { "name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus" },
            {
                "name": "instance", "label": "エンジン Engine", "type": "query",
                "datasource": { "type": "prometheus", "uid": "${datasource}" },
                "query": "label_values(oqs_build_info{job=\"shikaku\"}, instance)",
                "refresh": 2, "multi": true, "includeAll": true, "allValue": ".*"
            }
        ] },
        "panels": panels,
    })
}

fn grafana_panel(panel: &Panel, id: u32, place: &Value) -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let kind = match panel.kind {
        Kind::TimeSeries => "timeseries",
        Kind::Stat => "stat",
        Kind::Heatmap => "heatmap",
    };
    let format = if panel.kind == Kind::Heatmap { "heatmap" } else { "time_series" };
    let targets = panel.expressions().zip(&panel.queries).zip('A'..='Z');
    let targets: Vec<Value> = targets
        .map(|((expression, (_, legend)), letter)| {
            json!({ "refId": letter.to_string(), "datasource": source, "expr": expression, "legendFormat": legend, "format": format })
        })
        .collect();
    let steps = panel.thresholds.iter().enumerate().map(|(index, (from, colour))| {
        json!({ "value": if index == 0 { Value::Null } else { json!(from) }, "color": colour })
    });
    let steps: Vec<Value> = steps.collect();
    let mut defaults = json!({ "unit": panel.unit, "noValue": "0" });
    if !steps.is_empty() {
        defaults["thresholds"] = json!({ "mode": "absolute", "steps": steps });
    }
    let options = match panel.kind {
        Kind::TimeSeries => json!({
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        Kind::Stat => json!({
            "reduceOptions": { "calcs": ["lastNotNull"], "values": false },
            "colorMode": if steps.is_empty() { "none" } else { "value" },
        }),
        Kind::Heatmap => json!({ "calculate": false, "yAxis": { "unit": panel.unit } }),
    };
    json!({
        "id": id, "type": kind, "title": panel.title, "description": panel.description,
        "gridPos": place, "datasource": source, "targets": targets, "options": options,
        "fieldConfig": { "defaults": defaults, "overrides": [] },
    })
}

/// Whoever edits `boards.toml` commits what Grafana imports. UPDATE=1 writes it.
#[test]
fn the_committed_boards_are_those_of_the_description() {
    let boards = boards();
    for board in &boards {
        let name = format!("{}.json", board.uid);
        let text = format!("{:#}\n", grafana(board));
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(folder().join(&name), &text).unwrap();
        }
        assert!(read(&name) == text, "{name} is not of boards.toml; run the tests with UPDATE=1");
    }
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name());
    let files = files.filter(|name| name.to_string_lossy().ends_with(".json")).count();
    assert_eq!(files, boards.len(), "a board's file is left over");
}

#[test]
fn every_panel_says_what_it_shows_and_fits_its_row() {
    let is_japanese = |text: &str| text.chars().any(|c| c > '\u{3000}');
    for board in boards() {
        assert!(is_japanese(&board.title) && !board.description.is_empty(), "{}", board.uid);
        for row in &board.row {
            assert!(is_japanese(&row.title), "{}: {}", board.uid, row.title);
        }
        for panel in board.panels() {
            let whole = !panel.description.is_empty() && !panel.unit.is_empty();
            assert!(whole && panel.width <= COLUMNS, "{}: {}", board.uid, panel.title);
            assert!(!panel.queries.is_empty(), "{}: {}", board.uid, panel.title);
            assert_eq!(panel.kind == Kind::Stat, !panel.thresholds.is_empty(), "{}", panel.title);
            let limits = panel.thresholds.iter().map(|(from, _)| *from);
            assert!(limits.is_sorted(), "{}: thresholds in order", panel.title);
        }
    }
}
