//! One page for those who decide about a model: rates with their intervals, curves, groups, and the
//! pairs that went wrong.

mod pictures;
mod tables;

use super::rates::{Point, RULE_OF_THREE, count, share};
use super::set::Set;
use super::{Evaluation, Models};
use crate::FaceError;
use crate::manifest::Model;
use maud::{Markup, PreEscaped, html};
use shikaku_page::{Axis, Chart, Ink, Picture, Scale, Shape, Size, both, figure};

/// Bars of the histogram, for each kind of pairs.
const BARS: u32 = 60;
/// Above this share of failures to acquire the page warns: who is left out does not count as an error.
const FAILURES_CARE: f64 = 0.05;
/// What the page has beside the common style.
const STYLE: &str = "
.faces { display: grid; grid-template-columns: repeat(auto-fill, minmax(236px, 1fr)); gap: 10px; }
.faces figure { padding: 8px; } .faces img { width: 49%; height: auto; border-radius: 4px; }
.faces figcaption { font-weight: 400; font-size: 13px; overflow-wrap: anywhere; }";

/// Everything that the page tells.
pub struct Report<'a> {
    /// The pictures.
    pub set: &'a Set,
    /// What the set is called.
    pub name: &'a str,
    /// The embedder.
    pub model: &'a Model,
    /// The models, which cut out the faces that are shown.
    pub models: &'a Models,
    /// The scores.
    pub evaluation: &'a Evaluation,
    /// The rates at falling false-match rates.
    pub points: &'a [Point],
    /// Pairs of each kind that are shown.
    pub pictures: usize,
    /// The day, as year-month-day.
    pub date: &'a str,
}

