//! Authorization code, PKCE, OpenID.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oneflight_testkit::{Client, Clock, Consent, Death, TestServer};
use serde_json::Value;

use crate::client::{Answer, call, http, post_form, redirect, refresh, send, start};

// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "http://127.0.0.1:9/callback?kept=1";

async fn authorize(server: &TestServer, more: &[(&str, &str)]) -> Answer {
    let mut query = vec![
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("state", "st&te"),
    ];
    query.extend_from_slice(more);
    send(http().get(server.authorization_url()).query(&query))
        .await
        .unwrap()
}

const PKCE: [(&str, &str); 3] = [
    ("response_type", "code"),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
];

async fn code(server: &TestServer, more: &[(&str, &str)]) -> String {
    let all: Vec<_> = PKCE.iter().chain(more).copied().collect();
    redirect(&authorize(server, &all).await)["code"].clone()
}

async fn trade(server: &TestServer, code: &str, verifier: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    form.retain(|(_, value)| !value.is_empty());
    form.extend_from_slice(more);
    post_form(&server.token_url(), &form).await.unwrap()
}

#[tokio::test]
async fn a_code_with_its_verifier_signs_in_and_refreshes() {
    let server = start().await;
    let answer = authorize(&server, &PKCE).await;
    assert_eq!(answer.status, 303);
    let back = redirect(&answer);
    assert_eq!((back["state"].as_str(), back["kept"].as_str()), ("st&te", "1"));
    assert_eq!(back["iss"], server.issuer());
    let tokens = trade(&server, &back["code"], VERIFIER, &[]).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!(call(&server, &tokens.member("access_token")).await.status, 200);
    assert_eq!(
        refresh(&server, &tokens.member("refresh_token"))
            .await
            .unwrap()
            .status,
        200
    );
    assert_eq!(server.family(1).unwrap().subject, "user");
    assert_eq!(server.counters().authorize_requests, 1);
    assert_eq!(server.counters().token_posts, 2);
    assert_eq!(server.counters().refresh_posts, 1);
}

#[tokio::test]
async fn pkce_is_refused_when_the_verifier_is_wrong_or_missing() {
    let server = start().await;
    for verifier in ["", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong", CHALLENGE] {
        let code = code(&server, &[]).await;
        let answer = trade(&server, &code, verifier, &[]).await;
        assert_eq!(
            (answer.status, answer.error().as_str()),
            (400, "invalid_grant"),
            "{verifier}"
        );
    }
    assert_eq!(server.counters().families_alive, 0);
}

#[tokio::test]
async fn public_clients_must_send_an_s256_challenge() {
    let server = start().await;
    let code_only = ("response_type", "code");
    let bad: [&[(&str, &str)]; 4] = [
        &[code_only],
        &[code_only, ("code_challenge", CHALLENGE)],
        &[
            code_only,
            ("code_challenge", VERIFIER),
            ("code_challenge_method", "plain"),
        ],
        &[
            code_only,
            ("code_challenge", "short"),
            ("code_challenge_method", "S256"),
        ],
    ];
    for more in bad {
        let back = redirect(&authorize(&server, more).await);
        assert_eq!(back["error"], "invalid_request", "{more:?}");
        assert_eq!(back["state"], "st&te");
    }
    let back = redirect(&authorize(&server, &[("response_type", "token")]).await);
    assert_eq!(back["error"], "unsupported_response_type");
}

#[tokio::test]
async fn a_code_used_twice_ends_the_family_it_made() {
    let server = start().await;
    let code = code(&server, &[]).await;
    let first = trade(&server, &code, VERIFIER, &[]).await;
    let second = trade(&server, &code, VERIFIER, &[]).await;
    assert_eq!(second.error(), "invalid_grant");
    assert_eq!(call(&server, &first.member("access_token")).await.status, 401);
    assert_eq!(server.family(1).unwrap().death, Some(Death::CodeReplayed));
}

