use proptest::prelude::*;

use super::*;

fn egress(allowed: &str, allows_loopback: bool) -> Egress {
    let allowed = allowed
        .split_whitespace()
        .map(|entry| entry.parse().unwrap());
    Egress::new(allowed.collect(), allows_loopback, Way::default())
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn addresses(text: &str) -> Vec<IpAddr> {
    let addresses = text.split_whitespace();
    addresses.map(|address| address.parse().unwrap()).collect()
}

/// What the sentence says it is.
fn refused(egress: &Egress, text: &str) -> String {
    let fault = egress.check_url(&url(text)).unwrap_err();
    assert_eq!(fault.code, FaultCode::ParamsDenied, "{text}");
    assert!(fault.hint.unwrap().contains("--allow-upstream"), "{text}");
    fault.message
}

#[test]
fn every_spelling_of_a_special_address_is_that_address() {
    let strict = egress("", false);
    for (host, kind) in [
        ("127.0.0.1", "a loopback"),
        ("127.0.0.1.", "a loopback"),
        ("0x7f.1", "a loopback"),
        ("2130706433", "a loopback"),
        ("0177.0.0.1", "a loopback"),
        ("①②⑦.0.0.1", "a loopback"),
        ("%31%32%37.0.0.1", "a loopback"),
        ("[::1]", "a loopback"),
        ("[0:0::0:1]", "a loopback"),
        ("[::ffff:127.0.0.1]", "a loopback"),
        ("localhost", "a loopback"),
        ("LOCALHOST.", "a loopback"),
        ("localhost.", "a loopback"),
        ("api.localhost", "a loopback"),
        ("0.0.0.0", "a reserved"),
        ("0", "a reserved"),
        ("[::]", "a reserved"),
        ("10.0.0.1", "a private"),
        ("[::ffff:10.0.0.1]", "a private"),
        ("[64:ff9b::a00:1]", "a private"),
        ("[2002:c0a8:101::]", "a private"),
        ("192.168.1.1", "a private"),
        ("100.100.100.200", "a private"),
        ("[fd00:ec2::254]", "a private"),
        ("169.254.169.254", "a link-local"),
        ("[fe80::1]", "a link-local"),
        ("224.0.0.1", "a multicast"),
        ("255.255.255.255", "a reserved"),
    ] {
        for scheme in ["https", "http"] {
            let sentence = refused(&strict, &format!("{scheme}://{host}/mcp?key=s3cret"));
            assert!(
                sentence.contains(&format!("it is {kind} address")),
                "{host}: {sentence}"
            );
            assert!(!sentence.contains("s3cret"), "{sentence}");
        }
    }
    // Backslashes and tabs are part of the host's spelling too.
    let sentence = refused(&strict, "http:\\\\127.0.0.1\\mcp");
    assert!(sentence.contains("a loopback address"), "{sentence}");
}

#[test]
fn the_public_internet_is_reached_over_tls_only() {
    let strict = egress("", false);
    for host in [
        "mcp.example.com",
        "mcp.example.com:8443",
        "1.1.1.1",
        "[2606:4700::1]",
    ] {
        assert_eq!(
            strict.check_url(&url(&format!("https://{host}/mcp"))),
            Ok(()),
            "{host}"
        );
        let sentence = refused(&strict, &format!("http://{host}/mcp"));
        assert!(sentence.contains("does not speak http://"), "{sentence}");
    }
}

#[test]
fn this_machine_is_reached_where_that_is_allowed() {
    let local = egress("", true);
    for host in [
        "127.0.0.1:9000",
        "127.9.9.9",
        "[::1]:9000",
        "[::ffff:127.0.0.1]",
        "localhost:9000",
        "localhost.",
        "a.localhost",
    ] {
        for scheme in ["http", "https"] {
            let address = url(&format!("{scheme}://{host}/mcp"));
            assert_eq!(local.check_url(&address), Ok(()), "{address}");
        }
    }
    for host in [
        "10.0.0.1",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
        "localhost.example",
    ] {
        refused(&local, &format!("http://{host}/"));
    }
}

#[test]
fn what_an_operator_allows_is_reached_and_no_more() {
    let open = egress(
        "10.1.0.0/16 intranet:8080 *.corp.example [fd00::5]:81 [::1]:5",
        false,
    );
    for (address, allowed) in [
        ("http://10.1.2.3/", true),
        ("https://10.1.2.3:99/", true),
        ("http://[::ffff:10.1.2.3]/", true),
        ("http://10.2.0.1/", false),
        ("http://intranet:8080/", true),
        ("http://INTRANET.:8080/", true),
        ("http://intranet/", false),
        ("https://intranet/", true),
        ("http://a.corp.example/", true),
        ("http://corp.example/", false),
        ("http://[fd00::5]:81/", true),
        ("http://[fd00::5]:82/", false),
        ("http://[::1]:5/", true),
        ("http://[::1]:6/", false),
        ("http://localhost:5/", false),
    ] {
        assert_eq!(open.check_url(&url(address)).is_ok(), allowed, "{address}");
    }
    let named = egress("", false).with_host_of(&url("http://10.9.9.9:7000/mcp"));
    assert_eq!(named.check_url(&url("http://10.9.9.9:7000/other")), Ok(()));
    refused(&named, "http://10.9.9.9:7001/mcp");
}

#[test]
fn a_url_has_no_credentials_no_fragment_and_no_other_scheme() {
    let open = egress("0.0.0.0/0 ::/0 a.example", true);
    for (text, part) in [
        ("https://user@a.example/", "user name"),
        ("https://user:s3cret@a.example/", "user name"),
        ("https://:s3cret@a.example/", "user name"),
        ("https://a.example/#part", "fragment"),
        ("https://a.example/#", "fragment"),
        ("https://a.example:0/", "port"),
        ("file:///etc/passwd", "http:// or https://"),
        ("ws://a.example/", "http:// or https://"),
        ("data:text/plain,x", "http:// or https://"),
    ] {
        let fault = open.check_url(&url(text)).unwrap_err();
        assert_eq!(fault.code, FaultCode::InvalidField, "{text}");
        assert!(fault.message.contains(part), "{text}: {}", fault.message);
        assert!(!fault.message.contains("s3cret"), "{}", fault.message);
    }
}

#[test]
fn every_address_of_a_name_must_pass() {
    let (strict, local) = (egress("", false), egress("", true));
    for (name, list, is_strict, is_local) in [
        ("a.example", "1.1.1.1 2606:4700::1", true, true),
        ("a.example", "1.1.1.1 10.0.0.1", false, false),
        ("a.example", "10.0.0.1 1.1.1.1", false, false),
        ("a.example", "::ffff:10.0.0.1", false, false),
        ("metadata.google.internal", "169.254.169.254", false, false),
        ("a.example", "127.0.0.1", false, true),
        ("a.example", "1.1.1.1 ::1", false, true),
        ("localhost", "127.0.0.1 ::1", false, true),
        ("a.localhost.", "127.0.0.1 1.1.1.1", false, false),
    ] {
        let list = addresses(list);
        assert_eq!(
            strict.check_addresses(name, &list).is_ok(),
            is_strict,
            "{name} {list:?}"
        );
        assert_eq!(
            local.check_addresses(name, &list).is_ok(),
            is_local,
            "{name} {list:?}"
        );
    }
}

#[test]
fn the_address_behind_a_name_is_not_told() {
    let fault = egress("", false)
        .check_addresses("Intranet.example.", &addresses("10.11.12.13"))
        .unwrap_err();
    assert_eq!(fault.code, FaultCode::ParamsDenied);
    assert_eq!(
        fault.message,
        "The host intranet.example has a private address, and the bridge does not connect to those."
    );
    assert!(
        fault
            .hint
            .unwrap()
            .contains("--allow-upstream intranet.example")
    );
}

#[test]
fn a_name_that_is_allowed_may_be_anywhere_but_only_at_its_port() {
    let open = egress("intranet:8080 *.corp.example 10.2.0.0/16", false);
    let private = addresses("10.1.1.1");
    for (address, passes) in [
        ("http://intranet:8080/", true),
        ("https://intranet/", false),
        ("https://a.corp.example/", true),
        ("https://b.example/", false),
    ] {
        let address = url(address);
        let narrowed = open.at_port_of(&address);
        let name = address.host_str().unwrap();
        assert_eq!(
            narrowed.check_addresses(name, &private).is_ok(),
            passes,
            "{address}"
        );
    }
    assert!(open.check_addresses("intranet", &private).is_err());
    assert!(
        open.check_addresses("b.example", &addresses("10.2.3.4 1.1.1.1"))
            .is_ok()
    );
    assert!(
        open.check_addresses("b.example", &addresses("10.2.3.4 10.1.1.1"))
            .is_err()
    );
}

#[test]
fn the_bridges_own_proxy_is_no_mcp_server() {
    let proxies = Proxies::named(Proxy::parse("http://u:p@proxy.example:3128").unwrap());
    let closed = Egress::new(Vec::new(), false, Way::new(proxies.clone(), Vec::new()));
    assert!(refused(&closed, "https://Proxy.example./").contains("the bridge's own proxy"));
    assert!(closed.is_proxy("PROXY.example.") && !closed.is_proxy("a.example"));
    let allowed = vec!["proxy.example:443".parse().unwrap()];
    let open = Egress::new(allowed, false, Way::new(proxies, Vec::new()));
    assert_eq!(open.check_url(&url("https://proxy.example/")), Ok(()));
}

/// Addresses of the networks that no caller may reach, as text and inside every form of IPv6.
fn special() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![
        (Just([0, 0, 0, 0]), Just(8)),
        (Just([10, 0, 0, 0]), Just(8)),
        (Just([100, 64, 0, 0]), Just(10)),
        (Just([127, 0, 0, 0]), Just(8)),
        (Just([169, 254, 0, 0]), Just(16)),
        (Just([172, 16, 0, 0]), Just(12)),
        (Just([192, 0, 0, 0]), Just(24)),
        (Just([192, 0, 2, 0]), Just(24)),
        (Just([192, 88, 99, 0]), Just(24)),
        (Just([192, 168, 0, 0]), Just(16)),
        (Just([198, 18, 0, 0]), Just(15)),
        (Just([198, 51, 100, 0]), Just(24)),
        (Just([203, 0, 113, 0]), Just(24)),
        (Just([224, 0, 0, 0]), Just(3)),
    ];
    let v4 = (v4, any::<u32>()).prop_map(|((base, length), random): (([u8; 4], u32), u32)| {
        u32::from_be_bytes(base) | (random & (u32::MAX >> length))
    });
    let inside = (v4, 0..4_usize).prop_map(|(v4, form)| -> IpAddr {
        let low = u128::from(v4);
        let bits = match form {
            0 => return std::net::Ipv4Addr::from(v4).into(),
            1 => (0xffff << 32) | low,
            2 => (0x0064_ff9b << 96) | low,
            _ => (0x2002 << 112) | (low << 80),
        };
        std::net::Ipv6Addr::from(bits).into()
    });
    let v6 = prop_oneof![
        Just((0_u128, 8)),
        Just((0x0100 << 112, 8)),
        Just((0x2001_0db8 << 96, 32)),
        Just((0x2001 << 112, 23)),
        Just((0x4000 << 112, 2)),
        Just((0xfc00 << 112, 7)),
        Just((0xfe80 << 112, 10)),
        Just((0xfec0 << 112, 10)),
        Just((0xff00 << 112, 8)),
    ];
    let v6 = (v6, any::<u128>())
        .prop_map(|((base, length), random)| base | (random & (u128::MAX >> length)))
        // Those have a public IPv4 address inside.
        .prop_filter("translated", |bits| {
            bits >> 96 != 0x0064_ff9b && bits >> 32 != 0xffff
        })
        .prop_map(|bits| IpAddr::V6(bits.into()));
    prop_oneof![inside, v6]
}

proptest! {
    #[test]
    fn no_special_address_passes_unless_it_is_allowed(address in special()) {
        let strict = egress("", false);
        let host = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let literal = url(&format!("https://{host}/"));
        prop_assert!(strict.check_url(&literal).is_err());
        prop_assert!(strict.check_addresses("a.example", &[address]).is_err());
        let public = [IpAddr::from([1, 1, 1, 1]), address];
        prop_assert!(strict.check_addresses("a.example", &public).is_err());
        let open = egress(&address.to_string(), false);
        prop_assert_eq!(open.check_url(&literal), Ok(()));
        prop_assert_eq!(open.check_addresses("a.example", &public), Ok(()));
    }

    #[test]
    fn any_text_that_is_a_url_is_judged_without_a_panic(text in "https?://[^/]{0,24}/?.{0,8}") {
        if let Ok(url) = Url::parse(&text) {
            let _ = egress("a.example 10.0.0.0/8", true).check_url(&url);
        }
    }
}
