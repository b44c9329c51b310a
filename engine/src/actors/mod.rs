//! The actors. Each is a shell: it owns a piece of state, takes messages, and calls a plain
//! function. Callers hold a handle with typed methods; the handle owns the limit.
//!
//! | actor | how many | runs on | owns |
//! |---|---|---|---|
//! | shard | one per shard | its own thread | the only writer of the shard |
//! | intake | one | its own thread | the loading of files; shares the change log's writer with |
//! | recorder | one | its own thread | the events of cards |
//! | resident | one | its own thread | nothing; has the shards copy their entries to memory |
//!
//! Questions have a handle and no actor: [`eligibility`] answers them in place, since a mailbox costs
//! as much as the answer and a hop to another thread more (measured; see ARCHITECTURE.md).

pub mod eligibility;
pub mod intake;
pub mod recorder;
pub mod resident;
pub mod shard;
