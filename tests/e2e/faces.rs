//! `/v1/face/…`: an engine that compares faces for readers that do not, asked with rendered people,
//! of whom none exists.

use crate::http::Reply;
use crate::shared::shared;
use serde_json::Value;
use shikaku_tests::{Centre, Engine, FACILITY, OTHER_FACILITY, run, said, try_run, wait_until};
use std::fs;
use std::path::Path;

/// The people of the pictures. Changed when other models take these two for one, or for strangers.
const SEED: &str = "1";
/// A film ends after so many moments, and a try far before.
const FRAMES_MAX: usize = 8;
const CARDS: &str = "/v1/face/cards";

/// Lets an engine compare faces by the models that are shipped. The rate is one that any models keep.
fn compare_faces(centre: &Centre, more: &str) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/manifest.toml");
    let section = format!("[face]\nmanifest = {manifest:?}\nworkers = 1\n{more}");
    let before = fs::read_to_string(centre.path("shikaku.toml")).unwrap();
    fs::write(centre.path("shikaku.toml"), format!("{before}{section}")).unwrap();
}

/// A card's photograph and films before the kiosk.
struct Pictures<'c>(&'c Centre);

impl<'c> Pictures<'c> {
    fn render(centre: &'c Centre) -> Self {
        let make = ["samples", "pictures", "--seed", SEED, "--people", "0"];
        run("shikaku-render", &make, &centre.path(""));
        Self(centre)
    }

    /// The card's photograph, grey as a card has it, as JPEG.
    fn card(&self) -> Vec<u8> {
        let grey = fs::read(self.0.path("pictures/card.pgm")).unwrap();
        let header = b"P5\n378 472\n255\n";
        let pixels = grey.strip_prefix(header).unwrap().to_vec();
        let image = image::GrayImage::from_raw(378, 472, pixels).unwrap();
        let mut jpeg = std::io::Cursor::new(Vec::new());
        image.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
        jpeg.into_inner()
    }

    /// The frames of a film.
    fn film(&self, name: &str) -> Vec<Vec<u8>> {
        let film = fs::read(self.0.path(format!("pictures/{name}.mjpeg"))).unwrap();
        let begins = |bytes: &[u8]| bytes.starts_with(&[0xff, 0xd8, 0xff]);
        let starts: Vec<_> = (0..film.len()).filter(|at| begins(&film[*at..])).collect();
        let ends = starts.iter().skip(1).copied().chain([film.len()]);
        starts.iter().zip(ends).map(|(start, end)| film[*start..end].to_vec()).collect()
    }
}

struct Kiosk<'e> {
    client: ureq::Agent,
    engine: &'e Engine,
}

impl<'e> Kiosk<'e> {
    fn new(centre: &Centre, engine: &'e Engine, facility: &str) -> Self {
        Self { client: centre.client(&format!("facility-{facility}")), engine }
    }

    fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Reply {
        let url = format!("{}{path}", self.engine.service);
        Reply::to(&self.client, (method, &url), &[("content-type", kind)], body).unwrap()
    }

    fn photograph(&self, picture: &[u8]) -> Reply {
        self.send("POST", CARDS, "image/jpeg", picture)
    }

    fn hold(&self, picture: &[u8]) -> String {
        let reply = self.photograph(picture);
        assert_eq!(reply.status, 201, "{}", reply.text());
        assert_eq!((&reply.json()["frames"], &reply.json()["tries"]), (&2.into(), &2.into()));
        reply.json()["handle"].as_str().unwrap().to_owned()
    }

    fn frame(&self, handle: &str, picture: &[u8]) -> Reply {
        self.send("POST", &format!("{CARDS}/{handle}/frames"), "image/jpeg", picture)
    }

    /// What a film comes to: the first answer that decides, or the last one.
    fn play(&self, handle: &str, film: &[Vec<u8>]) -> Value {
        let mut last = Value::Null;
        for frame in &film[..FRAMES_MAX] {
            let reply = self.frame(handle, frame);
            assert_eq!(reply.status, 200, "{}", reply.text());
            last = reply.json();
            if last["step"] == "decided" {
                break;
            }
        }
        last
    }

    fn let_go(&self, handle: &str) -> u16 {
        self.send("DELETE", &format!("{CARDS}/{handle}"), "image/png", &[]).status
    }
}

/// Whether any file below a folder has these bytes.
fn is_anywhere(bytes: &[u8], folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            return !path.ends_with("pictures") && is_anywhere(bytes, &path);
        }
        let content = fs::read(&path).unwrap_or_default();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

fn faces_held(engine: &Engine) -> u64 {
    crate::operation::metric(engine, "oqs_faces_held")
}

