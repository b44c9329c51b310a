//! The format of the card's photograph.

use super::{JP2_BYTES_MAX, JP2_PIXELS_MAX, Picture, check_size};
use crate::FaceError;
use crate::wipe::wipe;
use hayro_jpeg2000 as jp2;

/// The most colours and layers of transparency: red, green, blue and alpha.
const COMPONENTS_MAX: u16 = 4;
/// The most tiles: a card's photograph has one, and each costs memory however small it is.
const TILES_MAX: u64 = 64;
/// The least side of a precinct, as a power of 2: each costs memory, and a picture of precincts of a
/// few pixels takes hundreds of megabytes. Encoders make them of 128 pixels, or one of the whole.
const PRECINCT_MIN: u8 = 4;
/// The most segments of a head, and of each tile's: each component may have two of its own.
const SEGMENTS_MAX: usize = 128;
/// The most boxes around the picture that are looked at.
const BOXES_MAX: usize = 64;

/// What the head of a codestream says (SIZ, ISO/IEC 15444-1 A.5.1), read before the decoder gets it:
/// it would make room for whatever stands there.
struct Size {
    width: u64,
    height: u64,
    tiles: u64,
    components: u16,
}

impl Size {
    /// Nothing when the file has no codestream.
    fn of(bytes: &[u8]) -> Option<Self> {
        let head = codestream(bytes)?;
        let number = |at: usize| {
            let four = head.get(at..at + 4)?;
            Some(u64::from(u32::from_be_bytes(four.try_into().ok()?)))
        };
        // Behind two markers, a length and the capabilities.
        let [right, bottom, left, top] = [number(8)?, number(12)?, number(16)?, number(20)?];
        let [across, down, first_left, first_top] =
            [number(24)?, number(28)?, number(32)?, number(36)?];
        let tiles =
            |end: u64, first: u64, side: u64| end.saturating_sub(first).div_ceil(side.max(1));
        Some(Self {
            width: right.saturating_sub(left),
            height: bottom.saturating_sub(top),
            tiles: tiles(right, first_left, across) * tiles(bottom, first_top, down),
            components: u16::from_be_bytes(head.get(40..42)?.try_into().ok()?),
        })
    }

    fn check(&self) -> Result<(), FaceError> {
        let side = |side: u64| u32::try_from(side).unwrap_or(u32::MAX);
        check_size(side(self.width), side(self.height), JP2_PIXELS_MAX)?;
        if self.components > COMPONENTS_MAX {
            return Err(FaceError::PictureColours);
        }
        if self.tiles > TILES_MAX {
            let reason = format!("{} tiles, {TILES_MAX} are the most", self.tiles);
            return Err(FaceError::PictureDamaged { format: "JPEG 2000", reason });
        }
        Ok(())
    }
}

/// The bytes from the codestream's start on: the file itself, or the box `jp2c` of it.
fn codestream(bytes: &[u8]) -> Option<&[u8]> {
    const START: &[u8] = b"\xff\x4f\xff\x51";
    let mut rest = bytes;
    for _ in 0..BOXES_MAX {
        if rest.starts_with(START) {
            return Some(rest);
        }
        let (length, kind) = (rest.get(..4)?, rest.get(4..8)?);
        let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
        // A length of 1 says that it follows in eight bytes.
        let head = if length == 1 { 16 } else { 8 };
        if kind == b"jp2c" {
            return rest.get(head..).filter(|inside| inside.starts_with(START));
        }
        let whole = match length {
            0 => return None,
            1 => usize::try_from(u64::from_be_bytes(rest.get(8..16)?.try_into().ok()?)).ok()?,
            length => length,
        };
        rest = rest.get(whole.max(head)..)?;
    }
    None
}

