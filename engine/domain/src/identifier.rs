//! The numbers that name insurers, cards, people and facilities (§2).

use crate::{Folded, Personal, ValueError};
use std::borrow::Cow;
use std::fmt;

/// 保険者番号: the number that names one insurer; for 医療扶助 the 公費負担者番号.
///
/// Eight digits: scheme (法別番号) 2, prefecture 2, insurer 3, check digit 1. 国保 numbers have six
/// digits, here padded with zeros on the left.
///
/// Invariant: below 100,000,000; the last digit is the check digit of the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InsurerNumber(u32);

impl InsurerNumber {
    /// Parses six or eight digits. Blanks on the left stand for missing digits, as the interface
    /// pads numbers (§1.3).
    ///
    /// # Errors
    /// [`ValueError::Missing`], [`ValueError::NotDigits`], [`ValueError::Length`] or
    /// [`ValueError::CheckDigit`].
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let digits = text.trim_start_matches(' ').as_bytes();
        if digits.is_empty() {
            return Err(ValueError::Missing);
        }
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(ValueError::NotDigits);
        }
        if !matches!(digits.len(), 6 | 8) {
            return Err(ValueError::Length { expected: "6 or 8" });
        }
        let number = digits.iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'));
        Self::from_number(number).ok_or(ValueError::CheckDigit)
    }

    /// The insurer number with this value, `None` when the check digit does not fit.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        if number > 0 && number < 100_000_000 && check_digit(number as u64 / 10) == number % 10 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The eight digits as a number: the form that keys and records keep.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The kind of insurance that the first two digits (法別番号) stand for.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        Scheme::of(self.0 / 1_000_000)
    }

    /// A symbol as it takes part in finding a registration: none for 後期高齢者医療 and 医療扶助,
    /// whose cards know no symbol, whatever a caller or a file gives.
    #[must_use]
    pub const fn symbol_to_compare(self, symbol: Folded) -> Folded {
        match self.scheme() {
            Scheme::LateStageElderly | Scheme::MedicalAid => Folded::EMPTY,
            Scheme::NationalHealthInsurance | Scheme::EmployeesInsurance | Scheme::Other => symbol,
        }
    }

    /// The form of answers: eight characters, padded with half-width blanks (§1.3).
    #[must_use]
    pub fn to_padded(self) -> [u8; 8] {
        let mut out = [b' '; 8];
        let width = if self.0 < 1_000_000 { 6 } else { 8 };
        let mut number = self.0;
        for slot in out.iter_mut().rev().take(width) {
            *slot = b'0' + (number % 10) as u8;
            number /= 10;
        }
        out
    }
}

impl fmt::Display for InsurerNumber {
    /// Six digits for 国保, eight for all others: the form on the card.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1_000_000 { write!(f, "{:06}", self.0) } else { write!(f, "{:08}", self.0) }
    }
}

impl fmt::Debug for InsurerNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kind of insurance, as far as the rules tell kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// 国民健康保険: six-digit numbers, and 67 for its retired members.
    NationalHealthInsurance,
    /// 被用者保険: 協会けんぽ, 組合, 共済, seamen, day labourers, Self-Defence Forces.
    EmployeesInsurance,
    /// 後期高齢者医療: cards without symbol and branch.
    LateStageElderly,
    /// 医療扶助 (生活保護): public expense number 12; needs a monthly ticket.
    MedicalAid,
    /// A scheme number that the table does not list. Treated like medical insurance.
    Other,
}

impl Scheme {
    /// The table of 法別番号 (§2).
    const fn of(law: u32) -> Self {
        match law {
            0 | 67 => Self::NationalHealthInsurance,
            1..=4 | 6 | 7 | 31..=34 | 63 | 72..=75 => Self::EmployeesInsurance,
            39 => Self::LateStageElderly,
            12 => Self::MedicalAid,
            _ => Self::Other,
        }
    }
}

