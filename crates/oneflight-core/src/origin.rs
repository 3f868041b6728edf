//! Which origins may see the token.
//!
//! An [`Origin`] is scheme, host and port (RFC 6454 §4) *as a URL parser found them*. This module parses no URLs: two
//! parsers that disagree are how tokens leak, so the driver asks the very parser that its HTTP client will use, and
//! hands over the parts. User-info is no part of an origin and never gets here.
//!
//! How the forms of one host are judged:
//!
//! | form | judgement |
//! |---|---|
//! | `API.Example.com` | names compare without regard to ASCII case |
//! | `api.example.com.` | refused, and matches nothing: to browsers, cookies and certificates it is another host |
//! | `bücher.example` | refused: pass the A-label (`xn--bcher-kva.example`) that the URL parser made of it |
//! | `127.0.0.1` | IPv4, in the one canonical form |
//! | `0x7f.1`, `127.1`, `127.0.0.01`, `2130706433` | refused, and match nothing: a URL parser makes `127.0.0.1` of them, a resolver may as well |
//! | `[::1]`, `::1`, `[0:0:0:0:0:0:0:1]` | IPv6: compared as numbers, with brackets or without |
//! | `[::ffff:127.0.0.1]` | an IPv6 address of its own; not the loopback interface's |
//! | `[fe80::1%eth0]` | refused: a zone means something on one machine only |
//! | port absent | the scheme's default; `:443` and no port are the same for `https` |

use alloc::boxed::Box;
use alloc::format;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

mod allow_list;

pub use allow_list::{AllowList, AllowListError};

/// The longest host name that DNS can hold (RFC 1035 §2.3.4), in bytes.
const MAX_HOST_BYTES: usize = 253;

/// The longest label of a host name (RFC 1035 §2.3.4), in bytes.
const MAX_LABEL_BYTES: usize = 63;

/// The two schemes a token may travel by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP: only for the loopback interface.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    fn parse(scheme: &str) -> Option<Self> {
        if scheme.eq_ignore_ascii_case("https") {
            Some(Self::Https)
        } else if scheme.eq_ignore_ascii_case("http") {
            Some(Self::Http)
        } else {
            None
        }
    }

    /// The scheme as it stands in a URL: `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant where a URL names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// A host, told apart and not yet copied.
enum HostRef<'a> {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
    Name(&'a str),
}

impl<'a> HostRef<'a> {
    fn parse(host: &'a str) -> Result<Self, OriginError> {
        if host.is_empty() {
            return Err(OriginError::EmptyHost);
        }
        if !host.is_ascii() {
            return Err(OriginError::NotAscii);
        }
        if host.contains([':', '[', ']']) {
            return Self::parse_v6(host);
        }
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Ok(Self::V4(address));
        }
        Self::parse_name(host)
    }

    fn parse_v6(host: &str) -> Result<Self, OriginError> {
        let address = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or(OriginError::InvalidHost)?,
            None => host,
        };
        if address.contains('%') {
            return Err(OriginError::Zone);
        }
        let address = address.parse().map_err(|_| OriginError::InvalidHost)?;
        Ok(Self::V6(address))
    }

    fn parse_name(host: &'a str) -> Result<Self, OriginError> {
        if host.ends_with('.') {
            return Err(OriginError::TrailingDot);
        }
        if host.len() > MAX_HOST_BYTES {
            return Err(OriginError::InvalidHost);
        }
        let mut last = "";
        for label in host.split('.') {
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            if label.is_empty() || label.len() > MAX_LABEL_BYTES || !label.bytes().all(legal) {
                return Err(OriginError::InvalidHost);
            }
            last = label;
        }
        if ends_in_a_number(last) {
            return Err(OriginError::NotCanonicalIpv4);
        }
        Ok(Self::Name(host))
    }

    /// The one form that compares, as it stands in a URL.
    fn canonical(&self) -> Box<str> {
        match self {
            Self::V4(address) => format!("{address}"),
            Self::V6(address) => format!("[{address}]"),
            Self::Name(name) => name.to_ascii_lowercase(),
        }
        .into_boxed_str()
    }

    fn address(&self) -> Option<IpAddr> {
        match *self {
            Self::V4(address) => Some(address.into()),
            Self::V6(address) => Some(address.into()),
            Self::Name(_) => None,
        }
    }
}

