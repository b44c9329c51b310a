//! Coordinators and workers over real sockets.

use super::coordinate::run;
use super::worker::serve;
use crate::run::tests::server::{Act, ok, serve as answer};
use crate::run::verdict::ReasonKind;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};

/// A worker in a thread that ends with the test process.
fn worker(secret: Option<&'static [u8]>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || serve(&listener, secret).map_err(|e| e.to_string()));
    address
}

fn arguments(server: SocketAddr, more: &[&str]) -> Vec<String> {
    let target = format!("http://{server}");
    let common = ["--target", &target, "--constant-path", "/x", "--warmup", "0s", "--connections"];
    let rest = ["4", "--rate", "400", "--duration", "500ms"];
    common.iter().chain(&rest).chain(more).map(|text| (*text).to_owned()).collect()
}

#[test]
fn two_workers_do_one_plan_together() {
    let server = answer(None, |_, _| Act::Send(ok("{}")));
    let arguments = arguments(server, &[]);
    let workers = [worker(None), worker(None)];
    let result = run(&workers, &arguments, None, &mut |_, _| {}).unwrap();
    let counts = &result.total.counts;
    // Neither twice nor half: every request of the plan once.
    assert_eq!((counts.due, counts.good), (200, 200), "{counts:?}");
    assert_eq!(result.total.latency.count(), 200);
    assert_eq!((result.description.connections, result.workers.len()), (4, 2));
    assert_eq!(result.description.target_per_second.unwrap().round(), 400.0);
    let names: Vec<_> = result.workers.iter().map(|worker| worker.name.clone()).collect();
    assert_eq!(names, workers.map(|address| address.to_string()));
    // A worker serves one run after another.
    assert_eq!(run(&workers, &arguments, None, &mut |_, _| {}).unwrap().total.counts.good, 200);
}

#[test]
fn a_worker_with_a_secret_refuses_who_does_not_know_it() {
    let server = answer(None, |_, _| Act::Send(ok("{}")));
    let workers = [worker(Some(b"a secret of some length"))];
    let arguments = arguments(server, &[]);
    for wrong in [None, Some(&b"another secret, also long"[..])] {
        let error = run(&workers, &arguments, wrong, &mut |_, _| {}).unwrap_err().to_string();
        assert!(error.starts_with("SHK-LGR-021") && error.contains("secret"), "{error}");
    }
    let right = Some(&b"a secret of some length"[..]);
    assert_eq!(run(&workers, &arguments, right, &mut |_, _| {}).unwrap().total.counts.good, 200);
}

#[test]
fn what_keeps_a_worker_from_starting_is_said_by_the_coordinator() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let workers = [worker(None), worker(None)];
    let check = |workers: &[SocketAddr], arguments: &[String], told: &str| {
        let error = run(workers, arguments, None, &mut |_, _| {}).unwrap_err().to_string();
        assert!(error.starts_with("SHK-LGR-021") && error.contains(told), "{error}");
    };
    check(&workers, &arguments(free, &[]), "SHK-LGR-007");
    check(&workers, &arguments(free, &["--nonsense"]), "--nonsense");
    check(&[free], &arguments(free, &[]), &free.to_string());
}

#[test]
fn a_worker_lost_on_the_way_makes_the_run_invalid_and_the_others_count() {
    let server = answer(None, |_, _| Act::Send(ok("{}")));
    // Plays a worker that is ready, and dies when the clock starts.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let dying = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        use super::link::{FromCoordinator, FromWorker, Link};
        let (stream, _) = listener.accept().unwrap();
        let mut peek = stream.try_clone().unwrap();
        let mut link = Link::new(stream).unwrap();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        link.send(&FromWorker::Hello { version, nonce: String::new() }).unwrap();
        let FromCoordinator::Job(_) = link.receive(None).unwrap() else { return };
        link.send(&FromWorker::Ready).unwrap();
        let _ = peek.read(&mut [0]);
    });
    let workers = [worker(None), dying];
    let result = run(&workers, &arguments(server, &[]), None, &mut |_, _| {}).unwrap();
    assert!(result.partial);
    assert_eq!(result.total.counts.good, 100, "its half of the plan");
    let kinds: Vec<_> = result.verdict.invalid.iter().map(|reason| reason.kind).collect();
    assert!(kinds.contains(&ReasonKind::WorkerLost), "{kinds:?}");
}
