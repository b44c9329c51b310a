//! The engine's clock set forward and back while it serves.
//!
//! Goal: no panic, nothing that lives for ever or comes back to life, and everything as before once
//! the clock is right again. What holds:
//!
//! | Thing | Set forward | Set back |
//! |---|---|---|
//! | Question that names its day | as ever | as ever |
//! | Question without a day | that of the clock, which the answer shows | the same |
//! | Challenge, session of a card | over | over: no longer than its time, and ten seconds |
//! | Token | over after its hours | those issued in the future are refused |
//! | Consent | over after 24 hours | one from the future opens nothing; a later answer replaces it |
//! | Certificate of a facility | refused once expired, open connections too | new connections refused before it begins |
//! | Revocation lists | refused when overdue beyond their grace | as ever |
//! | Limits of a facility, deadlines | as ever: they follow the monotonic clock | as ever |
//! | Log-in lock, session tickets, order of backups | unit tests beside them | the same |

use crate::counter::{Counter, insured};
use crate::people::{Desk, people, question};
use serde_json::{Value, json};
use shikaku_domain::{Registration, Timestamp};
use shikaku_tests::cards::{Card, iso, now, trust_cards};
use shikaku_tests::{Centre, PASSWORD, USER, faketime};
use std::fs;
use std::path::PathBuf;

const PERSONS: u64 = 600;
const AUTH: &str = "/oqs-api-pro/MSA12020/ILI12020SV01/auth";
const SEARCH: &str = "/oqs-api-pro/MSA01030/ILI01030SV01/search";
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The clock of one engine; the rest of the machine has the right time.
struct Clock(PathBuf);

impl Clock {
    fn of(centre: &Centre) -> Self {
        let clock = Self(centre.path("clock"));
        clock.set(0);
        clock
    }

    /// Lets it be wrong by so many seconds from now on.
    fn set(&self, seconds: i64) {
        let new = self.0.with_extension("new");
        fs::write(&new, format!("{seconds:+}")).unwrap();
        fs::rename(new, &self.0).unwrap();
    }

    fn environment(&self) -> Vec<(String, String)> {
        let own = |text: &str| text.to_owned();
        vec![
            (own("LD_PRELOAD"), own(faketime().to_str().unwrap())),
            (own("FAKETIME_TIMESTAMP_FILE"), own(self.0.to_str().unwrap())),
            (own("FAKETIME_NO_CACHE"), own("1")),
            (own("FAKETIME_DONT_FAKE_MONOTONIC"), own("1")),
        ]
    }
}

/// The day in Japan on a clock that is wrong by so many seconds.
fn day(wrong_by: i64) -> String {
    let now = now().checked_add_signed(wrong_by).unwrap();
    iso(Timestamp::from_unix_seconds(now).day())
}

fn without_day(person: &Registration<'_>) -> Value {
    let mut question = question(person);
    question.as_object_mut().unwrap().remove("qualificationConfirmationDate");
    question
}

struct Reception {
    desk: Desk,
    counter: Counter,
    people: Vec<Registration<'static>>,
}

impl Reception {
    fn new(centre: &Centre, service: &str) -> Self {
        let people = insured(people(&centre.population)).split_off(1);
        let (desk, counter) = (Desk::new(centre, service), Counter::new(centre, service));
        Self { desk, counter, people }
    }

    /// Questions about a stated day are answered as ever; those about today are about the day that
    /// the clock shows, and say so.
    fn questions_are_answered(&self, wrong_by: i64) {
        assert_eq!(self.desk.known(&self.people[..5]), 5);
        let before = day(wrong_by);
        let (status, body) = self.desk.ask(&without_day(&self.people[0])).unwrap();
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let shown = answer["qualificationConfirmationDate"].as_str().unwrap();
        assert!(shown == before || shown == day(wrong_by), "{shown} is no day of this clock");
        assert!(answer["processExecutionTime"].as_str().unwrap().starts_with(shown), "{body}");
    }

