//! Pictures as anyone may hand them in.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop the test when something is not as it must be"
)]

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use proptest::prelude::*;
use shikaku_face::decode::{decode, read};
use shikaku_face::{FaceError, fuzzing};
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
fn every_way_of_holding_a_camera_gives_the_scene_as_it_was() {
    let jpeg = encoded(&sample(64, 32), ImageFormat::Jpeg);
    // Where the sensor's top left corner, which is red, belongs in the scene: EXIF 2.32, table 6.
    let places = [
        (1, 3, 3),
        (2, 60, 3),
        (3, 60, 28),
        (4, 3, 28),
        (5, 3, 3),
        (6, 28, 3),
        (7, 28, 60),
        (8, 3, 60),
    ];
    for (orientation, x, y) in places {
        let turned = held(&jpeg, orientation);
        let picture = decode(&turned).unwrap();
        let (width, height) = if orientation < 5 { (64, 32) } else { (32, 64) };
        assert_eq!((picture.width(), picture.height()), (width, height), "{orientation}");
        assert!(is_red(&turned, x, y), "{orientation}");
        assert!(!is_red(&turned, width - 1 - x, height - 1 - y), "{orientation}");
    }
    // What is no orientation changes nothing.
    for orientation in [0, 9, 255] {
        assert!(is_red(&held(&jpeg, orientation), 3, 3), "{orientation}");
    }
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
    // The head says more than the data hold: had a pixel been decoded, it would be named as damaged.
    let header = |width: u32, height: u32| {
        let mut bytes = encoded(&sample(64, 64), ImageFormat::Png);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = crc32(&bytes[12..29]).to_be_bytes();
        bytes[29..33].copy_from_slice(&sum);
        bytes
    };
    for (width, height) in [(65_535, 1), (1, 65_535), (60_000, 60_000), (1, 1)] {
        assert_eq!(code(&header(width, height)), "SHK-FAC-003", "{width} {height}");
    }
    let jpeg = encoded(&sample(64, 64), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for (height, width) in [(65_535_u16, 16_u16), (16, 65_535), (65_535, 65_535), (1, 65_535)] {
        let mut bytes = jpeg.clone();
        bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
        bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
        assert_eq!(code(&bytes), "SHK-FAC-003", "{width} {height}");
    }
    for (width, height) in [(8, 8), (4097, 16), (16, 4097), (2100, 2100)] {
        assert_eq!(code(&encoded(&sample(width, height), ImageFormat::Png)), "SHK-FAC-003");
    }
    assert_eq!(code(&vec![0xff; 9 << 20]), "SHK-FAC-002");
}

#[test]
fn several_pictures_and_other_formats_are_refused_by_name() {
    let png = encoded(&sample(32, 32), ImageFormat::Png);
    // An animation's control chunk: two frames, repeated for ever.
    let control = b"\0\0\0\x08acTL\0\0\0\x02\0\0\0\0\xf3\x8d\x93\x70";
    assert_eq!(code(&[&png[..33], control, &png[33..]].concat()), "SHK-FAC-006");
    // Animated or not, and whatever the file is called.
    let others: [&[u8]; 8] = [
        b"",
        b"GIF89a\x10\0\x10\0",
        b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x0f\0\0\x0f\0\0",
        b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0",
        b"II\x2a\0\x08\0\0\0",
        b"\0\0\0\x1cftypavif",
        b"%PDF-1.7",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    ];
    for other in others {
        assert_eq!(code(other), "SHK-FAC-001", "{other:?}");
    }
}

#[test]
fn what_a_file_is_called_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("face.gif");
    std::fs::write(&path, encoded(&sample(32, 32), ImageFormat::Jpeg)).unwrap();
    assert_eq!(read(&path).unwrap().width(), 32);
    assert_eq!(read(&folder.path().join("nothing.jpg")).err().unwrap().code(), "SHK-FAC-008");
}

#[test]
fn colours_of_ink_are_refused_and_not_guessed_at() {
    let jpeg = encoded(&sample(32, 32), ImageFormat::Jpeg);
    assert_eq!(code(&jpeg), "decoded");
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    for colours in [2, 4] {
        let mut ink = jpeg.clone();
        ink[frame + 9] = colours;
        assert_eq!(code(&ink), "SHK-FAC-005");
    }
    // Cut off before the frame there is no telling.
    assert_eq!(code(&jpeg[..frame]), "SHK-FAC-004");
}

