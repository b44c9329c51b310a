//! HTTP as the tests speak it: replies with their headers, problem documents, and connections
//! that send what no well-behaved client sends.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use shikaku_tests::{Centre, Engine, PATIENCE};
use std::io::Read;
use std::net::TcpStream;
use std::sync::Arc;
use ureq::http::Request;

/// One answer of the engine.
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// Sends a request; the error is that no answer came at all.
    pub(crate) fn to(
        client: &ureq::Agent,
        (method, url): (&str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Self, ureq::Error> {
        let request = Request::builder().method(method).uri(url);
        let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        let mut response = match body {
            [] => client.run(request.body(()).unwrap())?,
            body => client.run(request.body(body).unwrap())?,
        };
        let mut body = Vec::new();
        response.body_mut().as_reader().read_to_end(&mut body).unwrap();
        Ok(Self { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// Expects a problem document (RFC 9457) with this status and code, fit for staff to read.
    #[track_caller]
    pub(crate) fn expect_problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["type"], format!("urn:shikaku:problem:{code}"));
        assert!(problem["detail"]["ja"].as_str().unwrap().ends_with('。'), "{problem}");
        assert!(!problem["detail"]["en"].as_str().unwrap().is_empty(), "{problem}");
        assert!(!problem["requestId"].as_str().unwrap().is_empty(), "{problem}");
        let retry = if status >= 500 { "later" } else { "after-correction" };
        assert_eq!(problem["retry"], retry, "{problem}");
        assert_eq!(self.header("retry-after").is_empty(), status < 500);
        problem
    }
}

/// A TLS connection with a certificate from `ca/clients`, to write bytes of one's own.
pub(crate) fn connect(
    centre: &Centre,
    engine: &Engine,
    certificate: &str,
) -> StreamOwned<ClientConnection, TcpStream> {
    let path = |name: &str| centre.path("ca").join(name);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(path("ca.pem")).unwrap()).unwrap();
    let own = CertificateDer::from_pem_file(path(&format!("clients/{certificate}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(path(&format!("clients/{certificate}.key.pem")));
    let config =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(vec![own], key.unwrap())
            .unwrap();
    let address = engine.service.strip_prefix("https://").unwrap();
    let tcp = TcpStream::connect(address).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    tcp.set_write_timeout(Some(PATIENCE)).unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), tcp)
}

/// The head of a request that closes its connection afterwards.
pub(crate) fn head(path: &str, content_length: usize, headers: &[(&str, &str)]) -> String {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}\
         Content-Length: {content_length}\r\n\r\n"
    )
}

/// The next answer on a connection, as status and body. What follows it stays unread.
pub(crate) fn read_answer(stream: &mut impl Read) -> (u16, Vec<u8>) {
    let mut head = String::new();
    let mut byte = [0];
    while !head.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("no answer: {error} {head}"));
        head.push(char::from(byte[0]));
    }
    let head = head.to_ascii_lowercase();
    let (_, length) = head.split_once("\r\ncontent-length: ").unwrap_or(("", "0"));
    let mut body = vec![0; length.split_once('\r').map_or(0, |(n, _)| n.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    (head[9..12].parse().unwrap(), body)
}
