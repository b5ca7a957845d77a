//! Two network namespaces with a pair of virtual devices between them: nothing merges on the way what a server cuts.
//!
//! The device on the server's side does not segment (`tx-udp-segmentation off`), as most network cards do not: the kernel
//! cuts trains up, on the sender's account. Needs root, `ip` and `ethtool`.

use std::path::Path;
use std::process::{Command, Stdio};

/// The server's address.
pub const SERVER: &str = "10.199.77.1";
const GENERATOR: &str = "10.199.77.2";
const SPACES: [&str; 2] = ["visavis-rig-a", "visavis-rig-b"];
const INSIDE: &str = "VISAVIS_RIG_INSIDE";

/// Whether this process is on the generator's side.
pub fn inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Makes the namespaces, plays the same on the generator's side, and removes them.
pub fn run_inside(args: &[String]) {
    let remove = || {
        for space in SPACES {
            ip(&["netns", "del", space]);
        }
    };
    remove();
    let [a, b] = SPACES;
    let made = ip(&["netns", "add", a])
        && ip(&["netns", "add", b])
        && ip(&["link", "add", "rig-a", "netns", a, "type", "veth", "peer", "name", "rig-b", "netns", b])
        && ip(&["-n", a, "addr", "add", &format!("{SERVER}/24"), "dev", "rig-a"])
        && ip(&["-n", b, "addr", "add", &format!("{GENERATOR}/24"), "dev", "rig-b"])
        && [a, b].iter().zip(["rig-a", "rig-b"]).all(|(space, device)| {
            ip(&["-n", space, "link", "set", "lo", "up"])
                && ip(&["-n", space, "link", "set", device, "up"])
                && ip(&["netns", "exec", space, "ethtool", "-K", device, "tx-udp-segmentation", "off"])
        });
    if made {
        let mut rig = Command::new("ip");
        rig.args(["netns", "exec", b]).arg(std::env::current_exe().unwrap()).args(args).env(INSIDE, "1");
        let _ = rig.status();
    } else {
        eprintln!("the namespaces could not be made: that takes root, ip and ethtool");
    }
    remove();
}

/// A program on the server's side.
pub fn beyond(core: &str, program: &Path) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", SPACES[0], "taskset", "-c", core]).arg(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn ip(args: &[&str]) -> bool {
    Command::new("ip").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|it| it.success())
}
