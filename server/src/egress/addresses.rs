//! What kind of address an address is.
//!
//! From the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and its updates).

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// An address that is not an ordinary one of the internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// This machine.
    Loopback,
    /// Anything else that only means something here, or nothing: what, in words.
    Other(&'static str),
}

/// IPv4: first address, prefix length, what it is.
const V4: [([u8; 4], u32, &str); 15] = [
    ([0, 0, 0, 0], 8, "an address of this network"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "a shared address of a provider"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "a reserved address"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 88, 99, 0], 24, "a reserved address"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "an address for benchmarks"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
    ([255, 255, 255, 255], 32, "the broadcast address"),
];

/// IPv6: the first four groups, prefix length, what it is.
const V6: [([u16; 4], u32, &str); 10] = [
    ([0, 0, 0, 0], 64, "a reserved address"),
    (
        [0x64, 0xff9b, 1, 0],
        48,
        "a translated address of this network",
    ),
    ([0x100, 0, 0, 0], 64, "an address that discards everything"),
    ([0x2001, 0, 0, 0], 23, "a reserved address"),
    ([0x2001, 0xdb8, 0, 0], 32, "an address for documentation"),
    ([0x3fff, 0, 0, 0], 20, "an address for documentation"),
    ([0xfc00, 0, 0, 0], 7, "a private address"),
    ([0xfe80, 0, 0, 0], 10, "a link-local address"),
    ([0xfec0, 0, 0, 0], 10, "a private address"),
    ([0xff00, 0, 0, 0], 8, "a multicast address"),
];

/// What is special about an address; `None` when it is an ordinary one.
pub fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    if address.is_loopback() {
        return Some(Special::Loopback);
    }
    let bits = address.to_bits();
    V4.iter()
        .find(|(first, length, _)| (bits ^ u32::from_be_bytes(*first)) >> (32 - length) == 0)
        .map(|(_, _, what)| Special::Other(what))
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    if address.is_loopback() {
        return Some(Special::Loopback);
    }
    if let Some(inner) = embedded(address) {
        return special_v4(inner);
    }
    let bits = (address.to_bits() >> 64) as u64;
    V6.iter()
        .find(|(groups, length, _)| {
            let first = groups
                .iter()
                .fold(0_u64, |bits, group| (bits << 16) | u64::from(*group));
            (bits ^ first) >> (64 - length) == 0
        })
        .map(|(_, _, what)| Special::Other(what))
}

/// The IPv4 address that an IPv6 address stands for: mapped (RFC 4291), translated (RFC 6052), 6to4 (RFC 3056).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let groups = address.segments();
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped);
    }
    if groups[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return Some(Ipv4Addr::from_bits(bits as u32));
    }
    (groups[0] == 0x2002).then(|| Ipv4Addr::from_bits((bits >> 80) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_special_address_is_known() {
        for (address, expected) in [
            ("127.0.0.1", Some("loopback")),
            ("127.255.255.254", Some("loopback")),
            ("::1", Some("loopback")),
            ("::ffff:127.0.0.1", Some("loopback")),
            ("0.0.0.0", Some("this network")),
            ("10.255.0.1", Some("private")),
            ("100.64.0.1", Some("shared")),
            ("100.127.255.255", Some("shared")),
            ("169.254.169.254", Some("link-local")),
            ("172.16.0.1", Some("private")),
            ("172.31.255.255", Some("private")),
            ("192.168.1.1", Some("private")),
            ("198.19.0.1", Some("benchmarks")),
            ("224.0.0.1", Some("multicast")),
            ("255.255.255.255", Some("reserved")),
            ("::", Some("reserved")),
            ("::ffff:10.0.0.1", Some("private")),
            ("64:ff9b::a00:1", Some("private")),
            ("64:ff9b:1::1", Some("translated")),
            ("2002:a00:1::", Some("private")),
            ("2001:db8::1", Some("documentation")),
            ("2001::1", Some("reserved")),
            ("fd00::1", Some("private")),
            ("fe80::1", Some("link-local")),
            ("ff02::1", Some("multicast")),
            ("8.8.8.8", None),
            ("172.32.0.1", None),
            ("100.128.0.1", None),
            ("2606:4700::1111", None),
            ("64:ff9b::808:808", None),
            ("2002:808:808::", None),
        ] {
            let found = special(address.parse().unwrap());
            let matches = match (found, expected) {
                (None, None) => true,
                (Some(Special::Loopback), Some(word)) => word == "loopback",
                (Some(Special::Other(what)), Some(word)) => what.contains(word),
                (None, Some(_)) | (Some(_), None) => false,
            };
            assert!(matches, "{address}: {found:?}");
        }
    }
}
