//! Compares the photograph of a card with the person before the camera.
//!
//! Pictures and embeddings stay in this process's memory, are overwritten when they are dropped and
//! are never written anywhere. A score alone decides nothing: see [`verify::Outcome`].

pub mod align;
pub mod attempt;
pub mod covering;
pub mod decode;
pub mod detect;
mod error;
pub mod evaluate;
pub mod fuzzing;
pub mod manifest;
pub mod network;
mod patch;
pub mod pipeline;
pub mod policy;
pub mod pool;
pub mod probe;
pub mod quality;
pub mod refine;
pub mod verify;
mod wipe;

pub use error::FaceError;
