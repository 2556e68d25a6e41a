//! How many connections one network may hold, so that one client cannot take all places.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::ctx::{NetworkKey, Peer};

/// Connections by network. Clones count together.
#[derive(Clone, Debug)]
pub(super) struct Places {
    most: usize,
    uncounted: Arc<[IpNet]>,
    taken: Arc<Mutex<HashMap<NetworkKey, usize>>>,
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place(Option<(Places, NetworkKey)>);

impl Places {
    /// `most` places for each network, except for those `uncounted`.
    pub(super) fn new(most: usize, uncounted: Arc<[IpNet]>) -> Self {
        Self { most, uncounted, taken: Arc::default() }
    }

    /// A place for a connection from `peer`, if there is one.
    pub(super) fn take(&self, peer: Peer) -> Option<Place> {
        let Some(address) = peer.address().filter(|address| self.is_counted(*address)) else {
            return Some(Place(None));
        };
        let network = NetworkKey::of(address);
        let mut taken = self.lock();
        let count = taken.entry(network.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place(Some((self.clone(), network))))
    }

    fn is_counted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        !self.uncounted.iter().any(|network| network.contains(&address))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NetworkKey, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, network)) = self.0.take() else { return };
        if let Entry::Occupied(mut count) = places.lock().entry(network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
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
    fn proxies_and_this_machine_are_not_counted() {
        let proxies = ["10.0.0.0/8".parse().expect("a network")];
        let places = Places::new(0, uncounted(&proxies));
        for peer in [from("10.1.2.3"), from("127.0.0.1"), from("::1"), Peer::Unix] {
            assert!(places.take(peer).is_some(), "{peer:?}");
        }
        assert!(places.take(from("2001:db8::1")).is_none());
    }
}
