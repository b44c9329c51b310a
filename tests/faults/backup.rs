//! The machine's disk is lost; a backup made while the engine served brings everything back.

use crate::people::{Desk, people};
use shikaku_tests::{Centre, FACILITY, said, try_run};
use std::fs;

const PERSONS: u64 = 2_000;
/// Questions asked of a restored engine.
const ASKED: usize = 200;

/// Options that let the operator, or somebody else, in at this engine.
fn at(service: &str, certificate: &str) -> [String; 8] {
    let pem = |ending: &str| format!("ca/clients/{certificate}{ending}.pem");
    let own = |text: &str| text.to_owned();
    [
        own("--server"),
        own(service),
        own("--ca"),
        own("ca/ca.pem"),
        own("--cert"),
        pem(""),
        own("--key"),
        pem(".key"),
    ]
}

#[test]
fn a_store_backed_up_while_serving_is_restored_after_its_loss() {
    let centre = Centre::new(PERSONS);
    let engine = centre.start();
    let people = people(&centre.population);
    let create = ["backup", "create", "--dir", "backups"];
    let create_as = |certificate: &str| {
        let options = at(&engine.service, certificate);
        let options = options.iter().map(String::as_str);
        let arguments: Vec<_> = create.into_iter().chain(options).collect();
        try_run("shikaku", &arguments, &centre.path(""))
    };
    let made = create_as("operator-tests");
    assert!(made.status.success(), "{}", said(&made));
    let again = create_as("operator-tests");
    assert!(said(&again).contains("copied"), "{}", said(&again));
    let refused = create_as(&format!("facility-{FACILITY}"));
    assert!(said(&refused).contains("SHK-ENG-011"), "{}", said(&refused));
    let alone = try_run("shikaku", &create, &centre.path(""));
    assert!(said(&alone).contains("SHK-BAK-010"), "{}", said(&alone));
    assert!(!centre.path("store/checkpoint").exists(), "it only held old files");
    let desk = Desk::new(&centre, &engine.service);
    assert_eq!(desk.known(&people[..ASKED]), ASKED, "it served all the while");
    engine.kill();

    fs::remove_dir_all(centre.path("store")).unwrap();
    assert_eq!(centre.shikaku(&["backup", "list", "--dir", "backups"]).lines().count(), 3);
    centre.shikaku(&["backup", "verify", "--dir", "backups"]);
    let drilled = centre.shikaku(&["backup", "drill", "--dir", "backups", "--scratch", "scratch"]);
    assert!(drilled.contains("can be restored") && !centre.path("store").exists(), "{drilled}");
    centre.shikaku(&["backup", "restore", "--dir", "backups"]);
    let engine = centre.start();
    let desk = Desk::new(&centre, &engine.service);
    assert_eq!(desk.known(&people[..ASKED]), ASKED);
    assert!(engine.stop());
    centre.shikaku(&create);
    centre.shikaku(&["verify"]);
}
