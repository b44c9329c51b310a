//! The engine over a real socket: a server that plays one scripted reply per connection.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use super::*;

/// Answers one request with `reply` and returns what it received: head and body.
fn serve(reply: Vec<u8>) -> (String, JoinHandle<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || answer(listener.accept().unwrap().0, &reply).unwrap());
    (url, server)
}

fn answer(stream: impl Read + Write, reply: &[u8]) -> std::io::Result<(String, Vec<u8>)> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    reader.get_mut().write_all(reply)?;
    reader.get_mut().flush()?;
    Ok((head, body))
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len())
        .into_bytes();
    reply.extend_from_slice(body);
    reply
}

fn ask(url: &str, body: &[u8]) -> Reply {
    ask_on(&HttpEngine::new(url, agent(1, None)), body)
}

fn ask_on(engine: &HttpEngine, body: &[u8]) -> Reply {
    engine.ask(&Question {
        function: "OQSsiquc01",
        body,
        charset: Charset::ShiftJis,
        timeout: Duration::from_secs(10),
    })
}

fn reply_to(reply: Vec<u8>) -> Reply {
    let (url, server) = serve(reply);
    let reply = ask(&url, b"<XmlMsg></XmlMsg>");
    server.join().unwrap();
    reply
}

#[test]
fn the_request_goes_out_as_it_is_and_the_answer_comes_back_as_it_is() {
    let answer = b"<?xml version=\"1.0\"?><XmlMsg>\x8e\x91\x8ai</XmlMsg>\r\n";
    let (url, server) = serve(http("200 OK", "Content-Type: application/xml\r\n", answer));
    let request = b"\xef\xbb\xbf<XmlMsg>\x8e\x91\x8ai</XmlMsg>";
    assert_eq!(ask(&format!("{url}/"), request), Reply::Answer(answer.to_vec()));
    let (head, body) = server.join().unwrap();
    assert_eq!(body, request);
    let head = head.to_lowercase();
    assert!(head.starts_with("post /oqs/oqssiquc01 http/1.1"), "{head}");
    assert!(head.contains("content-type: application/xml\r\n"), "{head}");
    assert!(head.contains("accept-charset: shift_jis\r\n"), "{head}");
}

#[test]
fn a_problem_document_becomes_a_refusal_with_its_code_and_sentences() {
    let problem = r#"{"type":"about:blank","title":"bad","status":400,"code":"SHK-REQ-003",
        "detail":{"ja":"番号がありません。","en":"The number is missing."},"errors":[1]}"#;
    let reply =
        http("400 Bad Request", "Content-Type: application/problem+json\r\n", problem.as_bytes());
    let expected =
        Refusal::from_engine("SHK-REQ-003", "番号がありません。", "The number is missing.");
    assert_eq!(reply_to(reply), Reply::Refused(expected));
}

