//! The charts of a report: which numbers of a result go into which chart.

use super::words;
use crate::run::result::{RunResult, Second};
use crate::run::times::Times;
use shikaku_page::{Axis, Chart, Ink, POINTS_MAX, Picture, Scale, Shape};
use std::time::Duration;

/// Most points of a chart over time; longer runs are shown in steps of several seconds.
const TIME_POINTS_MAX: usize = 600;
/// The percentile curve ends at 99.999 %.
const NINES_MAX: f64 = 5.0;
/// Steps of the percentile curve between 0 and [`NINES_MAX`].
const CURVE_STEPS: u32 = 400;
/// Bars of the histogram.
const BARS: u32 = 72;

fn seconds_axis(high: f64) -> Axis {
    let label = |seconds: f64| match words::whole(seconds) {
        s if s >= 3600 && s % 3600 == 0 => format!("{} h", s / 3600),
        s if s >= 600 && s % 60 == 0 => format!("{} min", s / 60),
        _ => format!("{seconds} s"),
    };
    Axis {
        name: "開始からの時間  time since the start",
        scale: Scale::Linear,
        range: (0.0, high.max(1.0)),
        ticks: None,
        label,
    }
}

fn log_times(name: &'static str, low: f64, high: f64) -> Axis {
    // Room above and below; at least half a decade, so that noise does not fill the chart.
    let (low, high) = (low.max(1.0) * 0.8, high.max(2.0) * 1.25);
    let high = high.max(low * 3.2);
    Axis { name, scale: Scale::Log, range: (low, high), ticks: None, label: words::nanos_short }
}

fn from_zero(name: &'static str, high: f64, label: fn(f64) -> String) -> Axis {
    let high = if high > 0.0 { high * 1.12 } else { 1.0 };
    Axis { name, scale: Scale::Linear, range: (0.0, high), ticks: None, label }
}

/// Neighbouring seconds as one point.
struct Moment {
    /// Middle of the step, in seconds since the start.
    at: f64,
    /// Answers a second.
    answered: f64,
    failed: f64,
    latency: Times,
    lag_p99_ns: u64,
}

fn moments(seconds: &[Second]) -> Vec<Moment> {
    let step = seconds.len().div_ceil(TIME_POINTS_MAX).max(1);
    seconds.chunks(step).map(moment).collect()
}

fn moment(seconds: &[Second]) -> Moment {
    let count = seconds.len() as f64;
    let mut latency = Times::new();
    for second in seconds {
        // A text that is no distribution shows as a gap.
        latency.merge(&second.latency.unpack().unwrap_or_default());
    }
    let sum = |of: fn(&Second) -> u64| seconds.iter().map(of).sum::<u64>() as f64 / count;
    Moment {
        at: seconds.first().map_or(0.0, |s| f64::from(s.second)) + count / 2.0,
        answered: sum(|s| s.good + s.wrong),
        failed: sum(|s| s.failed),
        latency,
        lag_p99_ns: seconds.iter().map(|s| s.lag_p99_ns).max().unwrap_or_default(),
    }
}

fn line(moments: &[Moment], of: impl Fn(&Moment) -> f64) -> Vec<(f64, f64)> {
    moments.iter().map(|moment| (moment.at, of(moment))).collect()
}

fn highest(points: &[(f64, f64)]) -> f64 {
    points.iter().map(|(_, y)| *y).fold(0.0, f64::max)
}

/// The charts over time: rate, latency, the generator's own lag.
pub(super) fn over_time(result: &RunResult) -> Vec<Picture> {
    let moments = moments(&result.seconds);
    let end = result.seconds.last().map_or(0.0, |s| f64::from(s.second) + 1.0);
    vec![rate(result, &moments, end), latency(&moments, end), lag(&moments, end)]
}

