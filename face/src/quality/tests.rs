//! Measures of faces that are drawn from the template.

use super::*;

/// A picture of 640x480 with fine detail everywhere, this bright on the average.
fn picture(mean: u8, swing: u8) -> Picture {
    let byte = |at: u32| {
        let (x, y) = (at % 640, at / 640);
        // Blotches of nine pixels and dots of three.
        let high = (x / 9 + y / 9).is_multiple_of(2) || (x / 3 + y / 3).is_multiple_of(4);
        if high { mean.saturating_add(swing) } else { mean.saturating_sub(swing) }
    };
    let rgb = (0..640 * 480).flat_map(|at| [byte(at); 3]).collect();
    Picture::from_rgb(640, 480, rgb).unwrap()
}

/// The template's face: so large, turned by so many degrees, its middle here.
fn face(times: f32, degrees: f32, [cx, cy]: Point) -> Face {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let landmarks = TEMPLATE.map(|[x, y]| {
        let (x, y) = ((x - 56.0) * times, (y - 72.0) * times);
        [cx + x * cos - y * sin, cy + x * sin + y * cos]
    });
    let half = 40.0 * times;
    Face { sides: [cx - half, cy - half, cx + half, cy + half], landmarks, probability: 1.0 }
}

fn advice(picture: &Picture, face: &Face) -> Option<Advice> {
    Quality::of(picture, face, None).unwrap().advice()
}

const MIDDLE: Point = [320.0, 240.0];

#[test]
fn a_face_in_the_middle_in_fair_light_is_fine() {
    assert_eq!(advice(&picture(130, 40), &face(2.5, 0.0, MIDDLE)), None);
    assert_eq!(advice(&picture(130, 40), &face(2.5, 15.0, MIDDLE)), None);
}

#[test]
fn where_and_how_large_it_is_decides_first() {
    let fair = picture(130, 40);
    assert_eq!(advice(&fair, &face(1.0, 0.0, MIDDLE)), Some(Advice::TooFar));
    assert_eq!(advice(&fair, &face(5.5, 0.0, MIDDLE)), Some(Advice::TooNear));
    assert_eq!(advice(&fair, &face(2.5, 0.0, [130.0, 240.0])), Some(Advice::OffCentre));
    assert_eq!(advice(&fair, &face(2.5, 0.0, [320.0, 400.0])), Some(Advice::OffCentre));
    // In a larger frame the same face is too small for the detector.
    let wide = Picture::from_rgb(1920, 1080, vec![130; 1920 * 1080 * 3]).unwrap();
    assert_eq!(advice(&wide, &face(2.0, 0.0, [960.0, 540.0])), Some(Advice::TooFar));
}

#[test]
fn light_is_judged_on_the_face() {
    let usual = face(2.5, 0.0, MIDDLE);
    assert_eq!(advice(&picture(40, 20), &usual), Some(Advice::TooDark));
    assert_eq!(advice(&picture(230, 10), &usual), Some(Advice::TooBright));
    assert_eq!(advice(&picture(150, 120), &usual), Some(Advice::TooBright), "half is burnt out");
    assert_eq!(advice(&picture(130, 3), &usual), Some(Advice::TooDark), "fog");
}

#[test]
fn a_head_that_is_turned_bowed_or_tilted_is_told_apart() {
    let fair = picture(130, 40);
    let with_nose = |dx: f32, dy: f32| {
        let mut face = face(2.5, 0.0, MIDDLE);
        face.landmarks[2][0] += dx;
        face.landmarks[2][1] += dy;
        face
    };
    let measured = |face: &Face| Quality::of(&fair, face, None).unwrap();
    let straight = measured(&with_nose(0.0, 0.0));
    assert!(straight.turn.abs() < 0.02 && (0.4..0.6).contains(&straight.nod), "{straight:?}");
    let eyes = straight.eyes_pixels;
    assert_eq!(advice(&fair, &with_nose(0.4 * eyes, 0.0)), Some(Advice::TurnToCamera));
    assert_eq!(advice(&fair, &with_nose(-0.4 * eyes, 0.0)), Some(Advice::TurnToCamera));
    assert_eq!(advice(&fair, &with_nose(0.0, 0.3 * eyes)), Some(Advice::TurnToCamera));
    assert_eq!(advice(&fair, &with_nose(0.0, -0.4 * eyes)), Some(Advice::TurnToCamera));
    assert_eq!(advice(&fair, &face(2.5, 30.0, MIDDLE)), Some(Advice::HoldUpright));
    // Tilting alone is no turning and no nodding.
    let tilted = measured(&face(2.5, -20.0, MIDDLE));
    assert!((tilted.tilt + 20.0).abs() < 0.5, "{tilted:?}");
    assert!((tilted.turn - straight.turn).abs() < 1e-3 && (tilted.nod - straight.nod).abs() < 1e-3);
}

#[test]
fn a_face_without_detail_in_one_direction_is_shaken() {
    let stripes = |x: u32| if (x / 9).is_multiple_of(2) { 170 } else { 90 };
    let rgb = (0..640 * 480_u32).flat_map(|at| [stripes(at % 640); 3]).collect();
    let shaken = Picture::from_rgb(640, 480, rgb).unwrap();
    assert_eq!(advice(&shaken, &face(2.5, 0.0, MIDDLE)), Some(Advice::HoldStill));
}

#[test]
fn what_hides_a_face_is_told_once_it_can_be_seen_and_before_how_it_is_turned() {
    let mask = Covered { mask: 0.0, dark_glasses: -1.0, closed_eyes: -1.0 };
    let with = |covered, picture: &Picture, face: &Face| {
        Quality::of(picture, face, Some(covered)).unwrap().advice()
    };
    let (fair, usual) = (picture(130, 40), face(2.5, 0.0, MIDDLE));
    assert_eq!(with(mask, &fair, &usual), Some(Advice::TakeOffMask));
    assert_eq!(with(mask, &fair, &face(2.5, 30.0, MIDDLE)), Some(Advice::TakeOffMask));
    assert_eq!(with(mask, &fair, &face(1.0, 0.0, MIDDLE)), Some(Advice::TooFar));
    assert_eq!(with(mask, &picture(40, 20), &usual), Some(Advice::TooDark));
    let seen = Covered { mask: -0.1, ..mask };
    assert_eq!(with(seen, &fair, &usual), None);
    assert_eq!(with(seen, &fair, &face(2.5, 30.0, MIDDLE)), Some(Advice::HoldUpright));
}

#[test]
fn a_room_without_a_face_is_dark_or_empty() {
    assert_eq!(without_face(&picture(20, 10)), Advice::TooDark);
    assert_eq!(without_face(&picture(130, 40)), Advice::Nobody);
}

#[test]
fn landmarks_in_one_place_make_no_quality() {
    let collapsed = Face { landmarks: [MIDDLE; 5], ..face(2.5, 0.0, MIDDLE) };
    assert_eq!(Quality::of(&picture(130, 40), &collapsed, None), None);
}

#[test]
fn every_advice_has_its_own_sentence_and_name() {
    let sentences: std::collections::BTreeSet<_> = Advice::ALL.map(Advice::sentence).into();
    assert_eq!(sentences.len(), Advice::ALL.len());
    assert!(Advice::ALL.is_sorted());
}
