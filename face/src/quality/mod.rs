//! Whether a frame is worth comparing, and what the person before the camera can do about it.
//!
//! Pure functions of a picture, the face that was found in it and what hides that. The limits were
//! set on rendered frames of a kiosk (`./dev faces`): frontal ones in fair light pass, what this
//! module refuses was made worse on purpose. They say nothing about who it is.

#[cfg(test)]
mod tests;

use crate::align::{Point, Similarity, TEMPLATE, side};
use crate::covering::Covered;
use crate::decode::Picture;
use crate::detect::Face;
use crate::manifest::Channels;
use crate::patch::Patch;
use crate::wipe::wipe;
use serde::{Deserialize, Serialize};

/// The least pixels between the eyes: the template that networks see has 35, so fewer are invented.
const EYES_PIXELS_MIN: f32 = 40.0;
/// The least of the frame's shorter side that a face's box may take: the detector sees a small copy of
/// the frame, and smaller faces' landmarks are off by a tenth and more.
const SIZE_MIN: f32 = 0.22;
/// The most of the frame's shorter side that a face's box may take: nearer, lenses distort.
const SIZE_MAX: f32 = 0.85;
/// How much of a box's side may lie outside the frame: boxes are not exact, faces must be whole.
const OUTSIDE_MAX: f32 = 0.08;
/// How far from the middle a face may be, in sides of the frame: within the guide on the page.
const OFF_CENTRE_MAX: f32 = 0.25;
/// The most that the nose may lie beside the middle between the eyes, in eye distances: about 25
/// degrees of turning, where the far eye begins to hide.
const TURN_MAX: f32 = 0.35;
/// Where the tip of the nose lies between eyes (0) and mouth (1): near 0.35 when somebody looks at a
/// kiosk's camera; outside, the head is thrown back or bowed.
const NOD: std::ops::RangeInclusive<f32> = 0.20..=0.60;
/// The most of a head's tilt to a shoulder, in degrees: alignment takes less of it back.
const TILT_MAX: f32 = 25.0;
/// The face's mean brightness, 0 to 255: below, noise covers the features.
const BRIGHTNESS_MIN: f32 = 55.0;
/// Above, skin is nearly white and features fade.
const BRIGHTNESS_MAX: f32 = 215.0;
/// The most of a face's pixels that may be as bright as pixels can be.
const BURNT_MAX: f32 = 0.15;
/// From this byte on a pixel counts as burnt out.
const BURNT: f32 = 250.0;
/// The least spread (standard deviation) of a face's brightness: below there is fog or a blank.
const CONTRAST_MIN: f32 = 8.0;
/// The least sharpness, see [`Quality::sharpness`]: a frame of 640x480 with 87 pixels between the eyes
/// is 0.9 sharp, 0.03 blurred by 3 pixels (standard deviation), 0.01 shaken over 25.
const SHARPNESS_MIN: f32 = 0.025;
/// A frame without a face and with less mean brightness than this is dark, not empty.
const ROOM_BRIGHTNESS_MIN: f32 = 35.0;
/// Every how many pixels a frame's brightness is read.
const ROOM_STEP: usize = 17;
/// The side of the face that light and sharpness are measured on: that of the template.
const SIDE: u32 = 112;
/// The part of it that is face and neither hair nor wall, in pixels of the template.
const INNER: std::ops::Range<u32> = 24..88;

/// What would make a frame usable. The page has the words.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Advice {
    /// Nobody is seen: come before the camera.
    Nobody,
    /// Several people are seen: only one may be before the camera.
    Several,
    /// Step back.
    TooNear,
    /// Come nearer.
    TooFar,
    /// Move to the middle.
    OffCentre,
    /// The face is too bright: leave the direct light.
    TooBright,
    /// The face is too dark: turn to the light.
    TooDark,
    /// The picture is blurred: hold still.
    HoldStill,
    /// A mask hides the mouth.
    TakeOffMask,
    /// Dark glasses hide the eyes.
    TakeOffGlasses,
    /// The eyes are shut.
    OpenEyes,
    /// Hold the head upright.
    HoldUpright,
    /// Look straight into the camera.
    TurnToCamera,
}

