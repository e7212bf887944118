//! How long a connection may be without a reviewed stream.

use std::time::Duration;

use tokio::time::{Instant, advance, timeout};

use super::{Streams, unreviewed};
use crate::limits::UNREVIEWED_TIMEOUT;

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_stream_is_over_in_time() {
    let begin = Instant::now();
    unreviewed(Streams::default()).await;
    assert_eq!(begin.elapsed(), UNREVIEWED_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_not_over_while_it_has_streams_and_some_time_after() {
    let streams = Streams::default();
    let mut unreviewed = Box::pin(unreviewed(streams.clone()));
    let almost = UNREVIEWED_TIMEOUT - Duration::from_millis(10);
    assert!(timeout(almost, &mut unreviewed).await.is_err());
    let older = streams.begin();
    let newer = streams.begin();
    assert!(timeout(LONG, &mut unreviewed).await.is_err());
    drop(older);
    assert!(timeout(LONG, &mut unreviewed).await.is_err());
    drop(newer);
    assert!(timeout(almost, &mut unreviewed).await.is_err());
    advance(Duration::from_millis(10)).await;
    unreviewed.await;
}
