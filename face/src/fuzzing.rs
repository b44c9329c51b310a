//! What the fuzz targets do with bytes: here rather than in `fuzz/`, so that the test suite runs
//! the same bodies. Each panics when a promise of this crate is broken.

use crate::decode::{PIXELS_MAX, decode};
use crate::manifest::Manifest;

/// A picture: decoded within the limits, or refused with a sentence.
pub fn picture(data: &[u8]) {
    match decode(data) {
        Ok(picture) => {
            let pixels = u64::from(picture.width()) * u64::from(picture.height());
            assert!((1..=PIXELS_MAX).contains(&pixels), "{pixels} pixels");
            assert_eq!(picture.rgb().len() as u64, pixels * 3);
        }
        Err(error) => assert!(!error.to_string().is_empty() && !error.ja().is_empty()),
    }
}

/// A manifest: parsed, or refused with a sentence.
pub fn manifest(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Err(reason) = Manifest::parse(text) {
        assert!(!reason.is_empty());
    }
}
