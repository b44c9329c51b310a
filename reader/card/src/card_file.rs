//! An order of a card as a file, from which the same card is made every time.

use crate::card::{CardOrder, DEFAULT_PASSWORD, DEFAULT_PIN};
use crate::error::CardError;
use crate::file::PasswordForm;
use crate::holder::Holder;
use crate::profile::Profile;
use crate::software::WrongLengthVerify;
use serde::{Deserialize, Serialize};
use shikaku_domain::{Day, Personal, Sex};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Far more than a card's file takes.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Most bytes of a photo: what the file on the card holds, with room.
const PHOTO_BYTES_MAX: u64 = 16 << 10;
/// Longest name and address, in characters; the text application has no room for more.
const TEXT_CHARS_MAX: usize = 100;

/// A card's file, in TOML.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardFile {
    /// Seed of the authorities and keys.
    pub seed: u64,
    /// Index of the holder in the population.
    pub index: u64,
    /// Kind of card, one of the names of [`Profile::NAMES`].
    pub profile: String,
    /// The day, `yyyyMMdd`, from which the profile counts.
    pub today: String,
    /// Name of the holder: family name, ideographic space, given name.
    pub name: String,
    /// Address in one line.
    pub address: String,
    /// Date of birth, `yyyyMMdd`.
    pub birthdate: String,
    /// 1 male, 2 female, 3 not stated.
    pub sex: String,
    /// Code of the municipality, 5 digits.
    pub municipality: String,
    /// PIN of four digits.
    #[serde(default = "default_pin")]
    pub pin: String,
    /// Password of 6 to 16 capitals and digits.
    #[serde(default = "default_password")]
    pub password: String,
    /// A JPEG 2000 file beside this one; a rendered portrait when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photo: Option<PathBuf>,
    /// Whether a VERIFY of a wrong length costs a try.
    #[serde(default)]
    pub wrong_length_costs_a_try: bool,
}

fn default_pin() -> String {
    DEFAULT_PIN.to_owned()
}

fn default_password() -> String {
    DEFAULT_PASSWORD.to_owned()
}

impl CardFile {
    /// The file of an order whose photo is a rendered portrait.
    #[must_use]
    pub fn new(seed: u64, order: &CardOrder) -> Self {
        let holder = &order.holder;
        Self {
            seed,
            index: holder.index,
            profile: order.profile.name().to_owned(),
            today: order.today.to_string(),
            name: holder.name.expose().clone(),
            address: holder.address.expose().clone(),
            birthdate: holder.birth.to_string(),
            sex: holder.sex.code().to_owned(),
            municipality: format!("{:05}", holder.municipality),
            pin: order.pin.clone(),
            password: order.password.clone(),
            photo: None,
            wrong_length_costs_a_try: order.wrong_length == WrongLengthVerify::CostsATry,
        }
    }

    /// Reads a card's file: the seed and the order.
    ///
    /// # Errors
    /// [`CardError::File`] or [`CardError::CardFile`], which names the field.
    pub fn read(path: &Path) -> Result<(u64, CardOrder), CardError> {
        let text = read_limited(path, FILE_BYTES_MAX)?;
        let damaged =
            |reason: &str| CardError::CardFile { path: path.to_owned(), reason: reason.to_owned() };
        let text = String::from_utf8(text).map_err(|_| damaged("it is not UTF-8"))?;
        // The library's message would repeat the line, and with it personal data.
        let file: Self = toml::from_str(&text)
            .map_err(|_| damaged("it is not TOML, or a field is unknown or missing"))?;
        let mut order = file.order().map_err(damaged)?;
        if let Some(photo) = &file.photo {
            let photo = path.parent().unwrap_or(Path::new("")).join(photo);
            order.photo = Some(read_limited(&photo, PHOTO_BYTES_MAX)?);
        }
        Ok((file.seed, order))
    }

