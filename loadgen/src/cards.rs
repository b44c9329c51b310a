//! `shikaku-loadgen cards`: My Number cards of people of a population, one of each kind that a
//! counter meets, for demonstrations.

use crate::population::{Manifest, Population};
use clap::Args;
use shikaku_card::{CardFolder, CardOrder, Holder, Profile};
use shikaku_domain::{Day, Personal, Registration};
use std::error::Error;
use std::path::PathBuf;

/// The kinds, each for another person. The common one comes first and more than once.
const PROFILES: [&str; 16] = [
    "adult",
    "adult",
    "adult",
    "adult",
    "child",
    "renewed",
    "expires-soon",
    "in-grace",
    "expired",
    "not-yet-valid",
    "revoked",
    "pin-blocked",
    "face-only",
    "android",
    "foreign-card",
    "gone-while-reading",
];
/// A child's card is for somebody younger, in years.
const CHILD_YEARS_MAX: u32 = 15;
/// People looked at for one kind, before any other person will do.
const SEARCH_MAX: u64 = 2_000;
/// Municipality that issued the cards.
const MUNICIPALITY: u32 = 13_221;

/// Which cards, for whom.
#[derive(Args)]
pub struct CardsArgs {
    /// Directory of a population (人口データの場所).
    #[arg(long, default_value = "population")]
    population: PathBuf,
    /// Directory to write; the keys' seed is the population's (出力先).
    #[arg(long, default_value = "cards")]
    dir: PathBuf,
}

/// Writes the cards' files.
///
/// # Errors
/// When the population cannot be read, or a file not written.
pub fn execute(args: &CardsArgs) -> Result<(), Box<dyn Error>> {
    let spec = Manifest::read(&args.population)?.spec()?;
    let population = Population::new(spec);
    let folder = CardFolder::new(&args.dir);
    let mut next = 0;
    for name in PROFILES {
        let profile = Profile::from_name(name).ok_or("a kind of card has another name")?;
        let Some((index, registration)) = holder(&population, next, profile) else { break };
        next = index + 1;
        let holder = Holder {
            index,
            name: personal(&registration.name),
            address: registration.address.as_ref().map_or_else(none, personal),
            birth: registration.card.birthdate,
            sex: registration.sex1,
            municipality: MUNICIPALITY,
        };
        folder.add(spec.seed, &CardOrder::new(holder, profile, spec.date))?;
    }
    Ok(())
}

/// The first person from `start` on who is insured and of the age for this kind of card.
fn holder(
    population: &Population,
    start: u64,
    profile: Profile,
) -> Option<(u64, Registration<'static>)> {
    let spec = population.spec();
    let wants_child = profile == Profile::Child;
    let fits = |r: &Registration<'_>| {
        let is_child = is_child(r.card.birthdate, spec.date);
        r.period.covers(spec.date) && r.address.is_some() && is_child == wants_child
    };
    (start..spec.persons.min(start + SEARCH_MAX))
        .find_map(|index| Some((index, population.person(index).into_iter().find(fits)?)))
}

fn is_child(birth: Day, today: Day) -> bool {
    let ((year, month, day), (now, this_month, this_day)) = (birth.ymd(), today.ymd());
    let birthdays = now.saturating_sub(year) - u32::from((this_month, this_day) < (month, day));
    birthdays < CHILD_YEARS_MAX
}

fn personal(text: &Personal<std::borrow::Cow<'_, str>>) -> Personal<String> {
    Personal::new(text.expose().to_string())
}

const fn none() -> Personal<String> {
    Personal::new(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::PopulationSpec;

    #[test]
    fn children_hold_childrens_cards_and_nobody_holds_two() {
        let date = Day::parse("20261101").unwrap();
        let population = Population::new(PopulationSpec { persons: 3_000, seed: 1, date });
        let mut next = 0;
        for name in PROFILES {
            let profile = Profile::from_name(name).unwrap();
            let (index, registration) = holder(&population, next, profile).unwrap();
            assert!(index >= next && registration.period.covers(date));
            assert_eq!(is_child(registration.card.birthdate, date), name == "child");
            next = index + 1;
        }
    }

    #[test]
    fn age_is_counted_in_birthdays() {
        let day = |text| Day::parse(text).unwrap();
        assert!(is_child(day("20111124"), day("20261123")));
        assert!(!is_child(day("20111123"), day("20261123")));
    }
}