impl Report<'_> {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`FaceError::Chart`].
    pub fn html(&self) -> Result<String, FaceError> {
        let content = html! {
            style { (PreEscaped(STYLE)) }
            header {
                h1 { (both("顔照合モデル評価報告書", "Face comparison: evaluation")) }
                p { (self.name) " · " (self.model.name) " (" (self.model.vendor) ", " (self.model.licence) ") · " (self.date) }
            }
            (self.cautions())
            (self.tiles())
            h2 { (both("誤り率", "Error rates")) }
            (tables::rates(self.points))
            (self.reading())
            div.pair { (figure(&self.det(), Size::Half)?) (figure(&self.roc(), Size::Half)?) }
            h2 { (both("類似度の分布", "Scores")) }
            (figure(&self.histogram(), Size::Whole)?)
            h2 { (both("照合に使えなかった画像", "Failures to acquire")) }
            (tables::failures(self.set, self.evaluation))
            @if !self.set.groups.is_empty() {
                h2 { (both("集団ごとの誤り率", "By group")) }
                (tables::groups(self.set, self.evaluation, self.headline()))
            }
            @if self.pictures > 0 {
                h2 { (both("最も誤りに近い組", "The worst pairs")) }
                (pictures::worst(self))
            }
            footer {
                p lang="ja" { "ISO/IEC 19795-1の用語による。類似度は" (self.model.output.metric.name()) "。使用目的: " (self.model.intended_use) }
                p.en lang="en" { "Terms of ISO/IEC 19795-1; similarity: " (self.model.output.metric.name()) ". Intended use: " (self.model.intended_use) ". Trained on: " (self.model.training_data) "." }
            }
        };
        Ok(shikaku_page::page(&format!("顔照合モデル評価 {}", self.name), &content).into_string())
    }

    /// The rate that the tiles and groups show: one in a thousand, or the strictest that is known.
    pub(super) fn headline(&self) -> Option<&Point> {
        let known = self.points.iter().filter(|point| point.is_known() && point.fmr >= 0.999e-3);
        known.min_by(|a, b| a.fmr.total_cmp(&b.fmr))
    }

    /// The share of pictures that could not be used.
    fn failures(&self) -> f64 {
        share(self.evaluation.failures.len(), self.set.samples.len())
    }

    fn cautions(&self) -> Markup {
        let is_many = self.failures() > FAILURES_CARE;
        let known = self.points.iter().filter(|point| point.is_known()).count();
        html! { @if is_many || known < 3 { section.verdict.care {
            strong { (both("注意", "CAUTION")) }
            @if is_many {
                p lang="ja" { "画像の" (tables::percent(self.failures())) "が照合に使えませんでした。下の誤り率はその人たちを含みません。" }
                p.en lang="en" { (tables::percent(self.failures())) " of the pictures could not be used. The error rates below leave these people out." }
            }
            @if known < 3 {
                p lang="ja" { "他人の組が少なく、0.1％以下の他人受入率は測れていません。しきい値を決めるには人を増やしてください。" }
                p.en lang="en" { "Too few pairs of strangers to know a false-match rate of 0.1 % or less. Add people before a threshold is chosen." }
            }
        } } }
    }

    fn tiles(&self) -> Markup {
        let scores = &self.evaluation.scores;
        let pictures = self.set.samples.len();
        html! { dl.tiles {
            @if let Some(point) = self.headline() {
                div { dt { (both("本人拒否率", "FNMR")) }
                    dd { (tables::percent(point.fnmr.value)) small { "FMR " (tables::percent(point.fmr)) } } }
                div { dt { (both("しきい値", "threshold")) }
                    dd { (format!("{:.3}", point.threshold.value)) small { "FMR " (tables::percent(point.fmr)) } } }
            }
            div { dt { (both("等価誤り率", "equal error rate")) } dd { (tables::percent(scores.equal_error_rate())) } }
            div { dt { (both("使えなかった画像", "failure to acquire")) }
                dd { (tables::percent(self.failures())) small { (self.evaluation.failures.len()) " / " (pictures) } } }
            div { dt { (both("人", "people")) } dd { (self.set.people.len()) small { (pictures) " 枚 pictures" } } }
            div { dt { (both("本人の組", "genuine pairs")) } dd { (scores.genuine().len()) } }
            div { dt { (both("他人の組", "impostor pairs")) } dd { (scores.impostor().len()) } }
        } }
    }

    /// How to read the table.
    fn reading(&self) -> Markup {
        let pairs = self.evaluation.scores.impostor().len();
        let least = format!("{:.1e}", RULE_OF_THREE / count(pairs));
        html! {
            p.note lang="ja" {
                "FMR（他人受入率）: 他人どうしの組を本人と誤る割合。FNMR（本人拒否率）: 本人の組を他人と誤る割合。括弧内は人を単位とした再標本化による95％区間。"
                "3の法則: 独立な" (pairs) "組で誤りが0件でも、言えるのはFMRが" (least) "以下ということだけです（同じ人を含む組は独立でないため、実際にはさらに緩くなります）。"
                "一回の照合の値であり、n回のやり直しを許すとFMRは約n倍になります。別の集団、カメラ、照明には当てはまりません。"
            }
            p.note.en lang="en" {
                "FMR: share of pairs of strangers taken for one person. FNMR: share of a person's own pairs that are refused. In brackets 95 % intervals by drawing people, not pairs, anew. "
                "Rule of three: no error in " (pairs) " independent pairs would show no more than an FMR of at most " (least) "; pairs that share a person are not independent, so less is known than that. "
                "All rates are of one comparison: n tries multiply the FMR by about n. They hold for this set, its cameras and its light, and for no other."
            }
        }
    }

    fn det(&self) -> Picture {
        let curve = self.evaluation.scores.curve();
        let misses = curve.iter().map(|(_, fnmr)| *fnmr);
        let least = misses.filter(|fnmr| *fnmr > 0.0).fold(1.0, f64::min);
        let points: Vec<_> = curve.iter().copied().filter(|(_, fnmr)| *fnmr > 0.0).collect();
        let equal = vec![(1e-9, 1e-9), (1.0, 1.0)];
        let lowest = self.lowest();
        let from = (least * 0.8).min(0.5);
        Picture {
            name: "det",
            title: ("DET曲線", "DET curve"),
            legend: vec![
                (Ink::Main, "しきい値を変えたとき", "as the threshold changes"),
                (Ink::Reference, "等しい誤り率", "equal error rates"),
            ],
            summary: format!(
                "Equal error rate {}.",
                tables::percent(self.evaluation.scores.equal_error_rate())
            ),
            chart: Chart {
                x: rate_axis("他人受入率 FMR", lowest),
                y: rate_axis("本人拒否率 FNMR", from),
                shapes: vec![
                    (Ink::Reference, Shape::Line(diagonal(&equal, lowest.max(from)))),
                    (Ink::Main, Shape::Line(points)),
                ],
            },
        }
    }

    fn roc(&self) -> Picture {
        let curve = self.evaluation.scores.curve();
        let accepted = curve.iter().map(|(fmr, fnmr)| (*fmr, 1.0 - fnmr)).collect();
        let known = self.headline().map_or_else(String::new, |point| {
            format!(
                "{} of genuine pairs are accepted at FMR {}.",
                tables::percent(1.0 - point.fnmr.value),
                tables::percent(point.fmr)
            )
        });
        Picture {
            name: "roc",
            title: ("ROC曲線", "ROC curve"),
            legend: vec![(Ink::Main, "本人の受入率", "genuine pairs accepted")],
            summary: known,
            chart: Chart {
                x: rate_axis("他人受入率 FMR", self.lowest()),
                y: Axis {
                    name: "1 - FNMR",
                    scale: Scale::Linear,
                    range: (0.0, 1.0),
                    ticks: None,
                    label: tables::percent,
                },
                shapes: vec![(Ink::Main, Shape::Line(accepted))],
            },
        }
    }

    /// The false-match rate of one pair.
    fn lowest(&self) -> f64 {
        (1.0 / count(self.evaluation.scores.impostor().len())).min(0.5)
    }

    fn histogram(&self) -> Picture {
        let scores = &self.evaluation.scores;
        let all =
            || scores.genuine().iter().chain(scores.impostor()).map(|one| f64::from(one.value));
        let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max));
        let width = ((high - low) / f64::from(BARS)).max(1e-6);
        let bars = |values: &[super::rates::Score]| -> Vec<(f64, f64, f64)> {
            let edge = |bar: u32| low + width * f64::from(bar);
            let inside = |bar: u32| {
                let is_in = |one: &&super::rates::Score| {
                    let value = f64::from(one.value);
                    value >= edge(bar) && (value < edge(bar + 1) || bar + 1 == BARS)
                };
                share(values.iter().filter(is_in).count(), values.len())
            };
            (0..BARS).map(|bar| (edge(bar), edge(bar + 1), inside(bar))).collect()
        };
        let (genuine, impostor) = (bars(scores.genuine()), bars(scores.impostor()));
        let top = genuine.iter().chain(&impostor).map(|bar| bar.2).fold(0.0, f64::max) * 1.1;
        let outline = |bars: &[(f64, f64, f64)]| -> Vec<(f64, f64)> {
            bars.iter()
                .flat_map(|(left, right, share)| [(*left, *share), (*right, *share)])
                .collect()
        };
        let mut legend = vec![
            (Ink::Second, "他人の組", "impostor pairs"),
            (Ink::Main, "本人の組", "genuine pairs"),
        ];
        let mut shapes = vec![
            (Ink::Second, Shape::Area(outline(&impostor))),
            (Ink::Main, Shape::Area(outline(&genuine))),
            (Ink::Second, Shape::Line(outline(&impostor))),
            (Ink::Main, Shape::Line(outline(&genuine))),
        ];
        if let Some(point) = self.headline() {
            let at = point.threshold.value;
            legend.push((Ink::Reference, "しきい値", "threshold"));
            shapes.push((Ink::Reference, Shape::Line(vec![(at, 0.0), (at, top)])));
        }
        Picture {
            name: "scores",
            title: ("類似度の分布", "Distribution of scores"),
            legend,
            summary: "Share of each kind of pairs. The less they overlap, the better.".to_owned(),
            chart: Chart {
                x: Axis {
                    name: "類似度 similarity",
                    scale: Scale::Linear,
                    range: (low, high),
                    ticks: None,
                    label: |value| format!("{value:.1}"),
                },
                y: Axis {
                    name: "割合 share",
                    scale: Scale::Linear,
                    range: (0.0, top),
                    ticks: None,
                    label: tables::percent,
                },
                shapes,
            },
        }
    }
}

/// An axis of rates, equal ratios equally far apart.
fn rate_axis(name: &'static str, low: f64) -> Axis {
    Axis { name, scale: Scale::Log, range: (low, 1.0), ticks: None, label: tables::percent }
}

/// The part of a line of equal rates that lies in the chart.
fn diagonal(line: &[(f64, f64)], from: f64) -> Vec<(f64, f64)> {
    line.iter().map(|(x, y)| (x.max(from), y.max(from))).collect()
}
