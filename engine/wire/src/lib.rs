//! Messages, code lists, encodings and files as they cross the wire.