impl Advice {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 13] = [
        Self::Nobody,
        Self::Several,
        Self::TooNear,
        Self::TooFar,
        Self::OffCentre,
        Self::TooBright,
        Self::TooDark,
        Self::HoldStill,
        Self::TakeOffMask,
        Self::TakeOffGlasses,
        Self::OpenEyes,
        Self::HoldUpright,
        Self::TurnToCamera,
    ];

    /// The same in a sentence of English, for the command.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Nobody => {
                "no face is seen: come before the camera, light the face from the front"
            }
            Self::Several => "several faces are seen: only one person may be before the camera",
            Self::TooDark => "the face is too dark: turn it to the light",
            Self::TooBright => "the face is too bright: leave the direct light",
            Self::TooFar => "the face is too small: come nearer",
            Self::TooNear => "the face is too near: step back",
            Self::OffCentre => "the face is not in the middle: move there",
            Self::TurnToCamera => "the face is turned away: look straight into the camera",
            Self::TakeOffMask => "a mask hides the face: take it off",
            Self::TakeOffGlasses => "dark glasses hide the eyes: take them off",
            Self::OpenEyes => "the eyes are closed: open them and look into the camera",
            Self::HoldUpright => "the head is tilted: hold it upright",
            Self::HoldStill => "the face is blurred: hold still, wipe the camera",
        }
    }
}

/// What can be measured of a face in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// Between the eyes, in pixels of the frame.
    pub eyes_pixels: f32,
    /// The box's longer side, in shorter sides of the frame.
    pub size: f32,
    /// The most of the box's side that lies outside the frame, 0 to 1.
    pub outside: f32,
    /// From the frame's middle, in sides of the frame.
    pub off_centre: f32,
    /// Of the nose's tip from the middle between the eyes, in eye distances; positive to the right.
    pub turn: f32,
    /// Of the nose's tip between the eyes (0) and the mouth (1).
    pub nod: f32,
    /// Of the line of the eyes, in degrees.
    pub tilt: f32,
    /// Mean of the inner face, 0 to 255.
    pub brightness: f32,
    /// Standard deviation of the inner face's brightness.
    pub contrast: f32,
    /// The part of the inner face that is burnt out, 0 to 1.
    pub burnt: f32,
    /// Variance of the second difference of the aligned face over the variance of its brightness, in
    /// the direction, across or down, where it is less: how much of the contrast is in fine detail.
    /// Between 0 and about 6; blur makes it small, shaking in its direction, noise large.
    pub sharpness: f32,
    /// What hides the face; nothing when no model judges that.
    pub covered: Option<Covered>,
}

impl Quality {
    /// Measures a face of which is known what hides it; nothing when its landmarks make none.
    #[must_use]
    pub fn of(picture: &Picture, face: &Face, covered: Option<Covered>) -> Option<Self> {
        let [right_eye, left_eye, nose, mouth_right, mouth_left] = face.landmarks;
        let (eyes, mouth) = (middle(right_eye, left_eye), middle(mouth_right, mouth_left));
        let [ex, ey] = minus(left_eye, right_eye);
        let eyes_pixels = ex.hypot(ey);
        // Along the eyes and across them, so that tilting the head changes nothing.
        let along = |[x, y]: Point| (x * ex + y * ey) / eyes_pixels;
        let across = |[x, y]: Point| (y * ex - x * ey) / eyes_pixels;
        let (width, height) = (side(picture.width()), side(picture.height()));
        let [left, top, right, bottom] = face.sides;
        let out = [
            -left / (right - left),
            -top / (bottom - top),
            (right - width) / (right - left),
            (bottom - height) / (bottom - top),
        ];
        let [cx, cy] = face.centre();
        let light = Light::of(picture, face)?;
        let quality = Self {
            eyes_pixels,
            size: face.size() / width.min(height),
            outside: out.into_iter().fold(0.0, f32::max),
            off_centre: (cx / width - 0.5).abs().max((cy / height - 0.5).abs()),
            turn: along(minus(nose, eyes)) / eyes_pixels,
            nod: across(minus(nose, eyes)) / across(minus(mouth, eyes)),
            tilt: ey.atan2(ex).to_degrees(),
            brightness: light.brightness,
            contrast: light.contrast,
            burnt: light.burnt,
            sharpness: light.sharpness,
            covered,
        };
        quality.nod.is_finite().then_some(quality)
    }

