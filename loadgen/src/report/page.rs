//! One page that says everything about a run, for people: without scripts, links or other files,
//! in Japanese and English, for light and dark screens and for paper.

use super::chart::{Ink, Size};
use super::compare::{FIGURES, Figure, Ratio};
use super::picture::{self, Picture};
use super::threshold::Outcome;
use super::{ReportError, words};
use crate::run::result::{Fault, Measured, Model, RunResult, Spacing};
use crate::run::verdict::ReasonKind;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// What the page is about.
pub struct Page<'a> {
    /// Repeats of one run, at least one. The first is shown in full.
    pub runs: &'a [RunResult],
    /// Runs to compare with.
    pub baseline: &'a [RunResult],
    /// What became of the thresholds of the first run.
    pub outcomes: &'a [Outcome],
}

/// A text in both languages.
fn both(ja: &str, en: &str) -> Markup {
    html! { span lang="ja" { (ja) } " " span.en lang="en" { (en) } }
}

impl Page<'_> {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`ReportError::Chart`]; [`ReportError::Differ`] without any run.
    pub fn html(&self) -> Result<String, ReportError> {
        let Some(run) = self.runs.first() else {
            return Err(ReportError::Differ("there is no run".to_owned()));
        };
        let title = format!("負荷試験報告書 {}", run.description.scenario);
        let page = html! {
            (DOCTYPE)
            html lang="ja" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body { main { (self.content(run)?) } }
            }
        };
        Ok(page.into_string())
    }

    fn content(&self, run: &RunResult) -> Result<Markup, ReportError> {
        Ok(html! {
            (head(run))
            (self.verdicts())
            (tiles(run))
            (thresholds(self.outcomes))
            h2 { (both("経過", "Over time")) }
            div.pair {
                @for picture in picture::over_time(run) { (figure(&picture, Size::Half)?) }
                (figure(&picture::histogram(&run.total.latency), Size::Half)?)
            }
            h2 { (both("応答時間", "Latency")) }
            (self.curve(run)?)
            (percentile_table(run))
            (self.repeats())
            (self.comparison())
            (failures(run))
            (wrong_answers(run))
            (generator(run))
            (settings(run))
            (footer(run))
        })
    }

    /// The banner: of all runs of the page the worst.
    fn verdicts(&self) -> Markup {
        let mut all = self.runs.iter().chain(self.baseline);
        let wrong: u64 = self.runs.iter().map(|run| run.total.counts.wrong).sum();
        let is_invalid = all.any(|run| !run.verdict.is_valid());
        let missed = self.outcomes.iter().filter(|outcome| !outcome.is_met).count();
        html! {
            @if wrong > 0 {
                section.verdict.bad role="alert" {
                    strong { (both("誤った応答あり", "WRONG ANSWERS")) }
                    p lang="ja" { (words::count(wrong)) " 件の応答が住民データと一致しません。速さにかかわらず不合格です。" }
                    p.en lang="en" { (words::count(wrong)) " answers differ from what the population gives. However fast, this is a failure." }
                }
            }
            @if is_invalid {
                section.verdict.bad role="alert" {
                    strong { (both("無効", "INVALID")) }
                    p lang="ja" { "これらの数値は使用できません。" }
                    p.en lang="en" { "Do not use these numbers." }
                    ul { @for run in self.runs.iter().chain(self.baseline) { @for reason in &run.verdict.invalid {
                        li { span lang="ja" { (reason_ja(reason.kind)) } span.en lang="en" { (reason.text) } }
                    } } }
                }
            } @else if wrong == 0 {
                section.verdict.good {
                    strong { (both("有効", "VALID")) }
                    p lang="ja" { "計画した負荷を保ち、すべての応答を照合しました。数値は使用できます。" }
                    p.en lang="en" { "The planned load was held and the answers were checked. The numbers may be used." }
                }
            }
            @if missed > 0 {
                section.verdict.care {
                    strong { (both("基準未達", "THRESHOLD MISSED")) }
                    p lang="ja" { (missed) " 件の基準を満たしていません。" }
                    p.en lang="en" { (missed) " of the thresholds below are not met." }
                }
            }
            @for run in self.runs.iter().take(1) { (cautions(run)) }
        }
    }

    fn curve(&self, run: &RunResult) -> Result<Markup, ReportError> {
        let own = sum(self.runs);
        let baseline = sum(self.baseline);
        let mut curves = vec![(
            Ink::Main,
            ("応答時間（予定時刻から）", "latency, from the due time"),
            &own.latency,
        )];
        if self.baseline.is_empty() {
            let name = ("処理時間（送信から）", "service time, from the send");
            curves.push((Ink::Second, name, &run.total.service));
        } else {
            curves.insert(0, (Ink::Reference, ("基準測定", "baseline"), &baseline.latency));
        }
        figure(&picture::percentiles(&curves), Size::Whole)
    }

    fn repeats(&self) -> Markup {
        html! { @if self.runs.len() + self.baseline.len() > 1 {
            h2 { (both("各測定", "Each run")) }
            div.table { table {
                thead { tr {
                    th { (both("測定", "run")) } th.n { (both("毎秒", "per second")) }
                    th.n { "p50" } th.n { "p99" } th.n { "p99.9" } th.n { (both("最大", "longest")) }
                    th { (both("判定", "verdict")) }
                } }
                tbody {
                    @for (at, run) in self.runs.iter().enumerate() { (repeat(&format!("{}", at + 1), run)) }
                    @for (at, run) in self.baseline.iter().enumerate() {
                        (repeat(&format!("基準 baseline {}", at + 1), run))
                    }
                }
            } }
        } }
    }

    fn comparison(&self) -> Markup {
        if self.baseline.is_empty() {
            return html! {};
        }
        let ratio = |figure: &Figure| Ratio::new(figure, self.runs, self.baseline);
        let has_intervals = self.runs.len() > 1 && self.baseline.len() > 1;
        html! {
            h2 { (both("基準測定との比較", "Comparison with the baseline")) }
            div.table { table {
                thead { tr {
                    th { (both("項目", "figure")) } th.n { (both("今回", "this")) }
                    th.n { (both("基準", "baseline")) } th.n { (both("比", "ratio")) }
                    th.n { (both("95 % 信頼区間", "95 % confidence")) } th { (both("判断", "reading")) }
                } }
                tbody { @for figure in &FIGURES { @if let Some(ratio) = ratio(figure) { (compared(figure, &ratio)) } } }
            } }
            p.note { @if has_intervals {
                (both("幾何平均の比。区間は対数の Welch の t 検定による。",
                    "Ratio of geometric means; intervals by Welch's t-test of the logarithms."))
            } @else {
                (both("どちらかが一回だけの測定のため、信頼区間はありません。三回以上を交互に測定してください。",
                    "One side has a single run, so there is no confidence: measure at least three of each, in turn."))
            } }
        }
    }
}

