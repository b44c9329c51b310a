//! How long each step of the work takes, by criterion. The steps are those of
//! `shikaku_benches::steps`; give a part of a name to measure only these.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has no numbers")]

use criterion::Criterion;
use shikaku_benches::{face_steps, steps};
use std::path::Path;
use std::time::Instant;

/// People in the store.
const PERSONS: u64 = 50_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/manifest.toml");
    let faces = face_steps(&models).unwrap();
    for mut step in steps(PERSONS).unwrap().into_iter().chain(faces) {
        criterion.bench_function(step.name, |bencher| {
            bencher.iter_custom(|iterations| {
                let start = Instant::now();
                step.run(iterations);
                start.elapsed()
            });
        });
    }
    criterion.final_summary();
}