/// The card's photograph with other numbers in the head of its codestream.
fn card_with(at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = include_bytes!("../../reader/card/portraits/0.jp2").to_vec();
    let start = bytes.windows(4).position(|four| four == b"\xff\x4f\xff\x51").unwrap();
    bytes[start + at..start + at + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn a_card_photograph_with_an_absurd_head_is_refused_before_it_is_decoded() {
    // Offsets of SIZ: width, height, tile width and height, components.
    assert_eq!(code(&card_with(8, &378_u32.to_be_bytes())), "decoded");
    assert_eq!(code(&card_with(8, &u32::MAX.to_be_bytes())), "SHK-FAC-003");
    assert_eq!(code(&card_with(12, &60_000_u32.to_be_bytes())), "SHK-FAC-003");
    for tile in [0_u32, 1, 16] {
        let error = decode(&card_with(24, &tile.to_be_bytes().repeat(2))).err().unwrap();
        assert!(error.to_string().contains("tiles"), "{error}");
    }
    assert_eq!(code(&card_with(40, &16_384_u16.to_be_bytes())), "SHK-FAC-005");
    // The same without the boxes around it.
    let bytes = card_with(24, &[0, 0, 0, 1]);
    let start = bytes.windows(4).position(|four| four == b"\xff\x4f\xff\x51").unwrap();
    assert_eq!(code(&bytes[start..]), "SHK-FAC-004");
    // A file of boxes without a picture, however many.
    let empty = [
        b"\x00\x00\x00\x0c\x6a\x50\x20\x20\x0d\x0a\x87\x0a".as_slice(),
        &b"\0\0\0\x08free".repeat(1000),
    ];
    assert_eq!(code(&empty.concat()), "SHK-FAC-004");
}

/// The card's photograph as a bare codestream whose precincts have sides of 2 to this power.
fn precincts(power: u8) -> Vec<u8> {
    let bytes = include_bytes!("../../reader/card/portraits/0.jp2");
    let start = bytes.windows(4).position(|four| four == b"\xff\x4f\xff\x51").unwrap();
    let style = bytes.windows(2).position(|two| two == b"\xff\x52").unwrap();
    let levels = usize::from(bytes[style + 9]) + 1;
    let mut changed = bytes[start..].to_vec();
    let style = style - start;
    // One byte for each resolution, a length that counts them, and the bit that says so.
    let behind = style + 2 + usize::from(bytes[start + style + 3]);
    changed.splice(behind..behind, std::iter::repeat_n(power << 4 | power, levels));
    changed[style + 3] += u8::try_from(levels).unwrap();
    changed[style + 4] |= 1;
    changed
}

#[test]
fn a_card_photograph_of_tiny_pieces_is_refused_before_it_takes_memory() {
    assert_eq!(code(&precincts(15)), "decoded", "one precinct is what there was");
    for power in 0..4 {
        let error = decode(&precincts(power)).err().unwrap();
        assert!(error.to_string().contains("precincts"), "{error}");
    }
    let long = [card_with(8, &378_u32.to_be_bytes()), vec![0; 1 << 20]].concat();
    assert_eq!(code(&long), "SHK-FAC-002");
}

#[test]
fn a_picture_that_is_cut_off_anywhere_is_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let whole = encoded(&sample(48, 48), format);
        for end in 0..whole.len() / 2 {
            let code = code(&whole[..end]);
            assert!(matches!(code, "SHK-FAC-001" | "SHK-FAC-004"), "{format:?} {end}: {code}");
        }
    }
    let png = encoded(&sample(64, 64), ImageFormat::Png);
    let error = decode(&png[..png.len() / 2]).err().unwrap();
    assert!(matches!(error, FaceError::PictureDamaged { format: "PNG", .. }), "{error}");
    assert_eq!(code(b"\x00\x00\x00\x0c\x6a\x50\x20\x20\x0d\x0a\x87\x0a"), "SHK-FAC-004");
    let card = include_bytes!("../../reader/card/portraits/0.jp2");
    for end in (0..120).chain([card.len() / 2]) {
        let code = code(&card[..end]);
        assert!(matches!(code, "SHK-FAC-001" | "SHK-FAC-004"), "{end}: {code}");
    }
}

#[test]
fn pixels_that_unpack_to_more_than_the_head_says_are_not_unpacked() {
    // A head of 16x16 pixels before the data of 2048x2048.
    let mut png = encoded(&sample(2048, 2048), ImageFormat::Png);
    assert!(png.len() < 100_000, "it is a bomb: 12 MB packed to {}", png.len());
    png[16..24].copy_from_slice(&[0, 0, 0, 16, 0, 0, 0, 16]);
    let sum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    match decode(&png) {
        Ok(picture) => assert_eq!(picture.rgb().len(), 16 * 16 * 3),
        Err(error) => assert_eq!(error.code(), "SHK-FAC-004"),
    }
}

/// As PNG has it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(u32::MAX, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), step))
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
