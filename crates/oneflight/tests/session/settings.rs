//! O1, O2: settings that cannot work are refused, with the cause and the next step.

use std::time::Duration;

use oneflight::endpoint::endpoint_fn;
use oneflight::error::UrlProblem;
use oneflight::intercept::Attachment;
use oneflight::store::Guard;
use oneflight::{
    BoxFuture, ConfigError, MemoryStore, Policy, Record, Session, SessionBuilder, Store, StoreError, Stored,
    Swap, Version,
};

use crate::support::{World, policy};

fn refused(builder: SessionBuilder) -> ConfigError {
    let error = builder.build().unwrap_err();
    assert!(error.to_string().len() > 30, "cause and next step: {error}");
    error
}

#[tokio::test(start_paused = true)]
async fn o1_o2_settings_that_cannot_work_are_refused() {
    let world = World::new();
    let with = |origin: &str| Session::builder().endpoint(world.endpoint()).origins([origin]);

    assert_eq!(refused(Session::builder()), ConfigError::NoEndpoint);
    let listless = Session::builder().endpoint(world.endpoint());
    assert_eq!(refused(listless), ConfigError::EmptyAllowList);
    let empty = Session::builder().endpoint(world.endpoint()).origins([""; 0]);
    assert_eq!(refused(empty), ConfigError::EmptyAllowList);

    let plain = refused(with("http://api.example"));
    assert!(matches!(plain, ConfigError::PlainHttp { .. }), "{plain}");
    assert!(
        with("http://api.example")
            .dangerously_allow_plain_http()
            .build()
            .is_ok()
    );
    assert!(with("http://127.0.0.1:3000").build().is_ok());
    assert!(with("http://[::1]:3000").build().is_ok());

    let problems = [
        ("api.example", UrlProblem::NotAbsolute),
        ("https://api.example/v1", UrlProblem::NotOnlyOrigin),
        ("https://api.example?x", UrlProblem::NotOnlyOrigin),
        ("https://api.example#x", UrlProblem::Fragment),
        ("https://u@api.example", UrlProblem::UserInfo),
        ("", UrlProblem::NotAUrl),
    ];
    for (origin, problem) in problems {
        let error = refused(with(origin));
        assert!(
            matches!(&error, ConfigError::BadOrigin { cause, .. } if *cause == problem),
            "{error}"
        );
    }

    let mut numbers = policy();
    numbers.renew_factor = 1.5;
    let error = refused(with("https://api.example").policy(numbers));
    assert!(error.to_string().contains("renew_factor"), "{error}");
    let mut numbers = policy();
    numbers.request_deadline = std::time::Duration::ZERO;
    let error = refused(with("https://api.example").policy(numbers));
    assert!(error.to_string().contains("request_deadline"), "{error}");
}

#[test]
fn s5_without_a_runtime_there_is_no_session() {
    let endpoint = endpoint_fn(|_| std::future::pending());
    let error = refused(Session::builder().endpoint(endpoint).without_origins());
    assert_eq!(error, ConfigError::NoRuntime);
}

#[test]
fn s5_a_runtime_without_timers_is_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let endpoint = endpoint_fn(|_| std::future::pending());
    let builder = Session::builder().endpoint(endpoint).without_origins();
    let error = refused(builder.runtime(runtime.handle().clone()));
    assert_eq!(error, ConfigError::NoTimers);
}

#[tokio::test(start_paused = true)]
async fn o1_requests_to_other_origins_are_left_alone() {
    let world = World::new();
    let session = world
        .builder()
        .origins(["http://127.0.0.1:8080"])
        .build()
        .unwrap();
    session.sign_in(world.grant()).await.unwrap();
    let ours = [
        "https://api.example",
        "https://api.example/a?b",
        "https://API.Example:443/",
        "http://127.0.0.1:8080/",
        // What stands before the @ is no part of the origin.
        "https://evil.test@api.example/",
    ];
    for url in ours {
        let attachment = session.attach(&url.parse().unwrap());
        assert!(
            matches!(attachment, Attachment::Ready(_)),
            "{url}: {attachment:?}"
        );
    }
    let others = [
        "http://api.example/",
        "https://api.example:8443/",
        "https://api.example.evil.test/",
        "https://api.example@evil.test/",
        "https://api.example./",
        "http://127.0.0.1/",
        "/relative",
        "api.example:443",
    ];
    for url in others {
        let attachment = session.attach(&url.parse().unwrap());
        assert!(matches!(attachment, Attachment::NotOurs), "{url}: {attachment:?}");
    }
    let closed = Session::builder()
        .endpoint(world.endpoint())
        .without_origins()
        .build()
        .unwrap();
    let attachment = closed.attach(&"https://api.example".parse().unwrap());
    assert!(matches!(attachment, Attachment::NotOurs), "{attachment:?}");
}

#[tokio::test(start_paused = true)]
async fn s4_a_request_of_ours_without_a_usable_token_waits() {
    let world = World::new();
    let session = world.builder().build().unwrap();
    let url = "https://api.example".parse().unwrap();
    assert!(matches!(session.attach(&url), Attachment::Wait));
    session.sign_in(world.grant()).await.unwrap();
    assert!(matches!(session.attach(&url), Attachment::Ready(_)));
    tokio::time::advance(crate::support::LIFETIME).await;
    assert!(matches!(session.attach(&url), Attachment::Wait));
    session.authorization().await.unwrap();
    assert!(matches!(session.attach(&url), Attachment::Ready(_)));
    assert_eq!(world.server.posts(), 1);
}

/// A memory store whose lock is said to be a lease.
struct Leased(MemoryStore, Duration);

impl Store for Leased {
    fn load(&self) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        self.0.load()
    }

    fn lock(&self) -> BoxFuture<'_, Result<Box<dyn Guard>, StoreError>> {
        self.0.lock()
    }

    fn compare_and_swap(
        &self,
        expected: Option<Version>,
        record: Record,
    ) -> BoxFuture<'_, Result<Swap, StoreError>> {
        self.0.compare_and_swap(expected, record)
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.1)
    }
}

#[tokio::test]
async fn p15_a_lease_that_a_request_and_its_save_may_outlive_is_refused() {
    let policy = Policy::default();
    let needed = policy.request_deadline + policy.save_deadline;
    let with = |lease| {
        let endpoint = endpoint_fn(|_| std::future::pending());
        let session = Session::builder().endpoint(endpoint).without_origins();
        session.store(Leased(MemoryStore::new(), lease))
    };
    let error = refused(with(needed));
    assert!(matches!(error, ConfigError::LeaseTooShort { .. }), "{error:?}");
    assert!(
        error.to_string().contains("30s") && error.to_string().contains("5s"),
        "{error}"
    );
    assert!(with(needed + Duration::from_millis(1)).build().is_ok());
}
