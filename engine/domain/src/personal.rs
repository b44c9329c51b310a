//! Personal data, marked so that every use of it can be found.

use std::fmt;

/// A value about one person: a name, an address, a number on a card.
///
/// It has no `Display`, no `AsRef` and no serialisation, and its `Debug` prints a mask, so it
/// cannot reach a log or an error text by accident. [`Personal::expose`] opens it; search for that
/// word to see every place where personal data is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Personal<T>(T);

impl<T> Personal<T> {
    /// Marks a value as personal.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Opens the value. Whoever calls this answers for where it goes.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// Opens the value and gives up the mark.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_the_value() {
        assert_eq!(format!("{:?}", Personal::new("資格 花子")), "***");
    }
}
