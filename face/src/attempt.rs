//! One try before the camera: frames in, at last a decision. Pure: neither clock nor pixels.

use crate::policy::{ModelName, Policy, Rule};
use crate::quality::Advice;
use crate::verify::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most frames of one try, usable or not: a minute at four a second. After them staff decide,
/// because a camera or a room like that helps nobody.
pub const SEEN_MAX: u32 = 240;

/// What the models make of one frame. It says nothing about how somebody looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Look {
    /// The frame cannot be used; what would help.
    Poor(Advice),
    /// The frame can be used.
    Usable {
        /// The similarity to the card's photograph, -1 to 1.
        score: f64,
        /// The logit of a living person; nothing when liveness is not judged.
        liveness: Option<f64>,
    },
}

/// What comes after a frame.
#[derive(Clone, Debug)]
pub enum Step {
    /// The frame cannot be used; what the patient can do about it.
    Adjust(Advice),
    /// A usable frame; more are wanted.
    More {
        /// Usable frames so far.
        used: u32,
        /// Usable frames of a decision.
        of: u32,
    },
    /// The end of this try.
    Decided(Outcome, Audit),
}

/// What is left of a try: enough to answer for the decision, nothing of anybody's face.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// The decision.
    pub outcome: Outcome,
    /// Frames that were looked at.
    pub seen: u32,
    /// Frames that could be used.
    pub used: u32,
    /// How often which advice was given.
    pub advice: BTreeMap<Advice, u32>,
    /// The best score; nothing when no frame could be used.
    pub score: Option<f64>,
    /// The middle logit of liveness.
    pub liveness: Option<f64>,
    /// From the try's first moment to the decision, in milliseconds.
    pub ms: u64,
    /// What of it the models worked, in milliseconds.
    pub work_ms: u64,
    /// The rule that decided.
    pub rule: Rule,
    /// The models that it was applied to.
    pub models: Arc<[ModelName]>,
}

/// The frames of one try so far. Dropped with the try; a new try begins with nothing.
#[derive(Clone, Debug)]
pub struct Attempt {
    begun: Instant,
    work: Duration,
    seen: u32,
    advice: BTreeMap<Advice, u32>,
    used: Vec<(f64, Option<f64>)>,
}

impl Attempt {
    /// A try that begins now.
    #[must_use]
    pub const fn begin(now: Instant) -> Self {
        let advice = BTreeMap::new();
        Self { begun: now, work: Duration::ZERO, seen: 0, advice, used: Vec::new() }
    }

    /// Takes one frame in, which the models worked on for `work`.
    #[must_use]
    pub fn then(mut self, look: Look, rule: &Rule, work: Duration, now: Instant) -> (Self, Step) {
        self.seen += 1;
        self.work += work;
        match look {
            Look::Poor(advice) => *self.advice.entry(advice).or_default() += 1,
            Look::Usable { score, liveness } => self.used.push((score, liveness)),
        }
        let Policy { frames, .. } = rule.policy;
        let used = self.frames_used();
        let step = if used >= frames || self.seen >= SEEN_MAX {
            let audit = self.audit(rule, now);
            Step::Decided(audit.outcome, audit)
        } else {
            match look {
                Look::Poor(advice) => Step::Adjust(advice),
                Look::Usable { .. } => Step::More { used, of: frames },
            }
        };
        (self, step)
    }

    fn frames_used(&self) -> u32 {
        u32::try_from(self.used.len()).unwrap_or(u32::MAX)
    }

    fn audit(&self, rule: &Rule, now: Instant) -> Audit {
        let best = self.used.iter().max_by(|(a, _), (b, _)| a.total_cmp(b)).copied();
        let mut logits: Vec<_> = self.used.iter().filter_map(|(_, logit)| *logit).collect();
        logits.sort_by(f64::total_cmp);
        // Of an even number the lower one: doubt is no evidence of life.
        let liveness = logits.get(logits.len().saturating_sub(1) / 2).copied();
        let whole = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Audit {
            outcome: outcome(best.filter(|_| self.is_whole(rule)), liveness, rule),
            seen: self.seen,
            used: self.frames_used(),
            advice: self.advice.clone(),
            score: best.map(|(score, _)| score),
            liveness,
            ms: whole(now.saturating_duration_since(self.begun)),
            work_ms: whole(self.work),
            rule: rule.clone(),
            models: Arc::clone(&rule.models),
        }
    }

    fn is_whole(&self, rule: &Rule) -> bool {
        self.frames_used() >= rule.policy.frames
    }
}

