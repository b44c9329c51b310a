//! `shikaku-loadgen saturate`: the highest rate at which a server keeps its promise.
//!
//! Each trial is a whole run of the open model with its own verdict. The rate doubles until one
//! misses the goal, then the gap between the last that met it and the first that missed it is
//! halved. What was found is tried again before it is said: near the limit, luck decides.

use super::drive::{Job, Progress, drive};
use super::options::Args;
use super::plan::Plan;
use super::prepare::prepare;
use super::result::{Model, RunResult};
use super::verdict::ReasonKind;
use super::{RunError, Summary};
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How close to each other the rates that met and missed the goal must be in the end.
const PRECISION: f64 = 1.03;
/// Most trials: each takes its whole duration.
const TRIALS_MAX: u32 = 40;
/// How often what was found must meet the goal again.
const CONFIRMATIONS: u32 = 2;

/// Find the highest rate that meets a goal. All options of `run` apply; `--rate` or the scenario
/// is where it begins, and `--duration` is that of each trial.
#[derive(Clone, clap::Args)]
pub struct SaturateArgs {
    /// What must hold, such as `p99<5ms`. That the rate is held and no answer is wrong must hold
    /// anyway.
    #[arg(long, default_value = "p99<5ms", value_parser = parse_goal)]
    goal: Goal,
    /// Highest multiple of the first rate that is tried.
    #[arg(long, default_value_t = 1000.0)]
    most: f64,
    #[command(flatten)]
    run: Args,
}

/// A latency that a share of the requests must not exceed.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Goal {
    share: f64,
    most: Duration,
}

fn parse_goal(text: &str) -> Result<Goal, String> {
    let parts = text.split_once('<').and_then(|(percentile, most)| {
        let percent: f64 = percentile.trim().strip_prefix('p')?.parse().ok()?;
        let most = super::options::parse_duration(most.trim()).ok()?;
        (0.0..=100.0).contains(&percent).then_some(Goal { share: percent / 100.0, most })
    });
    parts.ok_or_else(|| "give a goal such as p99<5ms or p99.9<20ms".to_owned())
}

/// What a trial says of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    /// The server met the goal.
    Met,
    /// The server did not.
    Missed,
    /// The generator was the slower one, so that nothing is known of the server.
    OwnLimit,
    /// The user has had enough.
    Stopped,
}

/// The outcome of a search, as a multiple of the first rate.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Found {
    /// The highest that met the goal each time; zero if none did.
    factor: f64,
    /// Why no higher one is known to be missed: the generator's limit, or the highest allowed.
    is_bounded_by_us: bool,
}

