//! Which files to take, and what to do next with a taken one: decisions without I/O.
//!
//! # One request through the folders
//!
//! `R` is the request's name, `S` its answer's (`req` → `res`), `E` its `.err` text. What lies in
//! `work` is the whole state; nothing else is remembered over a crash or a power cut.
//!
//! | `R` | `S.ready` | `E.ready` | `R.back` | state          | next step                          |
//! |-----|-----------|-----------|----------|----------------|------------------------------------|
//! | yes | no        | no        | no       | claimed        | ask; write `S.ready` or `E.ready`  |
//! | yes | yes       | no        | no       | answered       | remove `R`                         |
//! | no  | yes       | no        | no       | answer is due  | move `S.ready` to `res/S`          |
//! | yes | no        | yes       | no       | refused        | move `R` to `R.back`               |
//! | no  | no        | yes       | yes      | refusal is due | move `E.ready` to `res/E`          |
//! | no  | no        | no        | yes      | return is due  | move `R.back` to `res/R`           |
//! | no  | no        | no        | no       | done           |                                    |
//!
//! Each step is one atomic file operation and each leads to the next row, so a crash between two
//! of them is followed by the step that was due: an answer that a client has read and deleted is
//! never written again, because the file that would be moved is gone. A request is asked again
//! only if no answer was durable, that is, if no client can have seen one. Rows that no history
//! reaches (a file removed by hand) fall to the step nearest to an answer.
//!
//! The text is published before the request beside it, at once after each other: a client that
//! waits for the request finds both; one that waits for the text has the text.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use super::name::RequestName;

/// How long a file without the end of its root element must stay unchanged before it is taken as
/// it is. Receipt computers write a request in one go; the slowest known copies in under a second.
pub const UNFINISHED_WAIT: Duration = Duration::from_secs(2);
/// How long an empty file must stay unchanged before it is rejected.
pub const EMPTY_WAIT: Duration = Duration::from_secs(60);

/// What must end every request, apart from white space. None of its bytes can be the second half
/// of a CP932 character, so bytes may be compared.
const ROOT_END: &[u8] = b"</XmlMsg>";

/// One request in `req`.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: RequestName,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its last change.
    pub modified: SystemTime,
}

/// What the last look into `req` saw: at most as many entries as a listing.
#[derive(Debug, Default)]
pub struct Memory(HashMap<String, Sighting>);

#[derive(Clone, Copy, Debug)]
struct Sighting {
    bytes: u64,
    modified: SystemTime,
    since: Instant,
}

/// What to do with one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Take it if it ends as a request must.
    TakeIfFinished(RequestName),
    /// Take it: it has not changed for long enough.
    Take(RequestName),
}

/// Chooses what to take, oldest first, at most `room` files.
///
/// `is_free` says whether nothing of that name is in flight; a client that uses a name again waits
/// for its first answer.
pub fn plan(
    mut listing: Vec<Listed>,
    memory: &mut Memory,
    is_free: impl Fn(&RequestName) -> bool,
    room: usize,
    now: Instant,
) -> Vec<Action> {
    listing.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
    let mut seen = HashMap::with_capacity(listing.len());
    let mut actions = Vec::new();
    for Listed { name, bytes, modified } in listing {
        let before = memory.0.get(name.file());
        let unchanged = before.filter(|s| s.bytes == bytes && s.modified == modified).copied();
        let sighting = unchanged.unwrap_or(Sighting { bytes, modified, since: now });
        seen.insert(name.file().to_owned(), sighting);
        if unchanged.is_none() || actions.len() == room || !is_free(&name) {
            continue;
        }
        let stable = now.saturating_duration_since(sighting.since);
        let wait = if bytes == 0 { EMPTY_WAIT } else { UNFINISHED_WAIT };
        if stable >= wait {
            actions.push(Action::Take(name));
        } else if bytes > 0 {
            actions.push(Action::TakeIfFinished(name));
        }
    }
    *memory = Memory(seen);
    actions
}

/// Whether the last bytes of a file end a request.
#[must_use]
pub fn is_finished(tail: &[u8]) -> bool {
    tail.trim_ascii_end().ends_with(ROOT_END)
}

/// Which of a request's files lie in `work`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traces {
    /// `R`.
    pub request: bool,
    /// `S.ready`.
    pub response: bool,
    /// `E.ready`.
    pub refusal: bool,
    /// `R.back`.
    pub returned: bool,
}

/// The next step of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Find the answer and write it durably.
    Ask,
    /// Remove the answered request.
    RemoveRequest,
    /// Move the answer to `res`.
    PublishResponse,
    /// Mark the refused request as on its way back.
    SetAside,
    /// Move the text to `res`.
    PublishRefusal,
    /// Move the refused request to `res`.
    ReturnRequest,
    /// Nothing is left to do.
    Done,
}

