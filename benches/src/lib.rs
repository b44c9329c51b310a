//! Benchmarks: criterion suites and comparisons in one run.
