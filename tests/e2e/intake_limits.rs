//! Uploads when the engine is busy or stops.

use crate::http::{connect, head, read_answer};
use crate::insurer_files::{Member, file_of, insurer};
use crate::population::Registered;
use crate::shared::{Desk, today};
use shikaku_domain::QualificationValidity;
use shikaku_engine::http::LoadReport;
use shikaku_tests::{Centre, Engine, post, wait_until};
use std::io::Write;

const CSV: (&str, &str) = ("content-type", "text/csv");

#[test]
fn an_upload_beyond_the_limit_is_told_to_come_again() {
    let centre = Centre::empty(1);
    let engine = centre.start_with(&[("SHIKAKU_ENGINE_INTAKE_UPLOADS_MAX", "1")]);
    let body = file_of([&Member::new(1, 1)]);
    let mut slow = connect(&centre, &engine, "operator-tests");
    let path = "/v1/members?mode=delta";
    slow.write_all(head(path, body.len(), &[CSV, ("Expect", "100-continue")]).as_bytes()).unwrap();
    assert_eq!(read_answer(&mut slow).0, 100);

    let client = centre.client("operator-tests");
    let url = format!("{}{path}", engine.service);
    wait_until("the only place is taken", || {
        let (status, answer) = post(&client, &url, &[CSV], body.as_bytes()).unwrap();
        status == 503 && answer.contains("SHK-ENG-020")
    });
    slow.write_all(body.as_bytes()).unwrap();
    let (status, answer) = read_answer(&mut slow);
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
}

/// What was kept because too many would go, goes when the limit is raised and the file sent again.
#[test]
fn a_file_whose_removals_were_withheld_removes_them_once_that_is_allowed() {
    let centre = Centre::empty(1);
    let all: Vec<_> = (1..=20).map(|number| Member::new(1, number)).collect();
    let load = |engine: &Engine, mode: &str, body: String| -> LoadReport {
        let url = format!("{}/v1/members?mode={mode}", engine.service);
        let client = centre.client("operator-tests");
        let (status, answer) = post(&client, &url, &[CSV], body.as_bytes()).unwrap();
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    };
    let master = format!("InsurerNumber,InsurerName\n{},試験健康保険組合\n", insurer(1));
    std::fs::write(centre.path("insurers.csv"), master).unwrap();
    centre.shikaku(&["load", "insurers.csv"]);
    let half = || file_of(&all[..10]);
    let mut engine = centre.start();
    load(&engine, "delta", file_of(&all));
    for _ in 0..2 {
        let report = load(&engine, "full", half());
        assert_eq!((report.removals_withheld, report.removed, report.repeated), (10, 0, false));
    }
    engine.signal("TERM");
    wait_until("the engine has ended", || engine.ended().is_some());

    let engine = centre.start_with(&[("SHIKAKU_ENGINE_INTAKE_REMOVAL_PERCENT_MAX", "50")]);
    let report = load(&engine, "full", half());
    assert_eq!((report.removals_withheld, report.removed, report.repeated), (0, 10, false));
    assert_eq!((report.unchanged, report.lines), (10, 11));
    let report = load(&engine, "full", half());
    assert_eq!((report.removed, report.repeated), (0, true));
}

/// Whatever a stop interrupts, the same file sent again completes it, and nobody is lost.
#[test]
fn a_load_that_a_stop_interrupts_goes_on_when_it_is_sent_again() {
    let centre = Centre::empty(20_000);
    let make = ["population", "--persons", "20000", "--seed", "7", "--out", "population"];
    centre.loadgen(&[&make[..], &["--date", shikaku_tests::DATE]].concat());
    centre.shikaku(&["load", "population/insurers.csv"]);
    let file = std::fs::read(centre.path("population/members.csv")).unwrap();
    let send = |service: &str| {
        let url = format!("{service}/v1/members?mode=delta");
        post(&centre.client("operator-tests"), &url, &[CSV], &file).unwrap()
    };

    let mut engine = centre.start();
    let head = crate::operation::metric(&engine, "oqs_log_head_position");
    let (status, answer) = std::thread::scope(|scope| {
        let sent = scope.spawn(|| send(&engine.service));
        wait_until("the first lines are in", || {
            crate::operation::metric(&engine, "oqs_log_head_position") > head
        });
        engine.signal("TERM");
        sent.join().unwrap()
    });
    // On a stalled machine the load may have been over before the signal came.
    assert!(status == 200 || (status, answer.contains("SHK-INT-002")) == (503, true), "{answer}");
    wait_until("the engine has ended", || engine.ended().is_some());
    assert_eq!(engine.ended(), Some(true), "{}", centre.log());

    let engine = centre.start();
    let (again, answer) = send(&engine.service);
    assert_eq!(again, 200, "{answer}");
    let report: LoadReport = serde_json::from_str(&answer).unwrap();
    assert_eq!((report.rejected, report.repeated), (0, status == 200));
    assert!(report.resumed_after > 0, "{answer}");
    assert_eq!(report.added + report.changed + report.unchanged + 1, report.lines);

    let registered = Registered::new(&centre.population);
    let desk = Desk::new(&centre, &engine);
    for validity in QualificationValidity::ALL {
        for question in registered.questions(*validity, &[today()], 30) {
            assert_eq!(desk.validity(&question), validity.code());
        }
    }
}
