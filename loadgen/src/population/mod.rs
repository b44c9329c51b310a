//! A synthetic population that looks like Japan's and is nobody's.
//!
//! A person's data depend only on the seed, the person's index, the reference date and the
//! [`SizeClass`] of the population: any single person can be made again without the others, and
//! the same arguments give the same bytes on every machine and with any number of threads.
//! People are made in blocks of [`BLOCK`]; a household never crosses the end of its block.
//!
//! Frequencies (ages, households, insurers, names, places, histories) are plausible
//! approximations from public general knowledge, kept as tables beside the code that uses them.
//!
//! | module | what it decides |
//! |---|---|
//! | `household` | who lives with whom, of what age |
//! | `place`, `names` | where, and what they are called |
//! | `insurers`, `cards` | who insures, and how cards are numbered |
//! | `insurance`, `history` | who is insured where, since when, and what went wrong |
//! | `papers` | certificates and tickets |
//! | `person` | the registration that results |
//! | `files`, `tally`, `command` | what is written and told |

mod cards;
mod command;
mod days;
mod error;
mod files;
mod history;
mod holders;
mod household;
mod insurance;
mod insurers;
mod names;
mod papers;
mod person;
mod place;
mod rng;
mod tally;
#[cfg(test)]
mod tests;

pub use command::{Args, execute};
pub use error::PopulationError;
pub use files::{CARDS_FILE, Encoding, INSURERS_FILE, MANIFEST_FILE, MEMBERS_FILE, Manifest};
pub use holders::{card_certificate, has_card};
pub use household::BLOCK;
pub use tally::Tally;

use household::{Household, households};
use insurance::Planner;
use insurers::Directory;
use names::Names;
use place::Places;
use rng::{Rng, Stream};
use shikaku_domain::{Day, Insurer, Registration};

/// Most people in a population: card numbers of eight digits stay unique up to here.
pub const PERSONS_MAX: u64 = 200_000_000;

/// What determines a population completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PopulationSpec {
    /// Number of people, 1 to [`PERSONS_MAX`].
    pub persons: u64,
    /// Seed of all random choices.
    pub seed: u64,
    /// The day on which the population is seen: ages, and what is past and to come.
    pub date: Day,
}

impl PopulationSpec {
    /// Earliest and latest reference year: after the scheme for the old began, and early enough
    /// that everything to come is within the range of [`Day`].
    pub const YEARS: std::ops::RangeInclusive<u32> = 2010..=2150;

    /// Says what is out of range.
    ///
    /// # Errors
    /// [`PopulationError::Persons`] or [`PopulationError::Date`].
    pub fn check(&self) -> Result<(), PopulationError> {
        if !(1..=PERSONS_MAX).contains(&self.persons) {
            return Err(PopulationError::Persons { max: PERSONS_MAX });
        }
        if !Self::YEARS.contains(&self.date.ymd().0) {
            return Err(PopulationError::Date {
                first: *Self::YEARS.start(),
                last: *Self::YEARS.end(),
            });
        }
        Ok(())
    }
}

/// How many prefectures and insurers a population is spread over: small ones get few, so that
/// each insurer has members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeClass {
    /// Below 2,000 people.
    Village,
    /// Below 100,000 people.
    Town,
    /// Below 2,000,000 people.
    Region,
    /// From 2,000,000 people on: about 1,700 insurers.
    Nation,
}

impl SizeClass {
    /// The class of a population of this many people.
    #[must_use]
    pub const fn of(persons: u64) -> Self {
        match persons {
            0..2_000 => Self::Village,
            2_000..100_000 => Self::Town,
            100_000..2_000_000 => Self::Region,
            _ => Self::Nation,
        }
    }

    const fn prefectures(self) -> usize {
        match self {
            Self::Village => 4,
            Self::Town => 12,
            Self::Region | Self::Nation => 47,
        }
    }

    /// Most municipalities in one prefecture.
    const fn municipalities(self) -> usize {
        match self {
            Self::Village => 1,
            Self::Town => 2,
            Self::Region => 3,
            Self::Nation => usize::MAX,
        }
    }

    const fn kumiai(self) -> usize {
        match self {
            Self::Village => 4,
            Self::Town => 20,
            Self::Region => 150,
            Self::Nation => 1_120,
        }
    }

    const fn local_mutual_aid(self) -> usize {
        match self {
            Self::Village => 1,
            Self::Town => 4,
            Self::Region | Self::Nation => 47,
        }
    }

    const fn state_mutual_aid(self) -> usize {
        match self {
            Self::Village => 1,
            Self::Town => 2,
            Self::Region => 6,
            Self::Nation => 20,
        }
    }
}

/// A population, ready to be made person by person.
pub struct Population {
    spec: PopulationSpec,
    places: Places,
    directory: Directory,
    names: Names,
}

impl Population {
    /// Prepares the tables (a few milliseconds); people are made when asked for.
    ///
    /// The spec is taken as it is; [`PopulationSpec::check`] tells whether it is in range, outside
    /// of which card numbers may repeat and histories be cut short.
    #[must_use]
    pub fn new(spec: PopulationSpec) -> Self {
        let class = SizeClass::of(spec.persons);
        let places = Places::new(spec.seed, class);
        let directory = Directory::new(class, &places);
        Self { spec, places, directory, names: Names::new() }
    }

    /// What determines this population.
    #[must_use]
    pub const fn spec(&self) -> PopulationSpec {
        self.spec
    }

    /// Every insurer, each number once.
    #[must_use]
    pub fn insurers(&self) -> &[Insurer] {
        &self.directory.insurers
    }

    /// Number of blocks, the last of which may be cut short.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.spec.persons.div_ceil(BLOCK)
    }

    /// The registrations of one person, oldest first; at least one for every index below
    /// `persons`, none beyond.
    #[must_use]
    pub fn person(&self, index: u64) -> Vec<Registration<'static>> {
        if index >= self.spec.persons {
            return Vec::new();
        }
        let all = households(self.spec.seed, index / BLOCK, self.spec.date);
        let holds = |h: &&Household| (h.first..h.first + h.members.len() as u64).contains(&index);
        let Some(household) = all.iter().find(holds) else {
            return Vec::new();
        };
        let at = usize::try_from(index - household.first).unwrap_or(usize::MAX);
        self.settle(household).into_iter().nth(at).unwrap_or_default()
    }

    /// The registrations of everybody in a block, in the order of their indexes.
    #[must_use]
    pub fn block(&self, block: u64) -> Vec<Vec<Registration<'static>>> {
        let first = block.saturating_mul(BLOCK);
        let count = self.spec.persons.saturating_sub(first).min(BLOCK);
        let count = usize::try_from(count).unwrap_or(0);
        if count == 0 {
            return Vec::new();
        }
        let mut people = Vec::with_capacity(count);
        for household in households(self.spec.seed, block, self.spec.date) {
            if people.len() >= count {
                break;
            }
            people.extend(self.settle(&household));
        }
        people.truncate(count);
        people
    }

    fn settle(&self, household: &Household) -> Vec<Vec<Registration<'static>>> {
        let Some(place) = self.places.of(household.first) else {
            return Vec::new();
        };
        let date = self.spec.date;
        let mut rng = Rng::new(self.spec.seed, Stream::Life, household.first);
        let planner =
            Planner { directory: &self.directory, place: &place, household, date, rng: &mut rng };
        let plan = planner.plan();
        person::registrations(&self.names, household, plan, &place, date, &mut rng)
    }
}
