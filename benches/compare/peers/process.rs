//! Servers of others as child processes, and commands run to their end.

use shikaku_benches::BenchError;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take until it listens.
const START_MAX: Duration = Duration::from_secs(60);
const START_POLL: Duration = Duration::from_millis(50);

/// A running server that listens on a port of loopback; it ends with this value.
pub(super) struct Daemon {
    child: Child,
    pub(super) port: u16,
}

impl Daemon {
    /// Starts a server and waits until its port is open.
    ///
    /// # Errors
    /// [`BenchError::Program`] when it ends or does not open the port.
    pub(super) fn start(command: &mut Command, port: u16) -> Result<Self, BenchError> {
        let program = format!("{:?}", command.get_program());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let mut daemon = Self { child: child.map_err(BenchError::io(&*program))?, port };
        let until = Instant::now() + START_MAX;
        loop {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(daemon);
            }
            let ended = daemon.child.try_wait().map_err(BenchError::io(&*program))?;
            if ended.is_some() || Instant::now() > until {
                let said = format!("it does not listen on port {port}; see its messages above");
                return Err(BenchError::Program { program, said });
            }
            std::thread::park_timeout(START_POLL);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Asked to end, not killed: these servers have processes of their own to take along.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.child.wait();
    }
}

/// A port of loopback that is free at the moment.
pub(super) fn free_port() -> Result<u16, BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let address = listener.and_then(|listener| listener.local_addr());
    Ok(address.map_err(BenchError::io("a free port"))?.port())
}

/// Runs a command to its end; what it printed.
///
/// # Errors
/// [`BenchError::Program`] with what it said.
pub(super) fn output(command: &mut Command) -> Result<String, BenchError> {
    let program = format!("{:?}", command.get_program());
    let output = command.output().map_err(BenchError::io(&*program))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(BenchError::Program { program, said: text(&output.stderr) })
}

/// The first number behind a word in what a tool printed.
///
/// # Errors
/// [`BenchError::Report`].
pub(super) fn number_after(said: &str, word: &'static str) -> Result<f64, BenchError> {
    let behind = said.split_once(word).and_then(|(_, behind)| behind.split_whitespace().next());
    behind.and_then(|text| text.parse().ok()).ok_or(BenchError::Report { field: word })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_behind_their_word() {
        let said = "latency average = 1.2 ms\ntps = 12345.6 (without initial connection time)\n";
        assert_eq!(number_after(said, "tps =").unwrap(), 12345.6);
        assert!(number_after(said, "Requests/sec:").is_err());
    }
}
