//! What runs at the facility: the receipt computer exchange.
