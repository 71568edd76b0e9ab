//! Processor time, memory and start time of this process, from `/proc/self/stat`.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Resource use of this process at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Process {
    /// Processor time in user and system mode, in seconds.
    pub(super) cpu: f64,
    /// Resident memory in bytes.
    pub(super) resident: f64,
    /// Start time in seconds since 1970.
    pub(super) start: f64,
}

impl Process {
    /// Reads the current values; `None` if `/proc` is not available.
    pub(super) fn now() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let boot = clock_gettime(ClockId::Boottime);
        let up = boot.tv_sec as f64 + boot.tv_nsec as f64 / 1e9;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        parse(&stat, ticks, rustix::param::page_size() as f64, now - up)
    }
}

/// Parses a line in the format of proc_pid_stat(5). `ticks` is clock ticks per second, `page` the page size
/// in bytes, and `booted` the system's start time in seconds since 1970.
fn parse(stat: &str, ticks: f64, page: f64, booted: f64) -> Option<Process> {
    // The program's name is in parentheses, and may itself contain spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    // The manual numbers fields from 1, and the name is field 2.
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    Some(Process {
        cpu: (field(14)? + field(15)?) / ticks,
        resident: field(24)? * page,
        start: booted + field(22)? / ticks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_does_not_shift_the_fields() {
        let fields: Vec<_> = (4..30).map(|number| number.to_string()).collect();
        let stat = format!("12 (a) b (c)) S {}", fields.join(" "));
        let process = parse(&stat, 1.0, 4096.0, 1000.0).unwrap();
        assert_eq!(process, Process { cpu: 29.0, resident: 24.0 * 4096.0, start: 1022.0 });
    }

    #[test]
    fn this_process_started_recently_and_uses_memory() {
        let process = Process::now().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((0.0..3600.0).contains(&(now - process.start)), "{process:?}");
        assert!(process.resident > 1e6, "{process:?}");
    }
}
