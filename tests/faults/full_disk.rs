//! A disk without space: reads go on, files are refused by name, nothing acknowledged is lost.
//!
//! Where this process may mount, the store lies on a small file system of its own, in a mount
//! namespace that goes away with the test. Elsewhere the engine runs with a limit on the size of
//! files, which its writes meet in the same way.

use crate::people::{Desk, Sender, file, load_insurers, people};
use shikaku_domain::Registration;
use shikaku_tests::{Centre, Engine};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

const PERSONS: u64 = 60_000;
/// People in each file: a megabyte and a half.
const FILE_PERSONS: usize = 4_000;
/// Size of the file system; the log and the tables of all people do not fit.
const DISK: &str = "size=24m";
/// Largest file where nothing can be mounted, in blocks of 512 bytes.
const BLOCKS: &str = "6000";

/// A shell in a mount namespace of its own in which `store` is a small file system. Ends when its
/// input ends, and the file system with it.
struct SmallDisk(Child);

impl SmallDisk {
    fn new(centre: &Centre) -> Option<Self> {
        let script = format!("mount -t tmpfs -o {DISK} store store && echo mounted && cat");
        let mut child = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .current_dir(centre.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut()?).read_line(&mut line).ok()?;
        let disk = Self(child);
        (line.trim() == "mounted").then_some(disk)
    }

    fn wrapper(&self) -> Vec<String> {
        let target = self.0.id().to_string();
        ["nsenter", "-m", "-w", "-t", &target].map(str::to_owned).to_vec()
    }

    /// Makes room, as an operator would.
    fn enlarge(&self, centre: &Centre) {
        let store = centre.path("store");
        let mut command = Command::new("nsenter");
        command.args(["-m", "-t", &self.0.id().to_string(), "mount", "-o", "remount,size=512m"]);
        assert!(command.arg(store).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

fn limited() -> Vec<String> {
    let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$0\" \"$@\"");
    ["sh", "-c", &script].map(str::to_owned).to_vec()
}

#[test]
fn a_full_disk_refuses_files_and_loses_nothing() {
    let centre = Centre::empty(PERSONS);
    std::fs::create_dir(centre.path("store")).unwrap();
    let disk = SmallDisk::new(&centre);
    eprintln!("a disk of its own: {}", disk.is_some());
    if disk.is_none() {
        load_insurers(&centre);
    }
    let wrapper = disk.as_ref().map_or_else(limited, SmallDisk::wrapper);
    let people = people(&centre.population);
    let files: Vec<&[Registration<'_>]> = people.chunks(FILE_PERSONS).collect();

    let engine = centre.start_under(&wrapper);
    if disk.is_some() {
        send_insurers(&centre, &engine);
    }
    let sender = Sender::new(&centre, &engine.service);
    let mut acknowledged = Vec::new();
    let mut refused = None;
    for part in &files {
        let (status, report) = sender.send(&file(part)).unwrap();
        match status {
            200 => acknowledged.extend(part.iter().step_by(101).cloned()),
            503 => {
                refused = Some((part, report));
                break;
            }
            other => panic!("{other} {report}"),
        }
    }
    let (part, report) = refused.expect("the disk was never full");
    let code = report["code"].as_str().unwrap();
    eprintln!("{} people sampled, then {code}", acknowledged.len());
    assert!(code.starts_with("SHK-"), "{report}");
    assert!(!acknowledged.is_empty());
    let desk = Desk::new(&centre, &engine.service);
    assert_eq!(desk.known(&acknowledged), acknowledged.len(), "reads go on");
    engine.kill();

    // Space returns.
    let engine = match &disk {
        Some(disk) => {
            disk.enlarge(&centre);
            centre.start_under(&wrapper)
        }
        None => centre.start(),
    };
    let desk = Desk::new(&centre, &engine.service);
    assert_eq!(desk.known(&acknowledged), acknowledged.len(), "something acknowledged is lost");
    let (status, report) = Sender::new(&centre, &engine.service).send(&file(part)).unwrap();
    assert_eq!(status, 200, "{report}");
    let some: Vec<_> = part.iter().step_by(101).cloned().collect();
    assert_eq!(desk.known(&some), some.len());
}

fn send_insurers(centre: &Centre, engine: &Engine) {
    let master = crate::people::insurers(centre);
    let (status, report) = Sender::new(centre, &engine.service).send(&master).unwrap();
    assert_eq!(status, 200, "{report}");
}
