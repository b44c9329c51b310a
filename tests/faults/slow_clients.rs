//! Clients that dawdle or say nothing.

use crate::people::{Desk, people};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use shikaku_tests::{Centre, FACILITY, PATIENCE};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Connection = StreamOwned<ClientConnection, TcpStream>;

/// Time for a request's head, the least that can be configured.
const HEAD_MS: &str = "1000";
/// Pause of a dawdling client between two bytes.
const PAUSE: Duration = Duration::from_millis(50);

fn address(service: &str) -> &str {
    service.strip_prefix("https://").unwrap()
}

/// A connection with a facility's certificate, handshake done at the first byte.
fn connect(centre: &Centre, service: &str) -> Connection {
    let own = format!("ca/clients/facility-{FACILITY}");
    let ca = CertificateDer::from_pem_file(centre.path("ca/ca.pem")).unwrap();
    let certificate = CertificateDer::from_pem_file(centre.path(format!("{own}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(centre.path(format!("{own}.key.pem"))).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(ca).unwrap();
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![certificate], key)
            .unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let tcp = TcpStream::connect(address(service)).unwrap();
    tcp.set_read_timeout(Some(PAUSE)).unwrap();
    StreamOwned::new(tls, tcp)
}

/// Sends one byte after another with pauses, and says whether the engine ended it before `bytes`
/// were over, by an answer or by closing.
fn is_cut(connection: &mut Connection, mut bytes: impl Iterator<Item = u8>) -> bool {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let Some(byte) = bytes.next() else { return false };
        if connection.write_all(&[byte]).and_then(|()| connection.flush()).is_err() {
            return true;
        }
        match connection.read(&mut [0; 1024]) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Ok(_) | Err(_) => return true,
        }
    }
    false
}

#[test]
fn a_client_that_dawdles_over_its_request_is_cut_off() {
    let centre = Centre::new(1_000);
    let engine = centre.start_with(&[("SHIKAKU_ENGINE_SERVER_CLIENT_REQUEST_TIMEOUT_MS", HEAD_MS)]);
    let head = b"POST /v1/eligibility HTTP/1.1\r\nhost: engine\r\nx-slow: ";
    let mut slow = connect(&centre, &engine.service);
    let endless = head.iter().copied().chain(std::iter::repeat(b'x')).take(10_000);
    assert!(is_cut(&mut slow, endless), "an endless head");

    let head =
        b"POST /v1/eligibility HTTP/1.1\r\nhost: engine\r\ncontent-type: application/json\r\n\
        content-length: 10000\r\n\r\n";
    let mut slow = connect(&centre, &engine.service);
    slow.write_all(head).unwrap();
    assert!(is_cut(&mut slow, std::iter::repeat_n(b' ', 9_999)), "an endless body");
    let people = people(&centre.population);
    assert_eq!(Desk::new(&centre, &engine.service).known(&people[..5]), 5);
}

#[test]
fn clients_that_say_nothing_do_not_stop_others() {
    const SILENT: usize = 300;
    let centre = Centre::new(1_000);
    let engine = centre.start_with(&[("SHIKAKU_ENGINE_SERVER_CLIENT_REQUEST_TIMEOUT_MS", HEAD_MS)]);
    let open = || TcpStream::connect(address(&engine.service)).unwrap();
    let mut silent: Vec<TcpStream> = (0..SILENT).map(|_| open()).collect();
    let people = people(&centre.population);
    assert_eq!(Desk::new(&centre, &engine.service).known(&people[..20]), 20);
    // The engine gives up on them by itself: it closes without having been told anything.
    let one = &mut silent[SILENT / 2];
    one.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!(matches!(one.read(&mut [0; 64]), Ok(0)), "a silent connection stays for ever");
}
