use super::*;
use alloc::string::ToString as _;
use alloc::vec;

fn origin(scheme: &str, host: &str, port: Option<u16>) -> Origin {
    Origin::from_parts(scheme, host, port).unwrap()
}

#[test]
fn o1_the_forms_of_one_origin_are_equal() {
    let same = [
        (
            "https",
            "api.example.com",
            None,
            "https",
            "api.example.com",
            Some(443),
        ),
        ("http", "localhost", None, "http", "localhost", Some(80)),
        ("https", "API.EXAMPLE.COM", None, "HtTpS", "api.example.com", None),
        ("https", "[::1]", None, "https", "::1", None),
        ("https", "[::1]", None, "https", "[0:0:0:0:0:0:0:1]", None),
        (
            "https",
            "[2001:DB8::a]",
            None,
            "https",
            "[2001:db8:0:0:0:0:0:A]",
            None,
        ),
        (
            "https",
            "[::ffff:10.0.0.1]",
            None,
            "https",
            "[::ffff:a00:1]",
            None,
        ),
        ("https", "127.0.0.1", Some(8443), "https", "127.0.0.1", Some(8443)),
        (
            "https",
            "xn--BCHER-kva.example",
            None,
            "https",
            "xn--bcher-kva.example",
            None,
        ),
    ];
    for (scheme, host, port, other_scheme, other_host, other_port) in same {
        let one = origin(scheme, host, port);
        assert_eq!(one, origin(other_scheme, other_host, other_port));
        assert!(one.matches(other_scheme, other_host, other_port), "{one}");
        assert!(one.matches(scheme, host, port), "{one}");
    }
}

#[test]
fn o1_a_token_goes_to_no_look_alike() {
    let list = AllowList::new([
        origin("https", "api.example.com", None),
        origin("https", "api.example.org", Some(8443)),
        origin("http", "127.0.0.1", Some(4180)),
        origin("http", "[::1]", Some(4180)),
    ])
    .unwrap();
    assert!(list.allows("https", "api.example.com", None));
    assert!(list.allows("https", "api.example.org", Some(8443)));
    assert!(list.allows("http", "127.0.0.1", Some(4180)));
    assert!(list.allows("http", "[0::1]", Some(4180)));
    let strangers: [(&str, &str, Option<u16>); 24] = [
        ("https", "api.example.com.evil.test", None),
        ("https", "evil-api.example.com", None),
        ("https", "evil.test", None),
        ("https", "example.com", None),
        ("https", "sub.api.example.com", None),
        ("https", "api.example.co", None),
        ("https", "api.example.comm", None),
        ("https", "api.example.com.", None),
        ("https", "api.example.com@evil.test", None),
        ("https", "api.exаmple.com", None), // a Cyrillic letter
        ("https", "api.example.com", Some(8443)),
        ("https", "api.example.org", None),
        ("https", "api.example.com", Some(80)),
        ("http", "api.example.com", None),
        ("http", "api.example.com", Some(443)),
        ("wss", "api.example.com", None),
        ("", "api.example.com", None),
        ("https", "", None),
        ("http", "127.0.0.2", Some(4180)),
        ("http", "127.1", Some(4180)),
        ("http", "0x7f.0.0.1", Some(4180)),
        ("http", "localhost", Some(4180)),
        ("http", "[::1%lo]", Some(4180)),
        ("http", "[::ffff:127.0.0.1]", Some(4180)),
    ];
    for (scheme, host, port) in strangers {
        assert!(!list.allows(scheme, host, port), "{scheme}://{host}:{port:?}");
    }
}

