//! Insurers' files: 加入者情報 (members), 保険者 (insurer master) and cards, as CSV with a header line.
//!
//! The format of the real system is not public (§5), so this is our own: columns carry the
//! interface's element names, in any order; optional columns may be absent; UTF-8 (with or without
//! a byte order mark) or CP932; LF or CRLF. Dates are `yyyyMMdd`; every "…ValidEndDate" and
//! "…ExpirationDate" is the last valid day, while DisqualificationDate is the first day not
//! covered. A group of numbered columns whose cells are all empty is absent.
//!
//! [`MemberFile`] reads each kind line by line, borrowing from its line buffer. A bad line is
//! rejected with all its problems and the next one is read; a bad header refuses the file.

mod card;
mod columns;
mod feed;
mod file;
mod line;
mod reject;
mod row;
mod write;

pub use card::{CardLine, CardWriter};
pub use file::{Content, FileError, FileKind, FileShape, LINE_BYTES_MAX, Line, MemberFile};
pub use reject::{Problem, Reject, RejectWriter};
pub use row::TEXT_CHARS_MAX;
pub use write::{InsurerWriter, MemberWriter, WriteError};
