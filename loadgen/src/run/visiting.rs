//! A generator thread's part of a visit with a card: from one question to the next.

use super::client::{Client, Signing, State};
use super::lane::Ticket;
use super::result::Fault;
use super::running::{Answered, error_code};
use super::signing::Job;
use super::visits::{Step, Turn, Visits};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Name in results of the time from a challenge's arrival to the card's signature.
const SIGNATURE: &str = "signature";

/// How a visit ended.
struct Ended {
    at: usize,
    ticket: Ticket,
    /// When its last answer was complete.
    done: Instant,
    is_over: bool,
}

impl Client<'_> {
    /// A question of a visit was answered.
    pub(super) fn stepped(&mut self, visits: &Arc<Visits>, answered: &Answered) {
        let Answered { at, ticket, sent, head, is_over } = *answered;
        let done = Instant::now();
        let took = done.saturating_duration_since(sent);
        self.series.advance(self.since_start(done));
        let Some(slot) = self.slots.get_mut(at) else { return };
        let (Some(conn), Some(lane)) = (&slot.conn, self.lanes.get_mut(slot.lane)) else { return };
        slot.served += took;
        if ticket.is_measured {
            lane.measured.step(slot.step.name()).record(took);
            lane.measured.counts.bytes_received += conn.answer_bytes() as u64;
            *lane.measured.counts.statuses.entry(head.status).or_default() += 1;
        }
        let facility = self.setup.target.code(slot.facility);
        let turn = visits.turn(ticket.k, slot.step, (head.status, conn.body()), facility);
        let is_over = head.closes || is_over;
        let ended = Ended { at, ticket, done, is_over };
        match turn {
            Turn::Sign(..) | Turn::Ask(..) if is_over => self.fail(at, Fault::Closed),
            Turn::Sign(challenge_id, challenge) => {
                slot.state = State::Signing(ticket, done);
                let place = (at, slot.generation);
                let (holder, keys) = (visits.person(ticket.k), Arc::clone(visits.keys()));
                let Some(Signing { jobs, mailbox }) = &self.signing else { return };
                let mailbox = Arc::clone(mailbox);
                let job =
                    Job { place, holder, keys, challenge_id, challenge, since: done, mailbox };
                // INVARIANT: there is room for a challenge of each connection.
                if jobs.try_send(job).is_err() {
                    self.fail(at, Fault::Broken);
                }
            }
            Turn::Ask(step, request) => self.ask(at, ticket, step, &request),
            Turn::Right => {
                self.series.now.good += 1;
                lane.measured.counts.good += u64::from(ticket.is_measured);
                self.visited(&ended);
            }
            Turn::Refused(refusal) => {
                self.series.now.good += 1;
                if ticket.is_measured {
                    lane.measured.counts.good += 1;
                    *lane.measured.counts.refusals.entry(refusal).or_default() += 1;
                }
                self.visited(&ended);
            }
            Turn::Wrong(wrong) => {
                self.series.now.wrong += 1;
                let (stream, at) = (lane.name.clone(), done.saturating_duration_since(self.start));
                lane.note_wrong(wrong.difference.into_example(stream, at, wrong.person));
                self.visited(&ended);
            }
            Turn::Unexpected => {
                self.series.now.failed += 1;
                if ticket.is_measured {
                    lane.measured.counts.count_code(error_code(conn.body()));
                }
                self.free(at, is_over);
            }
        }
    }

    /// Takes up what cards have signed.
    pub(super) fn signed(&mut self) {
        let Some(signing) = &self.signing else { return };
        for signed in signing.mailbox.take() {
            // A connection that was lost meanwhile needs no signature.
            let Some(at) = self.current(signed.place) else { continue };
            let Some(slot) = self.slots.get_mut(at) else { continue };
            let State::Signing(ticket, _) = slot.state else { continue };
            let Some(lane) = self.lanes.get_mut(slot.lane) else { continue };
            if ticket.is_measured {
                lane.measured.step(SIGNATURE).record(signed.since.elapsed());
            }
            let visits = lane.visits.clone();
            let request = visits.zip(signed.signature).and_then(|(visits, signature)| {
                visits.open_session(ticket.k, signed.challenge_id, &signature)
            });
            match request {
                Some(request) => self.ask(at, ticket, Step::Session, &request),
                None => self.fail(at, Fault::Broken),
            }
        }
    }

    /// Asks the next question of a visit.
    fn ask(&mut self, at: usize, ticket: Ticket, step: Step, request: &[u8]) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let (Some(conn), Some(lane)) = (&mut slot.conn, self.lanes.get_mut(slot.lane)) else {
            return;
        };
        slot.step = step;
        slot.state = State::Busy(ticket, Instant::now());
        self.requests += 1;
        if ticket.is_measured {
            lane.measured.counts.bytes_sent += request.len() as u64;
        }
        if conn.send(request).is_err() {
            self.fail(at, Fault::Broken);
        }
    }

    /// A visit has ended with an answer of the expected status.
    fn visited(&mut self, ended: &Ended) {
        let Ended { at, ticket, done, is_over } = *ended;
        let latency = self.since_start(done).saturating_sub(ticket.due);
        self.series.now.latency.record(latency);
        let slot = self.slots.get(at);
        let served = slot.map_or(Duration::ZERO, |slot| slot.served);
        if let Some(lane) = slot.and_then(|slot| self.lanes.get_mut(slot.lane))
            && ticket.is_measured
        {
            lane.measured.latency.record(latency);
            lane.measured.service.record(served);
        }
        self.free(at, is_over);
    }
}
