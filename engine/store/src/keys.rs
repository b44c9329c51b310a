//! Key layouts, version 2. Bytes on disk: a change here needs a new layout version in `FORMAT`.
//!
//! Card key, the key of table `entry`; 8 to 129 bytes, usually 14:
//!
//! | bytes | what | form |
//! |---|---|---|
//! | 3 | 保険者番号 | number without its check digit, big endian |
//! | 3 | 生年月日 | days since 1868-01-01, big endian |
//! | 1 | forms | high half: of the symbol, low half: of the number |
//! | 0-61 | 記号 | folded; see below |
//! | 1-61 | 番号 | folded; see below |
//!
//! Form 0 is an empty text, 1 to 14 so many decimal digits, two in a byte, the last half filled
//! with 0xF where their number is odd. Form 15 is any other text: a byte with its length, UTF-8.
//!
//! Keys of one insurer are next to each other, so that one insurer can be read alone. The branch
//! (枝番) is not in the key: a query without it must find the card by one read.
//!
//! | table | key | value |
//! |---|---|---|
//! | `entry` | card key | all registrations under the card |
//! | `person` | 個人単位被保険者番号, u64 big endian | where that person's registrations are |
//! | `insurer` | 保険者番号, u32 big endian | the insurer |
//! | `progress` | file identifier, 32 bytes | how far the file was loaded |
//! | `town` | code, u32 big endian | the start that addresses of a town share |
//! | `meta` | `applied` | position in the log, u64 big endian |

use shikaku_domain::{
    CardFace, CardQuery, Day, FOLDED_BYTES_MAX, Folded, InsurerNumber, check_digit,
};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest card key in bytes.
pub const CARD_KEY_BYTES_MAX: usize = PREFIX_BYTES + 1 + 2 * (1 + FOLDED_BYTES_MAX);
const INSURER_BYTES: usize = 3;
const PREFIX_BYTES: usize = INSURER_BYTES + 3;
/// Most digits that are written two in a byte, and the form of any other text.
const DIGITS_MAX: u8 = 14;
const FORM_TEXT: u8 = 15;
/// Fills the last byte of an odd number of digits.
const NO_DIGIT: u8 = 0xF;

/// The key under which the registrations of one card are stored.
///
/// Two cards have the same key exactly when insurer, birth date, folded symbol (where it counts)
/// and folded number are the same. Ordered by its bytes, thus by insurer first.
#[derive(Clone, Copy)]
pub struct CardKey {
    bytes: [u8; CARD_KEY_BYTES_MAX],
    len: usize,
}

/// What a card key consists of, and what records under it therefore leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CardParts {
    pub(crate) insurer: InsurerNumber,
    pub(crate) birthdate: Day,
    /// As far as it takes part in finding a registration.
    pub(crate) symbol: Folded,
    pub(crate) number: Folded,
}

impl CardParts {
    /// The parts of the key that a query asks for.
    pub(crate) fn of_query(query: &CardQuery) -> Self {
        let symbol = query.symbol_to_compare();
        Self { insurer: query.insurer, birthdate: query.birthdate, symbol, number: query.number }
    }

    fn of_card(card: &CardFace<'_>) -> Self {
        Self {
            insurer: card.insurer,
            birthdate: card.birthdate,
            symbol: card.symbol_to_compare(),
            number: *card.number.folded(),
        }
    }

    // HOT PATH: no allocation.
    pub(crate) fn key(&self) -> CardKey {
        let Self { insurer, birthdate, symbol, number } = self;
        let mut key = CardKey { bytes: [0; CARD_KEY_BYTES_MAX], len: 0 };
        key.push(&insurer_prefix(*insurer));
        let [_, day @ ..] = birthdate.number().to_be_bytes();
        key.push(&day);
        let (symbol_form, number_form) = (form(symbol.as_bytes()), form(number.as_bytes()));
        key.push(&[symbol_form << 4 | number_form]);
        key.push_text(symbol_form, symbol.as_bytes());
        key.push_text(number_form, number.as_bytes());
        key
    }

    /// The parts of a stored key; `None` when no card has it.
    fn parse(key: &[u8]) -> Option<Self> {
        let ([high, middle, low], rest) = key.split_first_chunk::<INSURER_BYTES>()?;
        let base = u32::from_be_bytes([0, *high, *middle, *low]);
        let insurer = base.checked_mul(10)?.checked_add(check_digit(u64::from(base)))?;
        let ([high, middle, low], rest) = rest.split_first_chunk::<3>()?;
        let (forms, rest) = rest.split_first()?;
        let (symbol, rest) = parse_text(forms >> 4, rest)?;
        let (number, rest) = parse_text(forms & 0x0F, rest)?;
        let is_whole = rest.is_empty() && !number.is_empty();
        is_whole.then_some(Self {
            insurer: InsurerNumber::from_number(insurer)?,
            birthdate: Day::from_number(u32::from_be_bytes([0, *high, *middle, *low]))?,
            symbol,
            number,
        })
    }
}

