//! The actors. Each is a shell: it owns a piece of state, takes messages, and calls a plain
//! function. Callers hold a handle with typed methods; the handle owns the limit.
//!
//! | actor | how many | runs on | owns |
//! |---|---|---|---|
//! | eligibility | one per HTTP worker | the worker's own arbiter | a read handle |
//! | shard | one per shard | its own thread | the only writer of the shard |
//! | intake | one | its own thread | the change log's writer |
//!
//! A question never leaves the thread of its connection: a hop to another thread costs more than
//! the answer (measured; see ARCHITECTURE.md).

pub mod eligibility;
pub mod intake;
pub mod shard;
