//! Scheduled events, handed over to the new writer with their definers.

use std::time::Duration;

use dualmasterd::act::close::{close, open};
use dualmasterd::act::events::hand_over_events;
use dualmasterd::act::link::{start_applier, stop_applier};
use dualmasterd::act::semi_sync::{arm_source, disarm_source};
use dualmasterd::model::member::Side;
use dualmasterd::model::server::ENDLESS_MS;

use crate::BUDGET;
use crate::pair::Pair;
use crate::watched::Watched;

pub async fn handed_over(pair: &Pair) {
    let (a, b) = (&pair.a, &pair.b);
    let watched = Watched::start(a, Side::A);
    a.sql(
        "CREATE DATABASE `e``v`; CREATE USER definer@localhost; \
         GRANT ALL ON *.* TO definer@localhost; \
         CREATE DEFINER=definer@localhost EVENT `e``v`.`on'1` ON SCHEDULE EVERY 1 DAY DO DO 1; \
         CREATE DEFINER=definer@localhost EVENT `e``v`.`off` ON SCHEDULE EVERY 1 DAY DISABLE DO DO 1",
    )
    .await;
    watched.is_writer(7);
    for _ in 0..100 {
        if b.value("SELECT event_name FROM dualmasterd.events")
            .await
            .is_some()
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    watched.writer.send(None).unwrap();
    let count = "SELECT CONCAT(COUNT(*), MIN(event_name)) FROM dualmasterd.events";
    assert_eq!(b.value(count).await.unwrap(), "1on'1");

    // As after b became writer: the enabled one alone is enabled there, with its definer.
    stop_applier(&b.handle).await.unwrap();
    disarm_source(&a.handle).await.unwrap();
    close(&a.handle, BUDGET).await.unwrap();
    open(&b.handle).await.unwrap();
    hand_over_events(&b.handle).await.unwrap();
    hand_over_events(&b.handle).await.unwrap();
    let state = "SELECT GROUP_CONCAT(EVENT_NAME, ' ', STATUS, ' ', DEFINER ORDER BY EVENT_NAME DESC) \
        FROM information_schema.events";
    let state = b.value(state).await.unwrap();
    assert!(
        state.starts_with("on'1 ENABLED definer@localhost,off "),
        "{state}"
    );
    assert!(state.contains("SIDE_DISABLED"), "{state}");
    close(&b.handle, BUDGET).await.unwrap();
    start_applier(&a.handle).await.unwrap();
    a.until_has(&b.look().await.executed).await;
    stop_applier(&a.handle).await.unwrap();
    start_applier(&b.handle).await.unwrap();
    arm_source(&a.handle, ENDLESS_MS).await.unwrap();
    open(&a.handle).await.unwrap();
    hand_over_events(&a.handle).await.unwrap();
    b.until_has(&a.look().await.executed).await;
}