/// What the keys of one insurer begin with.
pub(crate) fn insurer_prefix(insurer: InsurerNumber) -> [u8; INSURER_BYTES] {
    let [_, base @ ..] = (insurer.number() / 10).to_be_bytes();
    base
}

fn form(text: &[u8]) -> u8 {
    match u8::try_from(text.len()) {
        Ok(len) if len <= DIGITS_MAX && text.iter().all(u8::is_ascii_digit) => len,
        Ok(_) | Err(_) => FORM_TEXT,
    }
}

fn parse_text(form: u8, rest: &[u8]) -> Option<(Folded, &[u8])> {
    let mut digits = [0; DIGITS_MAX as usize];
    let (text, rest) = if form == FORM_TEXT {
        let (len, rest) = rest.split_first()?;
        rest.split_at_checked(usize::from(*len))?
    } else {
        let digits = digits.get_mut(..usize::from(form))?;
        let (pairs, rest) = rest.split_at_checked(digits.len().div_ceil(2))?;
        for (two, pair) in digits.chunks_mut(2).zip(pairs) {
            for (digit, half) in two.iter_mut().zip([pair >> 4, pair & 0x0F]) {
                *digit = b'0' + half;
            }
        }
        (&*digits, rest)
    };
    let folded = Folded::new(str::from_utf8(text).ok()?).ok()?;
    Some((folded, rest))
}

impl CardKey {
    /// The key of the card that a query asks for.
    #[must_use]
    pub fn of_query(query: &CardQuery) -> Self {
        CardParts::of_query(query).key()
    }

    /// The key of a registered card.
    #[must_use]
    pub fn of_card(card: &CardFace<'_>) -> Self {
        CardParts::of_card(card).key()
    }

    /// The key with these stored bytes; `None` when no card has them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = CardParts::parse(bytes)?.key();
        // One card has one key: digits as text, say, are no key.
        (key.as_bytes() == bytes).then_some(key)
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// What the key consists of.
    pub(crate) fn parts(&self) -> Option<CardParts> {
        CardParts::parse(self.as_bytes())
    }

    /// The insurer's part of the key: the same for all cards of one insurer.
    pub(crate) fn insurer_part(&self) -> &[u8] {
        self.as_bytes().get(..INSURER_BYTES).unwrap_or_default()
    }

    fn push_text(&mut self, form: u8, text: &[u8]) {
        if form == FORM_TEXT {
            // INVARIANT: a folded text has at most `FOLDED_BYTES_MAX` bytes.
            self.push(&[u8::try_from(text.len()).unwrap_or(u8::MAX)]);
            return self.push(text);
        }
        let (pairs, odd) = text.as_chunks::<2>();
        for [high, low] in pairs {
            self.push(&[(high & 0x0F) << 4 | low & 0x0F]);
        }
        if let [high] = odd {
            self.push(&[(high & 0x0F) << 4 | NO_DIGIT]);
        }
    }

    #[inline(always)] // most parts have a length that the compiler knows
    fn push(&mut self, part: &[u8]) {
        let start = self.len;
        // INVARIANT: every part is bounded and the buffer has room for all of them.
        if let Some(slot) = self.bytes.get_mut(start..start + part.len()) {
            slot.copy_from_slice(part);
            self.len += part.len();
        }
    }
}

impl PartialEq for CardKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for CardKey {}

impl PartialOrd for CardKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CardKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for CardKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for CardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardKey(***)") // a card's number is personal
    }
}