    /// The file's content.
    ///
    /// # Errors
    /// [`CardError::CardFile`], which no order is known to cause.
    pub fn to_toml(&self) -> Result<String, CardError> {
        toml::to_string(self).map_err(|_| CardError::CardFile {
            path: PathBuf::new(),
            reason: "it cannot be written as TOML".to_owned(),
        })
    }

    fn order(&self) -> Result<CardOrder, &'static str> {
        let is_short = |text: &str| (1..=TEXT_CHARS_MAX).contains(&text.chars().count());
        if !is_short(&self.name) || !is_short(&self.address) {
            return Err("name and address have 1 to 100 characters");
        }
        if !PasswordForm::Digits(4).fits(self.pin.as_bytes()) {
            return Err("pin is not 4 digits");
        }
        if !PasswordForm::UpperAlphanumeric(6, 16).fits(self.password.as_bytes()) {
            return Err("password is not 6 to 16 capital letters and digits");
        }
        let municipality = self.municipality.parse().ok().filter(|_| self.municipality.len() == 5);
        let day = |text: &str, field| Day::parse(text).map_err(|_| field);
        let holder = Holder {
            index: self.index,
            name: Personal::new(self.name.clone()),
            address: Personal::new(self.address.clone()),
            birth: day(&self.birthdate, "birthdate is not a day as yyyyMMdd")?,
            sex: Sex::from_code(&self.sex).map_err(|_| "sex is not 1, 2 or 3")?,
            municipality: municipality.ok_or("municipality is not 5 digits")?,
        };
        let profile = Profile::from_name(&self.profile).ok_or("profile is not a known name")?;
        let wrong_length = if self.wrong_length_costs_a_try {
            WrongLengthVerify::CostsATry
        } else {
            WrongLengthVerify::Refused
        };
        Ok(CardOrder {
            pin: self.pin.clone(),
            password: self.password.clone(),
            wrong_length,
            ..CardOrder::new(holder, profile, day(&self.today, "today is not a day as yyyyMMdd")?)
        })
    }
}

fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, CardError> {
    let read = || {
        let mut content = Vec::new();
        File::open(path)?.take(bytes_max + 1).read_to_end(&mut content)?;
        if content.len() as u64 > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    };
    read().map_err(|source| CardError::file(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::software::tests::order;
    use std::fs;

    #[test]
    fn a_file_gives_back_the_order_it_was_written_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.toml");
        let order = order(Profile::InGrace);
        let mut file = CardFile::new(9, &order);
        fs::write(&path, file.to_toml().unwrap()).unwrap();
        let (seed, read) = CardFile::read(&path).unwrap();
        assert_eq!((seed, CardFile::new(9, &read)), (9, file.clone()));

        file.photo = Some("photo.jp2".into());
        fs::write(&path, file.to_toml().unwrap()).unwrap();
        assert!(matches!(CardFile::read(&path), Err(CardError::File { .. })));
        fs::write(folder.path().join("photo.jp2"), b"photo").unwrap();
        assert_eq!(CardFile::read(&path).unwrap().1.photo.as_deref(), Some(&b"photo"[..]));
    }

    #[test]
    fn a_wrong_file_is_refused_without_repeating_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.toml");
        let good = CardFile::new(9, &order(Profile::Adult)).to_toml().unwrap();
        for (from, to, says) in [
            ("pin = \"1234\"", "pin = \"12345\"", "pin"),
            ("ABC123", "abc123", "password"),
            ("\"adult\"", "\"nobody\"", "profile"),
            ("19800217", "19800230", "birthdate"),
            ("sex = \"2\"", "sex = \"9\"", "sex"),
            ("13221", "1322", "municipality"),
            ("index", "number", "unknown"),
        ] {
            let wrong = good.replace(from, to);
            assert_ne!(wrong, good, "{from} is not in the file");
            fs::write(&path, wrong).unwrap();
            let error = CardFile::read(&path).unwrap_err();
            assert!(matches!(error, CardError::CardFile { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains(says) && !text.contains("資格"), "{text}");
        }
    }
}
