//! From an order to a card: everything of it follows from the seed and the order.

use crate::applications::Contents;
use crate::ca::{Generation, Serial, Validity, certificate_validity, end_of_day};
use crate::holder::{Holder, Numbers};
use crate::issuer::Issuer;
use crate::key::{CardKey, CardRng};
use crate::memory::Memory;
use crate::profile::{Profile, noon};
use crate::software::{Platform, SoftwareCard, WrongLengthVerify};
use crate::{CardError, picture};
use shikaku_domain::{Day, Personal};
use std::sync::Arc;

/// The PIN of a card unless asked otherwise. Synthetic cards have nothing to protect.
pub const DEFAULT_PIN: &str = "1234";
/// The password of the signature key unless asked otherwise.
pub const DEFAULT_PASSWORD: &str = "ABC123";

/// What a card is made from.
#[derive(Clone, Debug)]
pub struct CardOrder {
    /// Who holds it.
    pub holder: Holder,
    /// What kind of card it is.
    pub profile: Profile,
    /// The day from which the profile counts: issued so long ago, ends so soon.
    pub today: Day,
    /// PIN of four digits.
    pub pin: String,
    /// Password of 6 to 16 capitals and digits.
    pub password: String,
    /// The photo in JPEG 2000; a drawn portrait when there is none.
    pub photo: Option<Vec<u8>>,
    /// What VERIFY says to a wrong length.
    pub wrong_length: WrongLengthVerify,
}

impl CardOrder {
    /// An order of a card with the usual PIN and password.
    #[must_use]
    pub fn new(holder: Holder, profile: Profile, today: Day) -> Self {
        Self {
            holder,
            profile,
            today,
            pin: DEFAULT_PIN.to_owned(),
            password: DEFAULT_PASSWORD.to_owned(),
            photo: None,
            wrong_length: WrongLengthVerify::default(),
        }
    }

    /// Serial number of the card's user authentication certificate.
    ///
    /// # Errors
    /// [`CardError::Serial`] for an index beyond a population's size.
    pub fn serial(&self) -> Result<Serial, CardError> {
        Serial::of_person(self.holder.index, self.profile.renewals())
    }

    /// The root that signs the card's certificates: the one that issued at that time.
    #[must_use]
    pub fn generation(&self) -> Generation {
        Generation::issuing_at(noon(self.profile.dates(self.today).issued))
    }
}

/// A card that was made; it can be put into a reader any number of times.
pub struct IssuedCard {
    platform: Arc<Platform>,
    seed: u64,
    serial: Serial,
    generation: Generation,
    validity: Validity,
    check_number_b: Personal<String>,
}

impl Issuer {
    /// Makes a card. Takes about 0.2 s, for its keys.
    ///
    /// # Errors
    /// As [`CardKey::from_seed`] and [`crate::ca::Authority::issue`].
    pub fn card(&self, order: &CardOrder) -> Result<IssuedCard, CardError> {
        let CardOrder { holder, profile, today, pin, password, photo, wrong_length } = order;
        let dates = profile.dates(*today);
        let issued_at = noon(dates.issued);
        let numbers = Numbers::new(self.seed, holder, dates.issued);
        let by_rule = certificate_validity(holder.birth, issued_at, numbers.expiry);
        let validity = Validity {
            not_before: issued_at,
            not_after: dates.end.map_or(by_rule.not_after, end_of_day),
        };
        let (serial, generation) = (order.serial()?, order.generation());
        let chip = CardKey::from_seed(self.seed, "chip", serial.number().into())?;
        let contents = Contents {
            issuer: self,
            holder,
            numbers: &numbers,
            profile: *profile,
            serial,
            generation,
            validity,
            pin,
            password,
            photo: photo.as_deref().unwrap_or_else(|| picture::portrait(holder.index)),
            chip: Arc::new(chip),
        };
        let platform = Platform {
            token: profile.token(),
            objects: contents.objects(),
            applications: contents.applications()?,
            wrong_length: *wrong_length,
            fault: profile.fault(),
        };
        Ok(IssuedCard {
            platform: Arc::new(platform),
            seed: self.seed,
            serial,
            generation,
            validity,
            check_number_b: numbers.check_number_b,
        })
    }
}

impl IssuedCard {
    /// The card as a reader gets it, with what it remembers.
    #[must_use]
    pub fn insert(&self, memory: Memory) -> SoftwareCard {
        let rng = CardRng::from_seed(self.seed, "card", self.serial.number().into());
        SoftwareCard::new(Arc::clone(&self.platform), memory, rng)
    }

    /// Serial number of the user authentication certificate.
    #[must_use]
    pub const fn serial(&self) -> Serial {
        self.serial
    }

    /// The root that signed it.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// When it is valid.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// 照合番号B, which a reader's camera reads off the card's face: opens photo and attributes.
    #[must_use]
    pub const fn check_number_b(&self) -> &Personal<String> {
        &self.check_number_b
    }
}
