//! What the system tells of a process: processor time and memory, from `/proc`; and what it tells of our sockets.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::Duration;

/// Ticks a second of `/proc/PID/stat`: what the kernel shows to programs, whatever it counts in itself.
const TICKS: u64 = 100;

/// One reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time of all its threads, in user mode and in the kernel, since it began.
    pub cpu: Duration,
    /// Resident memory.
    pub rss_bytes: u64,
}

/// Reads a process's usage.
///
/// # Errors
/// When there is no such process, or the system has no `/proc`.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    parse(&stat, &status).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable /proc"))
}

fn parse(stat: &str, status: &str) -> Option<Usage> {
    // The name may hold anything, spaces and parentheses included; what follows it does not.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = rss.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Usage { cpu: Duration::from_millis((user + system) * 1000 / TICKS), rss_bytes: kilobytes * 1024 })
}

/// Datagrams that the kernel dropped because these ports' sockets were not read in time.
pub fn dropped(ports: &[u16]) -> u64 {
    let ports: HashSet<u16> = ports.iter().copied().collect();
    let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().map(|table| dropped_in(table, &ports)).sum()
}

fn dropped_in(table: &str, ports: &HashSet<u16>) -> u64 {
    let rows = table.lines().skip(1).filter_map(|row| {
        let mut fields = row.split_ascii_whitespace();
        let port = u16::from_str_radix(fields.nth(1)?.rsplit_once(':')?.1, 16).ok()?;
        ports.contains(&port).then(|| fields.next_back()?.parse::<u64>().ok())?
    });
    rows.sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 9 0 5 6 7";
        let read = parse(stat, "Name:\tx\nVmHWM:\t  9 kB\nVmRSS:\t  2048 kB\n").unwrap();
        assert_eq!(read, Usage { cpu: Duration::from_secs(2), rss_bytes: 2 << 20 });
        assert_eq!(parse("7 (x) S 1", ""), None);
    }

    #[test]
    fn only_our_own_sockets_drops_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                     1: 00000000:1F90 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 5\n\
                     2: 00000000:1F91 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 70\n\
                     nonsense\n";
        assert_eq!(dropped_in(table, &[0x1F90].into()), 5);
        assert_eq!(dropped_in(table, &HashSet::new()), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_usage_is_there() {
        assert!(usage(std::process::id()).unwrap().rss_bytes > 1 << 20);
        assert!(usage(u32::MAX).is_err());
    }
}
