//! Names that nobody in particular bears: frequent surnames and given names, put together at
//! random. The order of each table is its frequency, roughly as generally known.

use super::rng::{Rng, Weighted};
use shikaku_domain::Sex;
use std::borrow::Cow;

/// A spelling and its reading in half-width kana.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Spelling {
    pub(super) text: &'static str,
    pub(super) kana: &'static str,
}

/// Given names change with the generation: first birth year of the second and third table.
const GENERATIONS: [u32; 2] = [1950, 1990];

/// The tables, in memory.
pub(super) struct Names {
    surnames: Weighted<Spelling>,
    male: [Weighted<Spelling>; 3],
    female: [Weighted<Spelling>; 3],
    foreign_family: Weighted<Spelling>,
    foreign_male: Weighted<Spelling>,
    foreign_female: Weighted<Spelling>,
}

/// The name that a household shares.
#[derive(Clone)]
pub(super) enum FamilyName {
    /// A Japanese surname, perhaps in an unusual character.
    Japanese(Cow<'static, str>, &'static str),
    /// The family name of residents from abroad.
    Foreign(Spelling),
}

/// A person's names.
#[derive(Clone)]
pub(super) struct FullName {
    pub(super) name: String,
    pub(super) kana: String,
    /// 通称 with its kana, for some residents from abroad.
    pub(super) other: Option<(String, String)>,
}

/// Spellings that conversion programs stumble over: usual character, unusual one, frequency per
/// mille where the usual one occurs. The first two exist in CP932 (IBM extensions) but not in
/// Shift_JIS proper; the last does not exist in CP932 at all.
const UNUSUAL: [(&str, &str, u32); 3] = [("高", "髙", 40), ("崎", "﨑", 60), ("吉", "𠮷", 20)];

/// Replaces what CP932 lacks by the common variant, as insurers with such files do.
pub(super) fn in_cp932(text: &str) -> String {
    text.replace('𠮷', "吉")
}

/// Whether CP932 lacks a character of this text.
pub(super) fn is_outside_cp932(text: &str) -> bool {
    text.contains('𠮷')
}

/// Whether the text has a character that is in CP932 but not in plain Shift_JIS.
pub(super) fn has_cp932_extension(text: &str) -> bool {
    text.contains(['髙', '﨑'])
}

macro_rules! table {
    ($file:literal, $offset:literal) => {
        Weighted::by_rank(spellings(include_str!(concat!("data/", $file))), $offset)
    };
}

fn spellings(table: &'static str) -> Vec<Spelling> {
    table
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(text, kana)| Spelling { text, kana })
        .collect()
}

impl Names {
    pub(super) fn new() -> Self {
        Self {
            surnames: table!("surnames.txt", 12),
            male: [
                table!("given_male_1.txt", 15),
                table!("given_male_2.txt", 15),
                table!("given_male_3.txt", 15),
            ],
            female: [
                table!("given_female_1.txt", 15),
                table!("given_female_2.txt", 15),
                table!("given_female_3.txt", 15),
            ],
            foreign_family: table!("foreign_family.txt", 8),
            foreign_male: table!("foreign_male.txt", 8),
            foreign_female: table!("foreign_female.txt", 8),
        }
    }

    /// The name of a household; 2.5 % come from abroad.
    pub(super) fn family(&self, rng: &mut Rng) -> FamilyName {
        if rng.per_mille(25) {
            return FamilyName::Foreign(self.foreign_family.pick(rng));
        }
        let surname = self.surnames.pick(rng);
        for (usual, unusual, per_mille) in UNUSUAL {
            if surname.text.contains(usual) && rng.per_mille(per_mille) {
                let text = surname.text.replace(usual, unusual);
                return FamilyName::Japanese(Cow::Owned(text), surname.kana);
            }
        }
        FamilyName::Japanese(Cow::Borrowed(surname.text), surname.kana)
    }

    /// A name for one member of the household.
    pub(super) fn member(
        &self,
        family: &FamilyName,
        sex: Sex,
        birth_year: u32,
        rng: &mut Rng,
    ) -> FullName {
        match family {
            FamilyName::Japanese(text, kana) => {
                let given = self.given(sex, birth_year, rng);
                FullName {
                    name: format!("{text}　{}", given.text),
                    kana: format!("{kana} {}", given.kana),
                    other: None,
                }
            }
            FamilyName::Foreign(family) => self.foreigner(*family, sex, birth_year, rng),
        }
    }

    fn given(&self, sex: Sex, birth_year: u32, rng: &mut Rng) -> Spelling {
        let [old, middle, young] = match sex {
            Sex::Male | Sex::NotStated => &self.male,
            Sex::Female => &self.female,
        };
        let [second, third] = GENERATIONS;
        if birth_year < second {
            old.pick(rng)
        } else if birth_year < third {
            middle.pick(rng)
        } else {
            young.pick(rng)
        }
    }

    /// A third of the residents from abroad go by a Japanese name.
    fn foreigner(&self, family: Spelling, sex: Sex, birth_year: u32, rng: &mut Rng) -> FullName {
        let given = match sex {
            Sex::Male | Sex::NotStated => self.foreign_male.pick(rng),
            Sex::Female => self.foreign_female.pick(rng),
        };
        let other = rng.per_mille(330).then(|| {
            let surname = self.surnames.pick(rng);
            let name = self.given(sex, birth_year, rng);
            (format!("{}　{}", surname.text, name.text), format!("{} {}", surname.kana, name.kana))
        });
        FullName {
            name: format!("{} {}", family.text, given.text),
            kana: format!("{} {}", family.kana, given.kana),
            other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_reading_in_half_width_kana() {
        let tables = [
            (include_str!("data/surnames.txt"), 150),
            (include_str!("data/given_male_1.txt"), 100),
            (include_str!("data/given_male_2.txt"), 100),
            (include_str!("data/given_male_3.txt"), 100),
            (include_str!("data/given_female_1.txt"), 100),
            (include_str!("data/given_female_2.txt"), 100),
            (include_str!("data/given_female_3.txt"), 100),
            (include_str!("data/foreign_family.txt"), 25),
            (include_str!("data/foreign_male.txt"), 15),
            (include_str!("data/foreign_female.txt"), 15),
        ];
        for (table, least) in tables {
            let all = spellings(table);
            assert!(all.len() >= least && all.len() == table.lines().count());
            for s in all {
                let half_width = |c| matches!(c, '\u{FF66}'..='\u{FF9F}' | ' ');
                assert!(!s.text.is_empty() && s.kana.chars().all(half_width), "{s:?}");
            }
        }
    }
}
