//! How long a patient waits in each step: `./dev bench card` prints the table.

use crate::place::{Place, is_valid};
use serde_json::json;
use shikaku_tests::wait_until;
use std::time::Instant;

/// Visits, unless `SHIKAKU_VISITS` says how many.
const VISITS: usize = 2;

/// Milliseconds of one step, visit by visit.
struct Step {
    name: &'static str,
    times: Vec<f64>,
}

/// The steps in the order in which they were first taken.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn note(&mut self, name: &'static str, since: Instant) {
        let time = since.elapsed().as_secs_f64() * 1e3;
        match self.0.iter_mut().find(|step| step.name == name) {
            Some(step) => step.times.push(time),
            None => self.0.push(Step { name, times: vec![time] }),
        }
    }

    fn print(&mut self) {
        println!("| Step | median ms | longest ms |\n|---|---|---|");
        for Step { name, times } in &mut self.0 {
            times.sort_by(f64::total_cmp);
            println!("| {name} | {:.1} | {:.1} |", times[times.len() / 2], times[times.len() - 1]);
        }
    }
}

#[test]
fn every_visit_takes_all_steps_and_leaves_a_file_each() {
    let visits = std::env::var("SHIKAKU_VISITS").map_or(VISITS, |count| count.parse().unwrap());
    let mut place = Place::new(&["adult"]);
    place.with_pin(0, "1234");
    place.register(0);
    assert!(is_valid(&place.consent()));
    wait_until("the first file is there", || place.files().len() == 1);
    let mut steps = Steps::default();
    for visit in 1..=visits {
        place.remove();
        place.bridge.wait_for("empty");
        place.insert(0);
        let start = Instant::now();
        place.bridge.wait_for("chooseMethod");
        steps.note("card on the reader, until its methods are shown", start);
        place.bridge.does(json!({ "intent": "chooseMethod", "method": "pin" }));
        place.bridge.wait_for("enterPin");
        let start = Instant::now();
        place.bridge.does(json!({ "intent": "pin", "pin": "1234" }));
        place.bridge.wait_for("consentMedical");
        steps.note("challenge, PIN, signature and session", start);
        let start = Instant::now();
        place.bridge.does(json!({ "intent": "consent", "consents": {} }));
        place.bridge.wait_for("consentProvide");
        steps.note("from one question to the next", start);
        let last_tap = Instant::now();
        place.bridge.does(json!({
            "intent": "provide", "consents": {}, "prescriptionIssueSelect": 1
        }));
        let done = place.bridge.wait_for("done");
        steps.note("last tap, until the answer is shown", last_tap);
        assert!(is_valid(done["validity"].as_str().unwrap()));
        wait_until("the visit's file is there", || place.files().len() == visit + 1);
        steps.note("last tap, until the receipt computer's file is there", last_tap);
    }
    steps.print();
}
