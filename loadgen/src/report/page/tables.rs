//! The tables of the page.

use super::both;
use crate::report::compare::{Figure, Ratio};
use crate::report::threshold::Outcome;
use crate::report::words;
use crate::run::result::{Fault, Measured, Model, RunResult, Spacing, Worker};
use maud::{Markup, html};

const POINTS: [(f64, &str); 8] = [
    (0.5, "50 %"),
    (0.75, "75 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
    (1.0, "100 %"),
];

pub(super) fn percentile_table(run: &RunResult) -> Markup {
    let Measured { latency, service, lag, .. } = &run.total;
    html! { div.table style="margin-top:14px" { table {
        thead { tr {
            th { (both("要求の割合", "share of requests")) }
            th.n { (both("応答時間（予定時刻から）", "latency, from the due time")) }
            th.n { (both("処理時間（送信から）", "service time, from the send")) }
            th.n { (both("生成側の遅れ", "generator's lag")) }
        } }
        tbody { @for (share, name) in POINTS { tr {
            th scope="row" { (name) }
            @for times in [latency, service, lag] { td.n {
                // A share that no single request stands for is not known.
                @if times.count() as f64 * (1.0 - share) >= 1.0 || (share >= 1.0 && times.count() > 0) {
                    (words::time(times.quantile(share)))
                } @else { "–" }
            } }
        } } }
    } } }
}

pub(super) fn repeat(name: &str, run: &RunResult) -> Markup {
    let at = |share| words::time(run.total.latency.quantile(share));
    html! { tr {
        th scope="row" { (name) }
        td.n { (words::rate(run.achieved_per_second())) }
        td.n { (at(0.5)) } td.n { (at(0.99)) } td.n { (at(0.999)) } td.n { (at(1.0)) }
        @if run.verdict.has_wrong_answers { td.no { (both("誤答あり", "WRONG")) } }
        @else if !run.verdict.is_valid() { td.no { (both("無効", "INVALID")) } }
        @else { td.yes { (both("有効", "valid")) } }
    } }
}

pub(super) fn compared(figure: &Figure, ratio: &Ratio) -> Markup {
    let (ja, en) = figure.name;
    let show = |value| if figure.is_time { words::nanos(value) } else { words::rate(value) };
    html! { tr {
        th scope="row" { (both(ja, en)) }
        td.n { (show(ratio.own)) } td.n { (show(ratio.baseline)) }
        td.n { strong { (format!("{:.3}", ratio.ratio)) } }
        td.n { @match ratio.interval {
            Some((low, high)) => (format!("{low:.3} – {high:.3}")),
            None => "–",
        } }
        @if !ratio.is_certain() { td { (both("差は確かでない", "not certain")) } }
        @else if figure.is_better(ratio.ratio) { td.yes { (both("良い", "better")) } }
        @else { td.no { (both("悪い", "worse")) } }
    } }
}

pub(super) fn failures(run: &RunResult) -> Markup {
    let counts = &run.total.counts;
    html! {
        h2 { (both("応答と失敗", "Answers and failures")) }
        div.table { table {
            thead { tr { th { (both("種類", "what")) } th.n { (both("件数", "count")) } } }
            tbody {
                @for (status, count) in &counts.statuses { (counted(&format!("HTTP {status}"), *count)) }
                @for (refusal, count) in &counts.refusals {
                    @let (ja, en) = refusal.reason();
                    tr { th scope="row" { (both("正しい拒否", "refused, as it had to be")) ": " (both(ja, en)) } td.n { (words::count(*count)) } }
                }
                @for (code, count) in &counts.codes { (counted(&format!("エラーコード error code {code}"), *count)) }
                @for (fault, count) in &counts.faults { (counted(fault_text(*fault), *count)) }
                (counted("送信されなかった要求 never sent", counts.unsent))
                (counted("終了時に未応答 unanswered at the end", counts.unanswered))
                (counted("再接続 connections opened again", counts.connects))
                (counted("接続失敗 attempts to connect that failed", counts.connects_failed))
            }
        } }
        @if run.streams.len() > 1 { (streams(run)) }
    }
}

fn counted(what: &str, count: u64) -> Markup {
    html! { @if count > 0 { tr { th scope="row" { (what) } td.n { (words::count(count)) } } } }
}

fn fault_text(fault: Fault) -> &'static str {
    match fault {
        Fault::Timeout => "時間切れ no answer in time",
        Fault::Closed => "応答前に切断 closed before the answer",
        Fault::Broken => "接続の破損 connection broken",
        Fault::StatusLine => "不正なステータス行 bad status line",
        Fault::HeadTooLong => "長すぎるヘッダー head too long",
        Fault::HeaderLine => "不正なヘッダー bad header line",
        Fault::LengthMissing => "長さ不明 no usable length",
        Fault::Chunked => "想定外の転送符号化 unexpected transfer encoding",
        Fault::BodyTooLong => "長すぎる本文 body too long",
        Fault::Excess => "余分なバイト bytes after the answer",
    }
}

