//! Who lives with whom.
//!
//! A block of [`BLOCK`] people is drawn from the age pyramid in equal steps, so that every block
//! has the age structure of the country. Then couples form, children move in with parents of a
//! fitting age, some of the old move in with their children's families, and the rest live alone.

use super::rng::{Rng, Stream};
use shikaku_domain::{Day, Sex};

/// People in a block: the unit of generation.
pub const BLOCK: u64 = 256;
/// Most people in a household.
pub(super) const HOUSEHOLD_MAX: usize = 6;

/// The age pyramid of the 2020s in five-year bands from 0-4 to 100-104: tens of thousands of
/// people, and women per thousand. Approximation from general knowledge.
const PYRAMID: [(u32, u32); 21] = [
    (410, 488),
    (480, 488),
    (522, 488),
    (548, 488),
    (620, 488),
    (650, 487),
    (640, 488),
    (700, 490),
    (770, 492),
    (900, 493),
    (960, 495),
    (840, 498),
    (750, 503),
    (725, 513),
    (830, 527),
    (770, 548),
    (590, 580),
    (400, 640),
    (205, 715),
    (62, 800),
    (9, 880),
];

const DAYS_PER_BAND: u64 = 1_826;
const DAYS_PER_YEAR: u32 = 365;

/// Share of people who live with their parents, per mille, from this age up.
const LIVES_WITH_PARENTS: [(u32, u32); 6] =
    [(0, 1_000), (18, 800), (23, 520), (30, 300), (40, 190), (55, 0)];
/// Share of women who live with a husband, per mille, from this age up.
const LIVES_WITH_HUSBAND: [(u32, u32); 8] =
    [(18, 10), (23, 130), (27, 440), (32, 720), (37, 800), (70, 740), (80, 540), (88, 250)];
/// Children under one roof that a family has room for, by chance: out of ten.
const CHILDREN_WANTED: [usize; 10] = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3];

/// How a person stands to the others of the household.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// 世帯主
    Head,
    Spouse,
    Child,
    /// A parent of the head or the spouse.
    Elder,
}

/// One person, before names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) birth: Day,
    pub(super) sex: Sex,
    pub(super) relation: Relation,
}

/// People who live together, the head first.
#[derive(Debug)]
pub(super) struct Household {
    /// Index of the head in the population.
    pub(super) first: u64,
    pub(super) members: Vec<Member>,
}

#[derive(Clone, Copy)]
struct Person {
    age_days: u32,
    sex: Sex,
}

impl Person {
    const fn age(self) -> u32 {
        self.age_days / DAYS_PER_YEAR
    }
}

#[derive(Default)]
struct Family {
    parents: Vec<Person>,
    children: Vec<Person>,
    elders: Vec<Person>,
    wants: usize,
}

impl Family {
    fn size(&self) -> usize {
        self.parents.len() + self.children.len() + self.elders.len()
    }

    /// The mother, or the only parent.
    fn parent_days(&self) -> u32 {
        self.parents.last().map_or(0, |parent| parent.age_days)
    }

    /// Whether the parent was between these ages when the child was born.
    fn could_have_born(&self, child: Person, from: u32, to: u32) -> bool {
        let age = self.parent_days().saturating_sub(child.age_days) / DAYS_PER_YEAR;
        (from..=to).contains(&age)
    }
}

/// The households of a block, in the order of their positions.
pub(super) fn households(seed: u64, block: u64, date: Day) -> Vec<Household> {
    let mut rng = Rng::new(seed, Stream::Households, block);
    let mut crowd = Crowd::default();
    crowd.gather(&mut rng);
    crowd.marry(&mut rng);
    crowd.place_children(&mut rng);
    crowd.take_in_elders(&mut rng);
    let mut families = crowd.families;
    rng.shuffle(&mut families);
    let mut first = block * BLOCK;
    families
        .into_iter()
        .map(|family| {
            let household = Household { first, members: members(family, date, &mut rng) };
            first += household.members.len() as u64;
            household
        })
        .collect()
}

/// A block's people while they find together. Lists are in the order of age, youngest first.
#[derive(Default)]
struct Crowd {
    men: Vec<Person>,
    women: Vec<Person>,
    children: Vec<Person>,
    families: Vec<Family>,
}

impl Crowd {
    fn gather(&mut self, rng: &mut Rng) {
        let total: u64 = PYRAMID.iter().map(|(count, _)| u64::from(*count)).sum();
        let mut bands = (0_u64..).zip(PYRAMID);
        let mut band = bands.next();
        let mut below = 0;
        for step in 0..BLOCK {
            // In units of 1/(1000 * BLOCK) of the pyramid's unit.
            let at = (step * 1_000 + u64::from(rng.below(1_000))) * total;
            while let Some((_, (count, _))) = band
                && at >= (below + u64::from(count)) * 1_000 * BLOCK
            {
                below += u64::from(count);
                band = bands.next();
            }
            let Some((number, (count, women))) = band else {
                return;
            };
            let unit = 1_000 * BLOCK;
            let inside = (at - below * unit) * DAYS_PER_BAND / (u64::from(count) * unit);
            let days = number * DAYS_PER_BAND + inside;
            let person = Person {
                age_days: u32::try_from(days).unwrap_or(0),
                sex: if rng.per_mille(women) { Sex::Female } else { Sex::Male },
            };
            if rng.per_mille(share(&LIVES_WITH_PARENTS, person.age())) {
                self.children.push(person);
            } else if person.sex == Sex::Female {
                self.women.push(person);
            } else {
                self.men.push(person);
            }
        }
    }

