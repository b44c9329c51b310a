//! The software card: a synthetic マイナンバーカード and the authority that certifies it.
//!
//! It knows neither PC/SC nor the engine; it turns command bytes into answer bytes as the card does,
//! and can be plugged into the real pcscd through a virtual reader. Everything is made from a seed:
//! whoever knows the seed can make every key again, so none of these certificates must ever be
//! trusted where real people are served.
//!
//! Facts come from the project's card notes (`spec/mynumber-card.md`), cited as "card §1.3".

pub mod apdu;
mod applications;
pub mod ca;
mod card;
mod card_file;
mod cv;
mod error;
mod file;
mod folder;
pub mod fuzzing;
mod holder;
mod issuer;
mod key;
mod memory;
#[cfg(target_os = "linux")]
pub mod pcscd;
mod picture;
mod profile;
mod software;
mod status;
mod surface_check;
pub mod terminal;
pub mod tlv;
pub mod vpcd;

pub use card::{CardOrder, DEFAULT_PASSWORD, DEFAULT_PIN, IssuedCard};
pub use card_file::CardFile;
pub use error::CardError;
pub use folder::{CARDS_MAX, CardFolder, FiledCard};
pub use holder::{Holder, era_digits};
pub use issuer::{Issuer, photo_authority};
pub use key::{CardKey, CardRng, KeyPool, RSA_BYTES, digest_info, is_signature};
pub use memory::Memory;
pub use picture::{portrait, portrait_seed};
pub use profile::Profile;
pub use software::{Answer, Fault, SoftwareCard, WrongLengthVerify};
pub use status::StatusWord;
pub use surface_check::SignedFace;