#[tokio::test]
async fn a_code_expires_and_belongs_to_its_client_and_redirect_uri() {
    let server = TestServer::builder()
        .clock(Clock::virtual_at(UNIX_EPOCH))
        .client(Client::public("other"))
        .start()
        .await
        .unwrap();
    let fresh = code(&server, &[]).await;
    let other = [
        ("grant_type", "authorization_code"),
        ("client_id", "other"),
        ("code", fresh.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = post_form(&server.token_url(), &other).await.unwrap();
    assert_eq!(answer.error(), "invalid_grant");
    let mut elsewhere = other;
    elsewhere[1].1 = "app";
    elsewhere[3].1 = "http://127.0.0.1:9/elsewhere";
    let answer = post_form(&server.token_url(), &elsewhere).await.unwrap();
    assert_eq!(answer.error(), "invalid_grant");
    server.advance(Duration::from_secs(60));
    assert_eq!(
        trade(&server, &fresh, VERIFIER, &[]).await.error(),
        "invalid_grant"
    );
}

#[tokio::test]
async fn nobody_is_redirected_to_an_unregistered_place() {
    let client = Client::public("strict").redirect_uri("http://127.0.0.1:9/only");
    let server = TestServer::builder().client(client).start().await.unwrap();
    for query in [
        [
            ("client_id", "nobody"),
            ("redirect_uri", "http://127.0.0.1:9/only"),
        ],
        [
            ("client_id", "strict"),
            ("redirect_uri", "http://127.0.0.1:9/other"),
        ],
        [("client_id", "app"), ("redirect_uri", "/relative")],
        [
            ("client_id", "app"),
            ("redirect_uri", "http://127.0.0.1:9/#fragment"),
        ],
    ] {
        let answer = send(http().get(server.authorization_url()).query(&query))
            .await
            .unwrap();
        assert_eq!(
            (answer.status, answer.header("location")),
            (400, None),
            "{query:?}"
        );
    }
}

#[tokio::test]
async fn the_user_may_say_no() {
    let server = start().await;
    server.update_settings(|settings| settings.consent = Consent::Denied);
    let back = redirect(&authorize(&server, &PKCE).await);
    assert_eq!(back["error"], "access_denied");
    assert!(!back.contains_key("code"));
}

fn claims(id_token: &str) -> (Value, Value, String) {
    let parts: Vec<&str> = id_token.split('.').collect();
    let read = |part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (read(parts[0]), read(parts[1]), parts[2].to_owned())
}

#[tokio::test]
async fn openid_sign_in_brings_an_id_token_and_userinfo() {
    let server = start().await;
    let more = [("scope", "openid"), ("nonce", "n-1"), ("login_hint", "ada")];
    let code = code(&server, &more).await;
    let tokens = trade(&server, &code, VERIFIER, &[]).await;
    let (head, body, signature) = claims(&tokens.member("id_token"));
    assert_eq!((head["alg"].as_str(), signature.as_str()), (Some("none"), ""));
    assert_eq!(
        (body["sub"].as_str(), body["aud"].as_str()),
        (Some("ada"), Some("app"))
    );
    assert_eq!(
        (body["nonce"].as_str(), body["iss"].as_str()),
        (Some("n-1"), Some(server.issuer()))
    );

    let renewed = refresh(&server, &tokens.member("refresh_token")).await.unwrap();
    let (_, body, _) = claims(&renewed.member("id_token"));
    assert_eq!((body["sub"].as_str(), body.get("nonce")), (Some("ada"), None));

    let ask = |token: String| send(http().get(server.userinfo_url()).bearer_auth(token));
    let info = ask(renewed.member("access_token")).await.unwrap();
    assert_eq!(info.json()["sub"], "ada");
    let without_openid = server.issue_session();
    assert_eq!(ask(without_openid.access_token).await.unwrap().status, 403);
    assert_eq!(ask("nonsense".to_owned()).await.unwrap().status, 401);
}

#[tokio::test]
async fn clients_with_a_secret_get_signed_id_tokens() {
    let server = start().await;
    let query = [
        ("client_id", "service"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid"),
    ];
    let answer = send(http().get(server.authorization_url()).query(&query))
        .await
        .unwrap();
    let code = redirect(&answer)["code"].clone();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
    ];
    let request = http().post(server.token_url()).form(&form);
    let tokens = send(request.basic_auth("service", Some("secret"))).await.unwrap();
    let id_token = tokens.member("id_token");
    let (head, _, signature) = claims(&id_token);
    assert_eq!(head["alg"], "HS256");
    // Checked by a second implementation of HMAC (RFC 2104), as the first is ours to call wrongly.
    let (text, _) = id_token.rsplit_once('.').unwrap();
    assert_eq!(
        signature,
        URL_SAFE_NO_PAD.encode(hmac_sha256(b"secret", text.as_bytes()))
    );
}

fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    let pad = |byte: u8| -> Vec<u8> {
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(key);
        block.iter().map(|key| key ^ byte).collect()
    };
    let inner = Sha256::digest([pad(0x36), text.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}
