//! The steps of the engine's work one by one: parse, read, decode, decide, encode, write.
//!
//! The criterion suite measures their time and `shikaku-bench instructions` counts what they
//! execute, but for faces, whose networks would take minutes to count. Each iteration takes the next of many people, so that no branch predictor learns one
//! by heart.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has no numbers")]

mod case;
mod engine;
mod face;
mod rules;
mod store;
mod wire;

use crate::{BenchError, Corpus};
use case::Case;
pub use face::face_steps;
use std::hint::black_box;
use std::rc::Rc;

/// People that the steps go through.
const SAMPLE: usize = 1_000;

/// One step of the work, to be done as often as asked.
pub struct Step {
    /// `group/what`; the group is a crate or the rules.
    pub name: &'static str,
    run: Box<dyn FnMut(u64)>,
}

impl Step {
    /// A step that does the same each time.
    fn new<R>(name: &'static str, mut body: impl FnMut() -> R + 'static) -> Self {
        let run = move |iterations| {
            for _ in 0..iterations {
                black_box(body());
            }
        };
        Self { name, run: Box::new(run) }
    }

    /// A step that takes the next of the items each time, round and round.
    fn each<T: 'static, R>(
        name: &'static str,
        items: &Rc<[T]>,
        body: impl Fn(&T) -> R + 'static,
    ) -> Self {
        let items = Rc::clone(items);
        let mut at = 0;
        Self::new(name, move || {
            let item = items.get(at).unwrap();
            at = (at + 1) % items.len();
            body(black_box(item))
        })
    }

    /// Does it so many times. Its instructions are what callgrind counts, see [`COUNTED`].
    #[inline(never)]
    pub fn run(&mut self, iterations: u64) {
        (self.run)(iterations);
        // Something must follow, else the call above becomes a jump, which callgrind does not
        // take for a return to here.
        black_box(iterations);
    }
}

/// The name by which callgrind knows [`Step::run`].
pub const COUNTED: &str = "shikaku_benches::steps::Step::run";

/// All steps, against a store of so many people.
///
/// # Errors
/// When the store cannot be made.
pub fn steps(persons: u64) -> Result<Vec<Step>, BenchError> {
    let corpus = Rc::new(Corpus::new(persons)?);
    let cases = |registrations: Vec<_>| -> Rc<[Case]> {
        registrations.iter().map(|registration| Case::new(&corpus, registration)).collect()
    };
    let current = cases(corpus.current(SAMPLE));
    let ended = cases(corpus.ended(SAMPLE));
    let mut steps = wire::steps(corpus.on, &current);
    steps.extend(rules::steps(corpus.on, &current, &ended));
    steps.extend(store::steps(&corpus, &current)?);
    steps.extend(engine::steps());
    Ok(steps)
}