#[test]
fn o1_parts_that_are_no_origin_are_refused_with_the_reason() {
    let long_label = "a".repeat(64);
    let long_name = vec!["abcdefg"; 32].join(".");
    let refused: &[(&str, &str, Option<u16>, OriginError)] = &[
        ("ftp", "a.example", None, OriginError::UnsupportedScheme),
        ("https:", "a.example", None, OriginError::UnsupportedScheme),
        ("https", "", None, OriginError::EmptyHost),
        ("https", "bücher.example", None, OriginError::NotAscii),
        ("https", "a.example.", None, OriginError::TrailingDot),
        ("https", "127.0.0.1.", None, OriginError::TrailingDot),
        ("https", "0x7f.1", None, OriginError::NotCanonicalIpv4),
        ("https", "127.0.0.01", None, OriginError::NotCanonicalIpv4),
        ("https", "2130706433", None, OriginError::NotCanonicalIpv4),
        ("https", "1.2.3.4.5", None, OriginError::NotCanonicalIpv4),
        ("https", "a.example.0X", None, OriginError::NotCanonicalIpv4),
        ("https", "256.1.1.1", None, OriginError::NotCanonicalIpv4),
        ("https", "[fe80::1%eth0]", None, OriginError::Zone),
        ("https", "fe80::1%25eth0", None, OriginError::Zone),
        ("https", "[::1", None, OriginError::InvalidHost),
        ("https", "::1]", None, OriginError::InvalidHost),
        ("https", "[127.0.0.1]", None, OriginError::InvalidHost),
        ("https", "a.example:443", None, OriginError::InvalidHost),
        ("https", "a..example", None, OriginError::InvalidHost),
        ("https", ".example", None, OriginError::InvalidHost),
        ("https", "a b", None, OriginError::InvalidHost),
        ("https", "user@a.example", None, OriginError::InvalidHost),
        ("https", "a.example/path", None, OriginError::InvalidHost),
        ("https", "a%2eexample", None, OriginError::InvalidHost),
        ("https", &long_label, None, OriginError::InvalidHost),
        ("https", &long_name, None, OriginError::InvalidHost),
        ("https", "a.example", Some(0), OriginError::PortZero),
    ];
    for &(scheme, host, port, error) in refused {
        let made = Origin::from_parts(scheme, host, port);
        assert_eq!(made, Err(error), "{scheme}://{host}");
    }
}

#[test]
fn o2_http_is_refused_except_for_loopback() {
    for host in ["127.0.0.1", "127.8.8.8", "[::1]", "localhost", "LOCALHOST"] {
        let loopback = origin("http", host, Some(3000));
        assert!(loopback.is_loopback(), "{host}");
        assert!(AllowList::new([loopback]).is_ok(), "{host}");
    }
    let elsewhere = [
        "api.example.com",
        "128.0.0.1",
        "10.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "localhost.example.com",
        "api.localhost",
        "notlocalhost",
    ];
    for host in elsewhere {
        let plain = origin("http", host, Some(3000));
        assert!(!plain.is_secure_or_loopback(), "{host}");
        let secure = origin("https", host, Some(3000));
        assert!(secure.is_secure_or_loopback(), "{host}");
        let refused = AllowList::new([secure, plain.clone()]);
        assert_eq!(refused, Err(AllowListError::PlainHttp(plain.clone())));
        let list = AllowList::dangerously_with_plain_http([plain]).unwrap();
        assert!(list.allows("http", host, Some(3000)));
    }
}

#[test]
fn o1_a_list_without_origins_is_an_error() {
    assert_eq!(AllowList::new([]), Err(AllowListError::Empty));
    let made = AllowList::dangerously_with_plain_http([]);
    assert_eq!(made, Err(AllowListError::Empty));
}

#[test]
fn o1_an_origin_is_shown_as_a_url_shows_it() {
    for (shown, scheme, host, port) in [
        ("https://api.example.com", "https", "API.example.com", Some(443)),
        ("https://api.example.com:80", "https", "api.example.com", Some(80)),
        ("http://localhost", "http", "localhost", Some(80)),
        ("http://[::1]:8080", "http", "0:0::1", Some(8080)),
        ("http://127.0.0.1:8080", "http", "127.0.0.1", Some(8080)),
    ] {
        assert_eq!(origin(scheme, host, port).to_string(), shown);
    }
}

#[test]
fn o1_only_an_authority_that_is_the_host_and_port_alone_is_written_like_the_origin() {
    let default = origin("https", "api.example.com", None);
    let odd = origin("https", "api.example.com", Some(8443));
    let six = origin("http", "[::1]", Some(8080));
    assert!(default.is_written("https", "api.example.com"));
    assert!(default.is_written("https", "api.example.com:443"));
    assert!(odd.is_written("https", "api.example.com:8443"));
    assert!(six.is_written("http", "[::1]:8080"));

    let others = [
        ("http", "api.example.com"),
        ("https", "api.example.com:8443"),
        ("https", "api.example.com:"),
        ("https", "api.example.com:443@evil.example"),
        ("https", "api.example.com@evil.example"),
        ("https", "api.example.com.evil.example"),
        ("https", "api.example.com."),
        ("https", "user@api.example.com"),
        ("https", "api.example.co"),
        ("https", ""),
    ];
    for (scheme, authority) in others {
        assert!(!default.is_written(scheme, authority), "{scheme}://{authority}");
    }
    assert!(!odd.is_written("https", "api.example.com"));
    // The exact form is all that it knows; the parts say the rest.
    assert!(!default.is_written("https", "API.example.com"));
    assert!(default.matches("https", "API.example.com", None));
}
