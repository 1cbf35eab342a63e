//! The places of a listener: in total, and for each address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Semaphore;

use super::{address::Peer, limits::Limits};

/// Who shares the places of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    /// An IPv4 address, in its own form or mapped into IPv6.
    V4(Ipv4Addr),
    /// A /64 network: the smallest that is given to anybody, who has all of its addresses.
    V6(u64),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((u128::from(address) >> 64) as u64),
        }
    }
}

/// What is taken and what is free.
#[derive(Debug)]
pub(super) struct Places {
    free: Semaphore,
    max_per_address: usize,
    uncounted: Vec<IpAddr>,
    counts: Mutex<HashMap<Source, usize>>,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            free: Semaphore::new(limits.max_connections.min(Semaphore::MAX_PERMITS)),
            max_per_address: limits.max_connections_per_address,
            uncounted: limits.proxies.iter().map(IpAddr::to_canonical).collect(),
            counts: Mutex::default(),
        }
    }

    /// Waits for a place for whoever comes next. Cancel safe.
    pub(super) async fn free(self: &Arc<Self>) -> Permit {
        match self.free.acquire().await {
            Ok(place) => place.forget(),
            // The semaphore is never closed; to wait for ever is what a full house does.
            Err(_) => std::future::pending().await,
        }
        Permit { places: Arc::clone(self), source: None }
    }

    /// The address that `peer` is counted under.
    fn source(&self, peer: &Peer) -> Option<Source> {
        let address = peer.ip().filter(|_| self.max_per_address > 0)?.to_canonical();
        (!self.uncounted.contains(&address)).then(|| Source::from(address))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        // Nothing under the lock is left half done by a panic.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among a listener's connections, in [total](Limits::max_connections) and of its
/// [address](Limits::max_connections_per_address), given back when dropped.
#[derive(Debug)]
pub struct Permit {
    places: Arc<Places>,
    source: Option<Source>,
}

impl Permit {
    /// The same place, counted for `peer`; `None` when its address has as many as it may.
    pub(super) fn of(mut self, peer: &Peer) -> Option<Self> {
        let Some(source) = self.places.source(peer) else { return Some(self) };
        let mut counts = self.places.lock();
        let count = counts.entry(source).or_default();
        let admitted = *count < self.places.max_per_address;
        if admitted {
            *count += 1;
        }
        drop(counts);
        // One that is refused has its place in total to give back, and none of its address.
        self.source = admitted.then_some(source);
        admitted.then_some(self)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(source) = self.source {
            let mut counts = self.places.lock();
            if let Some(count) = counts.get_mut(&source) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(&source);
                }
            }
        }
        self.places.free.add_permits(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    fn places(max: usize, per_address: usize) -> Arc<Places> {
        let limits =
            Limits { max_connections: max, max_connections_per_address: per_address, ..Limits::default() };
        Arc::new(Places::new(&limits))
    }

    fn peer(address: &str) -> Peer {
        Peer::Tcp(SocketAddr::new(address.parse().unwrap(), 1))
    }

    #[tokio::test]
    async fn each_address_has_as_many_as_it_may_and_no_more() {
        let places = places(100, 2);
        let mut permits = Vec::new();
        for (address, admitted) in [
            ("192.0.2.1", true),
            ("192.0.2.1", true),
            ("::ffff:192.0.2.1", false),
            ("192.0.2.2", true),
            ("2001:db8:1:2::1", true),
            ("2001:db8:1:2:ffff::2", true),
            ("2001:db8:1:2:8000::3", false),
            ("2001:db8:1:3::1", true),
        ] {
            let permit = places.free().await.of(&peer(address));
            assert_eq!(permit.is_some(), admitted, "{address}");
            permits.extend(permit);
        }
        assert_eq!(places.free.available_permits(), 94);
        permits.remove(0);
        permits.extend(places.free().await.of(&peer("192.0.2.1")));
        assert_eq!(permits.len(), 6);
        permits.clear();
        assert!(places.lock().is_empty());
        assert_eq!(places.free.available_permits(), 100);
    }

    #[tokio::test]
    async fn proxies_and_sockets_without_an_address_are_not_counted() {
        let places = places(100, 1);
        let mut permits = Vec::new();
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            for _ in 0..2 {
                permits.push(places.free().await.of(&peer(address)).unwrap());
            }
        }
        #[cfg(unix)]
        for _ in 0..2 {
            permits.push(places.free().await.of(&Peer::Unix).unwrap());
        }
        assert!(places.lock().is_empty());
    }

    #[tokio::test]
    async fn zero_is_no_limit_of_an_address() {
        let places = places(3, 0);
        let mut permits = Vec::new();
        for _ in 0..3 {
            permits.push(places.free().await.of(&peer("192.0.2.1")).unwrap());
        }
        assert_eq!(places.free.available_permits(), 0);
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Permit>() <= 24, "{}", size_of::<Permit>());
    }
}
