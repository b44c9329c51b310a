//! The loop of a generator thread once the clock runs.

use super::client::{BELL, CONNECT_TIME_MAX, Client, EVENTS_MAX, State};
use super::conn::{Failure, is_over};
use super::http::Head;
use super::lane::{Next, Ticket};
use super::result::{Fault, OTHER_CODE};
use super::visits::Step;
use rustix::event::epoll::EventFlags;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long answers are awaited after the last request was due.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);
/// Pause after a failed attempt to open a connection again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);
/// Time between two looks at everything that could be overdue.
const TICK: Duration = Duration::from_millis(10);
/// Bytes of an unexpected answer that are searched for its error code.
const CODE_WITHIN_BYTES: usize = 4096;

/// An answer that is complete.
#[derive(Clone, Copy)]
pub(super) struct Answered {
    /// The connection's place.
    pub at: usize,
    pub ticket: Ticket,
    /// When its request was sent.
    pub sent: Instant,
    pub head: Head,
    /// The server will not use the connection any more.
    pub is_over: bool,
}

impl Client<'_> {
    /// Runs to the end; gives when sending ended, since the start.
    pub(super) fn run(&mut self) -> Duration {
        let end = self.setup.warmup + self.setup.duration;
        let mut events = Vec::with_capacity(EVENTS_MAX);
        let mut next_tick = self.start;
        let mut ended = None;
        loop {
            let now = Instant::now();
            if now >= next_tick {
                self.tick(now);
                next_tick = now + TICK;
            }
            let is_stopped = self.control.stop.load(Ordering::Relaxed);
            if ended.is_none() && (self.since_start(now) >= end || is_stopped) {
                ended = Some(self.close(now));
            }
            if let Some(ended) = ended {
                let is_busy = |slot: &super::client::Slot| slot.state.ticket().is_some();
                let waited = self.since_start(now).saturating_sub(ended);
                if waited > DRAIN_TIME_MAX || !self.slots.iter().any(is_busy) {
                    self.give_up(now);
                    return ended;
                }
            }
            let due = self.dispatch(now);
            let until = due.map_or(next_tick, |due| next_tick.min(self.start + due));
            self.wait(until.saturating_duration_since(Instant::now()), &mut events);
            for event in &events {
                if event.data.u64() == BELL {
                    self.signed();
                } else if let Some(at) = self.place(event) {
                    self.handle(at, event.flags);
                    self.dispatch(Instant::now());
                }
            }
        }
    }

    pub(super) fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start)
    }

    /// Gives every request that is due to a connection that is free; gives when the next one is
    /// due for which a connection is free.
    fn dispatch(&mut self, now: Instant) -> Option<Duration> {
        let mut earliest: Option<Duration> = None;
        if now < self.start {
            return Some(Duration::ZERO);
        }
        for lane in 0..self.lanes.len() {
            while let Some(at) = self.front(lane) {
                let since = self.since_start(now);
                let Some(lane) = self.lanes.get_mut(lane) else { break };
                match lane.take(since) {
                    Next::Send(ticket) => {
                        lane.idle.pop_front();
                        self.send(at, ticket);
                    }
                    Next::Wait(due) => {
                        earliest = Some(earliest.map_or(due, |e| e.min(due)));
                        break;
                    }
                    Next::Over => break,
                }
            }
        }
        earliest
    }

    /// The lane's longest idle connection.
    fn front(&mut self, lane: usize) -> Option<usize> {
        let lane = self.lanes.get_mut(lane)?;
        loop {
            let at = *lane.idle.front()?;
            match self.slots.get_mut(at) {
                Some(slot) if matches!(slot.state, State::Idle(_)) => return Some(at),
                Some(slot) => slot.is_listed = false,
                None => {}
            }
            lane.idle.pop_front();
        }
    }

    fn send(&mut self, at: usize, ticket: Ticket) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.is_listed = false;
        let (Some(conn), Some(lane)) = (&mut slot.conn, self.lanes.get_mut(slot.lane)) else {
            return;
        };
        let Some(question) = lane.prepared.question(ticket.k) else { return };
        let idle_since = match slot.state {
            State::Idle(since) => since.saturating_duration_since(self.start),
            State::Down(_) | State::Opening(_) | State::Busy(..) | State::Signing(..) => {
                Duration::ZERO
            }
        };
        let sent = Instant::now();
        slot.state = State::Busy(ticket, sent);
        slot.left = slot.left.map(|left| left.saturating_sub(1));
        (slot.step, slot.served) = (Step::default(), Duration::ZERO);
        self.requests += 1;
        let since_start = sent.saturating_duration_since(self.start);
        // Both a request and a connection were there from then on.
        let lag = since_start.saturating_sub(ticket.due.max(idle_since));
        self.series.advance(since_start);
        self.series.now.due += 1;
        self.series.now.lag.record(lag);
        if ticket.is_measured {
            lane.measured.lag.record(lag);
            lane.measured.counts.bytes_sent += question.bytes.len() as u64;
        }
        if conn.send(question.bytes).is_err() {
            self.fail(at, Fault::Broken);
        }
    }

    fn handle(&mut self, at: usize, flags: EventFlags) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        let Some(conn) = &mut slot.conn else { return };
        match slot.state {
            State::Down(_) => {}
            State::Opening(_) => match conn.establish() {
                Ok(false) => {}
                Ok(true) => {
                    if let Some(lane) = self.lanes.get_mut(slot.lane) {
                        lane.measured.counts.connects += 1;
                        lane.measured.counts.resumed += u64::from(conn.is_resumed());
                    }
                    self.idle(at);
                }
                Err(_) => self.lose(at),
            },
            State::Idle(_) => {
                if is_over(flags) || !conn.is_quiet() {
                    self.reopen(at);
                }
            }
            State::Signing(..) => {
                if is_over(flags) || !conn.is_quiet() {
                    self.fail(at, Fault::Closed);
                }
            }
            State::Busy(ticket, sent) => match conn.advance(flags) {
                Ok(None) => {}
                Ok(Some(head)) => {
                    let answered = Answered { at, ticket, sent, head, is_over: is_over(flags) };
                    match self.lanes.get(slot.lane).and_then(|lane| lane.visits.clone()) {
                        None => self.answered(&answered),
                        Some(visits) => self.stepped(&visits, &answered),
                    }
                }
                Err(failure) => self.fail(at, Failure::fault(&failure)),
            },
        }
    }

    fn answered(&mut self, answered: &Answered) {
        let Answered { at, ticket, sent, head, is_over } = *answered;
        let done = Instant::now();
        let since_start = done.saturating_duration_since(self.start);
        let latency = since_start.saturating_sub(ticket.due);
        self.series.advance(since_start);
        let Some(slot) = self.slots.get_mut(at) else { return };
        let (Some(conn), Some(lane)) = (&slot.conn, self.lanes.get_mut(slot.lane)) else { return };
        let second = &mut self.series.now;
        let expected = lane.prepared.question(ticket.k).filter(|q| q.status == head.status);
        if let Some(question) = expected {
            let audit = question.audit(conn.body(), self.setup.target.code(slot.facility));
            second.latency.record(latency);
            if ticket.is_measured {
                lane.measured.latency.record(latency);
                lane.measured.service.record(done.saturating_duration_since(sent));
            }
            match audit {
                Ok(()) => {
                    second.good += 1;
                    lane.measured.counts.good += u64::from(ticket.is_measured);
                }
                Err(wrong) => {
                    second.wrong += 1;
                    let stream = lane.name.clone();
                    lane.note_wrong(wrong.difference.into_example(
                        stream,
                        since_start,
                        wrong.person,
                    ));
                }
            }
        } else {
            second.failed += 1;
            if ticket.is_measured {
                lane.measured.counts.count_code(error_code(conn.body()));
            }
        }
        if ticket.is_measured {
            lane.measured.counts.bytes_received += conn.answer_bytes() as u64;
            *lane.measured.counts.statuses.entry(head.status).or_default() += 1;
        }
        self.free(at, head.closes || is_over);
    }

    /// The connection has done its work; it goes on unless it is over or old enough.
    pub(super) fn free(&mut self, at: usize, is_over: bool) {
        if is_over || self.slots.get(at).is_some_and(|slot| slot.left == Some(0)) {
            self.reopen(at);
        } else {
            self.idle(at);
        }
    }

    /// The request has failed and the connection is of no further use.
    pub(super) fn fail(&mut self, at: usize, fault: Fault) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        if let (Some(ticket), Some(lane)) = (slot.state.ticket(), self.lanes.get_mut(slot.lane)) {
            self.series.now.failed += 1;
            if ticket.is_measured {
                *lane.measured.counts.faults.entry(fault).or_default() += 1;
            }
            if fault == Fault::Timeout {
                let latency = self.start.elapsed().saturating_sub(ticket.due);
                self.series.now.latency.record(latency);
                if ticket.is_measured {
                    lane.measured.latency.record(latency);
                }
            }
        }
        self.reopen(at);
    }

    /// The connection is free.
    fn idle(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.state = State::Idle(Instant::now());
        if let Some(lane) = self.lanes.get_mut(slot.lane)
            && !slot.is_listed
        {
            slot.is_listed = true;
            lane.idle.push_back(at);
        }
    }

    /// Closes the connection and begins to open another.
    fn reopen(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        if let Some(conn) = slot.conn.take() {
            conn.close();
        }
        if self.open(at).is_err() {
            self.lose(at);
        }
    }

    /// The connection could not be opened; it will be tried again.
    fn lose(&mut self, at: usize) {
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.conn = None;
        slot.state = State::Down(Instant::now() + RECONNECT_PAUSE);
        if let Some(lane) = self.lanes.get_mut(slot.lane) {
            lane.measured.counts.connects_failed += 1;
        }
    }

    /// Looks for what is overdue.
    fn tick(&mut self, now: Instant) {
        self.series.advance(self.since_start(now));
        for at in 0..self.slots.len() {
            match self.slots.get(at).map(|slot| slot.state) {
                Some(State::Busy(_, sent) | State::Signing(_, sent))
                    if now.duration_since(sent) > self.setup.timeout =>
                {
                    self.fail(at, Fault::Timeout);
                }
                Some(State::Opening(since)) if now.duration_since(since) > CONNECT_TIME_MAX => {
                    self.lose(at);
                }
                Some(State::Down(again)) if now >= again => self.reopen(at),
                Some(
                    State::Busy(..)
                    | State::Signing(..)
                    | State::Opening(_)
                    | State::Down(_)
                    | State::Idle(_),
                )
                | None => {}
            }
        }
    }

    /// Ends sending.
    fn close(&mut self, now: Instant) -> Duration {
        let since = self.since_start(now);
        for lane in &mut self.lanes {
            self.series.now.due += lane.close(since, &mut self.series.now.latency);
        }
        since.min(self.setup.warmup + self.setup.duration)
    }

    /// Counts what is still unanswered.
    fn give_up(&mut self, now: Instant) {
        let since = self.since_start(now);
        for slot in &self.slots {
            if let (Some(ticket), Some(lane)) = (slot.state.ticket(), self.lanes.get_mut(slot.lane))
                && ticket.is_measured
            {
                lane.measured.counts.unanswered += 1;
                lane.measured.latency.record(since.saturating_sub(ticket.due));
            }
        }
    }
}

/// The stable code that an error of the engine states, such as `SHK-ENG-001`.
pub(super) fn error_code(body: &[u8]) -> &str {
    let body = body.get(..CODE_WITHIN_BYTES).unwrap_or(body);
    let found = memchr::memmem::find(body, b"SHK-").and_then(|at| body.get(at..));
    let is_part = |b: &&u8| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b'-';
    let code = found.map(|rest| rest.iter().take(16).take_while(is_part).count());
    let code = found.zip(code).and_then(|(rest, length)| rest.get(..length));
    code.and_then(|code| std::str::from_utf8(code).ok()).unwrap_or(OTHER_CODE)
}
