//! Redis, asked for values of the size of our answers, one by one (no pipelining).

use super::process::{Daemon, free_port, output};
use super::{CLIENTS, Peer};
use shikaku_benches::{BenchError, Centre, whole};
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Requests of the run that only finds out how many make the wanted seconds.
const CALIBRATION_REQUESTS: u64 = 100_000;

pub(super) struct Redis {
    server: Daemon,
    rows: u64,
}

impl Redis {
    /// Starts a server and gives it a value of `bytes` bytes for each line of a members' file.
    ///
    /// # Errors
    /// [`BenchError`] when a program is missing or fails.
    pub(super) fn start(centre: &Centre, members: &Path, bytes: u64) -> Result<Self, BenchError> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "no", "--dir"]).arg(centre.path(""));
        let server = Daemon::start(&mut command, port)?;
        let commands = centre.path("redis.commands");
        let rows = write_commands(members, &commands, usize::try_from(bytes).unwrap_or(1024))?;
        let input = File::open(&commands).map_err(BenchError::file(&commands))?;
        let mut fill = Command::new("redis-cli");
        fill.args(["-h", "127.0.0.1", "-p", &port.to_string(), "--pipe"]).stdin(Stdio::from(input));
        output(&mut fill)?;
        let _ = std::fs::remove_file(&commands);
        Ok(Self { server, rows })
    }

    fn ask(&self, requests: u64) -> Result<f64, BenchError> {
        let mut command = Command::new("redis-benchmark");
        command.args(["-h", "127.0.0.1", "-p", &self.server.port.to_string(), "--csv"]);
        command.args(["-c", &CLIENTS.to_string(), "-n", &requests.to_string()]);
        command.args(["-r", &self.rows.to_string(), "GET", "__rand_int__"]);
        let said = output(&mut command)?;
        // "GET __rand_int__","81234.56",latencies...
        let cell = said.lines().last().and_then(|line| line.split(',').nth(1));
        let cell = cell.map(|cell| cell.trim_matches('"'));
        let field = "requests a second of redis-benchmark";
        cell.and_then(|cell| cell.parse().ok()).ok_or(BenchError::Report { field })
    }
}

impl Peer for Redis {
    fn name(&self) -> &'static str {
        "Redis 7"
    }

    fn how(&self) -> &'static str {
        "redis-benchmark, GET, no pipelining"
    }

    fn target(&self) -> f64 {
        1.0
    }

    fn per_second(&self, seconds: u64) -> Result<f64, BenchError> {
        let about = self.ask(CALIBRATION_REQUESTS)?;
        #[expect(clippy::cast_precision_loss, reason = "seconds are few")]
        self.ask(whole(about * seconds as f64))
    }
}

/// Writes `SET` commands in Redis's protocol. Keys are what `__rand_int__` becomes: twelve digits.
/// Values are the lines, repeated until they have the wanted size.
fn write_commands(members: &Path, path: &Path, bytes: usize) -> Result<u64, BenchError> {
    let file = File::open(members).map_err(BenchError::file(members))?;
    let mut rows = 0_u64;
    let write = || -> std::io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        for line in BufReader::new(file).lines().skip(1) {
            let line = line?;
            write!(out, "*3\r\n$3\r\nSET\r\n$12\r\n{rows:012}\r\n${bytes}\r\n")?;
            let value: Vec<u8> = line.bytes().cycle().take(bytes).collect();
            out.write_all(&value)?;
            out.write_all(b"\r\n")?;
            rows += 1;
        }
        out.flush()
    };
    write().map_err(BenchError::file(path))?;
    Ok(rows)
}