#[test]
fn an_engine_without_the_section_compares_no_faces() {
    let shared = shared();
    let kiosk = Kiosk::new(&shared.centre, &shared.engine, FACILITY);
    kiosk.photograph(b"picture").expect_problem(404, "SHK-FCS-001");
    assert_eq!(crate::operation::metric(&shared.engine, "oqs_face_workers"), 0);
}

#[test]
fn the_cards_person_matches_and_nobody_else_does() {
    let centre = Centre::empty(1);
    compare_faces(&centre, "false_match_rate = 0.1\nframes = 2\ntries = 2\n");
    let pictures = Pictures::render(&centre);
    let engine = centre.start();
    let kiosk = Kiosk::new(&centre, &engine, FACILITY);
    let card = pictures.card();
    let [same, other] = ["same", "other"].map(|name| pictures.film(name));

    let handle = kiosk.hold(&card);
    let matched = kiosk.play(&handle, &same);
    assert_eq!((&matched["step"], &matched["outcome"]), (&"decided".into(), &"match".into()));
    assert_eq!(matched["audit"]["used"], 2, "{matched}");
    assert!(matched["audit"].get("score").is_none(), "a score teaches what passes");
    kiosk.frame(&handle, &same[0]).expect_problem(404, "SHK-FCS-005");

    let stranger = kiosk.hold(&card);
    let decided = kiosk.play(&stranger, &other);
    assert_eq!(decided["step"], "decided", "{decided}");
    assert_ne!(decided["outcome"], "match", "{decided}");

    // What the patient can do about it.
    let handle = kiosk.hold(&card);
    let scenes = [
        ("nobody", "nobody"),
        ("two", "several"),
        ("dark", "tooDark"),
        ("masked", "takeOffMask"),
        ("dark-glasses", "takeOffGlasses"),
        ("eyes-closed", "openEyes"),
    ];
    for (scene, advice) in scenes {
        let reply = kiosk.frame(&handle, &pictures.film(scene)[0]).json();
        assert_eq!((&reply["step"], &reply["advice"]), (&"adjust".into(), &advice.into()));
    }
    refusals(&centre, &kiosk, &handle, &card);

    // Nothing is left: not in memory, not in the log, not on disk.
    wait_until("the handle is counted", || faces_held(&engine) > 0);
    assert_eq!(kiosk.let_go(&handle), 204);
    assert_eq!(kiosk.let_go(&handle), 404);
    let _ = kiosk.let_go(&stranger);
    wait_until("no face is held", || faces_held(&engine) == 0);
    let log = centre.log();
    assert!(log.contains("A face was compared.") && !log.contains(&handle));
    let middle = |picture: &[u8]| picture[picture.len() / 2..][..32].to_vec();
    for picture in [&card, &same[0]] {
        assert!(!is_anywhere(&middle(picture), &centre.path("")), "a picture is on disk");
    }
    let (_, metrics) = engine.admin("/metrics");
    assert!(metrics.contains("oqs_face_pictures_total{result=\"match\"} 1"), "{metrics}");
    assert!(engine.admin("/readyz").1.contains("\"faces\":true"));
    assert!(engine.stop());
}

/// What is refused, by name and without an effect on the try.
fn refusals(centre: &Centre, kiosk: &Kiosk<'_>, handle: &str, card: &[u8]) {
    kiosk.photograph(b"no picture").expect_problem(422, "SHK-FAC-001");
    kiosk.photograph(&card[..64]).expect_problem(422, "SHK-FAC-004");
    kiosk.photograph(&vec![0; (64 << 10) + 1]).expect_problem(413, "SHK-FCS-007");
    kiosk.frame(handle, b"no picture").expect_problem(422, "SHK-FAC-001");
    kiosk.frame(handle, &vec![0; (1 << 20) + 1]).expect_problem(413, "SHK-FCS-007");
    kiosk.send("POST", CARDS, "text/csv", card).expect_problem(415, "SHK-ENG-032");
    kiosk.send("GET", CARDS, "image/png", &[]).expect_problem(405, "SHK-ENG-031");
    for wrong in ["AAAA", "%00", &"A".repeat(32)] {
        kiosk.frame(wrong, card).expect_problem(404, "SHK-FCS-005");
    }
    let elsewhere = Kiosk::new(centre, kiosk.engine, OTHER_FACILITY);
    elsewhere.frame(handle, card).expect_problem(404, "SHK-FCS-005");
    assert_eq!(elsewhere.let_go(handle), 404);
}

#[test]
fn a_promise_that_the_models_cannot_keep_is_refused_at_the_start() {
    let centre = Centre::empty(1);
    compare_faces(&centre, "false_match_rate = 1e-9\n");
    let output = try_run("shikaku", &["serve"], &centre.path(""));
    assert!(!output.status.success());
    assert!(said(&output).contains("SHK-FAC-017"), "{}", said(&output));
}
