//! How the server is: its database, its queues, its rooms, its process.

use std::fs;
use std::thread::available_parallelism;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::{Access, Caller, Json, OfficeRoutes};
use crate::api::problem::Problem;
use crate::scheduler::Health;

/// Ticks of a process's time in a second, as Linux tells them to programs on every machine that we run on.
const TICKS: f64 = 100.0;

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add(Access::Admin, routes!(health))
}

/// How the server is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ServerHealth {
    version: &'static str,
    /// How long it has been running.
    uptime_seconds: u64,
    /// Rooms that are open, those of no appointment included.
    rooms: i64,
    /// Participants in them.
    participants: i64,
    /// Processor time since the start, of all cores together; none where the system does not say.
    cpu_seconds: Option<f64>,
    /// Processors that it may use.
    processors: usize,
    /// Bytes of media that have come in since the start.
    bytes_in: u64,
    /// Bytes of media that have gone out since the start.
    bytes_out: u64,
    /// Memory in use; none where the system does not say.
    memory_bytes: Option<u64>,
    #[serde(flatten)]
    office: Health,
}

/// How the server is
#[utoipa::path(get, path = "/api/admin/health", tag = "administration",
    responses((status = 200, body = ServerHealth)))]
async fn health(State(rest): State<Rest>, caller: Caller) -> Result<Json<ServerHealth>, Problem> {
    let gate = &rest.gate;
    // The kernel makes these up as they are read; no disk is waited for.
    let told = |path: &str| fs::read_to_string(path).ok();
    let media = (rest.media)();
    Ok(Json(ServerHealth {
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: gate.clock.now().saturating_duration_since(rest.started()).as_secs(),
        rooms: gate.metrics.rooms.get(),
        participants: gate.metrics.participants.get(),
        cpu_seconds: told("/proc/self/stat").and_then(|stat| cpu_seconds(&stat)),
        processors: available_parallelism().map_or(1, usize::from),
        bytes_in: media.rtp_in.bytes + media.rtx_in.bytes,
        bytes_out: media.rtp_out.bytes + media.rtx_out.bytes,
        memory_bytes: told("/proc/self/status").and_then(|status| memory_bytes(&status)),
        office: rest.scheduler.health(caller.actor).await?,
    }))
}

/// Time in user and kernel mode (`proc_pid_stat(5)`, fields 14 and 15).
fn cpu_seconds(stat: &str) -> Option<f64> {
    // The program's name, in parentheses, may have anything in it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS)
}

/// The resident set (`proc_pid_status(5)`, `VmRSS`).
fn memory_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_read_as_linux_describes_it() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 9 0 0 0 250 150 0 0 20 0 9 0 100 1 1";
        assert_eq!(cpu_seconds(stat), Some(4.0));
        assert_eq!(memory_bytes("Name:\tx\nVmRSS:\t    2048 kB\nVmData: 1 kB"), Some(2_097_152));
        for broken in ["", "7 (a", "7 (a) S 1"] {
            assert_eq!((cpu_seconds(broken), memory_bytes(broken)), (None, None));
        }
    }
}
