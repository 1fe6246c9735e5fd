//! What a process costs, as the kernel tells.

use std::fs;

/// The processor time that a process has taken so far, in seconds.
pub(crate) fn cpu(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the kernel tells");
    // Behind the name, which is in brackets and may hold anything: proc(5), fields 14 and 15 of 3 on.
    let (_, rest) = text.rsplit_once(')').expect("a name in brackets");
    let fields: Vec<f64> = rest
        .split_whitespace()
        .map(|word| word.parse().unwrap_or_default())
        .collect();
    // In ticks of 10 ms, on all machines that Linux runs on today (USER_HZ).
    (fields[11] + fields[12]) / 100.0
}

/// What a process takes alone and its share of what it shares (`Pss`), in MiB.
pub(crate) fn memory(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("the kernel tells");
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.expect("a line Pss").trim().trim_end_matches(" kB");
    number.parse::<f64>().expect("a number") / 1024.0
}
