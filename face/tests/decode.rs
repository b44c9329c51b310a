//! Pictures as anyone may hand them in.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use shikaku_face::{FaceError, decode::decode, fuzzing};
use std::io::Cursor;

/// Red in the top left quarter, else grey.
fn sample(width: u32, height: u32) -> DynamicImage {
    let colour = |x, y| if x < width / 2 && y < height / 2 { [230, 10, 10] } else { [128; 3] };
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| Rgb(colour(x, y))))
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

fn code(bytes: &[u8]) -> &'static str {
    decode(bytes).map_or_else(|error| error.code(), |_| "decoded")
}

/// The JPEG with an EXIF block that says how the camera was held.
fn held(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [
        b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(),
        &[orientation, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let length = u16::try_from(tiff.len() + 8).unwrap().to_be_bytes();
    [&jpeg[..2], b"\xff\xe1", &length, b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

fn is_red(bytes: &[u8], x: u32, y: u32) -> bool {
    let [red, green, _] = decode(bytes).unwrap().pixel(x, y).unwrap();
    red > 180 && green < 80
}

#[test]
fn a_picture_is_told_by_its_bytes_and_keeps_its_pixels() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let bytes = encoded(&sample(64, 32), format);
        let picture = decode(&bytes).unwrap();
        assert_eq!((picture.width(), picture.height()), (64, 32));
        assert!(is_red(&bytes, 3, 3) && !is_red(&bytes, 60, 3) && !is_red(&bytes, 3, 30));
    }
}

#[test]
fn a_phone_held_upright_gives_an_upright_picture() {
    let jpeg = encoded(&sample(64, 32), ImageFormat::Jpeg);
    // 6: the top of the scene is at the right of the sensor's picture.
    let turned = held(&jpeg, 6);
    let picture = decode(&turned).unwrap();
    assert_eq!((picture.width(), picture.height()), (32, 64));
    assert!(is_red(&turned, 28, 3) && !is_red(&turned, 3, 3));
}

#[test]
fn grey_and_sixteen_bits_and_transparency_are_read() {
    let sample = sample(32, 32);
    for image in [
        DynamicImage::ImageLuma16(sample.to_luma16()),
        DynamicImage::ImageRgba16(sample.to_rgba16()),
        DynamicImage::ImageLumaA8(sample.to_luma_alpha8()),
    ] {
        assert_eq!(code(&encoded(&image, ImageFormat::Png)), "decoded");
    }
}

#[test]
fn the_photograph_of_a_card_is_read() {
    let picture = decode(include_bytes!("../../reader/card/portraits/0.jp2")).unwrap();
    assert!(picture.height() > picture.width() && picture.width() >= 100);
    let grey = |x, y| {
        let [red, green, blue] = picture.pixel(x, y).unwrap();
        assert!(red == green && green == blue);
        red
    };
    let middle = grey(picture.width() / 2, picture.height() / 2);
    assert_ne!(middle, grey(2, 2), "a face differs from what is behind it");
}

#[test]
fn sizes_are_refused_before_a_pixel_is_decoded() {
    // Only the header is given: had anything been decoded, it would be named as damaged.
    let header = |width: u32, height: u32| {
        let mut bytes = encoded(&sample(64, 64), ImageFormat::Png);
        bytes.truncate(33);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        bytes
    };
    // The changed header's checksum is not looked at by the test, but by the decoder.
    for (width, height) in [(65_535, 1), (60_000, 60_000), (1, 1)] {
        assert_ne!(code(&header(width, height)), "decoded");
    }
    for (width, height) in [(8, 8), (4097, 16), (16, 4097), (2100, 2100)] {
        assert_eq!(code(&encoded(&sample(width, height), ImageFormat::Png)), "SHK-FAC-003");
    }
    assert_eq!(code(&vec![0xff; 9 << 20]), "SHK-FAC-002");
}

#[test]
fn several_pictures_and_other_formats_are_refused_by_name() {
    assert_eq!(code(b"GIF89a\x10\0\x10\0"), "SHK-FAC-001");
    assert_eq!(code(b""), "SHK-FAC-001");
    let png = encoded(&sample(32, 32), ImageFormat::Png);
    // An animation's control chunk: two frames, repeated for ever.
    let control = b"\0\0\0\x08acTL\0\0\0\x02\0\0\0\0\xf3\x8d\x93\x70";
    assert_eq!(code(&[&png[..33], control, &png[33..]].concat()), "SHK-FAC-006");
}

#[test]
fn a_picture_that_is_cut_off_is_damaged() {
    let png = encoded(&sample(64, 64), ImageFormat::Png);
    let error = decode(&png[..png.len() / 2]).err().unwrap();
    assert!(matches!(error, FaceError::PictureDamaged { format: "PNG", .. }), "{error}");
    assert_eq!(code(b"\x00\x00\x00\x0c\x6a\x50\x20\x20\x0d\x0a\x87\x0a"), "SHK-FAC-004");
}

proptest! {
    #[test]
    fn changed_bytes_are_refused_or_decoded_within_the_limits(
        at in 0_usize..4096, byte: u8, cut in 0_usize..4096, is_png: bool,
    ) {
        let format = if is_png { ImageFormat::Png } else { ImageFormat::Jpeg };
        let mut bytes = encoded(&sample(48, 40), format);
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len() - cut % 64.min(bytes.len()));
        fuzzing::picture(&bytes);
    }

    #[test]
    fn any_bytes_behind_a_signature_are_refused(which in 0_usize..4, bytes: Vec<u8>) {
        let signatures: [&[u8]; 4] =
            [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x0c\x6a\x50\x20\x20", b"\xff\x4f\xff\x51"];
        fuzzing::picture(&[signatures[which], &bytes].concat());
        fuzzing::manifest(&bytes);
    }
}