/// The check digit (検証番号) of 保険者番号, 公費負担者番号 and 医療機関コード: weights 2, 1, 2, 1…
/// from the rightmost digit of the base, digits of two-digit products added, ten minus the last
/// digit of the sum.
#[must_use]
pub const fn check_digit(mut base: u64) -> u32 {
    let mut sum = 0;
    let mut weight = 2;
    while base > 0 {
        let product = (base % 10) as u32 * weight;
        // Its digits added: at most 18.
        sum += if product > 9 { product - 9 } else { product };
        weight = 3 - weight;
        base /= 10;
    }
    (10 - sum % 10) % 10
}

/// 医療機関コード: ten digits that name one facility.
///
/// Prefecture 2, fee table 1 (1 medical, 3 dental, 4 pharmacy, 6 home nursing), facility 7.
/// The check digit is not enforced: working clients use codes whose digit is wrong (§2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MedicalInstitutionCode([u8; 10]);

impl MedicalInstitutionCode {
    /// Parses ten digits.
    ///
    /// # Errors
    /// [`ValueError::Missing`], [`ValueError::NotDigits`] or [`ValueError::Length`].
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() {
            return Err(ValueError::Missing);
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ValueError::NotDigits);
        }
        let digits =
            text.as_bytes().try_into().map_err(|_| ValueError::Length { expected: "10" })?;
        Ok(Self(digits))
    }

    /// The ten digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for MedicalInstitutionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MedicalInstitutionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// 枝番: two digits that tell the people on one card apart. Unknown is not the same as `00` (§2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InsuredBranchNumber(u8);

impl InsuredBranchNumber {
    /// Parses two digits, half or full width; one digit stands for itself with a zero before it.
    ///
    /// # Errors
    /// [`ValueError::NotDigits`] or [`ValueError::Length`].
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let folded = text.chars().map(|c| match c {
            '０'..='９' => {
                char::from_u32(u32::from(c) - u32::from('０') + u32::from('0')).unwrap_or(c)
            }
            _ => c,
        });
        let mut number = 0_u32;
        let mut length = 0;
        for c in folded {
            number = number * 10 + c.to_digit(10).ok_or(ValueError::NotDigits)?;
            length += 1;
            if length > 2 {
                return Err(ValueError::Length { expected: "2" });
            }
        }
        let number = u8::try_from(number).ok().filter(|_| length > 0);
        number.map(Self).ok_or(ValueError::Length { expected: "2" })
    }

    /// The branch number with this value, `None` above 99.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if number < 100 { Some(Self(number)) } else { None }
    }

    /// The value, 0 to 99.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The two digits.
    #[must_use]
    pub const fn to_digits(self) -> [u8; 2] {
        [b'0' + self.0 / 10, b'0' + self.0 % 10]
    }
}

/// 個人単位被保険者番号: the key under which the centre knows that several registrations belong to
/// one person. It never leaves the centre and appears in no message to a facility (§2).
///
/// Its official form is not public; here a number of up to 15 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(u64);

impl PersonId {
    /// Largest value: fifteen nines.
    pub const MAX: u64 = 999_999_999_999_999;

    /// The person with this number, `None` for zero and above [`PersonId::MAX`].
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        if number > 0 && number <= Self::MAX { Some(Self(number)) } else { None }
    }

    /// Parses one to fifteen digits.
    ///
    /// # Errors
    /// [`ValueError::Missing`], [`ValueError::NotDigits`], [`ValueError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        if text.len() > 15 {
            return Err(ValueError::TooLong { max: 15 });
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ValueError::NotDigits);
        }
        text.parse().ok().and_then(Self::from_number).ok_or(ValueError::Missing)
    }

    /// The number: the form that keys and records keep.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonId(***)")
    }
}

/// Most characters that a card carries for a symbol or a number (§1.5, marked uncertain).
pub const CARD_TEXT_CHARS_MAX: usize = 20;

fn check_length(text: &str) -> Result<(), ValueError> {
    // No character is shorter than a byte, so most texts need no counting.
    if text.len() > CARD_TEXT_CHARS_MAX && text.chars().nth(CARD_TEXT_CHARS_MAX).is_some() {
        return Err(ValueError::TooLong { max: CARD_TEXT_CHARS_MAX });
    }
    Ok(())
}