/// The measured parts of repeats together.
fn sum(runs: &[RunResult]) -> Measured {
    let mut sum = Measured::default();
    runs.iter().for_each(|run| sum.merge(&run.total));
    sum
}

fn head(run: &RunResult) -> Markup {
    let description = &run.description;
    html! { header {
        h1 { (both("負荷試験報告書", "Load test report")) }
        p { strong { (description.scenario) } " – " (description.title) }
        p { (description.started_at) " · " (description.target) }
    } }
}

fn cautions(run: &RunResult) -> Markup {
    html! {
        @if run.description.model == Model::Closed {
            section.verdict.care {
                strong { (both("閉ループ", "CLOSED LOOP")) }
                p lang="ja" { "各接続は応答を受けてから次を送ります。待ち行列は応答時間に現れません。比率にのみ使用してください。" }
                p.en lang="en" { "Each connection waits for its answer before it sends again, which hides queueing. For ratios only." }
            }
        }
        @if run.partial {
            section.verdict.care {
                strong { (both("途中終了", "PARTIAL")) }
                p lang="ja" { "計画より早く終わった測定です。" }
                p.en lang="en" { "The run ended before its plan did." }
            }
        }
    }
}

fn reason_ja(kind: ReasonKind) -> &'static str {
    match kind {
        ReasonKind::RateMissed => {
            "計画した率に達していません。率を下げるか、サーバーを調べてください。"
        }
        ReasonKind::NothingMeasured => "測定区間に要求が一件もありません。",
        ReasonKind::GeneratorLate => {
            "負荷生成側の送信が遅れました。専用のコアを与えるか、率を下げてください。"
        }
        ReasonKind::GeneratorBusy => {
            "負荷生成側に余力がありませんでした。スレッドやワーカーを増やすか、率を下げてください。"
        }
        ReasonKind::WorkerLost => "ワーカーとの接続が失われ、その分の数値が欠けています。",
    }
}

fn tiles(run: &RunResult) -> Markup {
    let counts = &run.total.counts;
    let at = |share| words::time(run.total.latency.quantile(share));
    let planned = run.description.target_per_second.map(words::rate);
    let lost = counts.failed() + counts.unsent + counts.unanswered;
    html! { dl.tiles {
        div { dt { (both("達成した率", "achieved")) } dd {
            (words::rate(run.achieved_per_second())) "/s"
            @if let Some(planned) = planned { small { "計画 planned " (planned) "/s" } }
        } }
        div { dt { (both("中央値", "median")) } dd { (at(0.5)) } }
        div { dt { (both("99 %", "99th percentile")) } dd { (at(0.99)) } }
        div { dt { (both("99.9 %", "99.9th percentile")) } dd { (at(0.999)) } }
        div { dt { (both("最大", "longest")) } dd { (words::time(run.total.latency.max())) } }
        div.bad[lost > 0] { dt { (both("失敗・未応答", "failed, unanswered")) } dd {
            (words::count(lost)) small { "/ " (words::count(counts.due)) }
        } }
        div.bad[counts.wrong > 0] { dt { (both("誤った応答", "wrong answers")) } dd { (words::count(counts.wrong)) } }
    } }
}