/// The best frame decides who it is. Whether somebody lives is asked of the middle of all frames, and
/// of the best one by itself: else a print, held up for one frame of a living face, would pass.
fn outcome(best: Option<(f64, Option<f64>)>, liveness: Option<f64>, rule: &Rule) -> Outcome {
    let Some((score, of_best)) = best else { return Outcome::ReferToStaff };
    let is_living = match rule.liveness {
        None => true,
        Some(wanted) => {
            [liveness, of_best].iter().all(|logit| logit.is_some_and(|is| is >= wanted))
        }
    };
    let outcome = Outcome::of(score, rule.threshold, rule.doubt);
    if outcome == Outcome::Match && !is_living { Outcome::ReferToStaff } else { outcome }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(frames: u32) -> Rule {
        Rule {
            policy: Policy { frames, ..Policy::default() },
            threshold: 0.8,
            threshold_fmr: 1e-3,
            doubt: 0.5,
            liveness: Some(2.0),
            models: Arc::new([]),
        }
    }

    /// The last step of a try of these frames.
    fn played(rule: &Rule, looks: &[Look]) -> Step {
        let now = Instant::now();
        let mut attempt = Attempt::begin(now);
        let mut last = None;
        for look in looks {
            let step;
            (attempt, step) = attempt.then(*look, rule, Duration::from_millis(30), now);
            last = Some(step);
        }
        last.unwrap()
    }

    fn outcome_of(frames: &[(f64, f64)]) -> Outcome {
        let usable =
            |(score, logit): &(f64, f64)| Look::Usable { score: *score, liveness: Some(*logit) };
        let looks: Vec<_> = frames.iter().map(usable).collect();
        match played(&rule(u32::try_from(frames.len()).unwrap()), &looks) {
            Step::Decided(outcome, _) => outcome,
            step @ (Step::Adjust(_) | Step::More { .. }) => panic!("{step:?}"),
        }
    }

    #[test]
    fn the_best_frame_of_a_living_person_decides() {
        assert_eq!(outcome_of(&[(0.3, 3.0), (0.81, 3.0), (0.6, 3.0)]), Outcome::Match);
        assert_eq!(outcome_of(&[(0.3, 3.0), (0.79, 3.0), (0.6, 3.0)]), Outcome::ReferToStaff);
        assert_eq!(outcome_of(&[(0.3, 3.0), (0.49, 3.0), (0.1, 3.0)]), Outcome::NoMatch);
    }

    #[test]
    fn a_print_never_matches_and_a_stranger_with_a_print_is_no_match() {
        assert_eq!(outcome_of(&[(0.9, 1.0), (0.9, 1.0), (0.9, 3.0)]), Outcome::ReferToStaff);
        assert_eq!(outcome_of(&[(0.1, 1.0), (0.1, 1.0), (0.1, 1.0)]), Outcome::NoMatch);
        // Of two logits the lower one is the middle.
        assert_eq!(outcome_of(&[(0.9, 3.0), (0.8, 1.0)]), Outcome::ReferToStaff);
    }

    #[test]
    fn a_print_held_up_for_one_frame_does_not_borrow_the_life_of_the_others() {
        assert_eq!(outcome_of(&[(0.1, 9.0), (0.95, 1.0), (0.1, 9.0)]), Outcome::ReferToStaff);
    }

    #[test]
    fn liveness_that_is_wanted_and_was_not_judged_never_matches() {
        let look = Look::Usable { score: 0.9, liveness: None };
        let Step::Decided(outcome, _) = played(&rule(1), &[look]) else { panic!("not decided") };
        assert_eq!(outcome, Outcome::ReferToStaff);
        let unwatched = Rule { liveness: None, ..rule(1) };
        let Step::Decided(outcome, _) = played(&unwatched, &[look]) else { panic!("not decided") };
        assert_eq!(outcome, Outcome::Match);
    }

    #[test]
    fn frames_that_cannot_be_used_are_counted_and_told() {
        let usable = Look::Usable { score: 0.9, liveness: Some(5.0) };
        let poor = Look::Poor(Advice::TooFar);
        assert!(matches!(played(&rule(2), &[usable, poor]), Step::Adjust(Advice::TooFar)));
        assert!(matches!(played(&rule(2), &[poor, usable]), Step::More { used: 1, of: 2 }));
        let Step::Decided(Outcome::Match, audit) = played(&rule(2), &[poor, usable, poor, usable])
        else {
            panic!("two usable frames decide");
        };
        assert_eq!((audit.seen, audit.used, audit.work_ms), (4, 2, 120));
        assert_eq!(audit.advice, BTreeMap::from([(Advice::TooFar, 2)]));
    }

    #[test]
    fn a_try_without_end_is_ended_and_given_to_staff() {
        let mut looks = vec![Look::Poor(Advice::Nobody); 239];
        looks.push(Look::Usable { score: 0.99, liveness: Some(9.0) });
        let Step::Decided(outcome, audit) = played(&rule(3), &looks) else { panic!("goes on") };
        assert_eq!((outcome, audit.seen, audit.used), (Outcome::ReferToStaff, SEEN_MAX, 1));
    }

    proptest! {
        #[test]
        fn a_match_always_has_a_frame_at_the_threshold_and_life_in_the_middle(
            frames in prop::collection::vec((-1.0_f64..1.0, -5.0_f64..5.0), 1..8),
        ) {
            if outcome_of(&frames) == Outcome::Match {
                let living = frames.iter().filter(|(_, logit)| *logit >= 2.0).count();
                prop_assert!(frames.iter().any(|(score, logit)| *score >= 0.8 && *logit >= 2.0));
                prop_assert!(living * 2 > frames.len());
            }
        }
    }
}
