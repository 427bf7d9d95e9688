//! What a process uses, by `/proc`.

use std::time::Duration;

/// Processor time of a process and of those of its children that ended.
pub(crate) fn cpu(pid: i32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    // utime, stime, cutime and cstime, in ticks of 10 ms (USER_HZ is 100 on every Linux of today).
    let ticks = rest.split_whitespace().skip(11).take(4);
    let sum: u64 = ticks
        .map(|field| field.parse::<u64>().expect("ticks"))
        .sum();
    Duration::from_millis(sum * 10)
}

/// Resident memory in MB.
pub(crate) fn rss_mb(pid: i32) -> f64 {
    of_status(pid, "VmRSS:") / 1024.0
}

/// Its threads.
pub(crate) fn threads(pid: i32) -> f64 {
    of_status(pid, "Threads:")
}

/// Its open descriptors.
pub(crate) fn descriptors(pid: i32) -> f64 {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("descriptors");
    open.count() as f64
}

fn of_status(pid: i32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|rest| rest.split_whitespace().next());
    number.expect(name).parse().expect("a number")
}
