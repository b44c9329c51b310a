//! Pictures from outside: JPEG, PNG and JPEG 2000, told apart by their first bytes only.
//!
//! Sizes are checked before any pixel is allocated. A JPEG's EXIF orientation is applied; alpha is
//! dropped; 16-bit samples are reduced to 8.

mod jpeg_2000;

use crate::FaceError;
use crate::wipe::wipe;
use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::{DynamicImage, ImageDecoder, ImageError, Limits};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

/// The most bytes of a file: a 1280x720 camera frame has 0.3 MB, a card's photograph 5 kB.
pub const BYTES_MAX: usize = 8 << 20;
/// The most bytes of a JPEG 2000: a card's photograph has at most 20 kB, and each byte can be a packet.
pub const JP2_BYTES_MAX: usize = 1 << 20;
/// The shortest side in pixels in which a face could be.
pub const SIDE_MIN: u32 = 16;
/// The longest side in pixels.
pub const SIDE_MAX: u32 = 4096;
/// The most pixels of a JPEG or PNG: twice a 1920x1080 camera frame.
pub const PIXELS_MAX: u64 = 4 << 20;
/// The most pixels of a JPEG 2000, whose decoder needs 4 bytes a sample: six card photographs.
pub const JP2_PIXELS_MAX: u64 = 1 << 20;
/// The most bytes that a decoder may allocate at one time.
const DECODER_BYTES_MAX: u64 = 48 << 20;

const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG_SIGNATURE: &[u8] = b"\xff\xd8\xff";
const JP2_SIGNATURES: [&[u8]; 2] = [b"\x00\x00\x00\x0c\x6a\x50\x20\x20", b"\xff\x4f\xff\x51"];

/// A decoded picture, three bytes (red, green, blue) a pixel, rows from the top.
///
/// Invariant: `rgb` has exactly `width * height * 3` bytes and both sides are at least 1. It may
/// show a person: it has no `Debug`, and its pixels are overwritten when it is dropped.
pub struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl Drop for Picture {
    fn drop(&mut self) {
        wipe(&mut self.rgb);
    }
}

impl Picture {
    /// A picture from its pixels; nothing when their number does not fit or a side is out of range.
    #[must_use]
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Option<Self> {
        let is_whole = u64::from(width) * u64::from(height) * 3 == rgb.len() as u64;
        let picture = Self { width, height, rgb };
        (is_whole && (1..=SIDE_MAX).contains(&width) && (1..=SIDE_MAX).contains(&height))
            .then_some(picture)
    }

    /// Width in pixels.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// All bytes, row by row.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixel at a column and row; nothing outside the picture.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = (y as usize * self.width as usize + x as usize) * 3;
        self.rgb.get(at..at + 3)?.try_into().ok()
    }
}

/// Decodes the picture of a file; of a file that is too long not all is read.
///
/// # Errors
/// [`FaceError::File`], and as [`decode`].
pub fn read(path: &Path) -> Result<Picture, FaceError> {
    let failed = |error| FaceError::file(path, error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    // One byte more than is decoded, so that a file that is too long is refused as such.
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let picture = decode(&bytes);
    wipe(&mut bytes);
    picture
}

/// Decodes a picture.
///
/// # Errors
/// The `Picture…` variants of [`FaceError`]: an unknown format, sizes beyond the limits of this
/// module, damage, colours that are neither grey nor RGB, several pictures in one file.
pub fn decode(bytes: &[u8]) -> Result<Picture, FaceError> {
    if bytes.len() > BYTES_MAX {
        return Err(FaceError::PictureBytes { bytes: bytes.len() });
    }
    if bytes.starts_with(JPEG_SIGNATURE) {
        // The decoder would turn four colours of ink into three of light by guessing.
        if jpeg_colours(bytes).is_some_and(|colours| !matches!(colours, 1 | 3)) {
            return Err(FaceError::PictureColours);
        }
        let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|e| refused("JPEG", &e))?;
        return raster(decoder, "JPEG");
    }
    if bytes.starts_with(PNG_SIGNATURE) {
        let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits());
        let decoder = decoder.map_err(|error| refused("PNG", &error))?;
        if decoder.is_apng().map_err(|error| refused("PNG", &error))? {
            return Err(FaceError::PictureAnimated);
        }
        return raster(decoder, "PNG");
    }
    if JP2_SIGNATURES.iter().any(|signature| bytes.starts_with(signature)) {
        return jpeg_2000::decode(bytes);
    }
    Err(FaceError::PictureFormat)
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODER_BYTES_MAX);
    limits
}

fn refused(format: &'static str, error: &ImageError) -> FaceError {
    match error {
        ImageError::Unsupported(_) => FaceError::PictureColours,
        ImageError::Decoding(_)
        | ImageError::Encoding(_)
        | ImageError::Parameter(_)
        | ImageError::Limits(_)
        | ImageError::IoError(_) => FaceError::PictureDamaged { format, reason: error.to_string() },
    }
}

fn check_size(width: u32, height: u32, pixels_max: u64) -> Result<(), FaceError> {
    let sides = SIDE_MIN..=SIDE_MAX;
    let is_small = u64::from(width) * u64::from(height) <= pixels_max;
    if sides.contains(&width) && sides.contains(&height) && is_small {
        return Ok(());
    }
    Err(FaceError::PictureSize { width, height })
}

fn raster(mut decoder: impl ImageDecoder, format: &'static str) -> Result<Picture, FaceError> {
    let (width, height) = decoder.dimensions();
    check_size(width, height, PIXELS_MAX)?;
    decoder.set_limits(limits()).map_err(|error| refused(format, &error))?;
    let orientation = decoder.orientation().map_err(|error| refused(format, &error))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| refused(format, &error))?;
    image.apply_orientation(orientation);
    let image = image.into_rgb8();
    let (width, height) = image.dimensions();
    Picture::from_rgb(width, height, image.into_raw())
        .ok_or(FaceError::PictureSize { width, height })
}

/// How many colours a JPEG has, by the head of its first frame; nothing when it has none.
fn jpeg_colours(bytes: &[u8]) -> Option<u8> {
    let mut rest = bytes.get(2..)?;
    // Each turn is at least two bytes further, so it ends with the file.
    loop {
        let marker = match rest {
            [0xff, 0xff, ..] => {
                rest = rest.get(1..)?;
                continue;
            }
            [0xff, marker, ..] => *marker,
            _ => return None,
        };
        let length = usize::from(u16::from_be_bytes(rest.get(2..4)?.try_into().ok()?));
        // All of 0xc0..=0xcf begin a frame but the tables of codes and the arithmetic coder's.
        if (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return rest.get(9).copied();
        }
        rest = rest.get(2 + length.max(2)..)?;
    }
}
