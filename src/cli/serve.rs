//! `visavis serve`: settings, logging, certificate, media wing, rooms, HTTP; and all of them down again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::args::SettingsArgs;
use super::office::{Clocks, Counted, Office};
use super::{Failure, demo, logging, wiring};
use crate::api::rest::MediaFigures;
use crate::api::{self, Api, Listeners, MediaTotals, MetricsEndpoint, RoomService};
use crate::config::{self, Loaded, Settings};
use crate::error::chain;
use crate::ids::NodeId;
use crate::metrics::Metrics;
use crate::net;
use crate::rooms::net_plane::{self, NetPlane};
use crate::rooms::{Admission, AllowAll, Observer, Rooms, Unobserved};
use crate::transport::Certificate;

/// Runs the server.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        run(self.settings, false)
    }
}

/// Runs a server; `demo` fills it with people to try it on.
pub(super) fn run(settings: SettingsArgs, demo: bool) -> Result<(), Failure> {
    // Before there are threads.
    net::keep_memory_together();
    let Loaded { settings, warnings } = settings.load()?;
    logging::start(&settings.logging);
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::runtime(format!("cannot start: {error}")))?;
    let result = runtime.block_on(serve(settings, demo));
    // A task that hangs must not keep the process alive.
    runtime.shutdown_background();
    result
}

async fn serve(settings: Settings, demo: bool) -> Result<(), Failure> {
    let clocks = Clocks::new(settings.development);
    let clock = Arc::clone(&clocks.shared);
    let metrics = Arc::new(Metrics::default());
    let mut signals = Signals::new().map_err(|error| Failure::runtime(format!("cannot catch signals: {error}")))?;

    // Ports first: what is taken is known before anything runs.
    let http = listeners(&settings, settings.port)?;
    let scrape = match settings.prometheus.port {
        0 => None,
        port => Some(listeners(&settings, port)?),
    };

    let interfaces = config::interfaces()
        .map_err(|error| Failure::runtime(format!("cannot list the network interfaces: {error}")))?;
    let addresses = config::media_addresses(&settings, &interfaces);
    let certificate = Certificate::generate().map_err(|error| Failure::runtime(chain(&error)))?;
    let (fatal, mut fatals) = mpsc::channel(1);
    let on_fatal = Box::new(move |_shard, _why: &str| {
        // One is enough to stop the process.
        let _ = fatal.try_send(());
    });
    let media_config = wiring::media_config(&settings, &addresses);
    let (plane, events) = NetPlane::start(&media_config, Arc::new(certificate), Arc::clone(&clock), on_fatal)
        .map_err(|error| Failure::runtime(chain(&error)))?;
    let plane = Arc::new(plane);

    let node_id = NodeId::random(&mut rand::rng());
    let rooms_settings = wiring::rooms_settings(&settings, node_id.as_str());
    let keys = settings.keys.iter().map(|(key, secret)| (key, secret.reveal())).collect();
    let port = http.addresses().first().map_or(settings.port, SocketAddr::port);
    let office = Office::start(&settings, port, &clock, &metrics).await?;
    let (admission, observer): (Arc<dyn Admission>, Arc<dyn Observer>) = match &office {
        Some(office) => (Arc::clone(&office.scheduled) as _, Arc::clone(&office.scheduled) as _),
        None => (Arc::new(AllowAll), Arc::new(Unobserved)),
    };
    let rooms = Rooms::new(
        rooms_settings,
        keys,
        Arc::clone(&plane) as _,
        admission,
        observer,
        Arc::clone(&clock),
        Arc::clone(&metrics),
    );
    tokio::spawn(net_plane::deliver(events, rooms.clone()));

    let (stop, stopped) = watch::channel(false);
    let sending = office.as_ref().map(|office| office.run(&rooms, &stopped));
    announce(&settings, &http.addresses(), &addresses);
    let api = Arc::new(Api::new(&settings, rooms.clone(), Arc::clone(&clock), Arc::clone(&metrics)));
    let service = RoomService { rooms: rooms.clone(), keys: api.keys.clone(), clock: Arc::clone(&clock) };
    let mut router = api::router(Arc::clone(&api)).merge(api::server_router(service));
    // The shards stop with the plane's last owner, which who counts is not.
    let counted = Arc::downgrade(&plane);
    let totals: MediaFigures = Arc::new(move || {
        let plane = counted.upgrade();
        plane.map_or_else(MediaTotals::default, |plane| wiring::media_totals(&plane.media().counters()))
    });
    if let Some(office) = &office {
        let counted = Counted { metrics: Arc::clone(&metrics), media: Arc::clone(&totals) };
        router = router.merge(office.router(&settings, port, &api.keys, &clocks, counted, &stopped)?);
        if demo {
            println!(
                "{}",
                demo::seed(office, &settings.office.accounts, &clock, &settings.office.base_url(port)).await?
            );
        }
    }
    let http = tokio::spawn(http.serve(router, stopped.clone()));
    if let Some(scrape) = scrape {
        let endpoint = MetricsEndpoint::new(&settings.prometheus, Arc::clone(&metrics), move || totals());
        tokio::spawn(scrape.serve(endpoint.router(), stopped));
    }

    let result = tokio::select! {
        name = signals.next() => {
            tracing::info!(signal = name, "stopping; a second signal does not wait for anybody");
            Ok(())
        }
        _ = fatals.recv() => Err(Failure::runtime("a media shard failed, see the log; the process must be restarted")),
    };
    tokio::select! {
        () = shut_down(&rooms, office.as_ref(), &stop, http, sending) => {}
        name = signals.next() => tracing::warn!(signal = name, "stopping at once"),
    }
    result
}

