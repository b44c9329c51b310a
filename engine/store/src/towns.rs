//! The starts that addresses share: prefecture, municipality and town, each written once in a
//! store and named by a number in the entries. There are some 200,000 towns in the country.
//!
//! Codes are given out by the writer, one after the other, and never change or go: an entry
//! written today must read back in ten years. The log record that first uses a code defines it, and
//! the writer takes it in here before any shard sees the entry.

use crate::codec::Damage;
use crate::masters::Masters;
use crate::record;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Most towns. Addresses of further ones are written in full; a file of nonsense cannot fill the
/// memory.
pub(crate) const TOWNS_MAX: u32 = 512 * 1024;
/// Bytes of UTF-8 that a town's text may have: 40 kanji.
const TOWN_BYTES_MAX: usize = 120;
const PAGE_TOWNS: usize = 1024;
const PAGES: usize = TOWNS_MAX as usize / PAGE_TOWNS;

type Page = Box<[OnceLock<Box<str>>]>;

/// All towns, in memory. Reading takes no lock: every query that finds an address reads here.
///
/// Invariant: a code, once given a text, keeps it.
pub(crate) struct TownTable {
    pages: Box<[OnceLock<Page>]>,
    codes: RwLock<HashMap<Box<str>, u32>>,
}

impl Default for TownTable {
    fn default() -> Self {
        let pages = (0..PAGES).map(|_| OnceLock::new()).collect();
        Self { pages, codes: RwLock::default() }
    }
}

impl TownTable {
    /// The town with this code.
    // HOT PATH
    pub(crate) fn text(&self, code: u32) -> Option<&str> {
        self.slot(code)?.get().map(AsRef::as_ref)
    }

    /// The code of the town with this text.
    pub(crate) fn code(&self, text: &str) -> Option<u32> {
        self.codes.read().unwrap_or_else(PoisonError::into_inner).get(text).copied()
    }

    /// How many towns there are, which is the next code.
    pub(crate) fn len(&self) -> u32 {
        let codes = self.codes.read().unwrap_or_else(PoisonError::into_inner);
        u32::try_from(codes.len()).unwrap_or(TOWNS_MAX)
    }

    /// Takes a town in.
    pub(crate) fn put(&self, code: u32, text: &str) -> Result<(), Damage> {
        let page = self.pages.get(code as usize / PAGE_TOWNS).ok_or("no such town")?;
        page.get_or_init(|| (0..PAGE_TOWNS).map(|_| OnceLock::new()).collect());
        let slot = self.slot(code).ok_or("no such town")?;
        if slot.get_or_init(|| text.into()).as_ref() != text {
            return Err("two towns with one code");
        }
        let mut codes = self.codes.write().unwrap_or_else(PoisonError::into_inner);
        codes.insert(text.into(), code);
        Ok(())
    }

    /// Takes a stored town in.
    pub(crate) fn put_stored(&self, key: &[u8], value: &[u8]) -> Result<(), Damage> {
        let code = key.try_into().map(u32::from_be_bytes).map_err(|_| "no such town")?;
        self.put(code, record::decode_town(value)?)
    }

    fn slot(&self, code: u32) -> Option<&OnceLock<Box<str>>> {
        let code = code as usize;
        self.pages.get(code / PAGE_TOWNS)?.get()?.get(code % PAGE_TOWNS)
    }
}

/// Gives codes to towns that have none yet, on any number of threads.
pub(crate) struct NewTowns {
    masters: Arc<Masters>,
    /// By text; the codes follow the table's.
    new: RwLock<HashMap<Box<str>, u32>>,
}

impl NewTowns {
    pub(crate) fn new(masters: Arc<Masters>) -> Self {
        Self { masters, new: RwLock::default() }
    }

    /// Sees to it that the town of this address has a code, if there is room for it.
    pub(crate) fn see(&self, address: &str) {
        let Some((town, _)) = split(address) else { return };
        if self.code(town).is_some() {
            return;
        }
        let mut new = self.new.write().unwrap_or_else(PoisonError::into_inner);
        let next = self.masters.towns.len() + u32::try_from(new.len()).unwrap_or(TOWNS_MAX);
        if next < TOWNS_MAX && !new.contains_key(town) {
            new.insert(town.into(), next);
        }
    }

    /// The code of the town with this text.
    pub(crate) fn code(&self, text: &str) -> Option<u32> {
        let of_new = || self.new.read().unwrap_or_else(PoisonError::into_inner).get(text).copied();
        self.masters.towns.code(text).or_else(of_new)
    }

    /// The new towns, by code: keys and values of the table `town`.
    pub(crate) fn rows(&self) -> Vec<([u8; 4], Vec<u8>)> {
        let new = self.new.read().unwrap_or_else(PoisonError::into_inner);
        let mut new: Vec<_> = new.iter().map(|(text, code)| (*code, text)).collect();
        new.sort_unstable_by_key(|(code, _)| *code);
        new.into_iter()
            .map(|(code, text)| (code.to_be_bytes(), record::encode_town(text)))
            .collect()
    }
}

/// Cuts an address behind its town: before the first digit. `None` where nothing is to be gained.
pub(crate) fn split(address: &str) -> Option<(&str, &str)> {
    let end = address.find(|c| matches!(c, '0'..='9' | '０'..='９'))?;
    let (town, rest) = address.split_at_checked(end)?;
    (6..=TOWN_BYTES_MAX).contains(&town.len()).then_some((town, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_before_its_first_digit() {
        assert_eq!(split("架空県見本市１－２"), Some(("架空県見本市", "１－２")));
        assert_eq!(split("架空県見本市12"), Some(("架空県見本市", "12")));
        assert_eq!(split("架空県見本市"), None);
        assert_eq!(split("１２３"), None);
        assert_eq!(split(""), None);
        assert_eq!(split(&("町".repeat(41) + "1")), None);
    }

    #[test]
    fn towns_get_codes_in_the_order_in_which_they_are_seen_and_keep_them() {
        let masters = Arc::new(Masters::default());
        let table = &masters.towns;
        let take_in = |addresses: &[&str]| {
            let new = NewTowns::new(Arc::clone(&masters));
            addresses.iter().for_each(|address| new.see(address));
            let rows = new.rows();
            rows.iter().for_each(|(key, value)| table.put_stored(key, value).unwrap());
            rows.len()
        };
        assert_eq!(take_in(&["甲県乙市1", "甲県乙市2", "甲県丙市1", "甲県丁市"]), 2);
        assert_eq!(take_in(&["甲県丙市9", "甲県戊市1"]), 1);
        assert_eq!(table.code("甲県戊市"), Some(2));
        assert_eq!(table.text(0), Some("甲県乙市"));
        assert_eq!((table.text(3), table.text(u32::MAX)), (None, None));
        assert_eq!(table.put(0, "甲県己市"), Err("two towns with one code"));
        assert_eq!(table.put(TOWNS_MAX, "甲県己市"), Err("no such town"));
    }
}
