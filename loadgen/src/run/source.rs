//! The people that questions are about.

use super::RunError;
use crate::population::{Manifest, Population};
use shikaku_domain::{Insurer, Registration, fill_elsewhere};
use std::ops::Range;
use std::path::Path;

/// Everything registered about each person of one block.
type Registered = Vec<Vec<Registration<'static>>>;

/// A population, as far as questions need it.
pub(super) struct People<'p> {
    /// Number of persons.
    pub persons: u64,
    /// Persons in a block; the last block may have fewer. People who could be taken for each
    /// other, such as twins on one card, are in one block.
    pub block_persons: u64,
    /// Makes a block.
    pub block: &'p dyn Fn(u64) -> Registered,
    /// Every insurer that the engine knows.
    pub insurers: &'p [Insurer],
}

/// One block, as the store would hold it.
#[derive(Default)]
pub(super) struct Block {
    /// Index of the first person.
    first: u64,
    /// Where each person's registrations are.
    ranges: Vec<Range<usize>>,
    /// Those of everybody.
    pub registrations: Vec<Registration<'static>>,
}

impl Block {
    /// Becomes the block that holds this person.
    pub(super) fn load(&mut self, people: &People<'_>, person: u64) {
        let size = people.block_persons.max(1);
        let first = person / size * size;
        if first == self.first && !self.ranges.is_empty() {
            return;
        }
        *self = Self { first, ..Self::default() };
        for mut registrations in (people.block)(person / size) {
            fill_elsewhere(&mut registrations);
            let start = self.registrations.len();
            self.registrations.append(&mut registrations);
            self.ranges.push(start..self.registrations.len());
        }
    }

    /// Everything registered about this person; nothing for people of other blocks.
    pub(super) fn of(&self, person: u64) -> &[Registration<'static>] {
        let at = person.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let range = at.and_then(|at| self.ranges.get(at)).cloned();
        range.and_then(|range| self.registrations.get(range)).unwrap_or_default()
    }
}

/// Opens the population that a folder's manifest describes.
///
/// # Errors
/// [`RunError::Population`] when it holds none that can be made again.
pub(super) fn load(folder: &Path) -> Result<Population, RunError> {
    let spec = Manifest::read(folder).and_then(|manifest| manifest.spec());
    spec.map(Population::new).map_err(|e| RunError::Population(e.to_string()))
}
