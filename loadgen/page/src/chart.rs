//! One chart as SVG that stands by itself: axes, grid, lines, areas and bars.
//!
//! Colours are fixed values that the page's style sheet maps to those of the light, the dark and
//! the printed page, see [`Ink`]; the picture therefore needs no script and no second copy.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::{
    BLACK, Cartesian2d, ChartBuilder, ChartContext, IntoDrawingArea as _, PathElement, Polygon,
    RGBColor, Rectangle, SVGBackend,
};
use plotters::style::{Color as _, IntoFont as _, ShapeStyle};

/// A chart cannot be drawn: an axis without a length, or a number that is none.
#[derive(Debug, thiserror::Error)]
#[error("a chart cannot be drawn: {0}")]
pub struct ChartError(String);

/// How much room a picture has. The page scales it, so that letters come out as large in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Two stand side by side.
    Half,
    /// One takes the whole width.
    Whole,
}

impl Size {
    /// Width and height in the picture's own units.
    const fn units(self) -> (u32, u32) {
        match self {
            Self::Half => (500, 270),
            Self::Whole => (1_020, 350),
        }
    }
}

/// Most points of one line: more would not be seen.
pub const POINTS_MAX: usize = 2_000;
/// Size of the letters, in the picture's units.
const LETTERS: u32 = 15;
/// Marks that an axis has at least room for.
const TICKS: f64 = 5.0;

/// The role of a colour. The values are names: the style sheet gives them their looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The measured thing itself.
    Main,
    /// A second one beside it.
    Second,
    /// A third one.
    Third,
    /// What was planned, or another run to compare with; dashed.
    Reference,
    /// Failures.
    Bad,
}

impl Ink {
    const fn colour(self) -> RGBColor {
        match self {
            Self::Main => RGBColor(0x0B, 0x5C, 0xAD),
            Self::Second => RGBColor(0xC2, 0x6A, 0x00),
            Self::Third => RGBColor(0x6B, 0x4F, 0xA0),
            Self::Reference => RGBColor(0x6E, 0x77, 0x81),
            Self::Bad => RGBColor(0xB4, 0x23, 0x18),
        }
    }

    /// The class of its swatch in a legend.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Second => "second",
            Self::Third => "third",
            Self::Reference => "reference",
            Self::Bad => "bad",
        }
    }
}

/// Letters, and the grid behind the data.
const LABELS: RGBColor = RGBColor(0x45, 0x4C, 0x53);
const GRID: RGBColor = RGBColor(0xE1, 0xE4, 0xE8);

/// How a value becomes a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equally far apart.
    Linear,
    /// Equal ratios are equally far apart. Values must be above zero.
    Log,
}

/// One axis.
#[derive(Clone)]
pub struct Axis {
    /// What it shows, with the unit.
    pub name: &'static str,
    /// How values become places.
    pub scale: Scale,
    /// Lowest and highest value.
    pub range: (f64, f64),
    /// Where marks stand; by default at round values.
    pub ticks: Option<Vec<f64>>,
    /// The text of a mark.
    pub label: fn(f64) -> String,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(f64::MIN_POSITIVE).log10(),
        }
    }

    fn bounds(&self) -> (f64, f64) {
        let (low, high) = (self.place(self.range.0), self.place(self.range.1));
        if high > low { (low, high) } else { (low, low + 1.0) }
    }

    fn round_ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => linear_ticks(self.range.0, self.range.1),
            Scale::Log => log_ticks(self.range.0, self.range.1),
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let (low, high) = self.bounds();
        let share = (self.place(*value).clamp(low, high) - low) / (high - low);
        let pixel = f64::from(from) + share * f64::from(to - from);
        #[expect(clippy::cast_possible_truncation, reason = "between the two ends")]
        {
            pixel.round() as i32
        }
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            return Vec::new();
        }
        self.ticks.clone().unwrap_or_else(|| self.round_ticks())
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.range.0..self.range.1
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        (self.label)(*value)
    }
}

/// Round values between two others: steps of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / TICKS;
    if !rough.is_finite() || rough <= 0.0 {
        return vec![low];
    }
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|step| *step >= rough).unwrap_or(rough);
    let first = (low / step).ceil();
    (0..=32).map(|k| (first + f64::from(k)) * step).take_while(|v| *v <= high * 1.000_001).collect()
}

