//! What our reports have in common: one page without scripts, links or other files, in Japanese and
//! English, for light and dark screens and for paper.

mod chart;

pub use chart::{Axis, Chart, ChartError, Ink, POINTS_MAX, Scale, Shape, Size};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The colours, also for a chart that stands by itself.
pub const INK: &str = include_str!("ink.css");
const STYLE: &str = include_str!("style.css");

/// A chart with its words, in Japanese and English.
pub struct Picture {
    /// Its name as a file, without the ending.
    pub name: &'static str,
    /// What it shows.
    pub title: (&'static str, &'static str),
    /// What the colours mean.
    pub legend: Vec<(Ink, &'static str, &'static str)>,
    /// The numbers that matter, for those who do not see the chart.
    pub summary: String,
    /// The chart.
    pub chart: Chart,
}

/// A text in both languages.
#[must_use]
pub fn both(ja: &str, en: &str) -> Markup {
    html! { span lang="ja" { (ja) } " " span.en lang="en" { (en) } }
}

/// A chart with its title, what its colours mean, and its numbers in words.
///
/// # Errors
/// [`ChartError`].
pub fn figure(picture: &Picture, size: Size) -> Result<Markup, ChartError> {
    let Picture { name: _, title: (ja, en), legend, summary, chart } = picture;
    let svg = chart.svg(size)?;
    Ok(html! { figure.wide[size == Size::Whole] {
        figcaption { (both(ja, en)) span.sum lang="en" { (summary) } }
        ul.legend { @for (ink, ja, en) in legend { li { i class=(ink.class()) {} (both(ja, en)) } } }
        div role="img" aria-label={ (ja) " / " (en) ": " (summary) } { (PreEscaped(svg)) }
    } })
}

/// The whole page.
#[must_use]
pub fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(INK)) (PreEscaped(STYLE)) }
            }
            body { main { (content) } }
        }
    }
}
