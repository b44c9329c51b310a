//! Key layouts, version 1. Bytes on disk: a change here needs a new layout version in `FORMAT`.
//!
//! Card key, the key of table `entry`; 9 to 128 bytes:
//!
//! | bytes | what | form |
//! |---|---|---|
//! | 4 | 保険者番号 | number, big endian |
//! | 3 | 生年月日 | days since 1868-01-01, big endian |
//! | 0-60 | 記号 | folded, UTF-8; empty for insurers without symbols |
//! | 1 | 0x00 | folded texts hold no control characters, so this ends the symbol |
//! | 1-60 | 番号 | folded, UTF-8 |
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
//! | `meta` | `applied` | position in the log, u64 big endian |

use shikaku_domain::{CardFace, CardQuery, Day, FOLDED_BYTES_MAX, Folded, InsurerNumber};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest card key in bytes.
pub const CARD_KEY_BYTES_MAX: usize = PREFIX_BYTES + FOLDED_BYTES_MAX + 1 + FOLDED_BYTES_MAX;
const INSURER_BYTES: usize = 4;
const PREFIX_BYTES: usize = INSURER_BYTES + 3;

/// The key under which the registrations of one card are stored.
///
/// Two cards have the same key exactly when insurer, birth date, folded symbol (where it counts)
/// and folded number are the same. Ordered by its bytes, thus by insurer first.
#[derive(Clone, Copy)]
pub struct CardKey {
    bytes: [u8; CARD_KEY_BYTES_MAX],
    len: usize,
}

impl CardKey {
    /// The key of the card that a query asks for.
    #[must_use]
    pub fn of_query(query: &CardQuery) -> Self {
        Self::new(query.insurer, query.birthdate, &query.symbol_to_compare(), &query.number)
    }

    /// The key of a registered card.
    #[must_use]
    pub fn of_card(card: &CardFace<'_>) -> Self {
        Self::new(card.insurer, card.birthdate, &card.symbol_to_compare(), card.number.folded())
    }

    // HOT PATH: no allocation.
    fn new(insurer: InsurerNumber, birthdate: Day, symbol: &Folded, number: &Folded) -> Self {
        let mut key = Self { bytes: [0; CARD_KEY_BYTES_MAX], len: 0 };
        key.push(&insurer.number().to_be_bytes());
        let [_, day @ ..] = birthdate.number().to_be_bytes();
        key.push(&day);
        key.push(symbol.as_bytes());
        key.push(&[0]);
        key.push(number.as_bytes());
        key
    }

    /// The key with these stored bytes; `None` when no card has them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (_, _, texts) = split(bytes)?;
        let end = texts.iter().position(|byte| *byte == 0)?;
        let (symbol, number) = texts.split_at_checked(end)?;
        let number = number.get(1..)?;
        if symbol.len() > FOLDED_BYTES_MAX || number.is_empty() || number.len() > FOLDED_BYTES_MAX {
            return None;
        }
        let mut key = Self { bytes: [0; CARD_KEY_BYTES_MAX], len: 0 };
        key.push(bytes);
        Some(key)
    }

    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Insurer and birth date, which the record under this key leaves out.
    pub(crate) fn insurer_and_birthdate(&self) -> Option<(InsurerNumber, Day)> {
        split(self.as_bytes()).map(|(insurer, birthdate, _)| (insurer, birthdate))
    }

    /// Whether both keys belong to the same insurer.
    pub(crate) fn has_insurer_of(&self, other: &Self) -> bool {
        self.bytes.first_chunk::<INSURER_BYTES>() == other.bytes.first_chunk::<INSURER_BYTES>()
    }

    fn push(&mut self, part: &[u8]) {
        let start = self.len;
        // INVARIANT: every part is bounded and the buffer has room for all of them.
        if let Some(slot) = self.bytes.get_mut(start..start + part.len()) {
            slot.copy_from_slice(part);
            self.len += part.len();
        }
    }
}

fn split(key: &[u8]) -> Option<(InsurerNumber, Day, &[u8])> {
    let (insurer, rest) = key.split_first_chunk::<INSURER_BYTES>()?;
    let ([high, middle, low], texts) = rest.split_first_chunk::<3>()?;
    let insurer = InsurerNumber::from_number(u32::from_be_bytes(*insurer))?;
    let birthdate = Day::from_number(u32::from_be_bytes([0, *high, *middle, *low]))?;
    Some((insurer, birthdate, texts))
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
    fn the_bytes_of_version_1_are_frozen() {
        let key = CardKey::of_query(&query("01040013", "１２", "０34-5", "19750410"));
        assert_eq!(key.as_bytes(), b"\x00\x0f\xde\x8d\x00\x99\x0c12\x00345");
        assert_eq!(shard_of(key.as_bytes(), 64), 10);
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
        fn parts()(base in 1u32..40, day in 0u32..4, symbol in "[0A国]{0,3}", number in "[1A国]{1,3}")
            -> (InsurerNumber, Day, Folded, Folded) {
            let check = shikaku_domain::check_digit(u64::from(base));
            (
                InsurerNumber::from_number(base * 10 + check).unwrap(),
                Day::from_number(day * 40_000).unwrap(),
                Folded::new(&symbol).unwrap(),
                Folded::new(&number).unwrap(),
            )
        }
    }

    proptest! {
        #[test]
        fn keys_are_equal_exactly_when_the_parts_are(a in parts(), b in parts()) {
            let key = |p: &(InsurerNumber, Day, Folded, Folded)| CardKey::new(p.0, p.1, &p.2, &p.3);
            prop_assert_eq!(key(&a) == key(&b), a == b);
        }

        #[test]
        fn keys_are_ordered_by_insurer_then_birth_date(a in parts(), b in parts()) {
            let key = |p: &(InsurerNumber, Day, Folded, Folded)| CardKey::new(p.0, p.1, &p.2, &p.3);
            if (a.0, a.1) != (b.0, b.1) {
                prop_assert_eq!(key(&a).cmp(&key(&b)), (a.0, a.1).cmp(&(b.0, b.1)));
            }
        }

        #[test]
        fn stored_keys_read_back_and_any_bytes_are_safe(a in parts(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let key = CardKey::new(a.0, a.1, &a.2, &a.3);
            prop_assert_eq!(CardKey::from_bytes(key.as_bytes()), Some(key));
            prop_assert_eq!(key.insurer_and_birthdate(), Some((a.0, a.1)));
            if let Some(key) = CardKey::from_bytes(&bytes) {
                prop_assert_eq!(key.as_bytes(), &bytes[..]);
            }
        }
    }
}
