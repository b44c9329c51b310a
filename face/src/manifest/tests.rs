//! Manifests as vendors write them, and as they must not.

use super::*;
use crate::covering::Covering;
use crate::policy::Policy;

const SHIPPED: &str = include_str!("../../../models/manifest.toml");

/// The shipped manifest with every `from` as `to`.
fn with(from: &str, to: &str) -> Result<Manifest, String> {
    assert!(SHIPPED.contains(from), "{from} is in the manifest");
    Manifest::parse(&SHIPPED.replace(from, to))
}

fn refusal(from: &str, to: &str) -> String {
    with(from, to).err().unwrap()
}

/// A manifest whose embedder has these rows (rate, score) of a metric.
fn calibrated(metric: &str, rows: &[(f64, f64)]) -> Result<Manifest, String> {
    let entry = |(fmr, score): &(f64, f64)| {
        format!(
            "[[model.threshold]]\nfmr = {fmr}\nscore = {score:?}\ninterval = [{score:?}, {score:?}]\nset = \"test\"\ndate = \"2026-01-01\"\n"
        )
    };
    let (start, _) = SHIPPED.split_once("[[model.threshold]]").unwrap();
    let (_, liveness) = SHIPPED.split_once("[[model]]\nrole = \"liveness\"").unwrap();
    let rows: String = rows.iter().map(entry).collect();
    let text = format!("{start}{rows}\n[[model]]\nrole = \"liveness\"{liveness}");
    Manifest::parse(&text.replace("metric = \"cosine\"", &format!("metric = \"{metric}\"")))
}

#[test]
fn a_wrong_entry_is_refused_with_the_model_and_the_reason() {
    assert!(refusal("schema = 1", "schema = 2").contains("schema 2"));
    let nothing = refusal("licence = \"MIT OR Apache-2.0\"", "licence = \" \"");
    assert!(nothing.contains("shikaku-detector") && nothing.contains("licence"), "{nothing}");
    assert!(refusal("file = \"embedder.onnx\"", "file = \"../embedder.onnx\"").contains("beside"));
    assert!(refusal("width = 112", "width = 5000").contains("1 to 1280"));
    assert!(refusal("mean = [127.5]", "mean = [127.5, 127.5]").contains("each channel"));
    assert!(refusal("mean = [127.5]", "mean = [nan]").contains("finite"));
    assert!(refusal("tolerance = 0.0001", "tolerance = 0.5").contains("tolerance"));
    assert!(refusal("metric = \"cosine\"", "metric = \"none\"").contains("metric"));
    assert!(refusal("metric = \"cosine\"", "metric = \"percent\"").contains("percent"));
    assert!(refusal("fmr = 0.1", "fmr = 10.0").contains("rates"));
    assert!(refusal("layout = \"nchw\"", "layout = \"chwn\"").contains("chwn"));
    assert!(refusal("vendor =", "vendors =").contains("vendors"));
}

#[test]
fn a_covering_model_has_one_threshold_for_each_cover_and_others_have_none() {
    let manifest = Manifest::parse(SHIPPED).unwrap();
    let model = manifest.model(Role::Covering).unwrap();
    let thresholds = Cover::ALL.map(|cover| model.cover_threshold(cover));
    assert!(thresholds.iter().all(|threshold| threshold.is_finite()), "{thresholds:?}");
    assert_eq!(manifest.model(Role::Liveness).unwrap().cover_threshold(Cover::Mask), f32::INFINITY);
    let twice = refusal("cover = \"mask\"", "cover = \"closed-eyes\"");
    assert!(twice.contains("shikaku-covering") && twice.contains("one threshold each"), "{twice}");
    assert!(refusal("cover = \"mask\"", "apcer = 0.1").contains("one threshold each"));
    assert!(refusal("cover = \"mask\"", "cover = \"hat\"").contains("hat"));
    assert!(refusal("apcer = 0.1\n", "cover = \"mask\"\n").contains("shikaku-liveness"));
}

