//! How many connections one network may hold, so that one client cannot take all places.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::ctx::{NetworkKey, Peer};

/// Connections by network. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Places {
    most: usize,
    uncounted: Arc<[IpNet]>,
    taken: Arc<Mutex<HashMap<NetworkKey, usize>>>,
    /// Connections whose place is lent to others, because they carry streams of events.
    lent: Arc<AtomicUsize>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    /// The network it counts for, if it does.
    network: Option<NetworkKey>,
    /// Streams of events that the connection carries at the moment.
    streams: Mutex<usize>,
}

/// A stream of events on a connection: while there is one, the place is another's to take.
/// Streams are counted apart, for each person.
#[derive(Debug)]
pub(super) struct Lent(Arc<Place>);

impl Places {
    /// `most` places for each network, except for those `uncounted`.
    pub(super) fn new(most: usize, uncounted: Arc<[IpNet]>) -> Self {
        Self { most, uncounted, taken: Arc::default(), lent: Arc::default() }
    }

    /// How many connections have lent their place.
    pub(super) fn lent(&self) -> usize {
        self.lent.load(Ordering::Relaxed)
    }

    /// A place for a connection from `peer`, if there is one.
    pub(super) fn take(&self, peer: Peer) -> Option<Place> {
        let counted = peer.address().filter(|address| self.is_counted(*address));
        let network = counted.map(NetworkKey::of);
        if let Some(network) = &network {
            let mut taken = self.lock();
            let count = taken.entry(network.clone()).or_default();
            if *count >= self.most {
                return None;
            }
            *count += 1;
        }
        Some(Place { places: self.clone(), network, streams: Mutex::new(0) })
    }

    /// One more connection of this network, however many there are.
    fn count(&self, network: &NetworkKey) {
        *self.lock().entry(network.clone()).or_default() += 1;
    }

    /// One less.
    fn discount(&self, network: &NetworkKey) {
        if let Entry::Occupied(mut count) = self.lock().entry(network.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    fn is_counted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        !self.uncounted.iter().any(|network| network.contains(&address))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NetworkKey, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Whether it counts for a network: a connection of a proxy of ours does not.
    pub(super) fn is_counted(&self) -> bool {
        self.network.is_some()
    }

    /// Whether the connection carries a stream of events.
    pub(super) fn has_streams(&self) -> bool {
        *self.streams() > 0
    }

    /// Lends the place for as long as the answer lives: a stream of events.
    pub(super) fn lend(self: &Arc<Self>) -> Lent {
        let mut streams = self.streams();
        *streams += 1;
        if *streams == 1 {
            self.places.lent.fetch_add(1, Ordering::Relaxed);
            if let Some(network) = &self.network {
                self.places.discount(network);
            }
        }
        Lent(Arc::clone(self))
    }

    fn streams(&self) -> MutexGuard<'_, usize> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let place = &self.0;
        let mut streams = place.streams();
        *streams -= 1;
        if *streams == 0 {
            place.places.lent.fetch_sub(1, Ordering::Relaxed);
            if let Some(network) = &place.network {
                place.places.count(network);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing of it is lent: who borrows holds it.
        if let Some(network) = &self.network {
            self.places.discount(network);
        }
    }
}

/// Whose connections are not counted: the `proxies` in front, behind which everybody stands, and
/// this machine itself.
pub(super) fn uncounted(proxies: &[IpNet]) -> Arc<[IpNet]> {
    let own = [
        Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8).into(),
        Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128).into(),
    ];
    proxies.iter().copied().chain(own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Peer {
        Peer::Address(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_has_so_many_places_and_gets_them_back() {
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        let places = Places::new(2, uncounted(&proxies));
        let held = [places.take(from("192.0.2.1")), places.take(from("::ffff:192.0.2.1"))];
        assert!(held.iter().all(Option::is_some));
        assert!(places.take(from("192.0.2.1")).is_none());
        assert!(places.take(from("192.0.2.2")).is_some(), "its neighbour is somebody else");
        drop(held);
        assert!(places.take(from("192.0.2.1")).is_some());
        assert!(places.lock().is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_connection_with_a_stream_leaves_its_place_to_others() {
        let places = Places::new(1, uncounted(&[]));
        let place = Arc::new(places.take(from("192.0.2.1")).expect("the first"));
        assert!(places.take(from("192.0.2.1")).is_none());
        let streams = [place.lend(), place.lend()];
        assert_eq!(places.lent(), 1);
        let other = places.take(from("192.0.2.1")).expect("the place is free");
        drop(streams);
        assert_eq!(places.lent(), 0);
        drop(other);
        assert!(places.take(from("192.0.2.1")).is_none(), "the first is back on it");
        drop(place);
        assert!(places.take(from("192.0.2.1")).is_some());
        assert!(places.lock().is_empty(), "nobody is remembered");
    }

    #[test]
    fn proxies_and_this_machine_are_not_counted() {
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        let places = Places::new(0, uncounted(&proxies));
        for peer in [from("10.1.2.3"), from("127.0.0.1"), from("::1"), Peer::Unix] {
            assert!(places.take(peer).is_some(), "{peer:?}");
        }
        assert!(places.take(from("2001:db8::1")).is_none());
    }
}
