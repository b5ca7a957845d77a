//! Has the kernel deliver what arrives on the loopback on the generator's processor, as a network would: otherwise the
//! sender's system call does that work, and the server is charged for its receivers' half (RPS, the kernel's
//! `Documentation/networking/scaling.rst`). Root may set it.

use std::fs;

const QUEUE: &str = "/sys/class/net/lo/queues/rx-0/rps_cpus";
/// A mask: the second processor, on which the generator runs.
const GENERATOR: &str = "2";

/// The kernel's setting as it was; dropped, it is so again.
pub struct Apart {
    before: String,
}

impl Apart {
    /// Changes the setting.
    pub fn set() -> std::io::Result<Self> {
        let before = fs::read_to_string(QUEUE)?.trim().to_owned();
        fs::write(QUEUE, GENERATOR)?;
        Ok(Self { before })
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Err(error) = fs::write(QUEUE, &self.before) {
            eprintln!("{QUEUE} could not be set back to {}: {error}", self.before);
        }
    }
}
