//! The insurers of the population.
//!
//! Numbers have the official structure with a valid check digit; names are made up, of words and
//! trades, or say what the body is for which place.

use super::SizeClass;
use super::place::{Places, full_width};
use super::rng::{Rng, Weighted};
use shikaku_domain::{Insurer, InsurerNumber, check_digit};

/// 法別番号
pub(super) mod law {
    pub(in super::super) const KYOKAI: u32 = 1;
    pub(in super::super) const KUMIAI: u32 = 6;
    pub(in super::super) const MEDICAL_AID: u32 = 12;
    pub(in super::super) const STATE_MUTUAL_AID: u32 = 31;
    pub(in super::super) const LOCAL_MUTUAL_AID: u32 = 32;
    pub(in super::super) const SCHOOL_MUTUAL_AID: u32 = 34;
    pub(in super::super) const LATE_STAGE_ELDERLY: u32 = 39;
}

/// Place of an insurer in [`Directory::insurers`].
pub(super) type InsurerIndex = u16;

/// All insurers, and which of them is responsible for whom.
pub(super) struct Directory {
    pub(super) insurers: Vec<Insurer>,
    /// 協会けんぽ, by prefecture.
    kyokai: Vec<InsurerIndex>,
    /// 後期高齢者医療広域連合, by prefecture.
    late_stage: Vec<InsurerIndex>,
    /// 福祉事務所, by prefecture.
    welfare: Vec<Vec<InsurerIndex>>,
    /// 国民健康保険, by municipality.
    national: Vec<InsurerIndex>,
    kumiai: Weighted<InsurerIndex>,
    state_mutual: Weighted<InsurerIndex>,
    /// 地方職員 and 公立学校共済, each by prefecture, repeated where there are fewer.
    local_mutual: Vec<InsurerIndex>,
    school_mutual: Vec<InsurerIndex>,
}

const WORDS: [&str; 40] = [
    "雪椿",
    "鶴峰",
    "朱鷺野",
    "碧川",
    "霞浦",
    "藍沢",
    "苔山",
    "萌木",
    "薄荷",
    "灯台",
    "白樺台",
    "琥珀",
    "瑠璃",
    "水鏡",
    "風車",
    "星降",
    "月影",
    "虹橋",
    "稲穂",
    "若鮎",
    "翡翠",
    "椋鳥",
    "千鳥",
    "夕凪",
    "朝霧",
    "山彦",
    "木漏日",
    "花筏",
    "雲海",
    "潮騒",
    "飛石",
    "紅葉坂",
    "松籟",
    "竹林",
    "梅鉢",
    "蛍火",
    "初雁",
    "野分",
    "時雨",
    "青磁",
];

const TRADES: [&str; 30] = [
    "電子",
    "精機",
    "物流",
    "食品",
    "製薬",
    "情報",
    "建設",
    "化学",
    "鉄鋼",
    "繊維",
    "印刷",
    "観光",
    "百貨店",
    "証券",
    "海運",
    "通信",
    "自動車",
    "光学",
    "製紙",
    "醸造",
    "陶器",
    "家具",
    "出版",
    "放送",
    "航空",
    "造船",
    "農機",
    "医療機器",
    "不動産",
    "警備",
];

const MINISTRIES: [&str; 20] = [
    "暦",
    "灯台",
    "測地",
    "港湾",
    "森林",
    "統計",
    "気象",
    "史料",
    "度量衡",
    "水路",
    "地質",
    "蚕糸",
    "観測",
    "印章",
    "航路",
    "河川",
    "公文書",
    "図書",
    "標準",
    "郵路",
];

impl Directory {
    pub(super) fn new(class: SizeClass, places: &Places) -> Self {
        let mut list = List::default();
        let prefectures = &places.prefectures;
        let by_prefecture = |list: &mut List, law, serial, name: &dyn Fn(&str) -> String| {
            prefectures
                .iter()
                .map(|p| list.add(law, p.code, serial, name(p.name)))
                .collect::<Vec<_>>()
        };
        let kyokai =
            by_prefecture(&mut list, law::KYOKAI, 801, &|p| format!("協会けんぽ{}支部", short(p)));
        let late_stage = by_prefecture(&mut list, law::LATE_STAGE_ELDERLY, 801, &|p| {
            format!("{p}後期高齢者医療広域連合")
        });
        let mutual = |list: &mut List, law, name: &str| -> Vec<_> {
            let count = prefectures.len().min(class.local_mutual_aid());
            let few: Vec<_> = prefectures
                .iter()
                .take(count)
                .map(|p| list.add(law, p.code, 801, format!("{}{name}共済組合", p.name)))
                .collect();
            few.iter().copied().cycle().take(prefectures.len()).collect()
        };
        let local_mutual = mutual(&mut list, law::LOCAL_MUTUAL_AID, "職員");
        let school_mutual = mutual(&mut list, law::SCHOOL_MUTUAL_AID, "学校");
        let ministries = MINISTRIES.iter().take(class.state_mutual_aid());
        let state_mutual = (811..)
            .zip(ministries)
            .map(|(serial, name)| {
                list.add(law::STATE_MUTUAL_AID, 13, serial, format!("{name}庁共済組合"))
            })
            .collect();
        let welfare = prefectures
            .iter()
            .map(|p| list.welfare_offices(p.code, p.name, p.welfare_offices(class)))
            .collect();
        let national = (1..)
            .zip(&places.municipalities)
            .map(|(serial, m)| {
                let code = prefectures.get(m.prefecture).map_or(13, |p| p.code);
                list.add(0, code, serial, format!("{}国民健康保険", m.name))
            })
            .collect();
        let kumiai = list.kumiai(class.kumiai(), places);
        Self {
            insurers: list.0,
            kyokai,
            late_stage,
            welfare,
            national,
            kumiai: Weighted::by_rank(kumiai, 20),
            state_mutual: Weighted::by_rank(state_mutual, 10),
            local_mutual,
            school_mutual,
        }
    }

