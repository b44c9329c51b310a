//! Who holds a card: what is printed on it and stored in it.

use crate::ca::card_expiry;
use crate::key::seeded_bytes;
use shikaku_domain::{Day, Personal, Sex};

/// A synthetic person as a card knows them.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Index in the population; names the keys and numbers of the card.
    pub index: u64,
    /// Family name, ideographic space, given name.
    pub name: Personal<String>,
    /// Address, in one line.
    pub address: Personal<String>,
    /// Date of birth.
    pub birth: Day,
    /// Sex.
    pub sex: Sex,
    /// Code of the municipality, 5 digits.
    pub municipality: u32,
}

/// Numbers that are printed on the card or open its files.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    /// 個人番号: 12 digits, the last of which is wrong, so that nobody has this number.
    pub(crate) my_number: Personal<String>,
    /// 照合番号B: birth date with the year of the era, year of expiry, security code.
    pub(crate) check_number_b: Personal<String>,
    /// Birth date with the year of the era: `YYMMDD`.
    pub(crate) era_birth: Personal<String>,
    /// The four printed digits beside the expiry.
    pub(crate) security_code: String,
    /// 15 digits that number the card itself.
    pub(crate) card_serial: String,
    pub(crate) expiry: Day,
}

impl Numbers {
    pub(crate) fn new(seed: u64, holder: &Holder, issued: Day) -> Self {
        let expiry = card_expiry(holder.birth, issued);
        let issue = u64::from(issued.number());
        let random = seeded_bytes::<16>(seed, "numbers", holder.index ^ issue << 40);
        let (a, b) = random.split_at(8);
        let [a, b] = [a, b].map(|half| half.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
        let security_code = format!("{:04}", b % 10_000);
        let era_birth = era_digits(holder.birth);
        let check_number_b = format!("{era_birth}{:04}{security_code}", expiry.ymd().0);
        Self {
            my_number: Personal::new(impossible_my_number(holder.index)),
            check_number_b: Personal::new(check_number_b),
            era_birth: Personal::new(era_birth),
            security_code,
            card_serial: format!("9{:014}", a % 100_000_000_000_000),
            expiry,
        }
    }
}

/// Twelve digits whose check digit (総務省令第八十五号) is off by one.
fn impossible_my_number(index: u64) -> String {
    let eleven = 10_000_000_000 + index % 90_000_000_000;
    let weighted = (1..=11_u64).scan(eleven, |rest, position| {
        let digit = *rest % 10;
        *rest /= 10;
        let weight = if position <= 6 { position + 1 } else { position - 5 };
        Some(digit * weight)
    });
    let remainder = weighted.sum::<u64>() % 11;
    let check = if remainder <= 1 { 0 } else { 11 - remainder };
    format!("{eleven}{}", (check + 1) % 10)
}

/// `YYMMDD` with the year of the Japanese era.
#[must_use]
pub fn era_digits(day: Day) -> String {
    const fn first(year: u32, month: u32, day: u32) -> Day {
        match Day::new(year, month, day) {
            Ok(day) => day,
            Err(_) => Day::MIN,
        }
    }
    // 令和, 平成, 昭和, 大正; before them 明治.
    const ERAS: [Day; 4] =
        [first(2019, 5, 1), first(1989, 1, 8), first(1926, 12, 25), first(1912, 7, 30)];
    let (year, month, date) = day.ymd();
    let era = ERAS.iter().find(|first| **first <= day).unwrap_or(&Day::MIN);
    format!("{:02}{month:02}{date:02}", year - era.ymd().0 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_number_b_has_the_year_of_the_era() {
        let era = |text| era_digits(Day::parse(text).unwrap());
        assert_eq!(era("19800217"), "550217");
        assert_eq!(era("20190430"), "310430");
        assert_eq!(era("20190501"), "010501");
        assert_eq!(era("19890107"), "640107");
        assert_eq!(era("19120730"), "010730");
    }

    #[test]
    fn my_numbers_have_a_check_digit_that_is_wrong() {
        // By the rule the check digit of 12345678901 is 8.
        assert_eq!(impossible_my_number(12_345_678_901 - 10_000_000_000), "123456789019");
        assert_eq!(impossible_my_number(u64::MAX).len(), 12);
    }
}
