//! "Hold a test card": synthetic cards that a page puts onto a virtual reader.
//!
//! For demonstrations and tests only: it exists where the configuration has a table `[demo]`, and
//! its cards are those of a folder that `shikaku-reader card issue` made.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use shikaku_card::vpcd::{Latency, Plugged};
use shikaku_card::{CardError, CardFolder, FiledCard, IssuedCard, Issuer, portrait_seed};

use crate::ReaderError;

/// The cards of one folder and the virtual reader that holds one of them.
pub struct TestCards {
    cards: BTreeMap<String, Card>,
    port: u16,
    held: Mutex<Option<(String, Plugged)>>,
}

struct Card {
    filed: FiledCard,
    issued: IssuedCard,
}

/// A card as the page lists it. The people are synthetic, so their names may be shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed<'a> {
    /// Names the card.
    pub id: &'a str,
    /// Kind of card.
    pub profile: &'static str,
    /// Name of the holder.
    pub name: &'a str,
    /// Date of birth, `yyyyMMdd`.
    pub birthdate: String,
    /// The PIN.
    pub pin: &'a str,
    /// What stands on the card's face: 照合番号B's parts.
    pub card_face: CardFace<'a>,
    /// The seed by which `./dev camera` shows the person of the card's photograph; `None` when that is
    /// a file of its own.
    pub face_seed: Option<u64>,
    /// Whether it lies on the reader.
    pub inserted: bool,
}

/// What a patient would read on the card's face.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardFace<'a> {
    /// The year in which the card ends.
    pub expiry_year: &'a str,
    /// セキュリティコード.
    pub security_code: &'a str,
}

impl TestCards {
    /// Reads the folder and makes its cards; takes about a tenth of a second each.
    ///
    /// # Errors
    /// When a file is damaged.
    pub fn open(folder: &std::path::Path, port: u16) -> Result<Self, ReaderError> {
        let mut issuers: BTreeMap<u64, Issuer> = BTreeMap::new();
        let mut cards = BTreeMap::new();
        for filed in CardFolder::new(folder).list().map_err(ReaderError::Card)? {
            let issuer = match issuers.entry(filed.seed) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(Issuer::new(filed.seed).map_err(ReaderError::Card)?)
                }
            };
            let issued = issuer.card(&filed.order).map_err(ReaderError::Card)?;
            let id = filed.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            cards.insert(id.unwrap_or_default(), Card { filed, issued });
        }
        Ok(Self { cards, port, held: Mutex::new(None) })
    }

    /// Every card.
    #[must_use]
    pub fn list(&self) -> Vec<Listed<'_>> {
        let held = self.held();
        let listed = self.cards.iter().map(|(id, card)| {
            let order = &card.filed.order;
            let number = card.issued.check_number_b().expose();
            Listed {
                id,
                profile: order.profile.name(),
                name: order.holder.name.expose(),
                birthdate: order.holder.birth.to_string(),
                pin: &order.pin,
                card_face: CardFace {
                    expiry_year: number.get(6..10).unwrap_or_default(),
                    security_code: number.get(10..).unwrap_or_default(),
                },
                face_seed: order.photo.is_none().then(|| portrait_seed(order.holder.index)),
                inserted: held.as_ref().is_some_and(|(inside, _)| inside == id),
            }
        });
        listed.collect()
    }

    /// Whether there is such a card.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.cards.contains_key(id)
    }

    /// Puts a card onto the reader, in place of the one that lies there.
    ///
    /// # Errors
    /// [`CardError`], also for a card that is not in the folder.
    pub fn insert(&self, id: &str) -> Result<(), CardError> {
        let card = self.cards.get(id).ok_or(CardError::NoVirtualReader)?;
        let mut held = self.held();
        let _ = take_out(&mut held);
        let card = card.issued.insert(card.filed.memory()?);
        let plugged = Plugged::insert(card, self.port, Latency::NONE, |_| {})?;
        *held = Some((id.to_owned(), plugged));
        Ok(())
    }

    /// Takes the card away; whether one lay there.
    pub fn remove(&self) -> bool {
        take_out(&mut self.held())
    }

    fn held(&self) -> MutexGuard<'_, Option<(String, Plugged)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a card lay there. Waits for the card's thread, so that what the card remembers is on the
/// disk.
fn take_out(held: &mut Option<(String, Plugged)>) -> bool {
    held.take().map(|(_, plugged)| plugged.remove()).is_some()
}
