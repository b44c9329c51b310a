//! What the page must say, and must not.

use super::*;
use crate::report::sample::{Sample, sample, scaled};
use crate::report::threshold;

fn page(runs: &[RunResult], baseline: &[RunResult]) -> String {
    let outcomes = threshold::judge(&runs[0]).unwrap();
    Page { runs, baseline, outcomes: &outcomes }.html().unwrap()
}

#[test]
fn a_run_that_missed_its_rate_says_invalid_before_any_number() {
    let html = page(&[sample(Sample::Invalid)], &[]);
    let (invalid, number) = (html.find("INVALID").unwrap(), html.find("class=\"tiles\"").unwrap());
    assert!(invalid < number && !html.contains(">VALID<"));
    assert!(html.contains("計画した率に達していません"));
    let valid = page(&[sample(Sample::Valid)], &[]);
    assert!(valid.contains(">VALID<") && !valid.contains("INVALID"));
}

#[test]
fn one_invalid_repeat_or_baseline_makes_the_page_invalid() {
    let (good, bad) = (sample(Sample::Valid), sample(Sample::Invalid));
    assert!(page(&[good.clone(), bad.clone()], &[]).contains("INVALID"));
    assert!(page(&[good], &[bad]).contains("INVALID"));
}

#[test]
fn fast_wrong_answers_are_a_failure_with_examples() {
    let html = page(&[sample(Sample::Wrong)], &[]);
    assert!(html.contains("WRONG ANSWERS") && !html.contains(">VALID<"));
    assert!(html.contains("qualificationValidity") && html.contains("4242"));
    assert!(html.contains("THRESHOLD MISSED"));
}

#[test]
fn the_closed_model_and_an_early_end_are_labelled() {
    let html = page(&[sample(Sample::ClosedPartial)], &[]);
    assert!(html.contains("CLOSED LOOP") && html.contains("PARTIAL"));
}

#[test]
fn a_run_without_anything_has_a_page_too() {
    assert!(page(&[sample(Sample::Empty)], &[]).contains("INVALID"));
}

#[test]
fn the_page_needs_no_other_file_and_no_script() {
    let repeats = [sample(Sample::Valid), scaled(Sample::Valid, 1.01)];
    let html = page(&repeats, &[scaled(Sample::Valid, 2.0), scaled(Sample::Valid, 2.02)]);
    for outside in ["<script", "<link", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    let addresses = html.matches("http").count();
    assert_eq!(addresses, html.matches("http://www.w3.org/2000/svg").count());
    assert!(html.contains("better") && html.contains("0.50"), "the comparison is there");
}

#[test]
fn what_a_server_says_cannot_become_a_part_of_the_page() {
    let mut result = sample(Sample::Wrong);
    result.wrong_examples[0].got = "<script>alert(1)</script>".to_owned();
    result.total.counts.codes.insert("<b onload=x>".to_owned(), 1);
    result.description.target = "\"><script>".to_owned();
    let html = page(&[result], &[]);
    assert!(!html.contains("<script") && !html.contains("<b onload"));
}

#[test]
fn every_chart_can_also_stand_by_itself() {
    let runs = [sample(Sample::Valid)];
    let svgs = Page { runs: &runs, baseline: &[], outcomes: &[] }.svgs().unwrap();
    let names: Vec<_> = svgs.iter().map(|(name, _)| *name).collect();
    let over_time = ["rate", "latency", "lag", "histogram", "percentiles"];
    assert_eq!(names, [&over_time[..], &["server-cpu", "server-answers"]].concat());
    for (_, svg) in &svgs {
        assert!(svg.starts_with("<svg") && svg.contains("prefers-color-scheme"), "{svg}");
    }
}

#[test]
fn what_the_server_told_of_itself_stands_beside_and_is_not_missed_where_it_told_nothing() {
    let html = page(&[sample(Sample::Valid)], &[]);
    assert!(
        html.contains("process_resident_memory_bytes") && html.contains("0.50 cores"),
        "{html}"
    );
    assert!(!page(&[sample(Sample::Wrong)], &[]).contains("process_resident_memory_bytes"));
}

#[test]
fn the_generator_s_own_signing_and_what_its_user_wants_told_are_shown() {
    let html = page(&[sample(Sample::Valid)], &[]);
    assert!(html.contains("0.54 ms") && html.contains("3,900"), "CPU of one signature");
    assert!(html.contains("0123456789ab"), "the commit");
}

#[test]
fn answers_that_nobody_checked_are_not_called_right() {
    let mut result = sample(Sample::Valid);
    assert!(page(&[result.clone()], &[]).contains("Every answer was what the population gives"));
    result.description.questions = "constant /constant".to_owned();
    assert!(page(&[result], &[]).contains("nobody checked"));
}
