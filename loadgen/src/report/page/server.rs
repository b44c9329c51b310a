//! What the server told of itself while the load was on.

use super::{both, figure};
use crate::report::picture;
use crate::report::{ReportError, words};
use crate::run::result::{RunResult, ServerSeries};
use maud::{Markup, html};
use shikaku_page::{Ink, Picture, Size};

/// Seconds over which the server's CPU time is averaged: it is told in whole seconds.
const CPU_SPAN: f64 = 10.0;
/// Seconds over which counted events are averaged.
const COUNT_SPAN: f64 = 1.0;
/// The server's CPU time.
const CPU: &str = "process_cpu_seconds_total";
const ANSWERS: &str = "oqs_answers_total";
const ERRORS: &str = "oqs_errors_total";
/// How names of counters end.
const COUNTER: &str = "_total";

/// The section about the server; nothing where nobody asked it.
pub(super) fn section(run: &RunResult) -> Result<Markup, ReportError> {
    let Some(server) = &run.server else { return Ok(html! {}) };
    let pictures = pictures(server);
    Ok(html! {
        h2 { (both("サーバー自身の指標", "What the server told of itself")) }
        p.note {
            (server.source)
            @if !server.version.is_empty() { ", version " (server.version) }
            ", " (server.samples.len()) " samples"
            @if server.failed > 0 { ", " (words::count(server.failed)) " failed" }
        }
        div.pair { @for picture in &pictures { (figure(picture, Size::Half)?) } }
        (table(server))
    })
}

/// The charts of the server; none of what it does not tell.
pub(super) fn pictures(server: &ServerSeries) -> Vec<Picture> {
    let end = server.samples.last().map_or(0.0, |sample| sample.at_seconds);
    let cpu = server.rate(CPU, CPU_SPAN);
    let answers = server.rate(ANSWERS, COUNT_SPAN);
    let errors = server.rate(ERRORS, COUNT_SPAN);
    let mut pictures = Vec::new();
    if !cpu.is_empty() {
        let used = cpu.iter().map(|point| point.1).sum::<f64>() / cpu.len() as f64;
        pictures.push(picture::of_server(
            ("server-cpu", ("サーバーの CPU", "The server's CPU")),
            ("コア数  cores", words::decimal_mark),
            format!("{used:.2} cores on average, each point over {CPU_SPAN} s."),
            vec![(Ink::Main, ("使用コア", "cores used"), cpu)],
            end,
        ));
    }
    if !answers.is_empty() {
        let lines = vec![
            (Ink::Main, ("応答", "answers"), answers),
            (Ink::Bad, ("エラー", "errors"), errors),
        ];
        pictures.push(picture::of_server(
            ("server-answers", ("サーバーが数えた応答", "Answers as the server counts them")),
            ("毎秒  per second", words::count_mark),
            "Questions answered with an eligibility, and refusals.".to_owned(),
            lines,
            end,
        ));
    }
    pictures
}

fn table(server: &ServerSeries) -> Markup {
    let (Some(first), Some(last)) = (server.samples.first(), server.samples.last()) else {
        return html! {};
    };
    let seconds = (last.at_seconds - first.at_seconds).max(1e-9);
    let highest = |name: &str| {
        server.values(name).into_iter().map(|(_, value)| value).fold(f64::MIN, f64::max)
    };
    html! { details { summary { (both("すべての指標", "All of them")) }
        div.table { table {
            thead { tr {
                th { (both("指標", "metric")) } th.n { (both("開始", "at the start")) }
                th.n { (both("終了", "at the end")) } th.n { (both("毎秒の増加・最大", "growth a second; highest")) }
            } }
            tbody { @for (name, end) in &last.values {
                @let start = first.values.get(name).copied().unwrap_or_default();
                tr {
                    th scope="row" { (name) } td.n { (words::figure(start)) } td.n { (words::figure(*end)) }
                    td.n { @if name.ends_with(COUNTER) { (words::figure((end - start) / seconds)) "/s" }
                        @else { (words::figure(highest(name))) } }
                }
            } }
        } }
    } }
}
