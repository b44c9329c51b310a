//! The patients of visits with a My Number card, drawn before the clock starts: whose card, how its
//! holder is recognised, what they agree to.

use super::RunError;
use super::plan::Random;
use super::source::{Block, People};
use crate::population::{Manifest, has_card};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use shikaku_card::ca::{Authority, CertificateRequest, Generation, Purpose, Serial, Validity};
use shikaku_card::{CardError, KeyPool};
use shikaku_domain::{CardFace, ConsentChoice, Day, InformationType, Registration};
use std::path::Path;
use std::sync::Arc;

/// Different keys of all cards: making one takes 40 ms, and the centre sees no difference.
const KEYS: u16 = 32;
/// People looked at for each card, before the population is taken to have none.
const SEARCH_MAX: usize = 1_000;
const NOBODY: &str = "nobody in it has a registered card: make it with --cards PERCENT, and load \
                      its cards.csv into the engine";
/// Municipality that issued the cards.
const MUNICIPALITY: u32 = 13_221;
const DAY_SECONDS: u64 = 86_400;
/// A card in use was issued so long ago and is good for so long.
const GOOD_DAYS: (u64, u64) = (400, 1_000);
/// An expired one ended so long ago: beyond its three months of grace.
const EXPIRED_DAYS: u64 = 200;
/// How patients behave: shares in 1000 visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CardMix {
    /// Enters the PIN; who neither does this nor is looked at shows the face to the camera.
    pub pin: u64,
    /// Is recognised by staff.
    pub visual: u64,
    /// Agrees to showing the limit certificate and the one of special diseases, each.
    pub provide: u64,
    /// Agrees to showing medication, check-ups, diagnoses and operations, each.
    pub medical: u64,
    /// Has a card whose certificate ended more than three months ago.
    pub expired: u64,
}

impl Default for CardMix {
    /// An ordinary day; approximations from general knowledge.
    fn default() -> Self {
        Self { pin: 250, visual: 20, provide: 800, medical: 500, expired: 5 }
    }
}

impl CardMix {
    /// Whether all shares are shares.
    pub(super) fn is_in_range(&self) -> bool {
        let Self { pin, visual, provide, medical, expired } = *self;
        pin + visual <= 1000 && [pin, visual, provide, medical, expired].iter().all(|n| *n <= 1000)
    }
}

/// A visit to come. It holds personal data (synthetic as it is), so it has no `Debug`.
pub(super) struct Visit {
    /// By index in the population.
    pub person: u64,
    /// Everything registered about them.
    pub registrations: Vec<Registration<'static>>,
    /// The card's, in DER, base64.
    pub certificate: String,
    /// How the holder is recognised.
    pub method: &'static str,
    /// What they agree to.
    pub consents: ConsentChoice,
    /// The certificate ended long ago.
    pub is_expired: bool,
    /// Somebody else has the same insurance card, as twins without branch numbers do: nobody could
    /// tell whose the My Number card is, so it is registered as nobody's.
    pub is_shared: bool,
}

/// Where visits lead, and what they are about.
pub(super) struct VisitStyle<'a> {
    /// `host:port` for the Host header.
    pub authority: &'a str,
    /// Day that is asked about.
    pub on: Day,
    /// How patients behave.
    pub mix: CardMix,
    /// The present, in Unix seconds: certificates are judged by the engine's clock.
    pub now: u64,
}

/// Who has a card, under which authority.
pub(super) struct Cards {
    authority: Authority,
    /// The keys of all cards.
    pub keys: Arc<KeyPool>,
    has_card: Box<dyn Fn(u64) -> bool>,
}

impl Cards {
    /// The cards of the population in a folder. Making the authority takes half a second.
    ///
    /// # Errors
    /// As [`Cards::new`], and when the folder holds no population.
    pub(super) fn of(folder: &Path) -> Result<Self, RunError> {
        let manifest = Manifest::read(folder);
        let found = manifest.and_then(|manifest| Ok((manifest.spec()?, manifest.cards_percent)));
        let (spec, percent) = found.map_err(|e| RunError::Population(e.to_string()))?;
        Self::new(spec.seed, Box::new(move |person| has_card(spec.seed, person, percent)))
    }

    /// Cards under a seed, held by whom `has_card` says.
    ///
    /// # Errors
    /// [`RunError::Population`] when a key cannot be made.
    pub(super) fn new(seed: u64, has_card: Box<dyn Fn(u64) -> bool>) -> Result<Self, RunError> {
        let authority = Authority::new(seed, Purpose::UserAuthentication).map_err(of_card)?;
        Ok(Self { authority, keys: Arc::new(KeyPool::new(seed, KEYS)), has_card })
    }