impl Traces {
    /// The table at the top of this module.
    #[must_use]
    pub const fn next(self) -> Step {
        match (self.request, self.response, self.refusal, self.returned) {
            (true, true, _, _) => Step::RemoveRequest,
            (false, true, _, _) => Step::PublishResponse,
            (true, false, true, _) => Step::SetAside,
            (false, false, true, _) => Step::PublishRefusal,
            (_, false, false, true) => Step::ReturnRequest,
            (true, false, false, false) => Step::Ask,
            (false, false, false, false) => Step::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, bytes: u64, second: u64) -> Listed {
        let name = RequestName::parse(&format!("OQSsiquc01req_{name}.xml")).unwrap();
        Listed { name, bytes, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(second) }
    }

    fn names(actions: &[Action]) -> Vec<String> {
        let of = |action: &Action| match action {
            Action::Take(name) => format!("{} as it is", name.file()),
            Action::TakeIfFinished(name) => name.file().to_owned(),
        };
        actions.iter().map(of).collect()
    }

    /// Looks at `req` once per listing, `step` apart; returns the last plan.
    fn after(looks: &[Vec<Listed>], step: Duration) -> Vec<String> {
        let (mut memory, mut actions, mut now) = (Memory::default(), Vec::new(), Instant::now());
        for look in looks {
            actions = plan(look.clone(), &mut memory, |_| true, 10, now);
            now += step;
        }
        names(&actions)
    }

    const POLL: Duration = Duration::from_millis(200);

    #[test]
    fn a_file_is_taken_on_the_second_look_at_the_earliest() {
        let look = vec![listed("a", 9, 1)];
        assert_eq!(after(std::slice::from_ref(&look), POLL), [""; 0]);
        assert_eq!(after(&[look.clone(), look], POLL), ["OQSsiquc01req_a.xml"]);
    }

    #[test]
    fn a_file_that_still_grows_or_changes_waits() {
        assert_eq!(after(&[vec![listed("a", 9, 1)], vec![listed("a", 10, 1)]], POLL), [""; 0]);
        assert_eq!(after(&[vec![listed("a", 9, 1)], vec![listed("a", 9, 2)]], POLL), [""; 0]);
    }

    #[test]
    fn a_file_that_stays_unfinished_is_taken_as_it_is_after_two_seconds() {
        let looks = vec![vec![listed("a", 9, 1)]; 3];
        let whole = ["OQSsiquc01req_a.xml as it is"];
        assert_eq!(after(&looks, Duration::from_secs(1)), whole);
    }

    #[test]
    fn an_empty_file_gets_a_minute() {
        let looks = vec![vec![listed("a", 0, 1)]; 2];
        assert_eq!(after(&looks, Duration::from_secs(59)), [""; 0]);
        assert_eq!(after(&looks, EMPTY_WAIT), ["OQSsiquc01req_a.xml as it is"]);
    }

    #[test]
    fn the_oldest_come_first_and_never_more_than_there_is_room_for() {
        let look = vec![listed("c", 9, 3), listed("b", 9, 1), listed("a", 9, 2)];
        let mut memory = Memory::default();
        let now = Instant::now();
        plan(look.clone(), &mut memory, |_| true, 2, now);
        let actions = plan(look.clone(), &mut memory, |_| true, 2, now + POLL);
        assert_eq!(names(&actions), ["OQSsiquc01req_b.xml", "OQSsiquc01req_a.xml"]);
        let busy = |name: &RequestName| !name.file().contains("_b.");
        let actions = plan(look, &mut memory, busy, 1, now + POLL * 2);
        assert_eq!(names(&actions), ["OQSsiquc01req_a.xml"]);
    }

    #[test]
    fn a_request_ends_with_its_root_element_and_white_space_only() {
        assert!(is_finished(b"x</XmlMsg>") && is_finished(b"</XmlMsg>\r\n \t"));
        assert!(!is_finished(b"</XmlMs") && !is_finished(b"") && !is_finished(b"</XmlMsg>x"));
    }

    /// Every combination of files leads to an end, and the steps are those of the table.
    #[test]
    fn every_state_leads_to_done() {
        for bits in 0..16_u8 {
            let bit = |n: u8| bits >> n & 1 == 1;
            let mut traces =
                Traces { request: bit(0), response: bit(1), refusal: bit(2), returned: bit(3) };
            let mut steps = 0;
            while traces.next() != Step::Done {
                match traces.next() {
                    Step::Ask => traces.response = true,
                    Step::RemoveRequest => traces.request = false,
                    Step::PublishResponse => traces.response = false,
                    Step::SetAside => (traces.request, traces.returned) = (false, true),
                    Step::PublishRefusal => traces.refusal = false,
                    Step::ReturnRequest => traces.returned = false,
                    Step::Done => unreachable!("the loop ends before"),
                }
                steps += 1;
                assert!(steps <= 8, "state {bits:04b} does not end");
            }
        }
    }
}