/// Powers of ten between two values, and 2 and 5 times these where there are few.
fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let low = low.max(f64::MIN_POSITIVE);
    let decades = (high / low).log10();
    let factors: &[f64] = if decades <= 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let mut ticks = Vec::new();
    let mut power = 10_f64.powf(low.log10().floor());
    while power <= high && ticks.len() < 64 {
        ticks.extend(factors.iter().map(|f| f * power).filter(|v| (low..=high).contains(v)));
        power *= 10.0;
    }
    ticks
}

/// Something in a chart.
pub enum Shape {
    /// Points joined by straight lines; two neighbours with a gap between are two lines.
    Line(Vec<(f64, f64)>),
    /// The area between a line and the bottom.
    Area(Vec<(f64, f64)>),
    /// Bars: left, right, height.
    Bars(Vec<(f64, f64, f64)>),
}

/// A chart with everything it shows.
pub struct Chart {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// From the back to the front.
    pub shapes: Vec<(Ink, Shape)>,
}

type Plane<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Axis, Axis>>;

impl Chart {
    /// Draws it.
    ///
    /// # Errors
    /// [`ChartError`].
    pub fn svg(&self, size: Size) -> Result<String, ChartError> {
        let mut text = String::new();
        self.draw(&mut text, size).map_err(|error| ChartError(error.to_string()))?;
        Ok(text)
    }

    fn draw(&self, text: &mut String, size: Size) -> Result<(), Box<dyn std::error::Error>> {
        let root = SVGBackend::with_string(text, size.units()).into_drawing_area();
        let letters = |size: u32| ("sans-serif", size).into_font().color(&LABELS);
        let mut plane = ChartBuilder::on(&root)
            .margin(8)
            .margin_right(36)
            .x_label_area_size(48)
            .y_label_area_size(80)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        plane
            .configure_mesh()
            .light_line_style(BLACK.mix(0.0))
            .bold_line_style(GRID)
            .axis_style(GRID)
            .label_style(letters(LETTERS))
            .axis_desc_style(letters(LETTERS))
            .x_desc(self.x.name)
            .y_desc(self.y.name)
            .draw()?;
        for (ink, shape) in &self.shapes {
            self.draw_shape(&mut plane, *ink, shape)?;
        }
        drop(plane);
        root.present()?;
        Ok(())
    }

    fn draw_shape(
        &self,
        plane: &mut Plane<'_, '_>,
        ink: Ink,
        shape: &Shape,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let colour = ink.colour();
        let line = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: 2 };
        let filled = colour.mix(0.25).filled();
        let bottom = self.y.range.0;
        match shape {
            Shape::Line(points) => {
                plane.draw_series([PathElement::new(points.clone(), line)])?;
            }
            Shape::Area(points) => {
                let corner = |end: Option<&(f64, f64)>| end.map(|(x, _)| (*x, bottom));
                let around = corner(points.first()).into_iter().chain(points.iter().copied());
                let around: Vec<_> = around.chain(corner(points.last())).collect();
                plane.draw_series([Polygon::new(around, filled)])?;
            }
            Shape::Bars(bars) => {
                let bar = |(left, right, value): &(f64, f64, f64)| {
                    Rectangle::new([(*left, *value), (*right, bottom)], colour.filled())
                };
                plane.draw_series(bars.iter().filter(|bar| bar.2 > 0.0).map(bar))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_at_round_values() {
        assert_eq!(linear_ticks(0.0, 60.0), [0.0, 20.0, 40.0, 60.0]);
        assert_eq!(linear_ticks(3.0, 3.0), [3.0]);
        assert_eq!(log_ticks(0.15, 30.0), [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        let wide = log_ticks(1.0, 1e6);
        assert_eq!(wide.len(), 7, "{wide:?}");
    }

    #[test]
    fn a_chart_of_nothing_is_still_a_picture() {
        let axis = || Axis {
            name: "s",
            scale: Scale::Log,
            range: (0.0, 0.0),
            ticks: None,
            label: |value| format!("{value}"),
        };
        let shapes = vec![
            (Ink::Main, Shape::Line(Vec::new())),
            (Ink::Bad, Shape::Area(Vec::new())),
            (Ink::Third, Shape::Bars(vec![(0.0, 0.0, 0.0)])),
        ];
        let svg = Chart { x: axis(), y: axis(), shapes }.svg(Size::Half).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}