    /// The insurer of somebody employed in a prefecture: 協会けんぽ, 組合 or 共済 in the
    /// proportion of their members (about 32 : 22 : 7).
    pub(super) fn of_employee(&self, prefecture: usize, rng: &mut Rng) -> InsurerIndex {
        match rng.below(1_000) {
            0..=524 => at(&self.kyokai, prefecture),
            525..=884 => self.kumiai.pick(rng),
            885..=904 => self.state_mutual.pick(rng),
            905..=954 => at(&self.local_mutual, prefecture),
            _ => at(&self.school_mutual, prefecture),
        }
    }

    /// The municipality's 国民健康保険.
    pub(super) fn national(&self, municipality: usize) -> InsurerIndex {
        at(&self.national, municipality)
    }

    /// The prefecture's 広域連合.
    pub(super) fn late_stage(&self, prefecture: usize) -> InsurerIndex {
        at(&self.late_stage, prefecture)
    }

    /// The welfare office for a position of this rank, and the rank within the office.
    pub(super) fn welfare_office(&self, prefecture: usize, rank: u64) -> (InsurerIndex, u64) {
        let offices = self.welfare.get(prefecture).map_or(&[][..], Vec::as_slice);
        let count = (offices.len() as u64).max(1);
        let office = usize::try_from(rank % count).unwrap_or(0);
        (at(offices, office), rank / count)
    }

    /// The number of an insurer.
    pub(super) fn number(&self, index: InsurerIndex) -> Option<InsurerNumber> {
        self.insurers.get(usize::from(index)).map(|i| i.number)
    }
}

fn at(list: &[InsurerIndex], index: usize) -> InsurerIndex {
    list.get(index).copied().unwrap_or_default()
}

/// 東京都 is 東京, 北海道 stays.
fn short(prefecture: &str) -> &str {
    prefecture.strip_suffix(['都', '府', '県']).unwrap_or(prefecture)
}

#[derive(Default)]
struct List(Vec<Insurer>);

impl List {
    fn add(&mut self, law: u32, prefecture: u32, serial: u32, name: String) -> InsurerIndex {
        let base = law * 100_000 + prefecture * 1_000 + serial % 1_000;
        let number = base * 10 + check_digit(u64::from(base));
        // INVARIANT: the check digit was just made, so the number is accepted.
        self.0.extend(InsurerNumber::from_number(number).map(|number| Insurer { number, name }));
        InsurerIndex::try_from(self.0.len().saturating_sub(1)).unwrap_or(InsurerIndex::MAX)
    }

    fn welfare_offices(&mut self, code: u32, name: &str, count: u32) -> Vec<InsurerIndex> {
        (1..=count)
            .map(|n| {
                let name = match count {
                    1 => format!("{name}福祉事務所"),
                    _ => format!("{name}第{}福祉事務所", full_width_number(n)),
                };
                self.add(law::MEDICAL_AID, code, 800 + n, name)
            })
            .collect()
    }

    /// 組合健保: most are in Tokyo and Osaka, as head offices are.
    fn kumiai(&mut self, count: usize, places: &Places) -> Vec<InsurerIndex> {
        let names = TRADES.iter().flat_map(|trade| WORDS.iter().map(move |word| (word, trade)));
        let seats = places.prefectures.len().max(1);
        let mut serials = vec![0; seats];
        names
            .take(count)
            .zip(0_u32..)
            .map(|((word, trade), n)| {
                // The prefectures are in the order of their size: two thirds in the first four.
                let seat = if n % 3 < 2 { n as usize % seats.min(4) } else { n as usize % seats };
                let code = places.prefectures.get(seat).map_or(13, |p| p.code);
                let serial = serials.get_mut(seat).map_or(n, |serial| {
                    *serial += 1;
                    *serial
                });
                self.add(law::KUMIAI, code, serial, format!("{word}{trade}健康保険組合"))
            })
            .collect()
    }
}

fn full_width_number(n: u32) -> String {
    n.to_string().chars().map(full_width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shikaku_domain::Scheme;
    use std::collections::HashSet;

    fn directory(class: SizeClass) -> Directory {
        Directory::new(class, &Places::new(1, class))
    }

    #[test]
    fn a_nation_has_about_1700_insurers_and_no_two_share_a_number_or_name() {
        let all = directory(SizeClass::Nation).insurers;
        assert!((1_600..=1_800).contains(&all.len()), "{}", all.len());
        let numbers: HashSet<_> = all.iter().map(|i| i.number).collect();
        let names: HashSet<_> = all.iter().map(|i| &i.name).collect();
        assert_eq!((numbers.len(), names.len()), (all.len(), all.len()));
        for insurer in &all {
            assert_ne!(insurer.number.scheme(), Scheme::Other);
            assert_eq!(InsurerNumber::parse(&insurer.number.to_string()), Ok(insurer.number));
        }
        assert!(directory(SizeClass::Village).insurers.len() < 40);
    }
}
