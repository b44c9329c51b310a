//! Where households live.
//!
//! The positions of the population are dealt out to prefectures and municipalities by a shuffled
//! deck that repeats every [`DECK`] positions. So every place gets its share exactly, and a
//! position knows its rank among all positions of its prefecture without looking at the others:
//! that is what keeps eight-digit card numbers unique in a country of 200 million.

use super::SizeClass;
use super::rng::{Rng, Stream};

/// Positions in the deck.
pub(super) const DECK: usize = 65_536;
/// Share of positions, per 10,000, at which a small household would live on 医療扶助.
const WELFARE_POSITIONS: u32 = 480;

/// One line of the prefecture table.
#[derive(Clone, Debug)]
pub(super) struct Prefecture {
    /// 01 to 47.
    pub(super) code: u32,
    pub(super) name: &'static str,
    /// Inhabitants in thousands.
    weight: u32,
    /// First three digits of postal codes.
    post: (u32, u32),
    /// Positions of the deck in this prefecture, all and for 医療扶助.
    positions: u32,
    welfare_positions: u32,
}

/// A municipality.
#[derive(Clone, Copy, Debug)]
pub(super) struct Municipality {
    /// Place in the list of prefectures.
    pub(super) prefecture: usize,
    pub(super) name: &'static str,
}

/// One card of the deck.
#[derive(Clone, Copy)]
struct Slot {
    municipality: u16,
    rank: u32,
    welfare_rank: Option<u32>,
}

/// Where a household lives.
pub(super) struct Place<'p> {
    pub(super) prefecture: &'p Prefecture,
    pub(super) prefecture_index: usize,
    pub(super) municipality: Municipality,
    pub(super) municipality_index: usize,
    /// How many positions of the same prefecture come before this one.
    pub(super) rank: u64,
    /// The same among the positions for 医療扶助, if this is one.
    pub(super) welfare_rank: Option<u64>,
}

/// The deck and what it refers to.
pub(super) struct Places {
    pub(super) prefectures: Vec<Prefecture>,
    pub(super) municipalities: Vec<Municipality>,
    deck: Vec<Slot>,
}

impl Places {
    pub(super) fn new(seed: u64, class: SizeClass) -> Self {
        let (prefectures, municipalities, shares) = tables(class);
        let mut places = Self { prefectures, municipalities, deck: Vec::with_capacity(DECK) };
        places.deal(&shares, &mut Rng::new(seed, Stream::Places, 0));
        places
    }

    fn deal(&mut self, shares: &[u32], rng: &mut Rng) {
        let total: u64 = shares.iter().map(|share| u64::from(*share)).sum();
        let mut order = Vec::with_capacity(DECK);
        let mut sum = 0;
        for (municipality, share) in (0_u16..).zip(shares) {
            sum += u64::from(*share);
            // Rounding the running sum gives every place its share and uses each position once.
            let until = usize::try_from(sum * DECK as u64 / total.max(1)).unwrap_or(DECK);
            let welfare = (until - order.len()) * WELFARE_POSITIONS as usize / 10_000;
            let first = order.len();
            order.resize_with(until, || (municipality, false));
            for slot in order.iter_mut().skip(first).take(welfare.max(1)) {
                slot.1 = true;
            }
        }
        rng.shuffle(&mut order);
        for (municipality, is_welfare) in order {
            let Some(prefecture) = self
                .municipalities
                .get(usize::from(municipality))
                .and_then(|m| self.prefectures.get_mut(m.prefecture))
            else {
                continue;
            };
            let rank = prefecture.positions;
            prefecture.positions += 1;
            let welfare_rank = is_welfare.then_some(prefecture.welfare_positions);
            prefecture.welfare_positions += u32::from(is_welfare);
            self.deck.push(Slot { municipality, rank, welfare_rank });
        }
    }

    /// Where the household lives whose first member has this index.
    pub(super) fn of(&self, index: u64) -> Option<Place<'_>> {
        let slot = self.deck.get(usize::try_from(index % DECK as u64).ok()?)?;
        let municipality_index = usize::from(slot.municipality);
        let municipality = *self.municipalities.get(municipality_index)?;
        let prefecture = self.prefectures.get(municipality.prefecture)?;
        let round = index / DECK as u64;
        let rank = round * u64::from(prefecture.positions) + u64::from(slot.rank);
        let welfare_rank = slot
            .welfare_rank
            .map(|rank| round * u64::from(prefecture.welfare_positions) + u64::from(rank));
        Some(Place {
            prefecture,
            prefecture_index: municipality.prefecture,
            municipality,
            municipality_index,
            rank,
            welfare_rank,
        })
    }
}

