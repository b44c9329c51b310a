//! More questions than the engine takes.

use crate::people::{Desk, people, question};
use shikaku_tests::{Centre, FACILITY, OTHER_FACILITY, PATIENCE};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

const CLIENTS: usize = 16;
const QUESTIONS: usize = 100;

#[test]
fn a_full_engine_refuses_at_once_and_answers_the_others_rightly() {
    let centre = Centre::new(2_000);
    let engine = centre.start_with(&[
        ("SHIKAKU_ENGINE_SERVER_IN_FLIGHT_MAX", "1"),
        ("SHIKAKU_ENGINE_SERVER_WORKERS", "4"),
        ("SHIKAKU_ENGINE_LOG_FILTER", "error"),
    ]);
    let people = people(&centre.population);
    let (refused, right) = (AtomicU64::new(0), AtomicU64::new(0));
    let end = Instant::now() + PATIENCE;
    while refused.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < end, "the engine was never full");
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (refused, right, people) = (&refused, &right, &people);
                let agent = centre.client(&format!("facility-{FACILITY}"));
                let url = format!("{}/v1/eligibility", engine.service);
                scope.spawn(move || {
                    for person in people.iter().skip(client).step_by(CLIENTS).take(QUESTIONS) {
                        let body = question(person).to_string();
                        let request = agent.post(&url).header("content-type", "application/json");
                        let response = request.send(body.as_bytes()).unwrap();
                        let retry = response.headers().get("retry-after").cloned();
                        let (status, body) = shikaku_tests::reply(response);
                        match status {
                            200 => {
                                assert!(body.contains(&**person.name.expose()), "a wrong person");
                                right.fetch_add(1, Ordering::SeqCst);
                            }
                            503 => {
                                assert!(body.contains("SHK-ENG-001"), "{body}");
                                assert_eq!(retry.unwrap(), "1");
                                refused.fetch_add(1, Ordering::SeqCst);
                            }
                            other => panic!("{other} {body}"),
                        }
                    }
                });
            }
        });
    }
    assert!(right.load(Ordering::SeqCst) > 0);
    let desk = Desk::new(&centre, &engine.service);
    assert_eq!(desk.known(&people[..20]), 20, "the engine is well again afterwards");
}

/// A burst of 50 and one a second: two hundred questions one after the other take less than 150 s
/// on any machine, and are tried again otherwise.
#[test]
fn a_noisy_facility_is_told_to_wait_and_another_is_answered_as_ever() {
    const BURST: usize = 50;
    let centre = Centre::new(500);
    let file = centre.path("shikaku.toml");
    let configuration = std::fs::read_to_string(&file).unwrap();
    let limits = format!("[limits]\nfacility_per_second = 1\nfacility_burst = {BURST}\n");
    std::fs::write(&file, format!("{configuration}{limits}")).unwrap();
    let engine = centre.start();
    let people = people(&centre.population);
    let ask = |facility: &str, times: usize| {
        let agent = centre.client(&format!("facility-{facility}"));
        let url = format!("{}/v1/eligibility", engine.service);
        (0..times)
            .map(|nth| {
                let body = question(&people[nth % people.len()]).to_string();
                let request = agent.post(&url).header("content-type", "application/json");
                let response = request.send(body.as_bytes()).unwrap();
                let retry = response.headers().get("retry-after").cloned();
                let (status, body) = shikaku_tests::reply(response);
                if status == 429 {
                    assert!(body.contains("SHK-ENG-005") && body.contains("retry\":\"later"));
                    assert_eq!(retry.unwrap(), "1");
                }
                status
            })
            .collect::<Vec<_>>()
    };
    let mut refused = 0;
    let end = Instant::now() + PATIENCE;
    while refused == 0 {
        assert!(Instant::now() < end, "the noisy facility was never refused");
        refused = ask(FACILITY, 4 * BURST).iter().filter(|status| **status == 429).count();
    }
    assert_eq!(ask(OTHER_FACILITY, BURST), vec![200; BURST]);
    let metrics = engine.admin("/metrics").1;
    assert!(metrics.contains("code=\"SHK-ENG-005\""), "operators see the refusals");
}
