//! Where a request goes, if it says so itself, and if it does not.

use oneflight::error::ConfigError;
use oneflight::intercept::OptOut;
use oneflight::tower::Error;
use tower::{Layer as _, ServiceExt as _};

use crate::support::{Api, ORIGIN, Signed, get, notes};

#[tokio::test]
async fn o1_a_request_without_an_authority_is_an_error_unless_the_layer_knows_the_origin() {
    let signed = Signed::new().await;
    let api = Api::default();
    let outcome = signed.over(api.clone()).oneshot(get("/notes")).await;
    let Err(error @ Error::NoAuthority) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(error.to_string().contains("with_origin"), "{error}");
    assert_eq!((error.action(), api.seen().len()), (None, 0));

    let client = signed.layer().with_origin(ORIGIN).unwrap().layer(api.clone());
    client.oneshot(get("/notes")).await.unwrap();
    assert_eq!(api.tokens(), [Some("Bearer access-0".to_owned())]);
}

#[tokio::test]
async fn o1_what_a_request_says_itself_counts_more_than_the_layers_origin() {
    let signed = Signed::new().await;
    let api = Api::default();
    let client = signed.layer().with_origin(ORIGIN).unwrap().layer(api.clone());
    client.oneshot(get("https://other.example/notes")).await.unwrap();
    assert_eq!(api.tokens(), [None]);
}

#[tokio::test]
async fn o1_an_origin_that_the_session_does_not_list_gets_no_token() {
    let signed = Signed::new().await;
    let api = Api::default();
    let layer = signed.layer().with_origin("https://other.example").unwrap();
    layer.layer(api.clone()).oneshot(get("/notes")).await.unwrap();
    assert_eq!(api.tokens(), [None]);
}

#[tokio::test]
async fn o1_urls_are_judged_by_their_parsed_form() {
    let signed = Signed::new().await;
    let tokens = [
        ("https://api.example/", true),
        ("https://api.example:443/a?b=c", true),
        ("HTTPS://API.EXAMPLE/", true),
        ("https://user:password@api.example/", true),
        ("http://api.example/", false),
        ("https://api.example:8443/", false),
        ("https://api.example./", false),
        ("https://api.example.evil.test/", false),
        ("https://evil.test/?https://api.example/", false),
        ("https://api.example@evil.test/", false),
        ("https://api.example:443@evil.test/", false),
        ("https://notapi.example/", false),
        ("https://xn--pi-7ia.example/", false),
        ("https://[::1]/", false),
    ];
    for (url, expected) in tokens {
        let api = Api::default();
        signed.over(api.clone()).oneshot(get(url)).await.unwrap();
        assert_eq!(api.tokens()[0].is_some(), expected, "{url}");
    }
}

#[tokio::test]
async fn r2_a_request_that_opted_out_needs_no_authority() {
    let signed = Signed::new().await;
    let api = Api::default();
    let mut request = get("/health");
    request.extensions_mut().insert(OptOut);
    signed.over(api.clone()).oneshot(request).await.unwrap();
    assert_eq!(api.tokens(), [None]);
}

#[tokio::test]
async fn the_origin_of_a_layer_is_checked_when_it_is_set() {
    let signed = Signed::new().await;
    for origin in [
        "api.example",
        "/notes",
        "https://api.example/notes",
        "ftp://api.example",
        "",
    ] {
        let refused = signed.layer().with_origin(origin).unwrap_err();
        assert!(
            matches!(refused, ConfigError::BadOrigin { .. }),
            "{origin}: {refused:?}"
        );
    }
    let api = Api::default();
    signed.over(api.clone()).oneshot(notes()).await.unwrap();
    assert_eq!(api.tokens().len(), 1);
}
