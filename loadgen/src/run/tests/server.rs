//! A server on a port of its own, in a thread that ends with the test process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What the server does with a request.
pub(in crate::run) enum Act {
    /// Sends these bytes and goes on.
    Send(Vec<u8>),
    /// Sends these bytes and closes the connection.
    SendAndClose(Vec<u8>),
    /// Closes the connection so that the client sees a reset.
    Reset,
    /// Answers well, but late.
    Late(Duration, Vec<u8>),
    /// Sends these bytes one by one.
    Drip(Vec<u8>),
    /// Never answers.
    Hang,
}

pub(in crate::run) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Starts a server. `act` is given the number of the request on its connection (the first is the
/// generator's probe) and the request's body.
pub(in crate::run) fn serve(
    tls: Option<TlsAcceptor>,
    act: impl Fn(u64, &[u8]) -> Act + Send + Sync + 'static,
) -> SocketAddr {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            let act = Arc::new(act);
            while let Ok((tcp, _)) = listener.accept().await {
                let (act, tls) = (Arc::clone(&act), tls.clone());
                tcp.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    match tls {
                        None => converse(tcp, &*act).await,
                        Some(acceptor) => match acceptor.accept(tcp).await {
                            Ok(stream) => converse(stream, &*act).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
    });
    receive.recv().unwrap()
}

async fn converse<S>(mut stream: S, act: &(impl Fn(u64, &[u8]) -> Act + Sync)) -> Option<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let number = AtomicU64::new(0);
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = request_end(&buffer) {
                break end;
            }
            if stream.read_buf(&mut buffer).await.ok()? == 0 {
                return None;
            }
        };
        let reaction = act(number.fetch_add(1, Ordering::Relaxed), &buffer[..end]);
        match reaction {
            Act::Send(bytes) => stream.write_all(&bytes).await.ok()?,
            Act::SendAndClose(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                stream.shutdown().await.ok()?;
                return None;
            }
            // Unread bytes in the socket make the close a reset.
            Act::Reset => return None,
            Act::Late(wait, bytes) => {
                tokio::time::sleep(wait).await;
                stream.write_all(&bytes).await.ok()?;
            }
            Act::Drip(bytes) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await.ok()?;
                    stream.flush().await.ok()?;
                    tokio::task::yield_now().await;
                }
            }
            Act::Hang => std::future::pending().await,
        }
        stream.flush().await.ok()?;
        buffer.drain(..end);
    }
}

fn request_end(buffer: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(buffer).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("Content-Length: "))?;
    let end = head.len() + 4 + length.parse::<usize>().unwrap();
    (buffer.len() >= end).then_some(end)
}
