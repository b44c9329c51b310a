//! The eligibility engine: HTTP, actors, configuration and operation around the rules of
//! `shikaku_domain` and the index of `shikaku_store`.
//!
//! [`serve::serve`] is the way in: it starts the parts in order and stops them in order.

pub mod account;
pub mod actors;
pub mod backup;
mod bulk;
pub mod ca;
pub mod card;
pub mod clock;
pub mod config;
pub mod face;
pub mod http;
pub mod identity;
pub mod intake;
mod line;
pub mod load;
pub mod metrics;
mod private_file;
pub mod problem;
pub mod quota;
pub mod reload;
pub mod serve;
pub mod serving;
pub mod shadow;
mod supervisor;
pub mod tls;
