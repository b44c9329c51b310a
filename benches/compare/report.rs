//! Results as a table for people, in Markdown and HTML, and as JSON for programs.

use pulldown_cmark::{Options, Parser, html::push_html};
use serde_json::{Value, json};
use shikaku_benches::{BenchError, Pinned};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// A page that needs nothing else, in the colours that its reader prefers, and prints.
const PAGE: &str = include_str!("report.html");

/// A finished measurement.
pub(super) struct Report {
    /// Name of the files.
    pub name: String,
    /// The table.
    pub markdown: String,
    /// Every number, of each run too.
    pub json: Value,
}

impl Report {
    /// Writes `NAME.md`, `NAME.html` and `NAME.json` to a folder.
    pub(super) fn write(&self, out: &Path) -> Result<(), BenchError> {
        let write = |ending: &str, text: &str| {
            let path = out.join(format!("{}.{ending}", self.name));
            fs::write(&path, text).map_err(BenchError::file(&path))
        };
        write("md", &self.markdown)?;
        write("html", &page(&self.name, &self.markdown))?;
        write("json", &format!("{:#}\n", self.json))
    }
}

/// Markdown as a page.
fn page(title: &str, markdown: &str) -> String {
    let mut body = String::new();
    push_html(&mut body, Parser::new_ext(markdown, Options::ENABLE_TABLES));
    PAGE.replace("{title}", title).replace("{body}", &body)
}

/// A table of two columns and more.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "| {} |", head.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

/// What the numbers were measured on.
pub(super) fn machine(pinned: Pinned) -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("", |(_, value)| value.trim()).to_owned()
    };
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "processor": after(&read("/proc/cpuinfo"), "model name"),
        "memory": after(&read("/proc/meminfo"), "MemTotal"),
        "load_average_at_end": read("/proc/loadavg").split_whitespace().next(),
        "one_core_each": pinned == Pinned::Yes,
    })
}

/// The same in one sentence.
pub(super) fn machine_text(machine: &Value) -> String {
    let text = |name: &str| match machine.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    format!(
        "{} cores ({}), {}; load average at the end {}; a core each for server and generator: {}.\n",
        text("cores"),
        text("processor"),
        text("memory"),
        text("load_average_at_end"),
        text("one_core_each"),
    )
}