/// With cards: each step of a visit, and the card's own time.
pub(super) fn steps(run: &RunResult) -> Markup {
    html! { @if !run.total.steps.is_empty() {
        h2 { (both("カードによる確認の各段階", "Steps of a visit with a card")) }
        div.table { table {
            thead { tr {
                th { (both("段階", "step")) } th.n { (both("回数", "times")) }
                th.n { "p50" } th.n { "p99" } th.n { "p99.9" } th.n { (both("最大", "longest")) }
            } }
            tbody { @for (name, times) in &run.total.steps { tr {
                th scope="row" { (name) } td.n { (words::count(times.count())) }
                @for share in [0.5, 0.99, 0.999, 1.0] { td.n { (words::time(times.quantile(share))) } }
            } } }
        } }
        p.note { (both("signature はカードの署名（負荷生成側で実行、待ち時間を含む）。ほかはサーバーの応答時間。",
            "signature is the card's, made by the generator, with the wait for a free thread; the others are the server's.")) }
    } }
}

/// What the cards' signatures cost the generator.
pub(super) fn signing(run: &RunResult) -> Markup {
    let of = |worker: &Worker| Some((worker.name.clone(), worker.signing.clone()?));
    let all: Vec<_> = run.workers.iter().filter_map(of).collect();
    html! { @for (name, work) in &all {
        p.note {
            (name) ": " (words::count(work.signatures)) " RSA-2048 signatures, " (work.threads) " threads on what is idle of cores " (work.cores) ", "
            @if let Some(cpu) = work.cpu_seconds {
                (format!("{cpu:.1} s")) " of CPU, "
                (format!("{:.2} ms", cpu * 1e3 / (work.signatures.max(1) as f64))) " each"
                @if let Some(busy) = work.busiest_thread { ", busiest thread " (format!("{:.0} %", busy * 100.0)) }
            }
            ". " (both("署名は負荷生成側の限界です。", "Signing is the generator's limit."))
        }
    } }
}

fn streams(run: &RunResult) -> Markup {
    html! { div.table { table {
        thead { tr {
            th { (both("流れ", "stream")) } th.n { (both("要求", "due")) } th.n { (both("正答", "good")) }
            th.n { (both("失敗", "failed")) } th.n { (both("誤答", "wrong")) }
            th.n { "p50" } th.n { "p99" } th.n { "p99.9" }
        } }
        tbody { @for stream in &run.streams {
            @let Measured { counts, latency, .. } = &stream.measured;
            tr {
                th scope="row" { (stream.name) }
                td.n { (words::count(counts.due)) } td.n { (words::count(counts.good)) }
                td.n { (words::count(counts.failed())) } td.n { (words::count(counts.wrong)) }
                @for share in [0.5, 0.99, 0.999] { td.n { (words::time(latency.quantile(share))) } }
            }
        } }
    } } }
}

pub(super) fn wrong_answers(run: &RunResult) -> Markup {
    html! { @if !run.wrong_examples.is_empty() {
        h2 { (both("誤った応答の例", "Examples of wrong answers")) }
        div.table { table {
            thead { tr {
                th { (both("流れ", "stream")) } th.n { (both("時刻", "at")) } th.n { (both("住民番号", "person in the population")) }
                th { (both("項目", "field")) } th { (both("期待", "expected")) } th { (both("応答", "got")) }
            } }
            tbody { @for wrong in &run.wrong_examples { tr {
                td { (wrong.stream) } td.n { (format!("{:.1} s", wrong.at_ms as f64 / 1e3)) } td.n { (wrong.person) }
                td { (wrong.field) } td { (wrong.expected) } td { (wrong.got) }
            } } }
        } }
    } }
}