#[test]
fn other_shapes_of_a_problem_document_still_give_a_refusal() {
    for (body, expected) in [
        (r#"{"code":"A-1","detail":"text"}"#, Refusal::from_engine("A-1", "text", "text")),
        (r#"{"code":"A-1","title":"title"}"#, Refusal::from_engine("A-1", "title", "title")),
        ("{", Refusal::EngineStatus { status: 403 }),
        (r#"{"title":"no code"}"#, Refusal::EngineStatus { status: 403 }),
    ] {
        let reply =
            http("403 Forbidden", "Content-Type: application/problem+json\r\n", body.as_bytes());
        assert_eq!(reply_to(reply), Reply::Refused(expected), "{body}");
    }
}

#[test]
fn a_busy_engine_may_say_how_long_to_wait() {
    for status in ["503 Service Unavailable", "429 Too Many Requests"] {
        let reply = reply_to(http(status, "Retry-After: 7\r\n", b""));
        let Reply::Unavailable { why, retry_after } = reply else { panic!("{reply:?}") };
        assert!(why.concerns_all());
        assert_eq!(retry_after, Some(Duration::from_secs(7)));
    }
}

#[test]
fn what_is_not_a_whole_message_is_never_an_answer() {
    let xml = "Content-Type: application/xml\r\n";
    let large = vec![b' '; usize::try_from(ANSWER_BYTES_MAX).unwrap() + 1];
    let mut cut = http("200 OK", xml, b"<XmlMsg></XmlMsg>");
    cut.truncate(cut.len() - 4);
    for reply in [
        http("200 OK", "Content-Type: text/html\r\n", b"<html></html>"),
        http("200 OK", xml, b"<XmlMsg>"),
        http("200 OK", xml, &large),
        cut,
        http("302 Found", "Location: https://other.example/\r\n", b""),
        http("500 Internal Server Error", "", b""),
        b"garbage\r\n\r\n".to_vec(),
    ] {
        assert!(matches!(reply_to(reply), Reply::Unavailable { .. }));
    }
}

#[test]
fn nobody_listening_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let reply = ask(&url, b"x");
    let Reply::Unavailable { why, .. } = reply else { panic!("{reply:?}") };
    assert!(matches!(why, Unavailable::Unreachable(_)));
}

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            fs::write(folder.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
            fs::write(folder.path().join(format!("{name}.key")), made.signing_key.serialize_pem())
                .unwrap();
        }
        fs::write(folder.path().join("empty.pem"), "").unwrap();
        Self { folder }
    }

    fn connect(
        &self,
        url: &str,
        [ca, certificate, key]: [&str; 3],
    ) -> Result<HttpEngine, ReaderError> {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        let config = EngineConfig {
            url: url.to_owned(),
            ca: path(ca),
            certificate: path(certificate),
            key: path(key),
        };
        HttpEngine::connect(&config, 1)
    }

    fn code(&self, files: [&str; 3]) -> Option<&'static str> {
        self.connect("https://engine.example", files).err().map(|error| error.code())
    }

    /// An engine that is `localhost`, shows the certificate `one` and lets in whom `two` signed.
    fn tls_server(&self) -> rustls::ServerConfig {
        let path = |name: &str| self.folder.path().join(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut allowed = rustls::RootCertStore::empty();
        allowed.add(CertificateDer::from_pem_file(path("two.pem")).unwrap()).unwrap();
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(allowed),
            Arc::clone(&provider),
        );
        rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(
                vec![CertificateDer::from_pem_file(path("one.pem")).unwrap()],
                PrivateKeyDer::from_pem_file(path("one.key")).unwrap(),
            )
            .unwrap()
    }
}

#[test]
fn both_sides_show_certificates_and_neither_talks_to_a_stranger() {
    let files = Files::new();
    for (credentials, accepted) in [
        (["one.pem", "two.pem", "two.key"], true),
        (["one.pem", "one.pem", "one.key"], false),
        (["two.pem", "two.pem", "two.key"], false),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let tls = Arc::new(files.tls_server());
        let server = thread::spawn(move || {
            let reply = http("200 OK", "Content-Type: application/xml\r\n", b"<XmlMsg></XmlMsg>");
            let connection = rustls::ServerConnection::new(tls).unwrap();
            let (stream, _) = listener.accept().unwrap();
            answer(rustls::StreamOwned::new(connection, stream), &reply).is_ok()
        });
        let reply = ask_on(&files.connect(&url, credentials).unwrap(), b"<XmlMsg></XmlMsg>");
        assert_eq!(matches!(reply, Reply::Answer(_)), accepted, "{credentials:?}: {reply:?}");
        assert_eq!(server.join().unwrap(), accepted);
    }
}

#[test]
fn certificates_are_checked_before_anything_starts() {
    let files = Files::new();
    assert_eq!(files.code(["one.pem", "two.pem", "two.key"]), None);
    assert_eq!(files.code(["one.pem", "two.pem", "one.key"]), Some("SHK-EXC-005"));
    for unusable in [
        ["missing.pem", "two.pem", "two.key"],
        ["empty.pem", "two.pem", "two.key"],
        ["one.pem", "two.key", "two.key"],
        ["one.pem", "two.pem", "two.pem"],
    ] {
        assert_eq!(files.code(unusable), Some("SHK-EXC-004"));
    }
}
