//! The format of the card's photograph.

use super::{JP2_PIXELS_MAX, Picture, check_size};
use crate::FaceError;
use hayro_jpeg2000 as jp2;
use zeroize::Zeroize;

/// The most colours and layers of transparency: red, green, blue and alpha.
const COMPONENTS_MAX: u16 = 4;
/// The most tiles: a card's photograph has one, and each costs memory however small it is.
const TILES_MAX: u64 = 64;
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

/// In strict mode: what the standard forbids is refused, not guessed at.
pub(super) fn decode(bytes: &[u8]) -> Result<Picture, FaceError> {
    let damaged = |error: jp2::error::DecodeError| FaceError::PictureDamaged {
        format: "JPEG 2000",
        reason: error.to_string(),
    };
    let settings = jp2::DecodeSettings { strict: true, ..jp2::DecodeSettings::default() };
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
    data.zeroize();
    Picture::from_rgb(width, height, rgb).ok_or(FaceError::PictureSize { width, height })
}