/// Everybody is sent away and told so, then HTTP ends. The shards stop when the last owner of the plane drops it.
async fn shut_down(
    rooms: &Rooms,
    office: Option<&Office>,
    stop: &watch::Sender<bool>,
    http: JoinHandle<()>,
    sending: Option<JoinHandle<()>>,
) {
    if timeout(Listeners::PATIENCE, rooms.shut_down()).await.is_err() {
        tracing::warn!("rooms did not close in time");
    }
    if let Some(office) = office
        && timeout(Listeners::PATIENCE, office.scheduled.settle()).await.is_err()
    {
        tracing::warn!("the ends of calls could not be written down in time; the next start closes them");
    }
    // Nobody listening any more is as good.
    let _ = stop.send(true);
    if timeout(Listeners::PATIENCE, http).await.is_err() {
        tracing::warn!("HTTP connections did not end in time");
    }
    if let Some(sending) = sending
        && timeout(Listeners::PATIENCE, sending).await.is_err()
    {
        tracing::warn!("a message was still being sent; the next start sends it again");
    }
}

fn listeners(settings: &Settings, port: u16) -> Result<Listeners, Failure> {
    Listeners::bind(&settings.bind_addresses, port, settings.bind_is_default).map_err(|error| {
        let hint = match error.source.kind() {
            io::ErrorKind::AddrInUse => "; another process has this port: stop it, or choose another one",
            io::ErrorKind::AddrNotAvailable => "; the machine does not have this address: see `ip address`",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one",
            _ => "",
        };
        Failure::runtime(format!("{error}{hint}"))
    })
}

/// Says where the server is: in the log, and in words to whoever tries it out.
fn announce(settings: &Settings, http: &[SocketAddr], media: &config::MediaAddresses) {
    let udp = settings.rtc.udp_port.to_string();
    let media: Vec<String> = media.advertise.iter().map(ToString::to_string).collect();
    tracing::info!(?http, %udp, tcp = settings.rtc.tcp_port, media = %media.join(","), "listening");
    if settings.development {
        if http.iter().any(|at| !at.ip().is_loopback()) {
            tracing::warn!("development mode gives a token to whoever asks, and others than this machine can ask");
        }
        println!("{}", welcome(settings, http));
    }
}

fn welcome(settings: &Settings, http: &[SocketAddr]) -> String {
    let local = http.iter().find(|at| at.ip().is_loopback() || at.ip().is_unspecified());
    let at = match local.or(http.first()) {
        Some(at) if at.ip().is_loopback() || at.ip().is_unspecified() => format!("localhost:{}", at.port()),
        Some(at) => at.to_string(),
        None => format!("localhost:{}", settings.port),
    };
    let well_known = settings.keys.iter().any(|(key, secret)| (key, secret.reveal()) == config::DEV_KEY);
    let key = if well_known { "   key devkey, secret secret" } else { "" };
    format!(
        "\n  The app:     http://{at}/\n  Try a room:  http://{at}/dev/room   (open it in two tabs)\n  \
         LiveKit URL: ws://{at}{key}\n"
    )
}

/// The signals that end a server.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.quit.recv() => "SIGQUIT",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_welcome_names_an_address_that_a_browser_takes_for_secure() {
        let at = |text: &str| vec![text.parse::<SocketAddr>().unwrap()];
        let settings = Settings::default();
        assert!(welcome(&settings, &at("127.0.0.1:7880")).contains("http://localhost:7880/"));
        assert!(welcome(&settings, &at("0.0.0.0:80")).contains("http://localhost:80/"));
        assert!(welcome(&settings, &at("10.77.0.1:7880")).contains("http://10.77.0.1:7880/"));
    }
}