fn rate(result: &RunResult, moments: &[Moment], end: f64) -> Picture {
    let answered = line(moments, |m| m.answered);
    let failed = line(moments, |m| m.failed);
    let mut plan = result.description.plan.clone();
    plan.truncate(POINTS_MAX);
    let high = highest(&answered).max(highest(&failed)).max(highest(&plan));
    let mut legend = vec![(Ink::Main, "応答", "answered")];
    let mut shapes =
        vec![(Ink::Main, Shape::Area(answered.clone())), (Ink::Main, Shape::Line(answered))];
    if !plan.is_empty() {
        legend.push((Ink::Reference, "計画", "planned"));
        shapes.push((Ink::Reference, Shape::Line(plan)));
    }
    if highest(&failed) > 0.0 {
        legend.push((Ink::Bad, "失敗", "failed"));
        shapes.push((Ink::Bad, Shape::Line(failed)));
    }
    let summary =
        format!("{} answers a second on average.", words::rate(result.achieved_per_second()));
    Picture {
        name: "rate",
        title: ("毎秒の応答数", "Answers a second"),
        legend,
        summary,
        chart: Chart {
            x: seconds_axis(end),
            y: from_zero("毎秒  per second", high, words::count_mark),
            shapes,
        },
    }
}

/// A line of a chart about the server: its colour, its name, its points.
pub(super) type Told = (Ink, (&'static str, &'static str), Vec<(f64, f64)>);