/// 被保険者証の記号 or 番号 as it stands on the card, with its folded form.
///
/// Invariant: 1 to [`CARD_TEXT_CHARS_MAX`] characters, none of them a control character, with
/// something left after folding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardText<'a> {
    text: Personal<Cow<'a, str>>,
    folded: Folded,
}

impl<'a> CardText<'a> {
    /// Takes the card's spelling.
    ///
    /// # Errors
    /// [`ValueError::Missing`], [`ValueError::TooLong`] or [`ValueError::Character`].
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, ValueError> {
        let text = text.into();
        check_length(&text)?;
        let folded = Folded::new(&text)?;
        if folded.is_empty() {
            return Err(ValueError::Missing);
        }
        Ok(Self { text: Personal::new(text), folded })
    }

    /// The spelling of a text whose folded form is known: of a stored card that was found by it.
    ///
    /// # Errors
    /// [`ValueError::Missing`] or [`ValueError::TooLong`].
    // HOT PATH: folding costs more than the rest of reading a card.
    pub fn with_folded(text: impl Into<Cow<'a, str>>, folded: Folded) -> Result<Self, ValueError> {
        let text = text.into();
        check_length(&text)?;
        if folded.is_empty() {
            return Err(ValueError::Missing);
        }
        debug_assert_eq!(Folded::new(&text), Ok(folded), "a spelling of another text");
        Ok(Self { text: Personal::new(text), folded })
    }

    /// The same text, owned.
    #[must_use]
    pub fn into_owned(self) -> CardText<'static> {
        let text = Personal::new(Cow::Owned(self.text.into_exposed().into_owned()));
        CardText { text, folded: self.folded }
    }

    /// The card's own spelling.
    #[must_use]
    pub fn text(&self) -> &Personal<Cow<'a, str>> {
        &self.text
    }

    /// The form for comparing.
    #[must_use]
    pub const fn folded(&self) -> &Folded {
        &self.folded
    }
}

/// 郵便番号: seven digits, written `123-4567`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PostNumber(u32);

impl PostNumber {
    /// Parses `123-4567` or `1234567`.
    ///
    /// # Errors
    /// [`ValueError::Length`] or [`ValueError::NotDigits`].
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let digits = match text.split_once('-') {
            Some((left, right)) if left.len() == 3 && right.len() == 4 => format!("{left}{right}"),
            Some(_) => return Err(ValueError::Length { expected: "8" }),
            None => text.to_owned(),
        };
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ValueError::NotDigits);
        }
        if digits.len() != 7 {
            return Err(ValueError::Length { expected: "8" });
        }
        digits.parse().map(Self).map_err(|_| ValueError::NotDigits)
    }

    /// The postal code with this value, `None` above 9,999,999.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        if number < 10_000_000 { Some(Self(number)) } else { None }
    }

    /// The seven digits as a number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// `123-4567` as ASCII bytes.
    #[must_use]
    pub fn to_ascii(self) -> [u8; 8] {
        let digit = |power: u32| b'0' + (self.0 / power % 10) as u8;
        [
            digit(1_000_000),
            digit(100_000),
            digit(10_000),
            b'-',
            digit(1000),
            digit(100),
            digit(10),
            digit(1),
        ]
    }
}

