//! Which addresses belong to nobody on the public internet: the special-purpose registries of IANA as a table.
//!
//! Owns the class of an address. Never allows one that the table names; [`crate::egress::Egress`] knows the exceptions.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use ipnet::IpNet;
use ipnet::Ipv4Net;
use ipnet::Ipv6Net;

/// Why an address is not one of the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// This machine itself.
    Loopback,
    /// A network of a house, a company or a cloud.
    Private,
    /// The cable or the cloud's own services: `169.254.169.254` gives out credentials.
    LinkLocal,
    /// Everybody on a link, or nobody yet.
    Multicast,
    /// Everything else: examples, benchmarks, "any address", what is not assigned.
    Reserved,
}

impl Class {
    /// The class with its article, for a sentence.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
        }
    }
}

/// The IANA IPv4 Special-Purpose Address Registry (RFC 6890) with multicast, and an address that clouds use inside.
const IPV4: &[(Ipv4Net, Class)] = &[
    (v4(0, 0, 0, 0, 8), Class::Reserved),
    (v4(10, 0, 0, 0, 8), Class::Private),
    (v4(100, 64, 0, 0, 10), Class::Private),
    (v4(127, 0, 0, 0, 8), Class::Loopback),
    // The machine's own agent in Azure; public by its number alone.
    (v4(168, 63, 129, 16, 32), Class::LinkLocal),
    (v4(169, 254, 0, 0, 16), Class::LinkLocal),
    (v4(172, 16, 0, 0, 12), Class::Private),
    (v4(192, 0, 0, 0, 24), Class::Reserved),
    (v4(192, 0, 2, 0, 24), Class::Reserved),
    (v4(192, 88, 99, 0, 24), Class::Reserved),
    (v4(192, 168, 0, 0, 16), Class::Private),
    (v4(198, 18, 0, 0, 15), Class::Reserved),
    (v4(198, 51, 100, 0, 24), Class::Reserved),
    (v4(203, 0, 113, 0, 24), Class::Reserved),
    (v4(224, 0, 0, 0, 4), Class::Multicast),
    (v4(240, 0, 0, 0, 4), Class::Reserved),
];

/// The IANA IPv6 Special-Purpose Address Registry inside and outside [`GLOBAL`]; addresses with an IPv4 one inside are
/// judged by [`embedded`].
const IPV6: &[(Ipv6Net, Class)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Class::Loopback),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Class::Reserved),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Class::Reserved),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Class::Reserved),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Class::Private),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Class::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Class::Private),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Class::Multicast),
];

/// All global unicast addresses that are assigned (RFC 4291, 2.4); everything outside counts as reserved.
const GLOBAL: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// Addresses a translator turns into IPv4 ones (RFC 6052, 2.1): the last 32 bits.
const TRANSLATED: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Addresses of 6to4 (RFC 3056, 2): the 32 bits after the prefix.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