/// The shard, from 0, that holds a key: FNV-1a over the key, then a multiplication that spreads
/// the high bits over the shards. Part of the layout: a store keeps its number of shards for life.
pub(crate) fn shard_of(key: &[u8], shards: usize) -> usize {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // FNV moves differences upwards; the product's high half is below `shards`.
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // INVARIANT: the result is below `shards`, so it fits.
    usize::try_from((u128::from(mixed) * shards as u128) >> 64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shikaku_domain::{CardText, LimitApplicationCertificateRelatedConsFlg};

    fn insurer(number: &str) -> InsurerNumber {
        InsurerNumber::parse(number).unwrap()
    }

    fn query(number: &str, symbol: &str, digits: &str, birthdate: &str) -> CardQuery {
        CardQuery {
            insurer: insurer(number),
            symbol: Folded::new(symbol).unwrap(),
            number: Folded::new(digits).unwrap(),
            branch: None,
            birthdate: Day::parse(birthdate).unwrap(),
            limit_consent: LimitApplicationCertificateRelatedConsFlg::NotGiven,
        }
    }

    fn card(number: &str, symbol: &'static str, digits: &'static str) -> CardFace<'static> {
        CardFace {
            insurer: insurer(number),
            symbol: Some(CardText::new(symbol).unwrap()),
            number: CardText::new(digits).unwrap(),
            branch: None,
            birthdate: Day::parse("19750410").unwrap(),
        }
    }

    #[test]
    fn the_bytes_of_version_2_are_frozen() {
        let key = |number, symbol, digits| {
            CardKey::of_query(&query(number, symbol, digits, "19750410")).as_bytes().to_vec()
        };
        let card = key("01040013", "１２", "０34-5");
        assert_eq!(card, b"\x01\x96\x41\x00\x99\x0c\x23\x12\x34\x5f");
        assert_eq!(key("39131206", "9", "1"), b"\x3b\xb5\xa0\x00\x99\x0c\x01\x1f");
        let texts = b"\x00\x35\xf5\x00\x99\x0c\xff\x04\xe5\x9b\xbd1\x0f123456789012345";
        assert_eq!(key("138131", "国1", "123456789012345"), texts);
        assert_eq!(shard_of(&card, 64), 9);
        assert_eq!(shard_of(&7_u64.to_be_bytes(), 64), 32);
    }

    #[test]
    fn a_card_and_the_query_for_it_have_one_key() {
        for number in ["01040013", "39131206", "138131"] {
            let card = card(number, "東ー１", "00７-8");
            let query = query(number, "東1", "78", "19750410");
            assert_eq!(CardKey::of_card(&card), CardKey::of_query(&query), "{number}");
        }
    }

    #[test]
    fn insurers_without_symbols_ignore_a_symbol_in_the_key() {
        let with = CardKey::of_query(&query("39131206", "1", "2", "19400101"));
        let without = CardKey::of_query(&query("39131206", "", "2", "19400101"));
        assert_eq!(with, without);
        let with = CardKey::of_query(&query("01040013", "1", "2", "19400101"));
        let without = CardKey::of_query(&query("01040013", "", "2", "19400101"));
        assert_ne!(with, without);
    }

    #[test]
    fn keys_spread_evenly_over_the_shards() {
        for shards in [1, 2, 7, 64] {
            let mut counts = vec![0_usize; shards];
            for person in 0..64_000_u64 {
                counts[shard_of(&person.to_be_bytes(), shards)] += 1;
            }
            let fair = 64_000 / shards;
            assert!(counts.iter().all(|c| c * 10 > fair * 8 && c * 10 < fair * 12), "{counts:?}");
        }
    }

    prop_compose! {
        fn card_parts()(base in 1u32..40, day in 0u32..4, symbol in "[0-9A国]{0,3}", number in "[1-9A国]{1,3}")
            -> CardParts {
            let check = check_digit(u64::from(base));
            CardParts {
                insurer: InsurerNumber::from_number(base * 10 + check).unwrap(),
                birthdate: Day::from_number(day * 40_000).unwrap(),
                symbol: Folded::new(&symbol).unwrap(),
                number: Folded::new(&number).unwrap(),
            }
        }
    }

    proptest! {
        #[test]
        fn keys_are_equal_exactly_when_the_parts_are(a in card_parts(), b in card_parts()) {
            prop_assert_eq!(a.key() == b.key(), a == b);
        }

        #[test]
        fn keys_are_ordered_by_insurer_then_birth_date(a in card_parts(), b in card_parts()) {
            let first = |parts: &CardParts| (parts.insurer, parts.birthdate);
            if first(&a) != first(&b) {
                prop_assert_eq!(a.key().cmp(&b.key()), first(&a).cmp(&first(&b)));
            }
        }

        #[test]
        fn stored_keys_read_back_and_any_bytes_are_safe(a in card_parts(), long in "[1-9][0-9]{0,19}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let long = CardParts { number: Folded::new(&long).unwrap(), ..a };
            for parts in [a, long] {
                let key = parts.key();
                prop_assert_eq!(CardKey::from_bytes(key.as_bytes()), Some(key));
                prop_assert_eq!(key.parts(), Some(parts));
                prop_assert_eq!(key.insurer_part(), insurer_prefix(parts.insurer));
            }
            if let Some(key) = CardKey::from_bytes(&bytes) {
                prop_assert_eq!(key.as_bytes(), &bytes[..]);
            }
        }
    }
}