impl fmt::Display for PostNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.to_ascii()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_insurer_numbers_have_the_right_check_digit() {
        for text in
            ["33120015", "01040013", "39131206", "138131", "  138131", "00138131", "06139836"]
        {
            assert!(InsurerNumber::parse(text).is_ok(), "{text}");
        }
        assert_eq!(check_digit(11_011_371), 9); // 医療機関コード 0110113719
    }

    #[test]
    fn a_mistyped_insurer_number_is_refused_with_the_reason() {
        let check = |text, error| assert_eq!(InsurerNumber::parse(text), Err(error), "{text}");
        check("01040014", ValueError::CheckDigit);
        check("00000000", ValueError::CheckDigit);
        check("0104001", ValueError::Length { expected: "6 or 8" });
        check("010400130", ValueError::Length { expected: "6 or 8" });
        check("0104001X", ValueError::NotDigits);
        check("０１０４００１３", ValueError::NotDigits);
        check("", ValueError::Missing);
        check("        ", ValueError::Missing);
    }

    #[test]
    fn answers_pad_with_blanks_and_cards_do_not() {
        let national = InsurerNumber::parse("00138131").unwrap();
        assert_eq!(&national.to_padded(), b"  138131");
        assert_eq!(national.to_string(), "138131");
        assert_eq!(national.scheme(), Scheme::NationalHealthInsurance);
        let kyokai = InsurerNumber::parse("01040013").unwrap();
        assert_eq!(&kyokai.to_padded(), b"01040013");
        assert_eq!(kyokai.scheme(), Scheme::EmployeesInsurance);
        assert_eq!(InsurerNumber::parse("39131206").unwrap().scheme(), Scheme::LateStageElderly);
    }

    #[test]
    fn a_missing_branch_is_not_branch_zero() {
        assert_eq!(InsuredBranchNumber::parse(""), Err(ValueError::Length { expected: "2" }));
        assert_eq!(InsuredBranchNumber::parse("00").map(InsuredBranchNumber::number), Ok(0));
        assert_eq!(InsuredBranchNumber::parse("０３").map(InsuredBranchNumber::number), Ok(3));
        assert_eq!(InsuredBranchNumber::parse("3").map(InsuredBranchNumber::to_digits), Ok(*b"03"));
        assert_eq!(InsuredBranchNumber::parse("100"), Err(ValueError::Length { expected: "2" }));
        assert_eq!(InsuredBranchNumber::parse("1a"), Err(ValueError::NotDigits));
    }

    #[test]
    fn a_card_text_needs_something_to_compare() {
        assert_eq!(CardText::new(""), Err(ValueError::Missing));
        assert_eq!(CardText::new(" - "), Err(ValueError::Missing));
        assert_eq!(CardText::new("あ".repeat(21)), Err(ValueError::TooLong { max: 20 }));
        assert!(CardText::new("あ".repeat(20)).is_ok());
    }

    #[test]
    fn post_numbers_keep_their_hyphen() {
        assert_eq!(PostNumber::parse("012-3456").unwrap().to_string(), "012-3456");
        assert_eq!(PostNumber::parse("0123456").unwrap().to_string(), "012-3456");
        assert!(PostNumber::parse("01-23456").is_err());
        assert!(PostNumber::parse("0123４56").is_err());
    }

    proptest! {
        #[test]
        fn every_insurer_number_round_trips(base in 1u32..10_000_000) {
            let number = InsurerNumber::from_number(base * 10 + check_digit(u64::from(base))).unwrap();
            prop_assert_eq!(InsurerNumber::parse(&number.to_string()), Ok(number));
            prop_assert_eq!(InsurerNumber::parse(std::str::from_utf8(&number.to_padded()).unwrap()), Ok(number));
        }

        #[test]
        fn one_wrong_digit_is_always_noticed(base in 1u32..10_000_000, place in 0u32..7, add in 1u32..10) {
            let digit = base / 10u32.pow(place) % 10;
            let wrong = base - digit * 10u32.pow(place) + (digit + add) % 10 * 10u32.pow(place);
            let number = wrong * 10 + check_digit(u64::from(base));
            prop_assert_eq!(InsurerNumber::from_number(number), None);
        }

        #[test]
        fn parsers_never_panic(text in "\\PC{0,16}") {
            let _ = InsurerNumber::parse(&text);
            let _ = MedicalInstitutionCode::parse(&text);
            let _ = InsuredBranchNumber::parse(&text);
            let _ = PersonId::parse(&text);
            let _ = PostNumber::parse(&text);
            let _ = CardText::new(text);
        }
    }
}
