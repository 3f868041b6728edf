//! Who holds the lease, for how long, and who is next.

use std::time::Duration;

use oneflight::Store as _;
use oneflight_postgres::PostgresStoreError;
use oneflight_tests::within;

use crate::place;

#[tokio::test]
async fn p5_p15_an_owner_that_slept_through_its_lease_neither_renews_nor_ends_the_next_ones() {
    let Some(place) = place() else { return };
    within(async {
        let (slept, next) = (place.stores().await, place.stores().await);
        let mut late = slept.store("user").lock().await.unwrap();
        assert!(late.renew().await.unwrap() <= crate::LONG, "it lives");
        place
            .sql("UPDATE TABLE_lease SET until = clock_timestamp()")
            .await;
        let guard = next.store("user").lock().await.unwrap();
        let owner = "SELECT owner FROM TABLE_lease";
        let before: String = place.sql(owner).await[0].get(0);
        let error = late.renew().await.unwrap_err();
        assert!(error.to_string().contains("was lost"), "{error}");
        assert_eq!(late.lease(), Some(Duration::ZERO));
        late.release().await;
        assert_eq!(place.sql(owner).await[0].get::<_, String>(0), before);
        guard.release().await;
        assert!(place.sql(owner).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_a_request_may_outlive_is_refused_with_its_numbers() {
    let Some(place) = place() else { return };
    let (request, save) = (Duration::from_secs(30), Duration::from_secs(5));
    let short = place.builder().deadlines(request, save).lease(request + save);
    let error = short.connect().await.unwrap_err();
    assert!(
        matches!(error, PostgresStoreError::LeaseTooShort { .. }),
        "{error:?}"
    );
    for number in ["35s", "30s", "5s", "35000 ms"] {
        assert!(error.to_string().contains(number), "{number}: {error}");
    }
}
