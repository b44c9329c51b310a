//! The ways in which insurers write 記号 and 番号: full and half width, hyphens, blanks, leading
//! zeros, kanji and kana. Each card of an insurer is distinct, also after folding.

use super::insurers::law;
use super::place::full_width;
use shikaku_domain::{InsurerNumber, check_digit};

/// How an insurer writes 記号 and 番号. Each style is one-to-one after folding, so two households
/// of an insurer never share a card.
#[derive(Clone, Copy)]
enum Style {
    /// 21700001 and 123, without leading zeros
    Digits,
    /// １２３４ and １２３４５６７
    FullWidth,
    /// 12-34 and 0001234
    Hyphen,
    /// 健１２３ and 1234567
    Kanji,
    /// ｱ-123 and 123 4567
    KanaAndBlanks,
    /// 0012 and 00123456
    LeadingZeros,
    /// 国01 and ０１２３４５６
    MixedWidth,
    /// No symbol and ten digits
    NoSymbol,
}

/// Numbers of cards below this are distinct: four for each of 200 million people fit.
const CARDS: u64 = 1_000_000_000;
/// Spreads consecutive serials; no common factor with [`CARDS`].
const SPREAD: u64 = 618_033_989;
/// Where the numbers start, so that the first card is not all zeros.
const START: u64 = 271_828_182;

/// 記号 (if the insurer has one) and 番号 of a card.
///
/// `serial` is below [`CARDS`]; different serials give different cards.
pub(super) fn card_texts(insurer: InsurerNumber, serial: u64) -> (Option<String>, String) {
    let spread = (serial * SPREAD + START) % CARDS;
    let (high, low) = (spread / 10_000_000, spread % 10_000_000); // 0..100 and seven digits
    let base = u64::from(insurer.number() / 10 % 1_000) * 7 % 890 + 10;
    match style(insurer) {
        Style::Digits => {
            let symbol = 21_700_000 + spread / 10_000;
            (Some(symbol.to_string()), (spread % 10_000).to_string())
        }
        Style::FullWidth => {
            (Some(wide(&format!("{}", base * 100 + high))), wide(&format!("{low:07}")))
        }
        Style::Hyphen => (Some(format!("{base}-{high:02}")), format!("{low:07}")),
        Style::Kanji => (Some(format!("健{}", wide(&format!("{high:03}")))), low.to_string()),
        Style::KanaAndBlanks => {
            (Some(format!("ｱ-{high:03}")), format!("{:03} {:04}", low / 10_000, low % 10_000))
        }
        Style::LeadingZeros => (Some(format!("{high:04}")), format!("{low:08}")),
        Style::MixedWidth => (Some(format!("国{high:02}")), wide(&format!("{low:07}"))),
        Style::NoSymbol => (None, format!("{spread:010}")),
    }
}

fn style(insurer: InsurerNumber) -> Style {
    let choice = insurer.number() / 10 % 8;
    match insurer.number() / 1_000_000 {
        law::KYOKAI => Style::Digits,
        0 => match choice {
            0 | 1 => Style::NoSymbol,
            2 | 3 => Style::MixedWidth,
            4 => Style::LeadingZeros,
            5 => Style::Hyphen,
            _ => Style::FullWidth,
        },
        law::STATE_MUTUAL_AID | law::LOCAL_MUTUAL_AID | law::SCHOOL_MUTUAL_AID => match choice {
            0..=3 => Style::Kanji,
            _ => Style::FullWidth,
        },
        _ => match choice {
            0 | 1 => Style::Hyphen,
            2 => Style::Kanji,
            3 => Style::KanaAndBlanks,
            4 => Style::LeadingZeros,
            5 => Style::FullWidth,
            _ => Style::Digits,
        },
    }
}

fn wide(text: &str) -> String {
    text.chars().map(full_width).collect()
}

/// 後期高齢者医療 被保険者番号: eight digits.
///
/// `serial` is below 100,000,000; different serials give different numbers.
pub(super) fn late_stage_number(serial: u64) -> String {
    format!("{:08}", (serial * 61_803_399 + 27_182_818) % 100_000_000)
}

/// 医療扶助 受給者番号: six digits and their check digit.
///
/// `serial` is below 1,000,000; different serials give different numbers.
pub(super) fn recipient_number(serial: u64) -> String {
    let base = (serial * 618_033 + 271_828) % 1_000_000;
    format!("{base:06}{}", check_digit(base))
}

#[cfg(test)]
mod tests {
    use super::super::{Population, PopulationSpec};
    use super::*;
    use shikaku_domain::{CardText, Day};
    use std::collections::HashSet;

    #[test]
    fn cards_of_an_insurer_stay_distinct_after_folding() {
        let date = Day::new(2026, 11, 2).unwrap();
        let nation = Population::new(PopulationSpec { persons: 2_000_000, seed: 1, date });
        for insurer in nation.insurers().iter().step_by(7) {
            let mut seen = HashSet::new();
            for serial in (0..400).chain(799_999_600..800_000_000) {
                let (symbol, number) = card_texts(insurer.number, serial);
                let symbol = symbol.map(|s| *CardText::new(s).unwrap().folded());
                let number = *CardText::new(number).unwrap().folded();
                assert!(seen.insert((symbol, number)), "{} {serial}", insurer.number);
            }
        }
    }

    #[test]
    fn numbers_without_symbol_are_distinct_and_have_their_length() {
        let late: HashSet<_> = (0..5_000).map(|n| late_stage_number(n * 19_999)).collect();
        assert!(late.len() == 5_000 && late.iter().all(|n| n.len() == 8));
        let aid: HashSet<_> = (0..5_000).map(|n| recipient_number(n * 199)).collect();
        assert!(aid.len() == 5_000 && aid.iter().all(|n| n.len() == 7));
    }
}