    /// Women with a husband found a family with the free man who fits best; some without one
    /// have children too; the others live alone.
    fn marry(&mut self, rng: &mut Rng) {
        let women = std::mem::take(&mut self.women);
        for woman in women.into_iter().rev() {
            let mut family = Family::default();
            if rng.per_mille(share(&LIVES_WITH_HUSBAND, woman.age())) {
                family.parents.extend(self.husband(woman, rng));
            }
            let has_husband = !family.parents.is_empty();
            family.parents.push(woman);
            if has_husband || ((25..60).contains(&woman.age()) && rng.per_mille(170)) {
                family.wants = rng.one_of(&CHILDREN_WANTED);
            }
            self.families.push(family);
        }
        let alone = std::mem::take(&mut self.men).into_iter();
        self.families.extend(alone.map(|man| Family { parents: vec![man], ..Family::default() }));
    }

    fn husband(&mut self, woman: Person, rng: &mut Rng) -> Option<Person> {
        let wished = woman.age_days + rng.between(0, 6 * DAYS_PER_YEAR) - DAYS_PER_YEAR;
        let at = self.men.partition_point(|man| man.age_days < wished);
        let at = at.min(self.men.len().checked_sub(1)?);
        let fits = self.men.get(at)?.age_days.abs_diff(woman.age_days) < 15 * DAYS_PER_YEAR;
        fits.then(|| self.men.remove(at))
    }

    /// Each child moves in with a family of a fitting age that has room; a child under 18 with
    /// whoever comes nearest.
    fn place_children(&mut self, rng: &mut Rng) {
        for child in std::mem::take(&mut self.children) {
            let is_minor = child.age() < 18;
            let start = rng.below(256) as usize;
            // Many grown children live with one parent who would else be alone.
            let seeks_one_parent = child.age() >= 25 && rng.per_mille(330);
            let family = self
                .parents_for(child, start, |f| {
                    seeks_one_parent && f.size() == 1 && f.could_have_born(child, 20, 42)
                })
                .or_else(|| {
                    self.parents_for(child, start, |f| {
                        f.children.len() < f.wants && f.could_have_born(child, 21, 41)
                    })
                })
                .or_else(|| {
                    self.parents_for(child, start, |f| {
                        (f.parents.len() > 1 || is_minor) && f.could_have_born(child, 18, 46)
                    })
                })
                .or_else(|| self.parents_for(child, start, |f| f.could_have_born(child, 17, 70)))
                .and_then(|at| self.families.get_mut(at));
            match family {
                Some(family) => family.children.push(child),
                None => self.families.push(Family { parents: vec![child], ..Family::default() }),
            }
        }
    }

    /// The first family from a place on, round the list, that will do and has room.
    fn parents_for(
        &self,
        child: Person,
        start: usize,
        will_do: impl Fn(&Family) -> bool,
    ) -> Option<usize> {
        let count = self.families.len();
        let has_room = |f: &Family| {
            f.children.len() < 4 && f.size() < HOUSEHOLD_MAX && f.parent_days() > child.age_days
        };
        (0..count)
            .map(|step| (start + step) % count)
            .find(|at| self.families.get(*at).is_some_and(|f| has_room(f) && will_do(f)))
    }

    /// Three generations under one roof, for one elderly household in five.
    fn take_in_elders(&mut self, rng: &mut Rng) {
        let (elders, mut families): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.families).into_iter().partition(|f| {
                f.children.is_empty()
                    && f.parents.iter().all(|p| p.age() >= 65)
                    && rng.per_mille(if f.parent_days() > 80 * DAYS_PER_YEAR { 330 } else { 140 })
            });
        for elder in elders {
            let eldest = Person { age_days: elder.parent_days(), sex: Sex::NotStated };
            let host = families.iter_mut().find(|f| {
                f.elders.is_empty()
                    && f.parents.len() + f.children.len() > 1
                    && f.size() + elder.parents.len() <= HOUSEHOLD_MAX
                    && (20..=42).contains(
                        &(eldest.age_days.saturating_sub(f.parent_days()) / DAYS_PER_YEAR),
                    )
            });
            match host {
                Some(host) => host.elders = elder.parents,
                None => families.push(elder),
            }
        }
        self.families = families;
    }
}

/// The family's members from the head on, with birthdays; now and then two children are twins.
fn members(family: Family, date: Day, rng: &mut Rng) -> Vec<Member> {
    let relations = [Relation::Head, Relation::Spouse];
    let member = |person: Person, relation| Member {
        birth: date.saturating_add_days(-i32::try_from(person.age_days).unwrap_or(0)),
        sex: person.sex,
        relation,
    };
    let mut children: Vec<Member> =
        family.children.into_iter().rev().map(|person| member(person, Relation::Child)).collect();
    if let [.., older, younger] = children.as_mut_slice()
        && rng.per_mille(30)
        && older.birth.number() + 4 * DAYS_PER_YEAR > younger.birth.number()
    {
        younger.birth = older.birth;
    }
    let parents = family.parents.into_iter().zip(relations);
    let elders = family.elders.into_iter();
    parents
        .map(|(person, relation)| member(person, relation))
        .chain(children)
        .chain(elders.map(|person| member(person, Relation::Elder)))
        .collect()
}

/// The entry of a table of (from this age up, per mille) that holds for an age.
pub(super) fn share(table: &[(u32, u32)], age: u32) -> u32 {
    let entry = table.iter().rev().find(|(from, _)| age >= *from);
    entry.map_or(0, |(_, per_mille)| *per_mille)
}
