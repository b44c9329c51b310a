//! Synthetic population, load, and an honest report.

pub mod population;
pub mod report;
pub mod run;
