//! The eligibility engine: HTTP, actors, configuration and operation.
