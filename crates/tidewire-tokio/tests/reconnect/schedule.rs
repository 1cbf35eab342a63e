//! When a client comes back (RFC 6455 §7.2.3).

use std::{sync::Arc, time::Duration};

use crate::world::{Act, client, words};
use tidewire_tokio::reconnect::{Config, Error, Loss, Update};
use tokio::time::Instant;

const GONE: &str = "lost: remote end of stream without a close frame";

/// The delays that a client of these servers waits, and that it said it would.
async fn delays(acts: Vec<Act>, entropy: u64, config: &Config) -> Vec<Duration> {
    let count = acts.len();
    let (builder, seen) = client(acts);
    let mut client = builder.schedule(config.clone()).entropy(entropy).connect().unwrap();
    let (mut delays, mut start) = (Vec::new(), Instant::now());
    while let Some(Ok(update)) = client.next_update().await {
        let Update::Lost { delay, .. } = update else { continue };
        if let Some(said) = delays.last() {
            let waited = start.elapsed();
            assert!(waited >= *said && waited <= *said + Duration::from_millis(3), "{waited:?} {said:?}");
        }
        start = Instant::now();
        delays.push(delay);
        if delays.len() == count {
            break;
        }
    }
    assert!(seen.lock().unwrap().len() >= delays.len());
    delays
}

//= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.3
//= type=test
//# To prevent this, clients SHOULD use some form of backoff when trying
//# to reconnect after abnormal closures as described in this section.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.3
//= type=test
//# The first reconnect attempt SHOULD be delayed by a random amount of
//# time.
//= https://www.rfc-editor.org/rfc/rfc6455#section-7.2.3
//= type=test
//# Should the first reconnect attempt fail, subsequent reconnect
//# attempts SHOULD be delayed by increasingly longer amounts of time,
//# using a method such as truncated binary exponential backoff.
#[tokio::test(start_paused = true)]
async fn delays_grow_are_drawn_and_are_those_that_were_said() {
    let config = Config::default();
    let mut firsts = Vec::new();
    for entropy in 0..20 {
        let found = delays(vec![Act::Nobody; 9], entropy, &config).await;
        for (attempt, delay) in found.iter().enumerate() {
            let window = Duration::from_secs(1 << attempt.min(6)).min(config.max_delay);
            assert!(*delay >= config.min_delay && *delay <= window, "{attempt}: {delay:?}");
        }
        assert_eq!(found, delays(vec![Act::Nobody; 9], entropy, &config).await, "seed {entropy} again");
        firsts.push(found[0]);
    }
    firsts.sort();
    assert!(firsts[0] < Duration::from_millis(300) && firsts[19] > Duration::from_millis(800), "{firsts:?}");
    firsts.dedup();
    assert_eq!(firsts.len(), 20, "each its own");
}

#[tokio::test(start_paused = true)]
async fn a_message_begins_it_anew_and_a_mere_connection_does_not() {
    let longest = |found: &[Duration]| found.iter().max().unwrap().as_secs_f64();
    let useful = delays(vec![Act::Drop(&["x"]); 30], 7, &Config::default()).await;
    assert!(longest(&useful) <= 1.0, "{useful:?}");
    let useless = delays(vec![Act::Drop(&[]); 30], 7, &Config::default()).await;
    assert!(longest(&useless) > 16.0, "{useless:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_names_a_time_is_not_asked_before_it() {
    for (asked, least) in [(120, 120), (7200, 3600)] {
        let acts = vec![Act::Refuse(503, Some(asked)), Act::Refuse(429, None), Act::Nobody];
        let found = delays(acts, 3, &Config::default()).await;
        assert_eq!(found[0].as_secs(), least, "an hour at most");
        assert!(found[1] <= Duration::from_secs(2), "for once: {found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_where_they_are_limited() {
    let mut config = Config::default();
    config.max_attempts = Some(2);
    let (builder, seen) = client([Act::Drop(&["x"])]);
    let mut client = builder.schedule(config).connect().unwrap();
    let lost = "lost: connection refused";
    assert_eq!(
        words(&mut client, 5).await,
        ["open", "x", GONE, lost, "error: all attempts are used up; the last: connection refused"]
    );
    assert!(client.next().await.is_none());
    assert_eq!(*seen.lock().unwrap(), ["/ws", "nobody", "nobody"]);
}

#[tokio::test(start_paused = true)]
async fn an_error_says_how_it_was_lost() {
    let mut config = Config::default();
    config.max_attempts = Some(0);
    let (builder, _) = client([]);
    let mut client = builder.schedule(config).connect().unwrap();
    let error = client.next().await.unwrap().unwrap_err();
    assert!(std::error::Error::source(&error).is_some());
    assert!(matches!(error, Error::Exhausted(Loss::Connect(_))), "{error}");
    let _: Arc<dyn Send> = Arc::new(error);
}
