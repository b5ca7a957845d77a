//! Looks names up for outgoing requests, and checks what it finds. The connection goes to exactly the addresses that
//! were checked, so a name that answers differently the next time (DNS rebinding) gains nothing.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::{Guard, Refused, Scheme};

/// Addresses of one name that are looked at.
const MAX_ADDRESSES: usize = 16;

/// The future of a lookup.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Gives a name's addresses.
pub type Lookup = Arc<dyn Fn(String) -> Looking + Send + Sync>;

/// The system's resolver.
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

pub(super) struct Resolver {
    guard: Arc<Guard>,
    scheme: Scheme,
    lookup: Lookup,
}

impl Resolver {
    pub(super) fn new(guard: Arc<Guard>, scheme: Scheme, lookup: Lookup) -> Self {
        Self { guard, scheme, lookup }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, scheme) = (Arc::clone(&self.guard), self.scheme);
        let looking = (self.lookup)(name.as_str().to_owned());
        Box::pin(async move {
            // Which way a lookup fails is the resolver's business; the name has no address for us now.
            let mut ips = looking.await.map_err(|_| Refused::NoAddress(name.as_str().to_owned()))?;
            guard.addresses(name.as_str(), &ips, scheme)?;
            ips.truncate(MAX_ADDRESSES);
            // Port 0 stands for the URL's.
            let addresses: Addrs = Box::new(ips.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}
