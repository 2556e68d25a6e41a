//! What the system knows of this process, under the names that Prometheus's own libraries give it.
//! Where there is no `/proc`, only the limit of files is told.

use prometheus::{Counter, Gauge, Registry};

use super::families::add;

/// The families of a process.
pub(super) struct Families {
    cpu: Counter,
    start: Gauge,
    memory: Gauge,
    files: Gauge,
    most_files: Gauge,
    threads: Gauge,
}

impl Families {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let plain = |name: &str, help: &str| add(registry, Gauge::new(name, help));
        let cpu = "Time that the process has had on processors, its own and the kernel's for it";
        Ok(Self {
            cpu: add(registry, Counter::new("process_cpu_seconds_total", cpu))?,
            start: plain("process_start_time_seconds", "When the process was started")?,
            memory: plain("process_resident_memory_bytes", "Memory that the process occupies")?,
            files: plain("process_open_fds", "Open files and connections")?,
            most_files: plain("process_max_fds", "Open files and connections at most")?,
            threads: plain("process_threads", "Threads")?,
        })
    }

    /// Looks everything up.
    pub(super) fn set(&self) {
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        self.most_files.set(most.map_or(f64::INFINITY, |most| most as f64));
        if let Some(files) = open_files() {
            self.files.set(files as f64);
        }
        let Some(stat) = Stat::read() else { return };
        self.memory.set((stat.pages * rustix::param::page_size() as u64) as f64);
        self.threads.set(stat.threads as f64);
        // Two who ask at once may both add the same step; the next answer is right again.
        self.cpu.inc_by((stat.cpu_seconds() - self.cpu.get()).max(0.0));
        if let Some(start) = stat.started() {
            self.start.set(start);
        }
    }
}

/// Open files: the entries of a folder. The one with which it is read is among them.
fn open_files() -> Option<usize> {
    std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count().saturating_sub(1))
}

/// Fields of `/proc/self/stat`, proc_pid_stat(5).
struct Stat {
    /// Ticks on a processor, in user space and in the kernel.
    user: u64,
    system: u64,
    threads: u64,
    /// Ticks between the machine's start and ours.
    start: u64,
    pages: u64,
}

impl Stat {
    fn read() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// The name stands in brackets and may hold anything; what follows it begins with field 3.
    fn parse(line: &str) -> Option<Self> {
        let (_, after) = line.rsplit_once(')')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            user: field(14)?,
            system: field(15)?,
            threads: field(20)?,
            start: field(22)?,
            pages: field(24)?,
        })
    }

    fn cpu_seconds(&self) -> f64 {
        (self.user + self.system) as f64 / rustix::param::clock_ticks_per_second() as f64
    }

    /// In seconds since 1970.
    fn started(&self) -> Option<f64> {
        let stat = std::fs::read_to_string("/proc/stat").ok()?;
        let booted = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Some(booted.trim().parse::<f64>().ok()? + self.start as f64 / ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_odd_name_is_read() {
        let line = "7 (odd) name)) S 1 7 7 0 -1 4194560 9 0 0 0 1 2 0 0 20 0 5 0 123456 1000 42 1";
        let stat = Stat::parse(line).expect("fields");
        assert_eq!((stat.threads, stat.start, stat.pages), (5, 123_456, 42));
        assert_eq!((stat.user, stat.system), (1, 2));
        assert!(Stat::parse("").is_none() && Stat::parse("7 (x) S 1").is_none());
    }

    #[test]
    fn this_process_is_known() {
        let stat = Stat::read().expect("/proc");
        assert!(stat.threads > 0 && stat.pages > 0);
        assert!(stat.started().expect("a start") > 1.6e9);
        assert!(open_files().expect("files") > 2);
    }
}