pub(super) fn generator(run: &RunResult) -> Markup {
    let or_unknown = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    html! {
        h2 { (both("環境と負荷生成側", "Environment, and the generator itself")) }
        div.table { table {
            thead { tr {
                th { (both("ワーカー", "worker")) } th { (both("機械", "machine")) } th { (both("コアの割当", "cores of generator; server")) }
                th.n { (both("CPU", "CPU")) } th.n { (both("一件あたり", "per request")) } th.n { (both("最も忙しいスレッド", "busiest thread")) }
            } }
            tbody { @for worker in &run.workers { tr {
                th scope="row" { (worker.name) " · " (worker.version) " · " (worker.threads) " threads" }
                td { (worker.processor) ", " (worker.cores) " cores, " (words::bytes(worker.memory_bytes as f64)) ", " (worker.system) }
                td { (or_unknown(&worker.generator_cores)) "; " (or_unknown(&worker.server_cores)) }
                td.n { (worker.cpu_seconds.map_or("–".to_owned(), |s| format!("{s:.1} s"))) }
                td.n { (worker.cpu_us_per_request.map_or("–".to_owned(), |us| format!("{us:.1} µs"))) }
                td.n { (worker.busiest_thread.map_or("–".to_owned(), |share| format!("{:.0} %", share * 100.0))) }
            } } }
        } }
        @for note in &run.notes { p.note { (note) } }
    }
}

pub(super) fn settings(run: &RunResult) -> Markup {
    let d = &run.description;
    let model = match d.model {
        Model::Open => "開ループ open: 予定時刻に送る sends when due",
        Model::Closed => "閉ループ closed: 応答後に送る sends after the answer",
    };
    let spacing = match d.spacing {
        Spacing::Even => "等間隔 even",
        Spacing::Poisson => "ポアソン Poisson",
        Spacing::Recorded => "記録 recorded",
    };
    let rows = [
        ("モデル", "model", model.to_owned()),
        ("間隔", "spacing", spacing.to_owned()),
        ("問い合わせ", "questions", d.questions.clone()),
        (
            "計画した率",
            "planned rate",
            d.target_per_second.map_or("–".to_owned(), |r| format!("{}/s", words::rate(r))),
        ),
        (
            "測定時間（慣らしを除く）",
            "measured, after warm-up",
            format!(
                "{:.1} s of {:.1} s, after {:.1} s",
                run.measured_seconds, d.planned_seconds, d.warmup_seconds
            ),
        ),
        (
            "接続",
            "connections",
            format!(
                "{}{}",
                words::count(u64::from(d.connections)),
                if d.tls { ", mutual TLS" } else { ", no TLS" }
            ),
        ),
        ("証明書を持つ施設", "facilities with certificates", words::count(u64::from(d.facilities))),
        (
            "用意した問い合わせ",
            "prepared questions",
            format!(
                "{}, {}",
                words::count(d.prepared_questions),
                words::bytes(d.prepared_bytes as f64)
            ),
        ),
        ("応答を待つ上限", "longest wait", format!("{} s", d.timeout_seconds)),
        (
            "通信量",
            "traffic",
            format!(
                "{} out, {} in",
                words::bytes(run.total.counts.bytes_sent as f64),
                words::bytes(run.total.counts.bytes_received as f64)
            ),
        ),
        ("乱数の種", "seed", d.seed.to_string()),
    ];
    html! {
        h2 { (both("設定", "Configuration")) }
        div.table { table { tbody {
            @for (ja, en, value) in rows { tr { th scope="row" { (both(ja, en)) } td { (value) } } }
            @for (name, value) in &d.labels { tr { th scope="row" { (name) } td { (value) } } }
        } } }
    }
}

pub(super) fn footer(run: &RunResult) -> Markup {
    html! { footer {
        p { (both("応答時間は送信予定の時刻から数えます。詳しくは docs/load-testing.md。人物・施設・証明書はすべて合成です。",
            "Latency counts from the time a request was due; docs/load-testing.md says why. All people, facilities and certificates are synthetic.")) }
        p { "shikaku-loadgen " (env!("CARGO_PKG_VERSION")) " · schema " (run.schema_version) }
    } }
}

pub(super) fn thresholds(outcomes: &[Outcome]) -> Markup {
    html! { @if !outcomes.is_empty() {
        h2 { (both("基準", "Thresholds")) }
        div.table { table {
            thead { tr { th { (both("基準", "threshold")) } th.n { (both("測定値", "measured")) } th { (both("結果", "outcome")) } } }
            tbody { @for outcome in outcomes { tr {
                th scope="row" { (outcome.threshold) }
                td.n { (outcome.actual) }
                @if outcome.is_met { td.yes { "✓ " (both("達成", "met")) } } @else { td.no { "✗ " (both("未達", "missed")) } }
            } } }
        } }
    } }
}
