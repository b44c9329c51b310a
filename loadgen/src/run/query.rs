//! The questions: prepared before the clock starts, each with the answer that the rules give.

use super::RunError;
use super::audit::{Difference, Expected, Form, Times};
use super::http::render_request;
use super::message::{Interface, Style};
use super::plan::Random;
use super::source::{Block, People};
use super::visits::challenge_request;
use shikaku_domain::{
    CardQuery, Folded, LimitApplicationCertificateRelatedConsFlg, MedicalInstitutionCode,
    Registration,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

/// Ends no synthetic number, so a number with it is nobody's.
const IMPOSSIBLE_SUFFIX: &str = "QQQ";
/// How many questions back a patient may have been who comes again.
const REPEAT_WITHIN: u64 = 1000;
/// Who asks about what: shares in 1000 questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mix {
    /// The number is one that nobody has: a typing error at the desk.
    pub mistyped: u64,
    /// The card is one that the person no longer uses, if there is one.
    pub old_card: u64,
    /// The patient consents to showing the limit certificate.
    pub consent: u64,
    /// The patient was asked about shortly before: another department, the pharmacy.
    pub repeat: u64,
    /// Days from the day of the run to the day asked about, such as 1 for tomorrow's patients.
    pub days_ahead: i32,
}

impl Default for Mix {
    /// An ordinary day; approximations from general knowledge.
    fn default() -> Self {
        Self { mistyped: 30, old_card: 100, consent: 300, repeat: 0, days_ahead: 0 }
    }
}

impl Mix {
    /// Whether all shares are shares.
    pub(super) fn is_in_range(&self) -> bool {
        [self.mistyped, self.old_card, self.consent, self.repeat].iter().all(|n| *n <= 1000)
            && (-3650..=3650).contains(&self.days_ahead)
    }
}

/// Questions ready to send, used in a ring. They hold personal data (synthetic as it is), so they
/// have no `Debug`.
pub(super) struct Prepared {
    /// Requests and right answers.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    form: Form,
    /// The status of every right answer.
    status: u16,
}

#[derive(Clone)]
struct Entry {
    request: Range<usize>,
    /// Empty where answers are not audited.
    answer: Range<usize>,
    /// In the answer.
    times: Times,
    person: u64,
}

/// Whom question `k` is about, and the randomness for the rest of it.
struct Pick {
    k: usize,
    person: u64,
    random: Random,
}

impl Pick {
    fn new(k: usize, persons: u64, seed: u64, mix: &Mix) -> Self {
        let (person, mut random) = Self::draw(k as u64, persons, seed);
        if k == 0 || random.below(1000) >= mix.repeat {
            return Self { k, person, random };
        }
        let before = 1 + random.below(REPEAT_WITHIN.min(k as u64));
        let (person, _) = Self::draw(k as u64 - before, persons, seed);
        Self { k, person, random }
    }

    fn draw(k: u64, persons: u64, seed: u64) -> (u64, Random) {
        // Two steps, so that neighbouring seeds and questions have nothing in common.
        let mut random = Random::new(Random::new(seed).bits() ^ k);
        let mut random = Random::new(random.bits());
        (random.below(persons), random)
    }
}

/// One question of the ring.
pub(super) struct Question<'p> {
    /// The request as it is sent.
    pub bytes: &'p [u8],
    /// The status that the answer must have.
    pub status: u16,
    person: u64,
    /// What the answer must say; `None` where answers are not audited.
    pub expected: Option<Expected<'p>>,
}

/// A wrong answer and whom it is about.
pub(super) struct Wrong {
    /// What differs.
    pub difference: Difference,
    /// Index in the population.
    pub person: u64,
}

impl Prepared {
    /// Prepares `count` questions about uniformly random people; `tick` is called after each.
    ///
    /// Question `k` depends on the seed and `k` alone. They are made in the order of the people,
    /// so that each block is made once.
    ///
    /// # Errors
    /// [`RunError::Population`] when somebody asked about is registered nowhere.
    pub(super) fn lookups(
        count: usize,
        people: &People<'_>,
        style: &Style<'_>,
        seed: u64,
        mut tick: impl FnMut(),
    ) -> Result<Self, RunError> {
        let insurers: HashMap<_, _> = people.insurers.iter().map(|i| (i.number, i)).collect();
        let pick = |k| Pick::new(k, people.persons, seed, &style.mix);
        let mut picks: Vec<Pick> = (0..count).map(pick).collect();
        picks.sort_unstable_by_key(|pick| pick.person);
        let mut bytes = Vec::new();
        let mut entries = Vec::with_capacity(count);
        let mut block = Block::default();
        for mut pick in picks {
            block.load(people, pick.person);
            let registered = block.of(pick.person);
            let asked = choose(registered, style, &mut pick.random).ok_or_else(|| {
                RunError::Population(format!("person {} is registered nowhere", pick.person))
            })?;
            let (query, number) = ask(asked, &style.mix, &mut pick.random)?;
            let body = style.body(asked, &query, &number);
            let start = bytes.len();
            bytes.extend(style.render(&body));
            let request = start..bytes.len();
            let mut answer = request.end..request.end;
            let mut times = Times::find(&[], style.interface.some_time());
            if style.path.is_none() {
                let insurer = insurers.get(&query.insurer).copied();
                let right = style.answer(&body, &query, insurer, &block.registrations)?;
                times = Times::find(&right, style.interface.some_time());
                bytes.extend(right);
                answer.end = bytes.len();
            }
            entries.push((pick.k, Entry { request, answer, times, person: pick.person }));
            tick();
        }
        entries.sort_unstable_by_key(|(k, _)| *k);
        let entries = entries.into_iter().map(|(_, entry)| entry).collect();
        Ok(Self { bytes, entries, form: style.interface.form(), status: 200 })
    }