/// Runs `shikaku-loadgen saturate`.
///
/// # Errors
/// [`RunError`] when a trial cannot be made.
pub fn execute(args: &SaturateArgs) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let job = prepare(&args.run)?;
    args.run.outputs.check(&job.description)?;
    if job.setup.model == Model::Closed || !(1.0..=1e6).contains(&args.most) {
        let reason = "saturation is of the open model, with --most from 1 to 1000000".to_owned();
        return Err(RunError::Option { option: "--closed, --most", reason }.into());
    }
    let first = job.description.target_per_second.unwrap_or_default();
    let mut out = std::io::stdout().lock();
    let mut best: Option<RunResult> = None;
    let found = find(args.most, |factor| {
        let result = drive(&scaled(&job, factor)?, None, &mut |_: &Progress<'_>| {})?;
        let trial = judge(&result, args.goal);
        let latency = result.total.latency.quantile(args.goal.share);
        // A terminal that is gone shows nothing; the search goes on.
        let _ = writeln!(
            out,
            "{:>12.1}/s  {trial:?}: {:.1}/s answered, p{} {latency:?}",
            first * factor,
            result.achieved_per_second(),
            args.goal.share * 100.0
        );
        if trial == Trial::Met {
            best = Some(result);
        }
        Ok::<_, RunError>(trial)
    })?;
    if let Some(best) = best.filter(|_| found.factor > 0.0) {
        write!(out, "\nthe last run that met the goal:\n{}", Summary(&best))?;
        args.run.outputs.save(best)?;
    }
    let bound = if found.is_bounded_by_us {
        " AT LEAST: the generator's own limit or --most ended the search, not the server"
    } else {
        ""
    };
    writeln!(out, "\nhighest rate that meets the goal: {:.1}/s{bound}", first * found.factor)?;
    Ok(if found.factor > 0.0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same run at another rate.
fn scaled(job: &Job, factor: f64) -> Result<Job, RunError> {
    let mut setup = job.setup.clone();
    for stream in &mut setup.streams {
        match &mut stream.plan {
            Plan::Rate { curve, .. } => *curve = Arc::new(curve.times(factor)?),
            Plan::Recorded(_) => {
                let reason = "a recording has no rate to search".to_owned();
                return Err(RunError::Option { option: "--recorded", reason });
            }
        }
    }
    let mut description = job.description.clone();
    description.target_per_second = description.target_per_second.map(|rate| rate * factor);
    description.plan.iter_mut().for_each(|point| point.1 *= factor);
    Ok(Job { setup, description, server_pid: job.server_pid, metrics: None })
}

fn judge(result: &RunResult, goal: Goal) -> Trial {
    let is_ours = |kind| matches!(kind, ReasonKind::GeneratorLate | ReasonKind::GeneratorBusy);
    let is_fast = result.total.latency.quantile(goal.share) <= goal.most;
    if result.partial {
        Trial::Stopped
    } else if result.verdict.is_valid() && is_fast && !result.verdict.has_wrong_answers {
        Trial::Met
    } else if result.verdict.invalid.iter().any(|reason| is_ours(reason.kind)) {
        Trial::OwnLimit
    } else {
        Trial::Missed
    }
}

/// Doubling, halving, confirming.
fn find<E>(most: f64, mut trial: impl FnMut(f64) -> Result<Trial, E>) -> Result<Found, E> {
    // Rates that met the goal, rising: the last one may have been luck.
    let mut met: Vec<f64> = Vec::new();
    let mut high = None;
    let mut is_bounded_by_us = false;
    let mut confirmed = 0;
    for _ in 0..TRIALS_MAX {
        let low = met.last().copied();
        let factor = match (low, high) {
            (None, None) => 1.0,
            (Some(low), None) => (low * 2.0).min(most),
            // Down by halves until one meets the goal, then halfway between.
            (None, Some(high)) => high / 2.0,
            (Some(low), Some(high)) if high / low <= PRECISION => low,
            (Some(low), Some(high)) => f64::midpoint(low, high),
        };
        let is_confirmation = low == Some(factor);
        match trial(factor)? {
            Trial::Stopped => break,
            Trial::Met if is_confirmation => {
                confirmed += 1;
                if confirmed == CONFIRMATIONS {
                    return Ok(Found { factor, is_bounded_by_us });
                }
            }
            Trial::Met => {
                met.push(factor);
                confirmed = 0;
                if factor >= most {
                    is_bounded_by_us = true;
                    high = Some(factor);
                }
            }
            outcome @ (Trial::Missed | Trial::OwnLimit) => {
                is_bounded_by_us = outcome == Trial::OwnLimit;
                high = Some(factor);
                if is_confirmation {
                    met.pop();
                    confirmed = 0;
                }
            }
        }
    }
    // Not confirmed in time is not found.
    Ok(Found { factor: 0.0, is_bounded_by_us })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(most: f64, trial: impl Fn(f64, u32) -> Trial) -> (Found, u32) {
        let mut trials = 0;
        let found = find(most, |factor| {
            trials += 1;
            Ok::<_, ()>(trial(factor, trials))
        });
        (found.unwrap(), trials)
    }

    fn limit(at: f64) -> impl Fn(f64, u32) -> Trial {
        move |factor, _| if factor <= at { Trial::Met } else { Trial::Missed }
    }

    #[test]
    fn the_limit_is_found_from_below_and_from_above() {
        for at in [37.3, 1.0, 0.013, 999.0] {
            let (found, trials) = check(1000.0, limit(at));
            assert!((at / PRECISION..=at).contains(&found.factor), "{at}: {found:?}");
            assert!(!found.is_bounded_by_us && trials < 25, "{at}: {trials} trials");
        }
    }

    #[test]
    fn a_limit_beyond_what_we_can_send_is_only_a_lower_bound() {
        let (found, _) = check(100.0, limit(1e9));
        assert_eq!((found.factor, found.is_bounded_by_us), (100.0, true));
        let (found, _) =
            check(1e6, |factor, _| if factor < 50.0 { Trial::Met } else { Trial::OwnLimit });
        assert!(found.factor < 50.0 && found.is_bounded_by_us, "{found:?}");
    }

    #[test]
    fn luck_does_not_count() {
        // The fourth trial is lucky: a rate far above the limit seems to meet the goal.
        let (found, _) =
            check(
                1000.0,
                |factor, trial| {
                    if factor <= 5.0 || trial == 4 { Trial::Met } else { Trial::Missed }
                },
            );
        assert!(found.factor <= 5.0, "{found:?}");
    }

    #[test]
    fn a_server_that_never_meets_the_goal_is_given_up() {
        let (found, trials) = check(10.0, |_, _| Trial::Missed);
        assert_eq!((found.factor, trials), (0.0, TRIALS_MAX));
    }

    #[test]
    fn goals_are_read_or_refused() {
        let goal = parse_goal("p99.9 < 20ms").unwrap();
        assert!((goal.share - 0.999).abs() < 1e-9 && goal.most == Duration::from_millis(20));
        for text in ["", "p99", "99<5ms", "p101<5ms", "p99<0s", "p99>5ms"] {
            assert!(parse_goal(text).is_err(), "{text}");
        }
    }
}
