//! One page that says everything about a run, for people: without scripts, links or other files,
//! in Japanese and English, for light and dark screens and for paper.

use super::compare::{FIGURES, Figure, Ratio};
use super::picture;
use super::threshold::Outcome;
use super::{ReportError, words};
use crate::run::result::{Measured, Model, RunResult};
use crate::run::verdict::ReasonKind;
use maud::{Markup, html};
use shikaku_page::{INK, Ink, Picture, Size, both, figure};

mod server;
mod tables;

use tables::{
    compared, failures, footer, generator, percentile_table, repeat, settings, signing, steps,
    thresholds, wrong_answers,
};

/// What the page is about.
pub struct Page<'a> {
    /// Repeats of one run, at least one. The first is shown in full.
    pub runs: &'a [RunResult],
    /// Runs to compare with.
    pub baseline: &'a [RunResult],
    /// What became of the thresholds of the first run.
    pub outcomes: &'a [Outcome],
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
        Ok(shikaku_page::page(&title, &self.content(run)?).into_string())
    }

    fn content(&self, run: &RunResult) -> Result<Markup, ReportError> {
        let pictures = self.pictures(run);
        let (over_time, curve) = pictures.split_at(pictures.len().saturating_sub(1));
        Ok(html! {
            (head(run))
            (self.verdicts())
            (tiles(run))
            (thresholds(self.outcomes))
            h2 { (both("経過", "Over time")) }
            div.pair { @for picture in over_time { (figure(picture, Size::Half)?) } }
            h2 { (both("応答時間", "Latency")) }
            @for picture in curve { (figure(picture, Size::Whole)?) }
            (percentile_table(run))
            (self.repeats())
            (self.comparison())
            (failures(run))
            (steps(run))
            (wrong_answers(run))
            (generator(run))
            (signing(run))
            (server::section(run)?)
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
                    @if self.runs.iter().all(is_audited) {
                        p lang="ja" { "すべての応答が住民データと一致しました。数値は使用できます。" }
                        p.en lang="en" { "Every answer was what the population gives. The numbers may be used." }
                    } @else {
                        p lang="ja" { "数値は使用できますが、応答の内容は照合していません。" }
                        p.en lang="en" { "The numbers may be used, but nobody checked what the answers said." }
                    }
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

    /// The charts in the order of the page: those over time, the histogram, and last the
    /// percentile curve.
    fn pictures(&self, run: &RunResult) -> Vec<Picture> {
        let mut pictures = picture::over_time(run);
        pictures.push(picture::histogram(&run.total.latency));
        let (own, baseline) = (sum(self.runs), sum(self.baseline));
        let latency =
            (Ink::Main, ("応答時間（予定時刻から）", "latency, from the due time"), &own.latency);
        let service =
            (Ink::Second, ("処理時間（送信から）", "service time, from the send"), &own.service);
        let reference = (Ink::Reference, ("基準測定", "baseline"), &baseline.latency);
        let curves =
            if self.baseline.is_empty() { [service, latency] } else { [reference, latency] };
        pictures.push(picture::percentiles(&curves));
        pictures
    }

    /// The charts one by one, each with a name and as an SVG that stands by itself, for
    /// publications.
    ///
    /// # Errors
    /// [`ReportError::Chart`].
    pub fn svgs(&self) -> Result<Vec<(&'static str, String)>, ReportError> {
        let run = self.runs.first();
        let mut pictures = run.map(|run| self.pictures(run)).unwrap_or_default();
        pictures.extend(
            run.and_then(|run| run.server.as_ref()).map(server::pictures).into_iter().flatten(),
        );
        let svg = |picture: Picture| {
            let svg = picture.chart.svg(Size::Whole)?;
            let style = format!("><style>svg{{background:var(--card)}}{INK}</style>");
            Ok((picture.name, svg.replacen('>', &style, 1)))
        };
        pictures.into_iter().map(svg).collect()
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

/// Whether the answers were compared with a population: those of a constant path are not.
fn is_audited(run: &RunResult) -> bool {
    !run.description.questions.starts_with("constant")
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
        ReasonKind::SigningBusy => {
            "カードの署名を作るスレッドに余力がありませんでした。署名用のスレッドやワーカーを増やすか、率を下げてください。"
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

#[cfg(test)]
mod tests;
