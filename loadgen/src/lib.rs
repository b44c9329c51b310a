//! Synthetic population, load, and an honest report.

pub mod cards;
pub mod population;
pub mod report;
pub mod run;
