//! Listening sockets and the way they are shut down.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A port that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// Sockets of one port on one or more addresses.
#[derive(Debug)]
pub struct Listeners(Vec<TcpListener>);

impl Listeners {
    /// Listens on `port` of each address; with port 0 the system chooses one for the first address, and the others
    /// take the same. With `lenient`, addresses that the machine lacks are passed over as long as one remains.
    ///
    /// # Errors
    ///
    /// [`ListenError`] for the first address that fails.
    pub fn bind(addresses: &[IpAddr], mut port: u16, lenient: bool) -> Result<Self, ListenError> {
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut passed_over = None;
        for &ip in addresses {
            let address = SocketAddr::new(ip, port);
            match listen(address) {
                Ok(listener) => {
                    port = listener.local_addr().map(|address| address.port()).unwrap_or(port);
                    listeners.push(listener);
                }
                Err(source) if lenient && lacking(&source) => passed_over = Some(ListenError { address, source }),
                Err(source) => return Err(ListenError { address, source }),
            }
        }
        match passed_over {
            Some(error) if listeners.is_empty() => Err(error),
            _ => Ok(Self(listeners)),
        }
    }

    /// Where they listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.0.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Serves until `stop` turns true, and then until requests in flight are answered. WebSockets are not waited
    /// for: whoever holds the rooms closes them.
    pub async fn serve(self, router: Router, stop: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        for listener in self.0 {
            let service = router.clone().into_make_service_with_connect_info::<SocketAddr>();
            let mut stop = stop.clone();
            tasks.spawn(async move {
                let listener = listener.tap_io(|stream| {
                    // Signaling is small messages that must not wait for each other.
                    let _ = stream.set_nodelay(true);
                });
                let stopped = async move {
                    // An error means that the sender is gone, which is the end as well.
                    let _ = stop.wait_for(|stop| *stop).await;
                };
                axum::serve(listener, service).with_graceful_shutdown(stopped).await
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// How long [`Self::serve`] may take after the stop before a caller gives up on it.
    pub const PATIENCE: Duration = Duration::from_secs(5);
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        // Its IPv4 twin has a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn lacking(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}