#[test]
fn a_manifest_without_a_covering_model_is_whole() {
    let (others, _) = SHIPPED.split_once("[[model]]\nrole = \"covering\"").unwrap();
    let manifest = Manifest::parse(others).unwrap();
    assert!(Policy::default().rule(&manifest).is_ok());
    assert!(Covering::load(&manifest).unwrap().is_none());
}

#[test]
fn distances_of_vendors_become_cosines_and_keep_their_order() {
    for (metric, score) in [("cosine", 0.5), ("euclidean", 1.0), ("squared-euclidean", 1.0)] {
        let manifest = calibrated(metric, &[(0.01, score)]).unwrap();
        let row = manifest.model(Role::Embedder).unwrap().threshold(0.01).unwrap();
        assert!((row.score - 0.5).abs() < 1e-12, "{metric}: {}", row.score);
        assert!((row.interval.unwrap()[0] - 0.5).abs() < 1e-12);
    }
    for metric in [Metric::Cosine, Metric::Euclidean, Metric::SquaredEuclidean] {
        for cosine in [-1.0, -0.3, 0.0, 0.7, 1.0] {
            assert!((metric.cosine(metric.score(cosine)) - cosine).abs() < 1e-12, "{metric:?}");
        }
    }
}

#[test]
fn a_score_that_its_metric_cannot_have_is_refused() {
    assert!(calibrated("cosine", &[(0.01, 55.0)]).err().unwrap().contains("metric"));
    assert!(calibrated("euclidean", &[(0.01, -0.5)]).err().unwrap().contains("metric"));
    assert!(calibrated("cosine", &[(0.01, f64::NAN)]).is_err());
}

#[test]
fn a_policy_takes_the_row_that_keeps_its_rate_over_all_frames_and_tries() {
    let manifest =
        calibrated("cosine", &[(1e-4, 0.8), (0.1, 0.2), (1e-3, 0.6), (1e-2, 0.4)]).unwrap();
    let policy = Policy { fmr: 1e-2, frames: 3, tries: 3, apcer: Some(0.1) };
    let rule = policy.rule(&manifest).unwrap();
    // One comparison may err 1.1e-3: the row of 1e-3 keeps that, the one of 1e-2 does not.
    assert_eq!((rule.threshold, rule.threshold_fmr, rule.doubt), (0.6, 1e-3, 0.2));
    // Its row is chosen by its rate, whatever the shipped weights' score for that is.
    let rows = &manifest.model(Role::Liveness).unwrap().thresholds;
    let scores: Vec<_> =
        rows.iter().filter(|row| row.apcer == Some(0.1)).map(|row| row.score).collect();
    assert_eq!((scores.len(), rule.liveness), (1, scores.first().copied()));
    assert_eq!(rule.models.len(), manifest.models().len());
    assert_eq!(rule.models[0].sha256.len(), 16);
    // Exactly the row's rate is kept by it, whatever the last bit says.
    let exact = Policy { fmr: 0.09, frames: 3, tries: 3, apcer: None }.rule(&manifest).unwrap();
    assert_eq!((exact.threshold, exact.liveness), (0.4, None));
}

#[test]
fn a_policy_that_no_row_keeps_is_refused_with_what_would_help() {
    let manifest = calibrated("cosine", &[(1e-2, 0.4), (1e-3, 0.6)]).unwrap();
    let error = Policy { fmr: 1e-3, frames: 2, tries: 1, apcer: None }.rule(&manifest).unwrap_err();
    assert_eq!(error.code(), "SHK-FAC-017");
    let said = error.to_string();
    assert!(said.contains("5.0e-4") && said.contains("lowest is 1e-3"), "{said}");

    let error = Policy { apcer: Some(0.07), ..Policy::default() }.rule(&manifest).unwrap_err();
    assert_eq!(error.code(), "SHK-FAC-018");
    for policy in [
        Policy { fmr: 0.0, ..Policy::default() },
        Policy { fmr: 0.5, ..Policy::default() },
        Policy { frames: 0, ..Policy::default() },
        Policy { tries: 11, ..Policy::default() },
        Policy { apcer: Some(1.0), ..Policy::default() },
    ] {
        assert_eq!(policy.rule(&manifest).unwrap_err().code(), "SHK-FAC-016", "{policy:?}");
    }
}
