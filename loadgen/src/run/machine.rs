//! The machine under the generator: cores, CPU time, open files, and what a report tells of them.

use super::RunError;
use super::client::Setup;
use super::result::Worker;
use rustix::process::{Resource, Rlimit};
use rustix::thread::{ClockId, CpuSet};
use std::num::NonZeroU64;
use std::time::Duration;
use thread_priority::ThreadPriority;
use thread_priority::unix::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

/// Files that the process needs besides its connections.
const OTHER_FILES: u64 = 64;

/// Keeps the calling thread to its core, if cores were named, and makes its waits exact.
///
/// # Errors
/// [`RunError::Cores`] when there is no such core.
pub(super) fn prepare_thread(setup: &Setup, thread: u32) -> Result<(), RunError> {
    // By default the kernel may end a wait 50 us late to save a wake-up.
    let exact = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    debug_assert!(exact.is_ok());
    let turn = thread as usize % setup.cores.len().max(1);
    setup.cores.get(turn).map_or(Ok(()), |core| keep_to(&[*core]))
}

/// Lets the calling thread run on these cores only, whatever its process was kept to.
fn keep_to(cores: &[usize]) -> Result<(), RunError> {
    let mut set = CpuSet::new();
    cores.iter().filter(|core| **core < CpuSet::MAX_CPU).for_each(|core| set.set(*core));
    rustix::thread::sched_setaffinity(None, &set)
        .map_err(|source| RunError::Cores { cores: cores.to_vec(), source: source.into() })
}

/// The cores that the calling thread may use, such as `0-1`; empty where unknown.
pub(super) fn own_cores() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    line(&status, "Cpus_allowed_list")
}

/// The value of a line `NAME: VALUE` of a file in `/proc`.
fn line(text: &str, name: &str) -> String {
    let line = text.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim());
    value.unwrap_or_default().to_owned()
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

/// Lets every other thread run before the calling one, which may use these cores; those of its
/// process if none are named. What nobody else wants of several cores is more than of one.
///
/// # Errors
/// [`RunError::Cores`] when there is no such core.
pub(super) fn step_aside(cores: &[usize]) -> Result<(), RunError> {
    // Of niceness 19 a thread still keeps a core for a millisecond when another wakes up; an idle one
    // yields at once. Where the system does not allow it, it merely competes.
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
    if cores.is_empty() { Ok(()) } else { keep_to(cores) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_use_the_cores_that_it_is_told_and_no_others() {
        let told = std::thread::spawn(|| {
            keep_to(&[0]).unwrap();
            let one = own_cores();
            (one, keep_to(&[CpuSet::MAX_CPU]).unwrap_err().to_string())
        });
        let (one, error) = told.join().unwrap();
        assert_eq!(one, "0");
        assert!(error.starts_with("SHK-LGR-019"), "{error}");
    }

    #[test]
    fn more_connections_than_files_may_be_open_are_refused_with_the_limit() {
        allow_files(10).unwrap();
        let error = allow_files(u32::MAX).map_err(|e| e.to_string());
        // Where nothing is limited there is nothing to refuse.
        let hard = rustix::process::getrlimit(Resource::Nofile).maximum;
        let is_enough = hard.is_none_or(|hard| hard > u64::from(u32::MAX) + OTHER_FILES);
        match error {
            Ok(()) => assert!(is_enough),
            Err(error) => {
                assert!(error.starts_with("SHK-LGR-014") && !is_enough, "{error}");
                assert!(error.contains(&hard.unwrap_or_default().to_string()), "{error}");
            }
        }
    }
}