    /// The first thing to do about it; nothing when the face can be compared.
    ///
    /// What hides a face is told of one that is large, lit and sharp enough to see it; and before how
    /// the head is turned, because landmarks behind a mask are guesses.
    #[must_use]
    pub fn advice(&self) -> Option<Advice> {
        let is_too_far = self.size < SIZE_MIN || self.eyes_pixels < EYES_PIXELS_MIN;
        let is_beside = self.outside > OUTSIDE_MAX || self.off_centre > OFF_CENTRE_MAX;
        let is_bright = self.brightness > BRIGHTNESS_MAX || self.burnt > BURNT_MAX;
        let is_dark = self.brightness < BRIGHTNESS_MIN || self.contrast < CONTRAST_MIN;
        let is_turned = self.turn.abs() > TURN_MAX || !NOD.contains(&self.nod);
        let checks = [
            (self.size > SIZE_MAX).then_some(Advice::TooNear),
            is_too_far.then_some(Advice::TooFar),
            is_beside.then_some(Advice::OffCentre),
            is_bright.then_some(Advice::TooBright),
            is_dark.then_some(Advice::TooDark),
            (self.sharpness < SHARPNESS_MIN).then_some(Advice::HoldStill),
            self.covered.as_ref().and_then(Covered::advice),
            (self.tilt.abs() > TILT_MAX).then_some(Advice::HoldUpright),
            is_turned.then_some(Advice::TurnToCamera),
        ];
        checks.into_iter().flatten().next()
    }
}

/// What a frame without a face is: dark or empty.
#[must_use]
pub fn without_face(picture: &Picture) -> Advice {
    let pixels = picture.rgb().chunks_exact(3).step_by(ROOM_STEP);
    let (sum, count) = pixels.fold((0.0, 0_u32), |(sum, count), pixel| match pixel {
        [red, green, blue] => {
            let [grey, ..] = Channels::Grey.of([*red, *green, *blue].map(f32::from));
            (sum + grey, count + 1)
        }
        _ => (sum, count),
    });
    if sum / side(count.max(1)) < ROOM_BRIGHTNESS_MIN { Advice::TooDark } else { Advice::Nobody }
}

/// Light and detail of the aligned face.
struct Light {
    brightness: f32,
    contrast: f32,
    burnt: f32,
    sharpness: f32,
}

impl Light {
    fn of(picture: &Picture, face: &Face) -> Option<Self> {
        let back = Similarity::fit(&face.landmarks, &TEMPLATE)?.inverse();
        let corners = [[0.0; 2], [side(SIDE - 1); 2]];
        let patch = Patch::between(picture, corners, &back, Channels::Grey, 1);
        let places = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| [side(x), side(y)]));
        let grey = places.map(|place| patch.sample(0, back.apply(place)));
        let mut grey: Vec<f32> = grey.collect();
        let at = |x: u32, y: u32| grey.get((y * SIDE + x) as usize).copied().unwrap_or_default();
        let (mut inner, mut across, mut down) =
            (Spread::default(), Spread::default(), Spread::default());
        let mut burnt = 0;
        for (x, y) in INNER.flat_map(|y| INNER.map(move |x| (x, y))) {
            let value = at(x, y);
            inner.add(value);
            across.add(at(x - 1, y) + at(x + 1, y) - 2.0 * value);
            down.add(at(x, y - 1) + at(x, y + 1) - 2.0 * value);
            burnt += u32::from(value >= BURNT);
        }
        let light = Self {
            brightness: inner.mean(),
            contrast: inner.variance().sqrt(),
            burnt: side(burnt) / inner.count,
            sharpness: across.variance().min(down.variance()) / inner.variance().max(1.0),
        };
        wipe(&mut grey);
        Some(light)
    }
}

/// Mean and variance of numbers as they come.
#[derive(Default)]
struct Spread {
    count: f32,
    sum: f32,
    squares: f32,
}

impl Spread {
    fn add(&mut self, value: f32) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn mean(&self) -> f32 {
        self.sum / self.count.max(1.0)
    }

    fn variance(&self) -> f32 {
        (self.squares / self.count.max(1.0) - self.mean().powi(2)).max(0.0)
    }
}

fn middle([ax, ay]: Point, [bx, by]: Point) -> Point {
    [(ax + bx) / 2.0, (ay + by) / 2.0]
}

fn minus([ax, ay]: Point, [bx, by]: Point) -> Point {
    [ax - bx, ay - by]
}
