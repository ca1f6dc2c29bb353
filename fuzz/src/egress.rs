//! URLs and addresses of remote MCP servers, against the address tables of another language.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::sync::LazyLock;

use footbridge::egress::Allowed;
use footbridge::egress::Egress;
use footbridge::egress::Proxy;
use footbridge::egress::Way;
use footbridge::egress::authority;
use footbridge::egress::check_form;
use url::Host;
use url::Url;

use crate::input::Input;

/// First address, last address, whether Python calls what is between them global.
static PYTHON: LazyLock<Vec<(IpAddr, IpAddr, bool)>> = LazyLock::new(|| {
    let lines = include_str!("../networks.txt").lines().skip(1);
    let interval = |line: &str| {
        let mut words = line.split(' ');
        let mut next = || words.next().expect("three words");
        let (first, last) = (next(), next());
        let address = |text: &str| text.parse().expect("an address");
        (address(first), address(last), next() == "global")
    };
    lines.map(interval).collect()
});

/// What is refused although Python calls it global, and why.
const STRICTER: &[(&str, u8)] = &[
    // The cloud's own agent.
    ("168.63.129.16", 32),
    // The rest of 192.0.0.0/24, whose exceptions are anycast services of the network itself.
    ("192.0.0.0", 24),
    // The old 6to4 relays.
    ("192.88.99.0", 24),
    // The rest of 2001::/23, as before.
    ("2001::", 23),
    // Examples (RFC 9637), newer than Python's table.
    ("3fff::", 20),
];

/// Three URLs or entries of a list on a line each, then addresses as bytes.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let public = Egress::default();
    let local = Egress::new(Vec::new(), true, Way::default());
    for _ in 0..3 {
        let text = String::from_utf8_lossy(input.line());
        entries(&text);
        if let Ok(url) = Url::parse(&text) {
            check_url(&public, &url, false);
            check_url(&local, &url, true);
        }
    }
    while !input.is_empty() {
        let n = if input.byte().is_multiple_of(2) {
            4
        } else {
            16
        };
        let bytes = input.bytes(n);
        let address = if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
            IpAddr::from(bytes)
        } else if let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
            IpAddr::from(bytes)
        } else {
            return;
        };
        check_address(&public, address);
        let allowed = local.check_addresses("mcp.example.com", &[address]).is_ok();
        assert_eq!(allowed, is_public(address) || is_loopback(address));
    }
}

fn entries(text: &str) {
    let _ = Proxy::parse(text);
    if let Ok(allowed) = text.parse::<Allowed>() {
        // An entry for a name or network that is public adds nothing to what is open anyway, but it must not open
        // this machine unless it says so.
        let egress = Egress::new(vec![allowed], false, Way::default());
        let opens = egress
            .check_addresses("mcp.example.com", &[Ipv4Addr::LOCALHOST.into()])
            .is_ok();
        let says_so = ["127.", "0.0.0.0/", "::", "mcp.example.com", "*."]
            .iter()
            .any(|word| text.to_ascii_lowercase().contains(word));
        let is_network = text.contains('/') || text.parse::<IpAddr>().is_ok();
        let names_host = Host::parse(text).is_ok_and(|host| matches!(host, Host::Ipv4(_)));
        let with_port = text.rsplit_once(':').is_some_and(|(host, _)| {
            Host::parse(host).is_ok_and(|host| !matches!(host, Host::Domain(_)))
        });
        assert!(
            !opens
                || says_so
                || is_network
                || names_host
                || with_port
                || !text.is_ascii()
                || text.to_ascii_lowercase().contains("example"),
            "{text} opens this machine"
        );
    }
}

fn check_url(egress: &Egress, url: &Url, opens_loopback: bool) {
    if egress.check_url(url).is_err() {
        return;
    }
    assert_eq!(check_form(url), Ok(()));
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    assert!(!authority(url).contains('@'));
    let is_local = match url.host() {
        Some(Host::Ipv4(address)) => judged(address.into()),
        Some(Host::Ipv6(address)) => judged(address.into()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        None => panic!("{url} names no host"),
    };
    assert!(
        !is_local || opens_loopback,
        "{url} is open and leads to this machine"
    );
    assert!(
        url.scheme() == "https" || is_local,
        "{url} is open without TLS"
    );
}

/// Whether an address that is open is this machine's.
fn judged(address: IpAddr) -> bool {
    let is_local = is_loopback(address);
    assert!(is_local || is_public(address), "{address} is open");
    is_local
}

fn check_address(egress: &Egress, address: IpAddr) {
    let open = egress
        .check_addresses("mcp.example.com", &[address])
        .is_ok();
    assert_eq!(open, is_public(address), "{address}");
    // One bad address among good ones is enough.
    let good = Ipv4Addr::new(1, 1, 1, 1).into();
    let mixed = egress.check_addresses("mcp.example.com", &[good, address]);
    assert_eq!(mixed.is_ok(), open, "{address}");
    let literal = match address {
        IpAddr::V4(address) => format!("https://{address}/"),
        IpAddr::V6(address) => format!("https://[{address}]/"),
    };
    let url = Url::parse(&literal).expect("a URL");
    assert_eq!(egress.check_url(&url).is_ok(), open, "{url}");
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether an address is one of the public internet: what Python says, but for [`STRICTER`], and for addresses with an
/// IPv4 one inside, which are as public as that.
fn is_public(address: IpAddr) -> bool {
    let address = match address {
        IpAddr::V4(address) => return is_public_alone(address.into()),
        IpAddr::V6(address) => address,
    };
    let octets = address.octets();
    let inner =
        |at: usize| IpAddr::from([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
    if address.to_ipv4_mapped().is_some()
        || octets[..12] == [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]
    {
        is_public_alone(inner(12))
    } else if octets[..2] == [0x20, 0x02] {
        is_public_alone(inner(2))
    } else {
        // Everything that is assigned to anybody begins with the bits 001.
        octets[0] >> 5 == 1 && is_public_alone(address.into())
    }
}

fn is_public_alone(address: IpAddr) -> bool {
    let (_, _, is_global) = PYTHON
        .iter()
        .find(|(first, last, _)| {
            first.is_ipv4() == address.is_ipv4() && *first <= address && address <= *last
        })
        .expect("the table covers every address");
    *is_global
        && !STRICTER
            .iter()
            .any(|(network, length)| is_in(address, network, *length))
}

fn is_in(address: IpAddr, network: &str, length: u8) -> bool {
    let bits = |address: Ipv6Addr| u128::from(address);
    match (address, network.parse().expect("an address")) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u32::from(address) ^ u32::from(network)).leading_zeros() >= u32::from(length)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            (bits(address) ^ bits(network)).leading_zeros() >= u32::from(length)
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}
