//! The machine under the generator: cores, CPU time, open files, and what a report tells of them.

use super::RunError;
use super::client::Setup;
use super::result::Worker;
use rustix::process::{Resource, Rlimit};
use rustix::thread::{ClockId, CpuSet};
use std::num::NonZeroU64;
use std::time::Duration;

/// Files that the process needs besides its connections.
const OTHER_FILES: u64 = 64;
/// The least claim to a core that a thread can have.
const NICENESS_MAX: i32 = 19;

/// Keeps the calling thread to its core, if cores were named, and makes its waits exact.
///
/// # Errors
/// [`RunError::Cores`] when there is no such core.
pub(super) fn prepare_thread(setup: &Setup, thread: u32) -> Result<(), RunError> {
    // By default the kernel may end a wait 50 us late to save a wake-up.
    let exact = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    debug_assert!(exact.is_ok());
    let turn = thread as usize % setup.cores.len().max(1);
    let Some(core) = setup.cores.get(turn) else { return Ok(()) };
    let mut set = CpuSet::new();
    if *core < CpuSet::MAX_CPU {
        set.set(*core);
    }
    rustix::thread::sched_setaffinity(None, &set)
        .map_err(|source| RunError::Cores { core: *core, source: source.into() })
}

/// CPU time of the calling thread so far.
pub(super) fn thread_cpu() -> Option<Duration> {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?);
    Some(Duration::new(seconds, nanos))
}

/// Sees to it that so many connections can be open, raising the soft limit where that is allowed.
///
/// # Errors
/// [`RunError::FileLimit`].
pub(super) fn allow_files(connections: u32) -> Result<(), RunError> {
    let needed = u64::from(connections) + OTHER_FILES;
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let Some(current) = limit.current.filter(|current| *current < needed) else { return Ok(()) };
    let hard = limit.maximum.unwrap_or(u64::MAX);
    let raised = Rlimit { current: Some(needed.min(hard)), maximum: limit.maximum };
    match rustix::process::setrlimit(Resource::Nofile, raised) {
        Ok(()) if needed <= hard => Ok(()),
        _ => Err(RunError::FileLimit { connections, needed, limit: hard.max(current) }),
    }
}

/// What a report tells of this machine and process; costs are filled in later.
pub(super) fn describe(threads: u32, cores: &[usize], server: Option<u32>) -> Worker {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let line = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
        value.unwrap_or_default().to_owned()
    };
    let memory = line(&read("/proc/meminfo"), "MemTotal");
    let kib = memory.split(' ').next().and_then(|kib| kib.parse::<u64>().ok());
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let own: Vec<_> = cores.iter().map(usize::to_string).collect();
    Worker {
        name: "local".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        processor: line(&read("/proc/cpuinfo"), "model name"),
        cores: std::thread::available_parallelism()
            .map_or(0, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        generator_cores: match own.is_empty() {
            true => line(&read("/proc/self/status"), "Cpus_allowed_list"),
            false => own.join(","),
        },
        server_cores: server.map_or_else(String::new, |pid| {
            line(&read(&format!("/proc/{pid}/status")), "Cpus_allowed_list")
        }),
        memory_bytes: kib.unwrap_or_default() * 1024,
        system: format!("{} {}", text(system.sysname()), text(system.release())),
        threads,
        cpu_seconds: None,
        busiest_thread: None,
        cpu_us_per_request: None,
        signing: None,
    }
}

/// Lets every other thread run before the calling one.
pub(super) fn step_aside() {
    // Without the permission it merely competes with them.
    let _ = rustix::process::setpriority_process(None, NICENESS_MAX);
}