/// The "ends in a number" checker of the WHATWG URL standard, for one label: such a host is an IPv4 address in disguise.
fn ends_in_a_number(label: &str) -> bool {
    let digits = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match digits {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

/// Why parts of a URL make no origin that a token could be sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OriginError {
    /// The scheme is neither `http` nor `https`.
    UnsupportedScheme,
    /// There is no host.
    EmptyHost,
    /// The host holds a character outside ASCII. Pass the punycode form (A-label) that a URL parser makes of it.
    NotAscii,
    /// The host ends in a dot, which makes it another host than the same without.
    TrailingDot,
    /// The host is a number, or ends in one, without being four decimal numbers. Pass it as a URL parser gives it.
    NotCanonicalIpv4,
    /// The IPv6 address names a zone.
    Zone,
    /// The host is neither an IP address nor a name: an illegal character, an empty label, or too long.
    InvalidHost,
    /// Port 0, to which nobody can connect.
    PortZero,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnsupportedScheme => "the scheme is neither http nor https",
            Self::EmptyHost => "the URL has no host",
            Self::NotAscii => {
                "the host is not ASCII; pass the punycode form (xn--...) that a URL parser makes of it"
            }
            Self::TrailingDot => "the host ends in a dot; write it without",
            Self::NotCanonicalIpv4 => {
                "the host is a number but not an IPv4 address of four decimal numbers; write it that way"
            }
            Self::Zone => "the IPv6 address names a zone, which means nothing to other machines",
            Self::InvalidHost => "the host is neither a name nor an IP address",
            Self::PortZero => "nobody can connect to port 0",
        })
    }
}

impl core::error::Error for OriginError {}

/// Scheme, host and port of a URL (RFC 6454 §4), in the one form that compares.
///
/// ```
/// use oneflight_core::origin::{Origin, OriginError};
///
/// let origin = Origin::from_parts("HTTPS", "API.Example.com", None)?;
/// assert_eq!(origin, Origin::from_parts("https", "api.example.com", Some(443))?);
/// assert_eq!(origin.to_string(), "https://api.example.com");
/// assert_eq!(Origin::from_parts("https", "api.example.com.", None), Err(OriginError::TrailingDot));
/// # Ok::<(), OriginError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Box<str>,
    address: Option<IpAddr>,
    port: u16,
}

impl Origin {
    /// Makes an origin of the parts that a URL parser found. IPv6 hosts come with brackets or without.
    ///
    /// # Errors
    /// [`OriginError`] says what is wrong with the parts.
    pub fn from_parts(scheme: &str, host: &str, port: Option<u16>) -> Result<Self, OriginError> {
        let scheme = Scheme::parse(scheme).ok_or(OriginError::UnsupportedScheme)?;
        let host = HostRef::parse(host)?;
        let port = port.unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(OriginError::PortZero);
        }
        Ok(Self {
            scheme,
            host: host.canonical(),
            address: host.address(),
            port,
        })
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host as it stands in a URL: a name in lower case, or an address; IPv6 in brackets.
    #[must_use]
    pub const fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's default where the URL named none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the host can only mean this machine: `127.0.0.0/8`, `::1`, or the name `localhost`.
    ///
    /// Names below `localhost` do not count: RFC 6761 §6.3 asks resolvers to keep them at home, and some send them to
    /// DNS all the same, whose answer could be anybody.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.address {
            Some(address) => address.is_loopback(),
            None => &*self.host == "localhost",
        }
    }

    /// Whether a token may travel there: over TLS, or not leaving this machine.
    #[must_use]
    pub fn is_secure_or_loopback(&self) -> bool {
        self.scheme == Scheme::Https || self.is_loopback()
    }

    /// Whether a scheme and an authority (RFC 3986 §3.2), as a URL parser left them, are written just like this origin:
    /// its host and nothing else, or its host and port. `false` says only that they are written otherwise, so take
    /// them apart and ask [`matches`](Self::matches) then.
    ///
    /// This spares the hot path the search for user information and for the port.
    #[must_use]
    #[inline]
    pub fn is_written(&self, scheme: &str, authority: &str) -> bool {
        let Some(port) = authority.strip_prefix(&*self.host) else {
            return false;
        };
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse() == Ok(self.port),
            None => port.is_empty() && self.port == self.scheme.default_port(),
        };
        // Constants of a fixed length are compared in place.
        port && match self.scheme {
            Scheme::Https => scheme.as_bytes() == b"https",
            Scheme::Http => scheme.as_bytes() == b"http",
        }
    }

    /// Whether these parts of a URL are this origin. Never allocates; parts that are no origin are no match.
    #[must_use]
    #[inline]
    pub fn matches(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        // The hot path, first: byte for byte as the URL parser left them.
        let same = |left: &str, right: &str| left == right || left.eq_ignore_ascii_case(right);
        if port.unwrap_or(self.scheme.default_port()) != self.port || !same(scheme, self.scheme.as_str()) {
            return false;
        }
        // Only IPv6 has several forms that are all legal.
        same(host, &self.host)
            || self.address.is_some_and(|address| {
                address.is_ipv6() && HostRef::parse(host).is_ok_and(|host| host.address() == Some(address))
            })
    }
}

impl fmt::Display for Origin {
    /// As in a URL, without the scheme's default port.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests;