/// The prefectures that a population of this size lives in, the largest first; their
/// municipalities; and the weight of each municipality.
fn tables(class: SizeClass) -> (Vec<Prefecture>, Vec<Municipality>, Vec<u32>) {
    let mut lines: Vec<_> = (1..).zip(include_str!("data/prefectures.txt").lines()).collect();
    let weight = |line: &str| number(line.split('\t').nth(1));
    lines.sort_by_key(|(code, line)| (std::cmp::Reverse(weight(line)), *code));
    lines.truncate(class.prefectures());

    let mut prefectures = Vec::new();
    let mut municipalities = Vec::new();
    let mut shares = Vec::new();
    for (prefecture, (code, line)) in lines.into_iter().enumerate() {
        let mut cells = line.split('\t');
        let entry = Prefecture {
            code,
            name: cells.next().unwrap_or_default(),
            weight: number(cells.next()),
            post: (number(cells.next()), number(cells.next())),
            positions: 0,
            welfare_positions: 0,
        };
        let names: Vec<_> = cells.take(class.municipalities()).collect();
        let parts: u32 = (2..).take(names.len()).map(|rank| 1_000 / rank).sum();
        for (name, rank) in names.into_iter().zip(2..) {
            municipalities.push(Municipality { prefecture, name });
            shares.push(entry.weight * 1_000 / rank / parts.max(1) * 100);
        }
        prefectures.push(entry);
    }
    (prefectures, municipalities, shares)
}

fn number(cell: Option<&str>) -> u32 {
    cell.and_then(|cell| cell.parse().ok()).unwrap_or(0)
}

impl Prefecture {
    /// 医療扶助 offices: one for about 1.2 million inhabitants, so that 受給者番号 of six digits
    /// and a check digit suffice.
    pub(super) const fn welfare_offices(&self, class: SizeClass) -> u32 {
        match class {
            SizeClass::Nation => self.weight / 1_200 + 2,
            SizeClass::Village | SizeClass::Town | SizeClass::Region => 1,
        }
    }
}

/// Names that towns and quarters everywhere have.
const QUARTERS: [&str; 40] = [
    "本町",
    "中央",
    "栄町",
    "緑町",
    "旭町",
    "幸町",
    "東町",
    "西町",
    "南町",
    "北町",
    "新町",
    "元町",
    "大手町",
    "錦町",
    "桜町",
    "泉町",
    "若葉町",
    "美園",
    "日の出町",
    "末広町",
    "港町",
    "川端町",
    "宮前",
    "上野原",
    "下河原",
    "青葉台",
    "光が丘",
    "緑が丘",
    "桜台",
    "富士見",
    "松原",
    "梅園",
    "竹の台",
    "清水町",
    "住吉町",
    "高砂町",
    "千歳町",
    "曙町",
    "弥生町",
    "花園町",
];

/// Names of the kind that landlords give to houses.
const HOUSES: [&str; 8] = [
    "コーポ若葉",
    "ハイツ青空",
    "メゾン桜",
    "グリーンハイツ",
    "サンハイム",
    "第二すみれ荘",
    "パークハイツ緑",
    "コーポ泉",
];

impl Place<'_> {
    /// An address in full-width characters, and a postal code in the prefecture's range.
    pub(super) fn address(&self, rng: &mut Rng) -> (String, u32) {
        let mut address = String::with_capacity(96);
        address.push_str(self.prefecture.name);
        address.push_str(self.municipality.name);
        address.push_str(rng.one_of(&QUARTERS));
        push_full_width(&mut address, rng.between(1, 6));
        address.push_str("丁目");
        push_full_width(&mut address, rng.between(1, 40));
        address.push('－');
        push_full_width(&mut address, rng.between(1, 25));
        if rng.per_mille(400) {
            address.push('　');
            address.push_str(rng.one_of(&HOUSES));
            push_full_width(&mut address, rng.between(1, 9) * 100 + rng.between(1, 12));
        }
        let (low, high) = self.prefecture.post;
        let post = rng.between(low, high) * 10_000 + rng.below(1_000);
        (address, post)
    }
}

/// Writes a number in full-width digits.
pub(super) fn push_full_width(text: &mut String, number: u32) {
    text.extend(number.to_string().chars().map(full_width));
}

/// The full-width form of an ASCII character.
pub(super) fn full_width(c: char) -> char {
    match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ranks_count_the_positions_of_a_prefecture_without_gaps() {
        let places = Places::new(1, SizeClass::Nation);
        assert_eq!(places.prefectures.len(), 47);
        assert!(places.municipalities.len() >= 180);
        let mut next = vec![0; places.prefectures.len()];
        for index in 0..3 * DECK as u64 {
            let place = places.of(index).unwrap();
            assert_eq!(place.rank, next[place.prefecture_index]);
            next[place.prefecture_index] += 1;
        }
    }

    #[test]
    fn prefectures_get_their_share_and_every_municipality_has_people_on_welfare() {
        let places = Places::new(2, SizeClass::Nation);
        let tokyo = &places.prefectures[0];
        assert_eq!(tokyo.name, "東京都");
        let share = f64::from(tokyo.positions) / DECK as f64;
        assert!((share - 0.113).abs() < 0.005, "{share}");
        let with_welfare: HashSet<usize> = (0..DECK as u64)
            .filter_map(|index| places.of(index))
            .filter(|place| place.welfare_rank.is_some())
            .map(|place| place.municipality_index)
            .collect();
        assert_eq!(with_welfare.len(), places.municipalities.len());
    }
}