    /// The certificate of a person's card, base64.
    fn certificate(&self, person: u64, is_expired: bool, now: u64) -> Result<String, CardError> {
        let days = |days: u64| days * DAY_SECONDS;
        let (before, after) = GOOD_DAYS;
        let validity = match is_expired {
            false => Validity { not_before: now - days(before), not_after: now + days(after) },
            true => Validity {
                not_before: now - days(EXPIRED_DAYS + after),
                not_after: now - days(EXPIRED_DAYS),
            },
        };
        let request = CertificateRequest {
            serial: Serial::of_person(person, 0)?,
            key: self.keys.of_holder(person)?,
            generation: Generation::Third,
            validity,
            municipality: MUNICIPALITY,
        };
        Ok(STANDARD.encode(self.authority.issue(&request)?))
    }
}

fn of_card(error: CardError) -> RunError {
    RunError::Population(error.to_string())
}

/// Draws `count` visits of uniformly random people with cards; `tick` is called after each.
///
/// # Errors
/// [`RunError::Population`] when nobody has a card, or one cannot be made.
pub(super) fn draw(
    count: usize,
    people: &People<'_>,
    cards: &Cards,
    style: &VisitStyle<'_>,
    seed: u64,
    mut tick: impl FnMut(),
) -> Result<Vec<Visit>, RunError> {
    let mut draws = Vec::with_capacity(count);
    for k in 0..count {
        // Visit `k` depends on the seed and `k` alone, as questions do.
        let mut random = Random::new(Random::new(Random::new(seed).bits() ^ k as u64).bits());
        let mut drawn = std::iter::repeat_with(|| random.below(people.persons));
        let person = drawn.by_ref().take(SEARCH_MAX).find(|one| (cards.has_card)(*one));
        let person = person.ok_or_else(|| RunError::Population(NOBODY.to_owned()))?;
        draws.push((k, person, random));
    }
    draws.sort_unstable_by_key(|(_, person, _)| *person);
    let mut block = Block::default();
    let mut visits = Vec::with_capacity(count);
    for (k, person, mut random) in draws {
        block.load(people, person);
        visits.push((k, visit(person, &block, cards, style, &mut random)?));
        tick();
    }
    visits.sort_unstable_by_key(|(k, _)| *k);
    Ok(visits.into_iter().map(|(_, visit)| visit).collect())
}

fn visit(
    person: u64,
    block: &Block,
    cards: &Cards,
    style: &VisitStyle<'_>,
    random: &mut Random,
) -> Result<Visit, RunError> {
    let CardMix { pin, visual, provide, medical, expired } = style.mix;
    let method = match random.below(1000) {
        share if share < pin => "pin",
        share if share < pin + visual => "visual",
        _ => "face",
    };
    let mut consents = ConsentChoice::default();
    for information in InformationType::ALL {
        let share = match information {
            InformationType::LimitApplicationCertificate | InformationType::SpecificDiseases => {
                provide
            }
            InformationType::Medication
            | InformationType::Checkup
            | InformationType::Diagnosis
            | InformationType::Operation => medical,
        };
        match random.below(1000) < share {
            true => consents.give(*information),
            false => consents.refuse(*information),
        }
    }
    let is_expired = random.below(1000) < expired;
    let certificate = cards.certificate(person, is_expired, style.now).map_err(of_card)?;
    let registrations = block.of(person).to_vec();
    let latest = registrations.iter().max_by_key(|one| one.period.start());
    let is_shared = latest
        .is_some_and(|latest| block.registrations.iter().any(|other| is_same_card(latest, other)));
    Ok(Visit { person, registrations, certificate, method, consents, is_expired, is_shared })
}

/// Whether the first one's insurance card is also the other person's.
fn is_same_card(one: &Registration<'_>, other: &Registration<'_>) -> bool {
    let text = |card: &CardFace<'_>| {
        (card.symbol.as_ref().map(|symbol| *symbol.folded()), *card.number.folded())
    };
    let (card, theirs) = (&one.card, &other.card);
    one.person != other.person
        && (card.insurer, card.birthdate) == (theirs.insurer, theirs.birthdate)
        && (card.branch.is_none() || card.branch == theirs.branch)
        && text(card) == text(theirs)
}