/// A chart of what the server told of itself.
pub(super) fn of_server(
    (name, title): (&'static str, (&'static str, &'static str)),
    (axis, label): (&'static str, fn(f64) -> String),
    summary: String,
    lines: Vec<Told>,
    end: f64,
) -> Picture {
    let high = lines.iter().map(|(_, _, points)| highest(points)).fold(0.0, f64::max);
    let legend = lines.iter().map(|(ink, (ja, en), _)| (*ink, *ja, *en)).collect();
    let thin = |points: Vec<(f64, f64)>| {
        let step = points.len().div_ceil(TIME_POINTS_MAX).max(1);
        points.into_iter().step_by(step).collect()
    };
    let shapes = lines.into_iter().map(|(ink, _, points)| (ink, Shape::Line(thin(points))));
    let shapes = shapes.collect();
    let chart = Chart { x: seconds_axis(end), y: from_zero(axis, high, label), shapes };
    Picture { name, title, legend, summary, chart }
}

fn latency(moments: &[Moment], end: f64) -> Picture {
    let answered: Vec<_> = moments.iter().filter(|m| m.latency.count() > 0).collect();
    let of = |share: f64| -> Vec<(f64, f64)> {
        let at = |m: &&Moment| (m.at, m.latency.quantile(share).as_nanos() as f64);
        answered.iter().map(at).collect()
    };
    let (middle, p99, longest) = (of(0.5), of(0.99), of(1.0));
    let low = middle.iter().map(|(_, y)| *y).fold(f64::MAX, f64::min);
    let y = log_times("応答時間  latency", low, highest(&longest));
    let summary = format!(
        "The worst second's median was {} and its longest {}.",
        words::nanos(highest(&middle)),
        words::nanos(highest(&longest))
    );
    Picture {
        name: "latency",
        title: ("応答時間の推移（予定時刻から）", "Latency over time, from the due time"),
        legend: vec![
            (Ink::Main, "中央値", "p50"),
            (Ink::Second, "99 %", "p99"),
            (Ink::Third, "最大", "longest"),
        ],
        summary,
        chart: Chart {
            x: seconds_axis(end),
            y,
            shapes: vec![
                (Ink::Third, Shape::Line(longest)),
                (Ink::Second, Shape::Line(p99)),
                (Ink::Main, Shape::Line(middle)),
            ],
        },
    }
}

fn lag(moments: &[Moment], end: f64) -> Picture {
    let lag = line(moments, |m| m.lag_p99_ns as f64);
    let summary = format!("At most {} at the 99th percentile.", words::nanos(highest(&lag)));
    Picture {
        name: "lag",
        title: ("負荷生成側の遅れ", "The generator's own lag"),
        legend: vec![(Ink::Main, "99 %", "p99")],
        summary,
        chart: Chart {
            x: seconds_axis(end),
            y: from_zero("遅れ  lag", highest(&lag).max(1e3), words::nanos_short),
            shapes: vec![(Ink::Main, Shape::Area(lag.clone())), (Ink::Main, Shape::Line(lag))],
        },
    }
}

/// A line of the percentile curve: its colour, its name, its times.
pub(super) type Curve<'a> = (Ink, (&'static str, &'static str), &'a Times);

/// The percentile curve to 99.999 %, the further right the rarer. Each line ends where there are
/// too few times to say more.
pub(super) fn percentiles(curves: &[Curve<'_>]) -> Picture {
    let lines: Vec<_> = curves.iter().map(|(ink, _, times)| (*ink, curve(times))).collect();
    let values = || lines.iter().flat_map(|(_, points)| points.iter().map(|(_, y)| *y));
    let y = log_times(
        "応答時間  latency",
        values().fold(f64::MAX, f64::min),
        values().fold(0.0, f64::max),
    );
    let label = |nines: f64| match words::whole(nines) {
        0 => "0 %".to_owned(),
        1 => "90 %".to_owned(),
        n => format!(
            "99{}{} %",
            if n > 2 { "." } else { "" },
            "9".repeat(usize::try_from(n - 2).unwrap_or_default())
        ),
    };
    let summary = curves.iter().map(|(_, (_, name), times)| {
        let at = |share| words::time(times.quantile(share));
        format!("{name}: p50 {}, p99 {}, p99.9 {}. ", at(0.5), at(0.99), at(0.999))
    });
    Picture {
        name: "percentiles",
        title: ("パーセンタイル曲線", "Percentile curve"),
        legend: curves.iter().map(|(ink, (ja, en), _)| (*ink, *ja, *en)).collect(),
        summary: summary.collect(),
        chart: Chart {
            x: Axis {
                name: "この割合の要求はこの時間以内  share of requests at least as fast",
                scale: Scale::Linear,
                range: (0.0, NINES_MAX),
                ticks: Some((0..=5_u8).map(f64::from).collect()),
                label,
            },
            y,
            shapes: lines.into_iter().map(|(ink, points)| (ink, Shape::Line(points))).collect(),
        },
    }
}

fn curve(times: &Times) -> Vec<(f64, f64)> {
    let count = times.count();
    if count == 0 {
        return Vec::new();
    }
    let last = (count as f64).log10().min(NINES_MAX);
    let point = |k: u32| {
        let nines = last * f64::from(k) / f64::from(CURVE_STEPS);
        let share = 1.0 - 10_f64.powf(-nines);
        (nines, times.quantile(share).as_nanos() as f64)
    };
    (0..=CURVE_STEPS).map(point).collect()
}

/// How often which latency occurred, in bars of equal ratio.
pub(super) fn histogram(times: &Times) -> Picture {
    let recorded = times.histogram();
    let (low, high) = (recorded.min().max(1) as f64, recorded.max().max(2) as f64);
    let ratio = (high * 1.001 / low).powf(1.0 / f64::from(BARS));
    let edge = |k: u32| low * ratio.powi(i32::try_from(k).unwrap_or(i32::MAX));
    let bars: Vec<_> = (0..BARS)
        .map(|k| {
            let (left, right) = (edge(k), edge(k + 1));
            let from = |edge: f64| times.count_from(Duration::from_nanos(words::whole(edge)));
            let count = from(left).saturating_sub(from(right));
            (left, right, count as f64)
        })
        .collect();
    let most = bars.iter().map(|bar| bar.2).fold(0.0, f64::max);
    let summary = format!(
        "{} requests between {} and {}.",
        words::count(times.count()),
        words::nanos(low),
        words::nanos(high)
    );
    Picture {
        name: "histogram",
        title: (
            "応答時間の分布（縦軸・横軸とも対数）",
            "Histogram of latency, both axes logarithmic",
        ),
        legend: vec![(Ink::Main, "要求数", "requests")],
        summary,
        chart: Chart {
            x: log_times("応答時間  latency", low, high),
            y: Axis {
                name: "要求数  requests",
                scale: Scale::Log,
                range: (0.7, most.max(10.0) * 1.5),
                ticks: None,
                label: words::count_mark,
            },
            shapes: vec![(Ink::Main, Shape::Bars(bars))],
        },
    }
}
