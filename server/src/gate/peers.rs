//! Where a request comes from.
//!
//! Owns the list of proxies whose `X-Forwarded-For` is believed. Never believes that header from anybody else: it is
//! the caller's to write.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

use ipnet::IpNet;
use poem::Request;
use poem::http::HeaderMap;

/// What a proxy adds to: the address that it was asked from, after those that it was told.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address at the other end of the TCP connection.
pub(super) fn tcp_peer(request: &Request) -> IpAddr {
    request
        .remote_addr()
        .as_socket_addr()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), SocketAddr::ip)
        .to_canonical()
}

/// Where a request comes from: the TCP peer, or else the last address before the proxies that are believed.
pub(super) fn peer(tcp: IpAddr, headers: &HeaderMap, believed: &[IpNet]) -> IpAddr {
    let mut peer = tcp;
    let lines = headers.get_all(FORWARDED_FOR).iter();
    let told: Vec<&str> = lines
        .flat_map(|line| line.to_str().unwrap_or_default().split(','))
        .collect();
    for text in told.into_iter().rev() {
        if !is_in(believed, peer) {
            break;
        }
        let Some(address) = address(text.trim()) else {
            break;
        };
        peer = address;
    }
    peer
}

/// Whether an address belongs to one of these networks.
pub(super) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// What a peer's rates are kept under: whoever has one address of an IPv6 network of 64 bits has them all.
pub(super) fn rate_key(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// An address as proxies write it: alone, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let alone = text.trim_start_matches('[').trim_end_matches(']');
    alone
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .map(|address| address.to_canonical())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_last_address_that_no_believed_proxy_has_is_the_peer() {
        let believed = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        for (tcp, lines, expected) in [
            ("10.0.0.1", &["203.0.113.7"][..], "203.0.113.7"),
            (
                "10.0.0.1",
                &["1.1.1.1, 203.0.113.7, 10.0.0.2"],
                "203.0.113.7",
            ),
            (
                "10.0.0.1",
                &["1.1.1.1", "203.0.113.7", "10.9.9.9"],
                "203.0.113.7",
            ),
            ("::1", &["203.0.113.7:4711"], "203.0.113.7"),
            ("::1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("::1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
            ("10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.7, "], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("192.0.2.1", &["203.0.113.7"], "192.0.2.1"),
            ("192.0.2.1", &["10.0.0.1"], "192.0.2.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            assert_eq!(
                peer(ip(tcp), &headers, &believed),
                ip(expected),
                "{tcp} {lines:?}"
            );
            assert_eq!(peer(ip(tcp), &headers, &[]), ip(tcp));
        }
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one_peer() {
        assert_eq!(
            rate_key(ip("2001:db8:1:2::5")),
            rate_key(ip("2001:db8:1:2:ffff::9"))
        );
        assert_ne!(
            rate_key(ip("2001:db8:1:2::5")),
            rate_key(ip("2001:db8:1:3::5"))
        );
        assert_ne!(rate_key(ip("192.0.2.1")), rate_key(ip("192.0.2.2")));
    }
}
