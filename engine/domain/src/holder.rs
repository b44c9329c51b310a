//! The four attributes (基本4情報) of a card's holder, and whether they are a registered person's.
//!
//! The card and the insurer spell one person's name and address in different ways. What counts as
//! the same is data: two tables and the compatibility forms of Unicode.

use crate::{Day, Personal, Registration, Sex, Text};
use unicode_normalization::UnicodeNormalization;

/// Characters that registers use for one another: each is written as the second.
const VARIANTS: &[(char, char)] = &[
    ('髙', '高'),
    ('﨑', '崎'),
    ('嵜', '崎'),
    ('碕', '崎'),
    ('邊', '辺'),
    ('邉', '辺'),
    ('齋', '斎'),
    ('齊', '斎'),
    ('斉', '斎'),
    ('澤', '沢'),
    ('濱', '浜'),
    ('濵', '浜'),
    ('櫻', '桜'),
    ('廣', '広'),
    ('國', '国'),
    ('嶋', '島'),
    ('嶌', '島'),
    ('𠮷', '吉'),
    ('德', '徳'),
    ('眞', '真'),
    ('瀨', '瀬'),
    ('惠', '恵'),
    ('榮', '栄'),
    ('條', '条'),
    ('藏', '蔵'),
    ('壽', '寿'),
    ('龍', '竜'),
    ('濤', '涛'),
    ('ヶ', 'ケ'),
    ('ヵ', 'カ'),
];

/// Words between the numbers of an address: each is written as a hyphen.
const ADDRESS_JOINTS: &[&str] = &["丁目", "番地の", "番地", "番", "号", "の"];

/// A name in the form that is compared: without spaces, in composed standard characters.
#[must_use]
pub fn fold_name(name: &str) -> String {
    name.nfkc().filter(|c| !c.is_whitespace() && *c != '・').nfc().map(standard).collect()
}

/// An address in the form that is compared.
fn fold_address(address: &str) -> String {
    let mut folded: String = address.nfkc().filter(|c| !c.is_whitespace()).map(joint).collect();
    for word in ADDRESS_JOINTS {
        folded = folded.replace(word, "-");
    }
    folded.trim_end_matches('-').chars().map(standard).collect()
}

fn standard(c: char) -> char {
    VARIANTS.iter().find(|(variant, _)| *variant == c).map_or(c, |(_, standard)| *standard)
}

/// Every character that people write for a hyphen between numbers.
const fn joint(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' | '\u{FF0D}' => '-',
        other => other,
    }
}

/// 基本4情報 as the card states them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// 氏名
    pub name: Personal<String>,
    /// 生年月日
    pub birthdate: Day,
    /// 性別
    pub sex: Sex,
    /// 住所
    pub address: Personal<String>,
}

impl Holder {
    /// Whether all four attributes are those of a registration. One that lacks the address cannot
    /// be recognised by it. An address may leave out where it begins, the prefecture.
    #[must_use]
    pub fn is(&self, registration: &Registration<'_>) -> bool {
        let name = fold_name(self.name.expose());
        let same_name = |text: &Text<'_>| fold_name(text.expose()) == name;
        registration.card.birthdate == self.birthdate
            && registration.sex1 == self.sex
            && (same_name(&registration.name)
                || registration.name_of_other.as_ref().is_some_and(same_name))
            && registration.address.as_ref().is_some_and(|address| self.lives_at(address.expose()))
    }

    fn lives_at(&self, registered: &str) -> bool {
        let (own, registered) = (fold_address(self.address.expose()), fold_address(registered));
        let omits_prefecture = |long: &str, short: &str| {
            let head = long.strip_suffix(short).unwrap_or_default();
            !short.is_empty() && head.ends_with(['都', '道', '府', '県'])
        };
        own == registered
            || omits_prefecture(&own, &registered)
            || omits_prefecture(&registered, &own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_name_fold_together() {
        for (a, b) in [
            ("髙橋　邦子", "高橋邦子"),
            ("渡邉 一", "渡辺　一"),
            ("ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ　タロウ"),
            ("ジョン・スミス", "ジョン スミス"),
        ] {
            assert_eq!(fold_name(a), fold_name(b));
        }
        assert_ne!(fold_name("高橋邦子"), fold_name("高橋国子"));
    }

    fn lives_at(card: &str, registered: &str) -> bool {
        let holder = Holder {
            name: Personal::default(),
            birthdate: Day::MIN,
            sex: Sex::Male,
            address: Personal::new(card.to_owned()),
        };
        holder.lives_at(registered)
    }

    #[test]
    fn spellings_of_one_address_are_the_same_place() {
        assert!(lives_at("架空県見本市中央１丁目２番３号", "架空県見本市中央1-2-3"));
        assert!(lives_at("架空県見本市中央１－２－３", "見本市中央１丁目２番地３"));
        assert!(lives_at("架空県見本市緑ヶ丘4", "架空県見本市緑ケ丘４番地"));
        assert!(!lives_at("架空県見本市中央1-2-3", "架空県見本市中央1-23"));
        assert!(
            !lives_at("架空県見本市中央1-2-3", "市中央1-2-3"),
            "only the prefecture may be left out"
        );
        assert!(!lives_at("架空県見本市中央1-2-3", ""));
    }

    proptest! {
        #[test]
        fn folding_never_panics_and_is_idempotent(text in "\\PC{0,40}") {
            let once = fold_name(&text);
            prop_assert_eq!(fold_name(&once), once);
            let once = fold_address(&text);
            prop_assert!(once.len() <= text.len() * 40);
        }
    }
}
