//! Results for staff, newest first, for some minutes, in memory only.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use shikaku_domain::Personal;

use crate::card_api::japan;
use crate::session::{Answer, EngineFailure, Method, Moment};

/// Most results that are kept; a busy counter sees about 60 patients an hour.
const ROWS_MAX: usize = 200;

/// One result.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// Number of the row.
    pub id: u64,
    /// When the answer came, RFC 3339 in Japan's time.
    pub at: String,
    /// How the holder was recognised.
    pub method: Method,
    /// 資格有効性; `None` when no answer came.
    pub validity: Option<String>,
    /// 氏名.
    pub name: Option<String>,
    /// 生年月日.
    pub birthdate: Option<String>,
    /// 保険者名.
    pub insurer_name: Option<String>,
    /// Codes of hints.
    pub notices: Vec<String>,
    /// Name of the receipt computer's file, once it is written.
    pub file: Option<String>,
    /// Why no answer or no file came.
    pub code: Option<String>,
    #[serde(skip)]
    since: Moment,
}

/// When a row comes.
#[derive(Clone, Copy)]
pub(super) struct Now {
    /// To be shown.
    pub(super) wall: SystemTime,
    /// To count from: whoever sets the clock neither takes results away nor keeps them.
    pub(super) moment: Moment,
}

/// The queue.
pub(super) struct Counter {
    rows: VecDeque<Row>,
    keep: Duration,
    last: u64,
}

impl Counter {
    pub(super) const fn new(keep: Duration) -> Self {
        Self { rows: VecDeque::new(), keep, last: 0 }
    }

    /// Adds an answer; the number of its row.
    pub(super) fn answered(&mut self, method: Method, answer: Answer, now: Now) -> u64 {
        let open = |text: Option<Personal<String>>| text.map(Personal::into_exposed);
        let row = Row {
            validity: Some(answer.validity),
            name: open(answer.name),
            birthdate: open(answer.birthdate),
            insurer_name: open(answer.insurer_name),
            notices: answer.notices,
            ..self.row(method, now)
        };
        self.add(row)
    }

    /// Adds a failure.
    pub(super) fn failed(&mut self, method: Method, failure: EngineFailure, now: Now) {
        let row = Row { code: Some(failure.code), ..self.row(method, now) };
        self.add(row);
    }

    fn row(&mut self, method: Method, now: Now) -> Row {
        self.last += 1;
        Row {
            id: self.last,
            at: japan(now.wall).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            method,
            validity: None,
            name: None,
            birthdate: None,
            insurer_name: None,
            notices: Vec::new(),
            file: None,
            code: None,
            since: now.moment,
        }
    }

    fn add(&mut self, row: Row) -> u64 {
        let id = row.id;
        self.rows.push_front(row);
        self.rows.truncate(ROWS_MAX);
        id
    }

    /// Notes the file of a row, or why there is none.
    pub(super) fn filed(&mut self, id: u64, file: Result<String, &'static str>) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.id == id) {
            match file {
                Ok(name) => row.file = Some(name),
                Err(code) => row.code = Some(code.to_owned()),
            }
        }
    }

    /// Forgets a row.
    pub(super) fn dismiss(&mut self, id: u64) {
        self.rows.retain(|row| row.id != id);
    }

    /// Forgets what is too old.
    pub(super) fn forget(&mut self, now: Moment) {
        let keep_ms = u64::try_from(self.keep.as_millis()).unwrap_or(u64::MAX);
        self.rows.retain(|row| now < row.since.after(keep_ms));
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::UNIX_EPOCH;

    fn answer() -> Answer {
        Answer {
            validity: "1".to_owned(),
            name: Some(Personal::new("資格　花子".to_owned())),
            birthdate: None,
            insurer_name: None,
            notices: Vec::new(),
            message: Personal::new(Arc::from("")),
        }
    }

    /// After so many seconds; the wall clock was set to the same hour again and again.
    fn at(seconds: u64) -> Now {
        Now { wall: UNIX_EPOCH, moment: Moment(seconds * 1000) }
    }

    #[test]
    fn rows_are_newest_first_and_go_after_their_minutes_whatever_the_clock_is_set_to() {
        let mut counter = Counter::new(Duration::from_secs(600));
        let first = counter.answered(Method::Pin, answer(), at(0));
        let second = counter.answered(Method::Visual, answer(), at(300));
        counter.filed(first, Ok("file.xml".to_owned()));
        let ids: Vec<_> = counter.rows().map(|row| row.id).collect();
        assert_eq!(ids, [second, first]);
        counter.forget(at(600).moment);
        assert_eq!(counter.rows().count(), 1);
        counter.dismiss(second);
        assert_eq!(counter.rows().count(), 0);
    }

    #[test]
    fn a_busy_counter_is_bounded() {
        let mut counter = Counter::new(Duration::from_secs(600));
        for _ in 0..ROWS_MAX + 5 {
            counter.answered(Method::Pin, answer(), at(0));
        }
        assert_eq!(counter.rows().count(), ROWS_MAX);
    }
}
