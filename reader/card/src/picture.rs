//! The pictures on the card's face: text as PNG, the portrait as JPEG 2000.
//!
//! Nothing reads the text in these pictures, so its letters are marks of twelve pixels that differ
//! from letter to letter, not writing. The portraits are rendered people who do not exist, kept in
//! `portraits/` as the card holds them: 378 x 472 pixels, 8-bit grey, reversible (card §1.4), about
//! 3,500 bytes. `./dev faces DIR --seed SEED --people 0` makes such a portrait again, `card.jp2`, and
//! films of the same person for a camera.

use crate::CardError;
use sha2::{Digest, Sha256};

/// Height of a line of text, and the width of a letter, in pixels.
const LETTER_PIXELS: usize = 12;
const LETTER_PIXELS_U32: u32 = 12;

/// The seed of each rendered person, and the portrait. The one place where they are chosen: with the
/// shipped models each is recognised with room to spare, and taken for living.
const PORTRAITS: [(u64, &[u8]); 4] = [
    (2, include_bytes!("../portraits/0.jp2")),
    (1, include_bytes!("../portraits/1.jp2")),
    (3, include_bytes!("../portraits/2.jp2")),
    (5, include_bytes!("../portraits/3.jp2")),
];

fn chosen(index: u64) -> (u64, &'static [u8]) {
    let at = usize::try_from(index % PORTRAITS.len() as u64).unwrap_or_default();
    PORTRAITS.get(at).copied().unwrap_or_default()
}

/// The portrait of this person: JPEG 2000, 378 x 472 pixels, grey.
#[must_use]
pub fn portrait(index: u64) -> &'static [u8] {
    chosen(index).1
}

/// The seed by which `shikaku-render samples` shows the person of this portrait to a camera.
#[must_use]
pub fn portrait_seed(index: u64) -> u64 {
    chosen(index).0
}

/// One line of text, so many letters wide, as a PNG of one bit a pixel; what does not fit is cut
/// off.
pub(crate) fn text(line: &str, letters: u8) -> Result<Vec<u8>, CardError> {
    let width = u32::from(letters) * LETTER_PIXELS_U32;
    let row_bytes = usize::from(letters) * LETTER_PIXELS / 8;
    let glyphs: Vec<[u8; 32]> = line.chars().take(letters.into()).map(glyph).collect();
    let mut pixels = vec![0xFF; row_bytes * LETTER_PIXELS];
    for (at, glyph) in glyphs.iter().enumerate() {
        for y in 1..LETTER_PIXELS - 1 {
            for x in 1..LETTER_PIXELS - 1 {
                let bit = y * LETTER_PIXELS + x;
                let is_dark = glyph.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 == 1);
                let column = at * LETTER_PIXELS + x;
                let byte = pixels.get_mut(y * row_bytes + column / 8);
                if let Some(byte) = byte.filter(|_| is_dark) {
                    *byte &= !(0x80 >> (column % 8));
                }
            }
        }
    }
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, width, LETTER_PIXELS_U32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(png)
}

fn glyph(letter: char) -> [u8; 32] {
    match letter {
        ' ' | '\u{3000}' => [0; 32],
        _ => Sha256::digest(letter.to_string()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_a_one_bit_png_of_twelve_pixels_height() {
        let png = text("資格 花子", 18).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        assert_eq!((reader.info().width, reader.info().height), (216, 12));
        assert_eq!(reader.info().bit_depth, png::BitDepth::One);
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        assert!(pixels.iter().any(|byte| *byte != 0xFF), "nothing is written");
        assert!(png.len() < 600, "{} bytes do not fit on a card", png.len());
        assert_ne!(png, text("資格 太郎", 18).unwrap());
    }

    #[test]
    fn portraits_are_grey_jpeg_2000_of_the_cards_size() {
        for (_, portrait) in PORTRAITS {
            let header = |name: &[u8]| {
                let at = portrait.windows(4).position(|window| window == name);
                &portrait[at.expect("a box is missing") + 4..]
            };
            assert_eq!(&portrait[4..8], b"jP  ");
            // Height, width, components, bits less one.
            assert_eq!(header(b"ihdr")[..11], [0, 0, 1, 0xD8, 0, 0, 1, 0x7A, 0, 1, 7]);
            assert_eq!(header(b"colr")[..7], [1, 0, 0, 0, 0, 0, 17]);
            assert!(portrait.len() < 4000, "{} bytes do not fit on a card", portrait.len());
        }
    }
}