fn thresholds(outcomes: &[Outcome]) -> Markup {
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

fn figure(picture: &Picture, size: Size) -> Result<Markup, ReportError> {
    let Picture { title: (ja, en), legend, summary, chart } = picture;
    let svg = chart.svg(size)?;
    Ok(html! { figure.wide[size == Size::Whole] {
        figcaption { (both(ja, en)) span.sum lang="en" { (summary) } }
        ul.legend { @for (ink, ja, en) in legend { li { i class=(ink.class()) {} (both(ja, en)) } } }
        div role="img" aria-label={ (ja) " / " (en) ": " (summary) } { (PreEscaped(svg)) }
    } })
}

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

fn percentile_table(run: &RunResult) -> Markup {
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

fn repeat(name: &str, run: &RunResult) -> Markup {
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

fn compared(figure: &Figure, ratio: &Ratio) -> Markup {
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

fn failures(run: &RunResult) -> Markup {
    let counts = &run.total.counts;
    html! {
        h2 { (both("応答と失敗", "Answers and failures")) }
        div.table { table {
            thead { tr { th { (both("種類", "what")) } th.n { (both("件数", "count")) } } }
            tbody {
                @for (status, count) in &counts.statuses { (counted(&format!("HTTP {status}"), *count)) }
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

fn wrong_answers(run: &RunResult) -> Markup {
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

fn generator(run: &RunResult) -> Markup {
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

fn settings(run: &RunResult) -> Markup {
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
        div.table { table { tbody { @for (ja, en, value) in rows { tr { th scope="row" { (both(ja, en)) } td { (value) } } } } } }
    }
}

fn footer(run: &RunResult) -> Markup {
    html! { footer {
        p { (both("応答時間は送信予定の時刻から数えます。詳しくは docs/load-testing.md。人物・施設・証明書はすべて合成です。",
            "Latency counts from the time a request was due; docs/load-testing.md says why. All people, facilities and certificates are synthetic.")) }
        p { "shikaku-loadgen " (env!("CARGO_PKG_VERSION")) " · schema " (run.schema_version) }
    } }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, sample, scaled};
    use super::super::threshold;
    use super::*;

    fn page(runs: &[RunResult], baseline: &[RunResult]) -> String {
        let outcomes = threshold::judge(&runs[0]).unwrap();
        Page { runs, baseline, outcomes: &outcomes }.html().unwrap()
    }

    #[test]
    fn a_run_that_missed_its_rate_says_invalid_before_any_number() {
        let html = page(&[sample(Sample::Invalid)], &[]);
        let (invalid, number) =
            (html.find("INVALID").unwrap(), html.find("class=\"tiles\"").unwrap());
        assert!(invalid < number && !html.contains(">VALID<"));
        assert!(html.contains("計画した率に達していません"));
        let valid = page(&[sample(Sample::Valid)], &[]);
        assert!(valid.contains(">VALID<") && !valid.contains("INVALID"));
    }

    #[test]
    fn one_invalid_repeat_or_baseline_makes_the_page_invalid() {
        let (good, bad) = (sample(Sample::Valid), sample(Sample::Invalid));
        assert!(page(&[good.clone(), bad.clone()], &[]).contains("INVALID"));
        assert!(page(&[good], &[bad]).contains("INVALID"));
    }

    #[test]
    fn fast_wrong_answers_are_a_failure_with_examples() {
        let html = page(&[sample(Sample::Wrong)], &[]);
        assert!(html.contains("WRONG ANSWERS") && !html.contains(">VALID<"));
        assert!(html.contains("qualificationValidity") && html.contains("4242"));
        assert!(html.contains("THRESHOLD MISSED"));
    }

    #[test]
    fn the_closed_model_and_an_early_end_are_labelled() {
        let html = page(&[sample(Sample::ClosedPartial)], &[]);
        assert!(html.contains("CLOSED LOOP") && html.contains("PARTIAL"));
    }

    #[test]
    fn a_run_without_anything_has_a_page_too() {
        assert!(page(&[sample(Sample::Empty)], &[]).contains("INVALID"));
    }

    #[test]
    fn the_page_needs_no_other_file_and_no_script() {
        let repeats = [sample(Sample::Valid), scaled(Sample::Valid, 1.01)];
        let html = page(&repeats, &[scaled(Sample::Valid, 2.0), scaled(Sample::Valid, 2.02)]);
        for outside in ["<script", "<link", "src=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
        let addresses = html.matches("http").count();
        assert_eq!(addresses, html.matches("http://www.w3.org/2000/svg").count());
        assert!(html.contains("better") && html.contains("0.50"), "the comparison is there");
    }

    #[test]
    fn what_a_server_says_cannot_become_a_part_of_the_page() {
        let mut result = sample(Sample::Wrong);
        result.wrong_examples[0].got = "<script>alert(1)</script>".to_owned();
        result.total.counts.codes.insert("<b onload=x>".to_owned(), 1);
        result.description.target = "\"><script>".to_owned();
        let html = page(&[result], &[]);
        assert!(!html.contains("<script") && !html.contains("<b onload"));
    }
}
