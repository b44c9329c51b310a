//! A private pcscd with virtual readers, for demonstrations and tests.
//!
//! The system's pcscd needs root and one fixed socket. This one needs neither: it is handed its
//! socket as systemd would hand it over, and runs beside others on ports of its own (card §4.1).
//! Programs reach it through the environment variable [`SOCKET_VARIABLE`].

use crate::CardError;
use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Names the socket of the pcscd to talk to; libpcsclite reads it, and with it every client.
pub const SOCKET_VARIABLE: &str = "PCSCLITE_CSOCK_NAME";
/// The driver of the virtual reader, where Debian puts it (package vsmartcard-vpcd).
const DRIVER: &str = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so";
/// Debian's pcscd; `/usr/sbin` is not on everyone's path.
const PROGRAM: &str = "/usr/sbin/pcscd";
/// Virtual readers of one instance.
const SLOTS: u16 = 2;
/// How often other ports are tried when some are taken.
const PORT_TRIES: u32 = 64;
/// The first port that is given to a virtual reader, and how many instances have room behind it.
const PORT_MIN: u16 = 20_000;
const PORT_PLACES: u32 = 6000;

/// A running pcscd; it ends with this value.
pub struct Pcscd {
    child: Child,
    socket: PathBuf,
    port: u16,
}

impl Pcscd {
    /// Starts a pcscd with two virtual readers on free ports, its files in this folder. What it
    /// says goes to `pcscd.log` there.
    ///
    /// # Errors
    /// [`CardError::NoVirtualReader`] when pcscd or vpcd are not installed, or [`CardError::File`].
    pub fn start(folder: &Path) -> Result<Self, CardError> {
        if !Path::new(DRIVER).exists() || !Path::new(PROGRAM).exists() {
            return Err(CardError::NoVirtualReader);
        }
        let port = free_ports().map_err(|source| CardError::file(folder, source))?;
        let socket = folder.join("pcscd.comm");
        let child = spawn(folder, &socket, port);
        let child = child.map_err(|source| CardError::file(folder, source))?;
        Ok(Self { child, socket, port })
    }

    /// The socket's path, for [`SOCKET_VARIABLE`].
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The port of the first virtual reader; the second has the next.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process, which lives until this value ends.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Pcscd {
    fn drop(&mut self) {
        // Errors mean that it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, socket: &Path, port: u16) -> io::Result<Child> {
    let readers = folder.join("readers");
    fs::create_dir_all(&readers)?;
    let entry = format!(
        "FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x{port:X}\n\
         LIBPATH {DRIVER}\nCHANNELID 0x{port:X}\n"
    );
    fs::write(readers.join("vpcd"), entry)?;
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    let listener = UnixListener::bind(socket)?;
    let log = File::create(folder.join("pcscd.log"))?;
    // Descriptor 3 is where a service finds the socket it was given; the process id must be its own,
    // which only the shell that becomes it can know.
    let script =
        r#"LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" --foreground --config "$1" 3<&0 0</dev/null"#;
    Command::new("/bin/sh")
        .args(["-c", script, PROGRAM])
        .arg(&readers)
        .stdin(OwnedFd::from(listener))
        .stdout(log.try_clone()?)
        .stderr(Stdio::from(log))
        .spawn()
}

/// Ports for all slots, one after the other, free at this moment.
///
/// From below the range in which the system gives ports to clients, and in steps of all slots, so
/// that no two instances share one; this process never gives the same ones twice in a row.
fn free_ports() -> io::Result<u16> {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    for _ in 0..PORT_TRIES {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        // Far apart for processes that follow each other.
        let place = process::id().wrapping_mul(PORT_TRIES).wrapping_add(number) % PORT_PLACES;
        let first = u16::try_from(place).unwrap_or_default() * SLOTS + PORT_MIN;
        let is_free = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
        if (first..first + SLOTS).all(is_free) {
            return Ok(first);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