    /// One request without meaning, over and over: what the transport alone costs.
    pub(super) fn constant(authority: &str, path: &str) -> Self {
        let bytes = render_request(authority, path, "Content-Type: application/json\r\n", "{}");
        Self::same(bytes, 200)
    }

    /// The request with which every visit with a card begins.
    pub(super) fn challenges(authority: &str) -> Self {
        Self::same(challenge_request(authority), 201)
    }

    /// The same request over and over; its answers have this status and are not audited.
    fn same(bytes: Vec<u8>, status: u16) -> Self {
        let end = bytes.len();
        let times = Times::find(&[], Interface::V1.some_time());
        let entry = Entry { request: 0..end, answer: end..end, times, person: 0 };
        Self { bytes, entries: vec![entry], form: Form::Json, status }
    }

    /// The question for request `k`, `None` only from an empty ring.
    pub(super) fn question(&self, k: u64) -> Option<Question<'_>> {
        let at = usize::try_from(k % self.entries.len().max(1) as u64).ok()?;
        let entry = self.entries.get(at)?;
        let body = self.bytes.get(entry.answer.clone())?;
        let expected = Expected { body, times: entry.times, form: self.form };
        Some(Question {
            bytes: self.bytes.get(entry.request.clone())?,
            status: self.status,
            person: entry.person,
            expected: (!body.is_empty()).then_some(expected),
        })
    }

    /// Number of questions and the memory they take, in bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        let entries = self.entries.len();
        (entries, self.bytes.capacity() + entries * size_of::<Entry>())
    }
}

impl Question<'_> {
    /// Compares the body of an answer to this facility with what the population gives.
    ///
    /// # Errors
    /// The difference, without personal data.
    pub(super) fn audit(
        &self,
        body: &[u8],
        facility: Option<MedicalInstitutionCode>,
    ) -> Result<(), Wrong> {
        let Some(expected) = &self.expected else { return Ok(()) };
        let audit = expected.audit(body, facility);
        audit.map_err(|difference| Wrong { difference, person: self.person })
    }
}

/// The card that the patient shows: mostly a current one, sometimes an old one.
fn choose<'r, 'a>(
    registrations: &'r [Registration<'a>],
    style: &Style<'_>,
    random: &mut Random,
) -> Option<&'r Registration<'a>> {
    let (current, old): (Vec<_>, Vec<_>) =
        registrations.iter().partition(|r| r.period.covers(style.on));
    let wants_old = random.below(1000) < style.mix.old_card;
    let among = if current.is_empty() || (wants_old && !old.is_empty()) { old } else { current };
    among.get(usize::try_from(random.below(among.len() as u64)).ok()?).copied()
}

/// The query and the number as it is typed: as printed, or mistyped.
fn ask<'r>(
    asked: &'r Registration<'_>,
    mix: &Mix,
    random: &mut Random,
) -> Result<(CardQuery, Cow<'r, str>), RunError> {
    let mut query = CardQuery::for_card(asked);
    let printed = asked.card.number.text().expose();
    if random.below(1000) < mix.consent {
        query.limit_consent = LimitApplicationCertificateRelatedConsFlg::Given;
    }
    if random.below(1000) >= mix.mistyped {
        return Ok((query, Cow::Borrowed(printed.as_ref())));
    }
    let room = shikaku_domain::CARD_TEXT_CHARS_MAX - IMPOSSIBLE_SUFFIX.len();
    let mut typed: String = printed.chars().take(room).collect();
    typed.push_str(IMPOSSIBLE_SUFFIX);
    query.number = Folded::new(&typed).map_err(|e| RunError::Population(e.to_string()))?;
    Ok((query, Cow::Owned(typed)))
}
