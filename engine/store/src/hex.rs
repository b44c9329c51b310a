//! Bytes as hexadecimal digits, for file names and the small text files of a store.

use std::fmt::Write as _;

pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that exactly these digits stand for.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let mut bytes = [0; N];
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_read_back_from_their_digits() {
        assert_eq!(super::encode(&[0, 0x1f, 0xff]), "001fff");
        assert_eq!(super::decode("001fff"), Some([0, 0x1f, 0xff]));
        assert_eq!(super::decode::<3>("001ff"), None);
        assert_eq!(super::decode::<3>("+01fff"), None);
    }
}