    fn questions_are_refused(&self, code: &str) {
        let (status, body) = self.desk.ask(&question(&self.people[0])).unwrap();
        assert!(status == 403 && body.contains(code), "{status} {body}");
    }

    fn log_in(&self) -> String {
        let body = json!({"userId": USER, "password": PASSWORD});
        let answer = self.counter.post(AUTH, &[], &body).expect(200);
        answer["result"]["idToken"].as_str().unwrap().to_owned()
    }

    /// Whether a token still opens searches. The message itself does not matter.
    fn opens(&self, token: &str) -> bool {
        let headers = [("authorization", token)];
        self.counter.post(SEARCH, &headers, &json!({})).status != 401
    }
}

#[test]
fn a_clock_that_jumps_neither_prolongs_nor_revives_anything_and_breaks_nothing() {
    let centre = Centre::new(PERSONS);
    trust_cards(&centre);
    let clock = Clock::of(&centre);
    let environment = clock.environment();
    let environment: Vec<_> = environment.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let engine = centre.start_with(&environment);
    let at = Reception::new(&centre, &engine.service);
    let (counter, card) = (&at.counter, Card::new(1));
    at.questions_are_answered(0);
    counter.register(&card, &insured(people(&centre.population))[0]);
    let (challenge, session, token) = (counter.challenge(), counter.open(&card), at.log_in());

    // Two hours forward: what was open is over, and a visit begins anew.
    clock.set(2 * HOUR);
    at.questions_are_answered(2 * HOUR);
    counter.present(&card, &challenge).expect_problem(409, "SHK-CRD-011");
    counter.ask(&session, true).expect_problem(401, "SHK-CRD-014");
    assert!(at.opens(&token), "a token serves for eight hours");
    let ahead = (counter.challenge(), counter.open(&card), at.log_in());
    counter.ask(&ahead.1, true).expect(200);
    assert!(counter.may_read_medication(&ahead.1) && at.opens(&ahead.2));

    // Back again: nothing that was opened ahead lives on for two hours.
    clock.set(0);
    at.questions_are_answered(0);
    counter.present(&card, &ahead.0).expect_problem(409, "SHK-CRD-011");
    counter.ask(&ahead.1, true).expect_problem(401, "SHK-CRD-014");
    assert!(!at.opens(&ahead.2), "a token from the future");
    assert!(at.opens(&token) && at.opens(&at.log_in()));
    let session = counter.open(&card);
    assert!(!counter.may_read_medication(&session), "a consent from the future");
    counter.ask(&session, true).expect(200);
    assert!(counter.may_read_medication(&session), "the order of the answers counts");
    counter.ask(&session, false).expect(200);
    assert!(!counter.may_read_medication(&session));

    // A day back: the facility's certificate is not valid yet, so nobody new may connect; who is
    // connected is answered.
    clock.set(-DAY);
    at.questions_are_answered(-DAY);
    let stranger = Desk::new(&centre, &engine.service);
    assert!(stranger.ask(&question(&at.people[0])).is_err());
    clock.set(0);
    assert_eq!(Desk::new(&centre, &engine.service).known(&at.people[..1]), 1);

    // Forward by days, months and years: one list and certificate after the other is overdue.
    clock.set(3 * DAY);
    at.questions_are_answered(3 * DAY);
    assert!(!at.opens(&token));
    counter.present(&card, &counter.challenge()).expect_problem(503, "SHK-CRD-008");
    clock.set(40 * DAY);
    at.questions_are_refused("SHK-TLS-103");
    clock.set(400 * DAY);
    at.questions_are_refused("SHK-TLS-101");

    // The right time heals all of it, without a restart.
    clock.set(0);
    at.questions_are_answered(0);
    counter.ask(&counter.open(&card), true).expect(200);
    assert_eq!(engine.admin("/readyz").0, 200);
    assert!(engine.stop());
    let log = centre.log();
    assert!(!log.contains("panicked"), "{log}");
    let report = centre.shikaku(&["verify"]);
    assert!(report.contains("problems                  0"), "{report}");
}
