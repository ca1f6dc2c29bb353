//! How many connections each address has.

use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

/// How often over its bound an address is still told so; beyond, it is closed without a word.
const TOLD: usize = 2;

/// How many connections each address has.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    limit: usize,
    is_exempt: fn(IpAddr) -> bool,
}

/// What becomes of a connection.
#[derive(Debug)]
pub(super) enum Place {
    /// It is served, as long as this is kept.
    Taken(Peer),
    /// Its address has as many as it may; it is told so.
    None(Peer),
    /// Its address has so many that even telling it would cost too much.
    FarFromIt,
}

/// A connection that counts; dropping it ends that.
#[derive(Debug)]
pub(super) struct Peer(Option<(Peers, IpAddr)>);

impl Peers {
    /// `limit` connections for each address that is not exempt.
    pub(super) fn new(limit: usize, is_exempt: fn(IpAddr) -> bool) -> Self {
        Self {
            by_address: Arc::default(),
            limit,
            is_exempt,
        }
    }

    /// A place for a connection from an address.
    pub(super) fn place(&self, address: IpAddr) -> Place {
        if (self.is_exempt)(address) {
            return Place::Taken(Peer(None));
        }
        let address = network(address);
        let mut by_address = self
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = by_address.entry(address).or_default();
        if *count >= self.limit.saturating_mul(TOLD) {
            return Place::FarFromIt;
        }
        *count += 1;
        let has_place = *count <= self.limit;
        drop(by_address);
        let peer = Peer(Some((self.clone(), address)));
        if has_place {
            Place::Taken(peer)
        } else {
            Place::None(peer)
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let Some((peers, address)) = &self.0 else {
            return;
        };
        let mut by_address = peers
            .by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_address.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(address);
            }
        }
    }
}

/// Programs of this machine: a page in many tabs, a proxy, a test. All of them together are one address, and the
/// bound on all connections is enough for them.
pub(super) fn is_this_machine(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Everyone, for a bridge behind a proxy: all connections come from its address.
pub(super) fn is_anyone(_address: IpAddr) -> bool {
    true
}

/// Who has one IPv6 address has 2^64 of them (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn taken(peers: &Peers, from: &str) -> Option<Peer> {
        match peers.place(address(from)) {
            Place::Taken(peer) => Some(peer),
            Place::None(_) | Place::FarFromIt => None,
        }
    }

    #[test]
    fn an_address_has_as_many_connections_as_it_may_and_not_one_more() {
        let peers = Peers::new(2, is_this_machine);
        let first = taken(&peers, "192.0.2.1").unwrap();
        let second = taken(&peers, "::ffff:192.0.2.1").unwrap();
        assert!(taken(&peers, "192.0.2.1").is_none());
        let other = taken(&peers, "192.0.2.2").unwrap();
        drop(first);
        assert!(taken(&peers, "192.0.2.1").is_some());
        drop((second, other));
        assert!(peers.by_address.lock().unwrap().is_empty());
    }

    #[test]
    fn a_flood_from_one_address_is_told_only_for_a_while() {
        let peers = Peers::new(2, is_this_machine);
        let places: Vec<Place> = (0..9).map(|_| peers.place(address("192.0.2.1"))).collect();
        let n_told = places
            .iter()
            .filter(|place| matches!(place, Place::None(_)))
            .count();
        let n_closed = places
            .iter()
            .filter(|place| matches!(place, Place::FarFromIt))
            .count();
        assert_eq!((n_told, n_closed), (2, 5));
        drop(places);
        assert!(taken(&peers, "192.0.2.1").is_some());
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_together() {
        let peers = Peers::new(1, is_this_machine);
        let _first = taken(&peers, "2001:db8:0:1::1").unwrap();
        assert!(taken(&peers, "2001:db8:0:1:ffff::9").is_none());
        assert!(taken(&peers, "2001:db8:0:2::1").is_some());
    }

    #[test]
    fn this_machine_is_not_counted_and_behind_a_proxy_nobody_is() {
        let local = Peers::new(1, is_this_machine);
        let all = Peers::new(1, is_anyone);
        let places: Vec<Option<Peer>> = (0..200)
            .flat_map(|_| {
                [
                    taken(&local, "127.0.0.1"),
                    taken(&local, "::1"),
                    taken(&all, "192.0.2.1"),
                ]
            })
            .collect();
        assert!(places.iter().all(Option::is_some));
    }
}
