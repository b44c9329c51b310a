//! The desk with the shipped models: which frames are looked at, and that nothing is left.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};

use super::*;
use crate::clock::SystemClock;
use actix_web::rt::System;
use shikaku_card::portrait;
use shikaku_face::policy::Policy;

struct Place {
    desk: FaceDesk,
    told: Receiver<Input>,
}

impl Place {
    /// To be made within a system.
    fn new() -> Self {
        let manifest =
            PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/manifest.toml"));
        let policy = Policy { fmr: 0.01, frames: 3, tries: 3, apcer: Some(0.1) };
        let (sender, told) = sync_channel(16);
        let faces = Faces::here(&manifest, policy).unwrap();
        let desk = FaceDesk::new(Some(faces), Inputs(sender), Arc::new(SystemClock));
        Self { desk, told }
    }

    fn prepare(&self, ticket: u64, photo: &[u8]) {
        let photo = Photo::new(Zeroizing::new(photo.to_vec()));
        self.desk.take(Effect::PrepareFace { ticket: Ticket(ticket), photo });
    }

    /// What the session is told next, while the system goes on.
    async fn told(&self) -> Event {
        loop {
            match self.told.try_recv() {
                Ok(Input::Event(event)) => return *event,
                Ok(_) => panic!("the desk tells events only"),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    async fn look(&self, session: &str, seq: u64, frame: &[u8]) -> Frame {
        let session = SessionId(session.to_owned());
        self.desk.look(&session, seq, Zeroizing::new(frame.to_vec())).await
    }

    fn is_empty(&self) -> bool {
        matches!(*self.desk.held(), Held::Nothing)
    }
}

fn watch(ticket: u64, session: &str, seq: u64) -> Effect {
    let session = SessionId(session.to_owned());
    Effect::WatchFace(Watch { ticket: Ticket(ticket), session, seq })
}

#[test]
fn only_frames_of_the_screen_that_is_watched_are_looked_at() {
    System::new().block_on(async {
        let place = Place::new();
        let frame = portrait(0);
        assert_eq!(place.look("s1", 7, frame).await, Frame::Stale, "before there is a photograph");
        place.prepare(1, frame);
        assert_eq!(place.told().await, Event::FacePrepared(Ticket(1), Ok(())));
        assert_eq!(place.look("s1", 7, frame).await, Frame::Stale, "before there is a try");
        place.desk.take(watch(2, "s1", 7));
        assert_eq!(place.look("s2", 7, frame).await, Frame::Stale, "of another session");
        assert_eq!(place.look("s1", 8, frame).await, Frame::Stale, "of another screen");
        assert_eq!(place.look("s1", 7, b"\xFF\xD8 no picture").await, Frame::Unreadable);
        assert!(place.told.try_recv().is_err(), "the session hears of none of these");
        assert_eq!(place.look("s1", 7, frame).await, Frame::Seen, "and the try goes on");
        assert!(matches!(place.told().await, Event::FaceSeen(Ticket(2), Ok(_))));
        place.desk.take(Effect::ForgetFace);
        assert!(place.is_empty());
        assert_eq!(place.look("s1", 7, frame).await, Frame::Stale, "after all is forgotten");
    });
}

#[test]
fn of_two_frames_at_once_one_is_looked_at() {
    System::new().block_on(async {
        let place = Place::new();
        place.prepare(1, portrait(0));
        place.told().await;
        place.desk.take(watch(2, "s1", 7));
        let both = (place.look("s1", 7, portrait(0)), place.look("s1", 7, portrait(0)));
        let (one, other) = futures_util::future::join(both.0, both.1).await;
        assert_eq!((one, other), (Frame::Seen, Frame::TooSoon));
    });
}

#[test]
fn a_photograph_that_is_ready_too_late_is_nobodys() {
    System::new().block_on(async {
        let place = Place::new();
        place.prepare(1, portrait(0));
        place.desk.take(Effect::ForgetFace);
        // The next patient's, without a face: the first one's end is not told.
        place.prepare(2, b"no picture");
        let unusable = Err(FaceTrouble::PhotoUnusable);
        assert_eq!(place.told().await, Event::FacePrepared(Ticket(2), unusable));
        assert!(place.is_empty());
        place.desk.take(watch(3, "s2", 9));
        let broken = Err(FaceTrouble::Broken);
        assert_eq!(
            place.told().await,
            Event::FaceSeen(Ticket(3), broken),
            "a try without a photograph"
        );
    });
}

#[test]
fn without_models_nothing_is_compared() {
    let (sender, told) = sync_channel(16);
    let desk = FaceDesk::new(None, Inputs(sender), Arc::new(SystemClock));
    desk.take(Effect::PrepareFace { ticket: Ticket(1), photo: Photo::new(Zeroizing::default()) });
    let Ok(Input::Event(event)) = told.recv() else { panic!("nothing was told") };
    assert_eq!(*event, Event::FacePrepared(Ticket(1), Err(FaceTrouble::Broken)));
}
