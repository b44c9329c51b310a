//! What a run shows while it goes on: a small board on a terminal, a line now and then elsewhere.

use super::words;
use crate::run::result::Second;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::VecDeque;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

/// Seconds that the board's small chart shows.
const SHOWN_SECONDS: usize = 48;
/// Seconds between two lines where there is no terminal.
const LINE_SECONDS: u32 = 10;
/// Heights of a column of the small chart.
const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The view of one run.
pub struct Live {
    /// `None` where there is no terminal.
    board: Option<ProgressBar>,
    planned: Duration,
    rates: VecDeque<u64>,
    failed: u64,
    wrong: u64,
}

impl Live {
    /// A view of a run of this length, warm-up included.
    #[must_use]
    pub fn new(planned: Duration) -> Self {
        let board = io::stderr().is_terminal().then(|| {
            let length = u64::try_from(planned.as_millis()).unwrap_or(u64::MAX);
            let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:48} {percent:>3} %  {msg}");
            style.map_or(bar.clone(), |style| bar.with_style(style))
        });
        Self { board, planned, rates: VecDeque::new(), failed: 0, wrong: 0 }
    }

    /// Moves the bar.
    pub fn elapsed(&self, elapsed: Duration) {
        if let Some(board) = &self.board {
            board.set_position(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
        }
    }

    /// Shows a second that has become complete.
    pub fn second(&mut self, second: &Second) {
        self.failed += second.failed;
        self.wrong += second.wrong;
        self.rates.push_back(second.good + second.wrong);
        while self.rates.len() > SHOWN_SECONDS {
            self.rates.pop_front();
        }
        match &self.board {
            Some(board) => board.set_message(self.text(second)),
            None if (second.second + 1).is_multiple_of(LINE_SECONDS) => {
                // Nobody to tell is no reason to end a run.
                let _ = writeln!(io::stderr().lock(), "{}", self.line(second));
            }
            None => {}
        }
    }

    /// Takes the board away, to make room for the result.
    pub fn finish(self) {
        if let Some(board) = self.board {
            board.finish_and_clear();
        }
    }

    fn text(&self, second: &Second) -> String {
        let highest = self.rates.iter().copied().max().unwrap_or_default();
        let chart: String = self.rates.iter().map(|rate| column(*rate, highest)).collect();
        let rest = " ".repeat(SHOWN_SECONDS.saturating_sub(self.rates.len()));
        format!(
            "{} of {}\n{chart}{rest} {}",
            whole_seconds(Duration::from_secs(u64::from(second.second) + 1)),
            whole_seconds(self.planned),
            self.numbers(second).replacen(", ", "\n", 1)
        )
    }

    fn line(&self, second: &Second) -> String {
        let at = Duration::from_secs(u64::from(second.second) + 1);
        format!(
            "{} of {}: {}",
            whole_seconds(at),
            whole_seconds(self.planned),
            self.numbers(second)
        )
    }

    /// The second's rate and latency, and what went wrong so far.
    fn numbers(&self, second: &Second) -> String {
        // A text that is no distribution shows as one without times.
        let latency = second.latency.unpack().unwrap_or_default();
        let at = |share| words::time(latency.quantile(share));
        let mut text = format!(
            "{}/s, p50 {}, p99 {}, longest {}, generator's lag {}, {} failed, {} wrong",
            words::count(second.good + second.wrong),
            at(0.5),
            at(0.99),
            at(1.0),
            words::nanos(second.lag_p99_ns as f64),
            words::count(self.failed),
            words::count(self.wrong),
        );
        if self.wrong > 0 {
            text.push_str("  WRONG ANSWERS");
        }
        text
    }
}

fn whole_seconds(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        _ => format!("{}:{:02} min", seconds / 60, seconds % 60),
    }
}

/// A column as high as this share of the highest; nothing for nothing.
fn column(value: u64, highest: u64) -> char {
    let steps = COLUMNS.len() as u64;
    let at = (value * steps).div_ceil(highest.max(1));
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    at.checked_sub(1).and_then(|at| COLUMNS.get(at)).copied().unwrap_or(' ')
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, sample};
    use super::*;

    #[test]
    fn a_second_is_told_with_what_went_wrong_so_far() {
        let result = sample(Sample::Wrong);
        let mut live = Live::new(Duration::from_secs(185));
        result.seconds.iter().for_each(|second| live.second(second));
        let line = live.line(&result.seconds[9]);
        assert!(line.starts_with("10 s of 3:05 min: 1,500/s, p50 27"), "{line}");
        assert!(line.ends_with("0 failed, 9 wrong  WRONG ANSWERS"), "{line}");
        assert_eq!(live.rates.len(), SHOWN_SECONDS);
    }

    #[test]
    fn the_small_chart_is_as_high_as_its_rates() {
        let chart: String = [0, 1, 500, 1_000].map(|rate| column(rate, 1_000)).iter().collect();
        assert_eq!(chart, " ▁▄█");
        assert_eq!(column(0, 0), ' ');
    }
}
