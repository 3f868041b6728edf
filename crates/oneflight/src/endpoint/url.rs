//! URLs that secrets may be sent to.

use http::Uri;
use oneflight_core::origin::Origin;

use crate::error::{ConfigError, UrlProblem};

/// Parses an absolute http or https URL without user information and fragment.
pub(crate) fn parse(url: &str) -> Result<(Uri, Origin), UrlProblem> {
    // The parser of `Uri` drops a fragment without a word.
    if url.contains('#') {
        return Err(UrlProblem::Fragment);
    }
    let uri: Uri = url.parse().map_err(|_| UrlProblem::NotAUrl)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(UrlProblem::NotAbsolute);
    };
    if authority.as_str().contains('@') {
        return Err(UrlProblem::UserInfo);
    }
    // A port that does not fit into 16 bits parses as an authority, and is then no port.
    let port = match authority.port() {
        Some(port) => Some(port.as_u16()),
        None if authority.as_str().len() > authority.host().len() => return Err(UrlProblem::NotAUrl),
        None => None,
    };
    let origin = Origin::from_parts(scheme, authority.host(), port)?;
    Ok((uri, origin))
}

/// The same for an endpoint of the authorization server, which must be reached by https, or on this machine.
pub(crate) fn endpoint(url: &str, what: &'static str, plain_http: PlainHttp) -> Result<Uri, ConfigError> {
    let (uri, origin) = parse(url).map_err(|cause| ConfigError::BadUrl { what, cause })?;
    if plain_http == PlainHttp::Refused && !origin.is_secure_or_loopback() {
        return Err(ConfigError::PlainHttp { what, origin });
    }
    Ok(uri)
}

/// An origin of the allow-list: a URL with nothing behind the port but, perhaps, a slash.
pub(crate) fn origin(url: &str) -> Result<Origin, ConfigError> {
    let origin = parse(url).and_then(|(uri, origin)| match (uri.path(), uri.query()) {
        ("" | "/", None) => Ok(origin),
        _ => Err(UrlProblem::NotOnlyOrigin),
    });
    origin.map_err(|cause| ConfigError::BadOrigin {
        // What stands before an @ may be a password.
        origin: url.rsplit('@').next().unwrap_or_default().to_owned(),
        cause,
    })
}

/// Whether secrets may travel unencrypted to other machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PlainHttp {
    #[default]
    Refused,
    /// Somebody called a method with an alarming name.
    Dangerous,
}

#[cfg(test)]
mod tests {
    use super::*;
    use oneflight_core::origin::OriginError;

    #[test]
    fn o2_plain_http_endpoints_are_refused_unless_they_are_on_this_machine() {
        let check = |url| endpoint(url, "token endpoint", PlainHttp::Refused);
        for fine in [
            "https://as.example/token",
            "http://127.0.0.1:8080/token",
            "http://[::1]/token",
        ] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        let plain = check("http://as.example/token").unwrap_err();
        assert!(matches!(plain, ConfigError::PlainHttp { .. }), "{plain:?}");
        assert!(plain.to_string().contains("https"), "{plain}");
        assert!(endpoint("http://as.example/token", "token endpoint", PlainHttp::Dangerous).is_ok());
    }

    #[test]
    fn o1_urls_with_tricks_are_refused_with_the_reason() {
        let problems = [
            ("https://user:hunter2@as.example/token", UrlProblem::UserInfo),
            ("https://as.example/token#top", UrlProblem::Fragment),
            ("/token", UrlProblem::NotAbsolute),
            ("as.example:443", UrlProblem::NotAbsolute),
            ("https://as.example:99999/token", UrlProblem::NotAUrl),
            ("https:// as.example", UrlProblem::NotAUrl),
            (
                "ftp://as.example",
                UrlProblem::Origin(OriginError::UnsupportedScheme),
            ),
            (
                "https://as.example./",
                UrlProblem::Origin(OriginError::TrailingDot),
            ),
        ];
        for (url, problem) in problems {
            assert_eq!(parse(url).map(|_| ()), Err(problem), "{url}");
        }
        let shown = origin("https://user:hunter2@as.example").unwrap_err().to_string();
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(matches!(
            origin("https://as.example/v1"),
            Err(ConfigError::BadOrigin { .. })
        ));
        assert!(origin("https://as.example/").is_ok());
    }
}