/// Whether no head of the codestream, the main one or a tile's, asks for tiny precincts (COD and COC,
/// A.6.1 and A.6.2). Not when a head is cut off.
fn has_fair_precincts(codestream: &[u8]) -> bool {
    const COD: u8 = 0x52;
    const COC: u8 = 0x53;
    const SOT: u8 = 0x90;
    const SOD: u8 = 0x93;
    const END: u8 = 0xd9;
    // Behind the first marker, which has no segment.
    let Some(mut rest) = codestream.get(2..) else { return false };
    let mut tile_part: &[u8] = &[];
    for _ in 0..SEGMENTS_MAX * usize::try_from(TILES_MAX).unwrap_or(1) {
        let marker = match rest {
            [0xff, SOD, ..] => {
                // To the next tile's part; a length of 0 goes to the end.
                let length = tile_part.get(6..10).and_then(|four| four.try_into().ok());
                let length = length.map_or(0, u32::from_be_bytes) as usize;
                match tile_part.get(length..) {
                    Some(next) if length > 0 && next.len() < rest.len() => rest = next,
                    _ => return true,
                }
                continue;
            }
            [0xff, END, ..] => return true,
            [0xff, marker, ..] => *marker,
            // Behind the last tile's part: the decoder's matter.
            _ => return !tile_part.is_empty(),
        };
        if marker == SOT {
            tile_part = rest;
        }
        let Some(length) = rest.get(2..4).and_then(|two| two.try_into().ok()) else { return false };
        let end = 2 + usize::from(u16::from_be_bytes(length)).max(2);
        let Some(segment) = rest.get(4..end) else { return false };
        // Where the style stands, and behind how many bytes the precincts, if it says that there are.
        let sizes = match (marker, segment) {
            (COD, [style, ..]) if style & 1 == 1 => segment.get(10..),
            // The component's number has one byte, since there are few.
            (COC, [_, style, ..]) if style & 1 == 1 => segment.get(7..),
            _ => None,
        };
        let is_tiny = |size: &u8| size & 0x0f < PRECINCT_MIN || size >> 4 < PRECINCT_MIN;
        if sizes.is_some_and(|sizes| sizes.iter().any(is_tiny)) {
            return false;
        }
        rest = rest.get(end..).unwrap_or_default();
    }
    false
}

/// In strict mode: what the standard forbids is refused, not guessed at.
pub(super) fn decode(bytes: &[u8]) -> Result<Picture, FaceError> {
    let damaged = |error: jp2::error::DecodeError| FaceError::PictureDamaged {
        format: "JPEG 2000",
        reason: error.to_string(),
    };
    if !codestream(bytes).is_some_and(has_fair_precincts) {
        return Err(FaceError::PictureDamaged {
            format: "JPEG 2000",
            reason: "its head is cut off, or its precincts are smaller than 16 pixels".to_owned(),
        });
    }
    let settings = jp2::DecodeSettings { strict: true, ..jp2::DecodeSettings::default() };
    if bytes.len() > JP2_BYTES_MAX {
        return Err(FaceError::PictureBytes { bytes: bytes.len() });
    }
    let size = Size::of(bytes).ok_or_else(|| FaceError::PictureDamaged {
        format: "JPEG 2000",
        reason: "it has no size".to_owned(),
    })?;
    size.check()?;
    let image = jp2::Image::new(bytes, &settings).map_err(damaged)?;
    check_size(image.width(), image.height(), JP2_PIXELS_MAX)?;
    let channels = match image.color_space() {
        jp2::ColorSpace::Gray => 1,
        jp2::ColorSpace::RGB => 3,
        jp2::ColorSpace::Icc { num_channels: channels @ (1 | 3), .. } => *channels,
        jp2::ColorSpace::CMYK | jp2::ColorSpace::Icc { .. } | jp2::ColorSpace::Unknown { .. } => {
            return Err(FaceError::PictureColours);
        }
    };
    let stride = usize::from(channels) + usize::from(image.has_alpha());
    let (width, height) = (image.width(), image.height());
    let mut context = jp2::DecoderContext::default();
    let mut data = image.decode(&mut context).map_err(damaged)?.data_u8();
    let rgb = data.chunks_exact(stride).flat_map(|pixel| match pixel {
        [red, green, blue, ..] if channels == 3 => [*red, *green, *blue],
        [grey, ..] => [*grey; 3],
        [] => [0; 3],
    });
    let rgb = rgb.collect();
    wipe(&mut data);
    Picture::from_rgb(width, height, rgb).ok_or(FaceError::PictureSize { width, height })
}