/// The class of an address; `None` when it is one of the public internet.
pub(super) fn class(address: IpAddr) -> Option<Class> {
    match address.to_canonical() {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

/// Whether one of the networks has an address, or the IPv4 address inside it.
pub(super) fn covers(network: &IpNet, address: IpAddr) -> bool {
    let inner = match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => embedded(address).map(IpAddr::V4),
    };
    network.contains(&address)
        || network.contains(&address.to_canonical())
        || inner.is_some_and(|inner| network.contains(&inner))
}

fn class_v4(address: Ipv4Addr) -> Option<Class> {
    let found = IPV4.iter().find(|(network, _)| network.contains(&address));
    found.map(|(_, class)| *class)
}

fn class_v6(address: Ipv6Addr) -> Option<Class> {
    if let Some(inner) = embedded(address) {
        // A translator's loopback is not this machine's: it is never one that may be allowed as such.
        return class_v4(inner).map(|class| match class {
            Class::Loopback => Class::Reserved,
            Class::Private | Class::LinkLocal | Class::Multicast | Class::Reserved => class,
        });
    }
    let found = IPV6.iter().find(|(network, _)| network.contains(&address));
    match found {
        Some((_, class)) => Some(*class),
        None if GLOBAL.contains(&address) => None,
        None => Some(Class::Reserved),
    }
}

/// The IPv4 address that traffic to this IPv6 address ends at.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [_, _, a, b, c, d, ..] = address.octets();
    let [.., w, x, y, z] = address.octets();
    if TRANSLATED.contains(&address) {
        Some(Ipv4Addr::new(w, x, y, z))
    } else if SIX_TO_FOUR.contains(&address) {
        Some(Ipv4Addr::new(a, b, c, d))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_have_a_class_and_public_ones_have_none() {
        for (text, expected) in [
            ("0.0.0.0", Some(Class::Reserved)),
            ("10.0.0.1", Some(Class::Private)),
            ("100.64.0.1", Some(Class::Private)),
            ("100.100.100.200", Some(Class::Private)),
            ("100.128.0.1", None),
            ("127.0.0.1", Some(Class::Loopback)),
            ("127.255.255.255", Some(Class::Loopback)),
            ("128.0.0.1", None),
            ("168.63.129.16", Some(Class::LinkLocal)),
            ("168.63.129.17", None),
            ("169.254.169.254", Some(Class::LinkLocal)),
            ("172.15.255.255", None),
            ("172.16.0.1", Some(Class::Private)),
            ("172.31.255.255", Some(Class::Private)),
            ("172.32.0.1", None),
            ("192.0.0.192", Some(Class::Reserved)),
            ("192.0.2.1", Some(Class::Reserved)),
            ("192.88.99.1", Some(Class::Reserved)),
            ("192.168.255.255", Some(Class::Private)),
            ("198.19.0.1", Some(Class::Reserved)),
            ("198.51.100.1", Some(Class::Reserved)),
            ("203.0.113.1", Some(Class::Reserved)),
            ("224.0.0.1", Some(Class::Multicast)),
            ("240.0.0.1", Some(Class::Reserved)),
            ("255.255.255.255", Some(Class::Reserved)),
            ("1.1.1.1", None),
            ("93.184.216.34", None),
            ("::", Some(Class::Reserved)),
            ("::1", Some(Class::Loopback)),
            ("::10.0.0.1", Some(Class::Reserved)),
            ("::ffff:10.0.0.1", Some(Class::Private)),
            ("::ffff:127.0.0.1", Some(Class::Loopback)),
            ("::ffff:1.1.1.1", None),
            ("64:ff9b::a00:1", Some(Class::Private)),
            ("64:ff9b::7f00:1", Some(Class::Reserved)),
            ("64:ff9b::101:101", None),
            ("64:ff9b:1::101:101", Some(Class::Reserved)),
            ("100::1", Some(Class::Reserved)),
            ("2001::1", Some(Class::Reserved)),
            ("2001:1ff::1", Some(Class::Reserved)),
            ("2001:200::1", None),
            ("2001:db8::1", Some(Class::Reserved)),
            ("2002:a00:1::", Some(Class::Private)),
            ("2002:7f00:1::", Some(Class::Reserved)),
            ("2002:101:101::", None),
            ("2606:4700:4700::1111", None),
            ("3fff::1", Some(Class::Reserved)),
            ("4000::1", Some(Class::Reserved)),
            ("5f00::1", Some(Class::Reserved)),
            ("fc00::1", Some(Class::Private)),
            ("fd00:ec2::254", Some(Class::Private)),
            ("fe80::1", Some(Class::LinkLocal)),
            ("fec0::1", Some(Class::Private)),
            ("ff02::1", Some(Class::Multicast)),
        ] {
            assert_eq!(class(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn a_network_has_an_address_however_it_is_written() {
        let network: IpNet = "10.0.0.0/8".parse().unwrap();
        for (text, expected) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("64:ff9b::a01:203", true),
            ("2002:a01:203::", true),
            ("11.0.0.1", false),
            ("::10.1.2.3", false),
        ] {
            assert_eq!(covers(&network, text.parse().unwrap()), expected, "{text}");
        }
    }
}
