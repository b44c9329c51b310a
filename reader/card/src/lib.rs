//! The software card: a synthetic マイナンバーカード and the authority that certifies it.
//!
//! It knows neither PC/SC nor the network; it turns command bytes into response bytes as the card
//! does. Everything is made from a seed: whoever knows the seed can make every key again, so none
//! of these certificates must ever be trusted where real people are served.
//!
//! Facts come from the project's card notes (`spec/mynumber-card.md`), cited as "card §1.3".

pub mod ca;
mod error;
mod key;

pub use error::CardError;
pub use key::{CardKey, CardRng, KeyPool, RSA_BYTES};
