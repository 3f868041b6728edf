//! What a valid token costs a request: origin check, snapshot read and header clone, beside the floor and the peers.

use std::hint::black_box;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue, Uri, header::AUTHORIZATION};
use oneflight::Session;
use oneflight::intercept::Attachment;
use oneflight_benches::measure::{Subject, interleave, print_table, version};
use oneflight_benches::peers::{aws, google};
use oneflight_benches::sessions::{ORIGIN, access_token, gated};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

const ROUNDS: usize = 31;
const COUNT: u64 = 40_000;

/// The least that anybody must do: load, read the clock, clone.
struct Floor {
    until: SystemTime,
    header: HeaderValue,
}

fn main() {
    if std::env::args().any(|arg| arg == "--test") {
        return run(1, 100, &[1, 2]);
    }
    run(ROUNDS, COUNT, &[1, 2, 8]);
}

fn run(rounds: usize, count: u64, threads: &[usize]) {
    let runtime = Runtime::new().expect("a runtime can be made");
    rustls::crypto::ring::default_provider()
        .install_default()
        .expect("it is the first");
    let session = runtime.block_on(gated(Arc::new(Semaphore::new(0))));
    let floor = Arc::new(floor());
    let aws = aws::Cache::new(&access_token(1));
    let google = runtime.block_on(async { google::credentials() });
    let uri: Uri = format!("{ORIGIN}/v1/things?page=7").parse().expect("a URL");
    println!(
        "{} | {} | {}",
        version("oneflight"),
        version(aws::NAME),
        version(google::NAME)
    );

    for &threads in threads {
        let mut subjects = [
            Subject::new("floor: arc-swap load, clock, clone", |count| {
                on(threads, count, |count| {
                    (0..count).for_each(|_| drop(black_box(take_floor(&floor))))
                });
            }),
            Subject::new("oneflight: origin, snapshot, clone", |count| {
                on(threads, count, |count| {
                    (0..count).for_each(|_| drop(black_box(take(&session, &uri))))
                });
            }),
            Subject::new("oneflight, and into the header map", |count| {
                on(threads, count, |count| {
                    (0..count).for_each(|_| drop(black_box(insert(&session, &uri))))
                });
            }),
            Subject::new(format!("{}: cached identity", aws::NAME), |count| {
                on(threads, count, |count| {
                    let bag = aws::bag();
                    block_on(async {
                        for _ in 0..count {
                            black_box(aws.identity(&bag).await);
                        }
                    });
                });
            }),
            Subject::new(format!("{}: headers", google::NAME), |count| {
                on(threads, count, |count| {
                    block_on(async {
                        for _ in 0..count {
                            black_box(google::headers(&google).await);
                        }
                    });
                });
            }),
        ];
        let figures = interleave(&mut subjects, rounds, count);
        print_table(
            &format!("a valid token, {threads} thread(s), per request of one thread"),
            &figures,
        );
        let ours = figures[1].nanos;
        println!(
            "  oneflight against the floor {:.2}x; {} {:.1}x, {} {:.1}x slower than oneflight",
            ours / figures[0].nanos,
            aws::NAME,
            figures[3].nanos / ours,
            google::NAME,
            figures[4].nanos / ours
        );
    }
}

fn floor() -> ArcSwap<Floor> {
    let mut header = HeaderValue::try_from(format!("Bearer {}", access_token(1))).expect("a header");
    header.set_sensitive(true);
    let until = SystemTime::now() + std::time::Duration::from_secs(3600);
    ArcSwap::from_pointee(Floor { until, header })
}

fn take_floor(floor: &ArcSwap<Floor>) -> Option<HeaderValue> {
    let floor = floor.load();
    (SystemTime::now() < floor.until).then(|| floor.header.clone())
}

fn take(session: &Session, uri: &Uri) -> HeaderValue {
    match session.attach(black_box(uri)) {
        Attachment::Ready(authorization) => authorization.into_header(),
        other => panic!("the token is valid and the origin allowed: {other:?}"),
    }
}

fn insert(session: &Session, uri: &Uri) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, take(session, uri));
    headers
}

/// Does the work on so many threads at once, each `count` times.
fn on(threads: usize, count: u64, work: impl Fn(u64) + Sync) {
    if threads == 1 {
        return work(count);
    }
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(count));
        }
    });
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be made");
    runtime.block_on(future);
}
