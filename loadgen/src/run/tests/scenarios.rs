//! The scenarios of the repository, and what is wrong with others.

use crate::run::scenario::{Scenario, sum};
use std::path::Path;

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

#[test]
fn every_scenario_of_the_repository_can_be_run() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::read(&path).unwrap();
        let curves = scenario.curves(1.0).unwrap();
        assert_eq!(curves.len(), scenario.streams.len());
        let due: f64 = curves.iter().map(|curve| curve.total()).sum();
        assert!(due > 10_000.0, "{}: {due}", path.display());
        names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    names.sort();
    let expected = [
        "disaster",
        "insurer-year-change",
        "many-facilities",
        "month",
        "national-peak",
        "one-noisy-facility",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_national_peak_asks_15000_lookups_and_1000_visits_a_second_and_can_be_scaled() {
    let scenario = Scenario::read(&folder().join("national-peak.toml")).unwrap();
    let at_peak = |factor| {
        let curves = scenario.curves(factor).unwrap();
        curves.iter().map(|curve| curve.rate_after(30.0)).sum::<f64>().round()
    };
    let cards = scenario.streams.iter().position(|stream| stream.cards.is_some()).unwrap();
    assert!((scenario.curves(1.0).unwrap()[cards].rate_after(30.0) - 1000.0).abs() < 1e-6);
    assert_eq!((at_peak(1.0), at_peak(0.1)), (16_000.0, 1_600.0));
    let points = sum(&scenario.curves(1.0).unwrap());
    let rounded: Vec<_> = points.iter().map(|(at, rate)| (*at, rate.round())).collect();
    assert_eq!(rounded, [(0.0, 3200.0), (8.0, 16000.0), (70.0, 16000.0), (70.0, 0.0)]);
}

#[test]
fn the_month_has_its_peak_on_a_morning_after_a_holiday() {
    let scenario = Scenario::read(&folder().join("month.toml")).unwrap();
    let all = sum(&scenario.curves(1.0).unwrap());
    let (at, rate) = all.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    // Monday 2 November follows a Sunday; Tuesday 24 November follows a holiday on a Monday.
    let (day, hour) = ((at / 24.0).floor() + 1.0, at % 24.0);
    assert_eq!(rate.round(), 1500.0);
    // 37 % of all checks are made with the number of an insurance card.
    let (numbers, total) = scenario.streams.iter().zip(scenario.curves(1.0).unwrap()).fold(
        (0.0, 0.0),
        |(numbers, all), (stream, curve)| {
            let number = if stream.cards.is_none() { curve.total() } else { 0.0 };
            (numbers + number, all + curve.total())
        },
    );
    assert!((numbers / total - 0.37).abs() < 0.01, "{}", numbers / total);
    assert!([2.0, 9.0, 16.0, 30.0].contains(&day) && (9.0..=11.0).contains(&hour), "{day} {hour}");
}

#[test]
fn a_scenario_at_twice_the_pace_asks_as_much_a_second_for_half_as_long() {
    for name in ["national-peak", "month"] {
        let read = || Scenario::read(&folder().join(name).with_extension("toml")).unwrap();
        let (slow, fast) = (read(), read().at_pace(2.0));
        assert_eq!(fast.warmup() * 2, slow.warmup());
        for (slow, fast) in slow.curves(1.0).unwrap().iter().zip(fast.curves(1.0).unwrap()) {
            assert!((slow.total() - 2.0 * fast.total()).abs() < 1e-3 * slow.total(), "{name}");
            assert_eq!(fast.end() * 2, slow.end());
            assert!((slow.rate_after(30.0) - fast.rate_after(15.0)).abs() < 1e-6, "{name}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_scenario_is_said() {
    let good = "title = 't'\nrate = [['0s', 1.0], ['1s', 1.0]]\n[[stream]]\nname = 'a'\nshare = 1\n\
                connections = 1\nfacilities = 1\n";
    let dir = tempfile::TempDir::new().unwrap();
    let path = dir.path().join("s.toml");
    let read = |text: String| {
        std::fs::write(&path, text).unwrap();
        Scenario::read(&path).map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(read(good.to_owned()), Ok(()));
    let check = |from: &str, to: &str, told: &str| {
        let error = read(good.replace(from, to)).unwrap_err();
        assert!(error.starts_with("SHK-LGR-020") && error.contains(told), "{error}");
    };
    check("'0s'", "'5s'", "begin at 0");
    check("'0s', 1.0", "'0s', -1.0", "rates");
    check("share = 1", "", "share");
    check("share = 1", "shares = 1", "unknown field");
    check("connections = 1", "connections = 0", "at least 1");
    check("title = 't'", "title = 't'\nmix = 3", "unknown field");
    check("facilities = 1", "facilities = 1\nmix = { mistyped = 1001 }", "0 to 1000");
    check("rate = [['0s', 1.0], ['1s', 1.0]]\n", "", "rate");
    check("'1s'", "'nonsense'", "");
    let doubled = good.to_owned()
        + good.split_once("\n[[").map(|(_, rest)| "[[".to_owned() + rest).unwrap().as_str();
    assert!(read(doubled).unwrap_err().contains("two of this name"));
}
