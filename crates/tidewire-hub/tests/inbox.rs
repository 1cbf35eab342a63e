//! Messages to one connection: their order, their limits, and their end with it.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::*;
use tidewire_hub::{
    Budget, Config, ENTRY_OVERHEAD_BYTES, Hub, OnLag, Policy, SendError, Start, SubscriberId,
};

fn send(hub: &mut Hub<Note>, id: SubscriberId, number: u64, len_bytes: usize) -> Result<(), SendError> {
    hub.send_to(id, Note(number, len_bytes))
}

#[test]
fn the_inbox_comes_first_and_in_order() {
    let mut hub = hub();
    let (id, other) = (follow(&mut hub, "a", Start::Live), follow(&mut hub, "a", Start::Live));
    publish(&mut hub, "a", 1);
    for number in 2..=3 {
        send(&mut hub, id, number, 0).unwrap();
    }
    assert_eq!(ready(&mut hub), [id, other], "a burst is one wake-up");
    assert_eq!(batch(&mut hub, id, 2, 9), [Got::Direct(2), Got::Direct(3)]);
    assert!(hub.wants_batch(id));
    assert_eq!(pull_all(&mut hub, id), [note("a", 1)]);
    assert_eq!((hub.usage().inboxes_bytes, ready(&mut hub)), (0, vec![]));
    send(&mut hub, id, 4, 0).unwrap();
    assert_eq!(pull_all(&mut hub, id), [Got::Direct(4)], "found without being named");
    assert_eq!(ready(&mut hub), []);
    send(&mut hub, id, 5, 0).unwrap();
    assert_eq!(ready(&mut hub), [id]);
}

#[test]
fn a_budget_counts_what_is_direct() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    for number in 1..=4 {
        send(&mut hub, id, number, 100).unwrap();
    }
    assert_eq!(batch(&mut hub, id, 9, 200), [Got::Direct(1), Got::Direct(2)]);
    assert_eq!(batch(&mut hub, id, 9, 1), [Got::Direct(3)], "the first whatever its length");
    assert!(hub.wants_batch(id));
    assert_eq!(batch(&mut hub, id, 9, 9), [Got::Direct(4)]);
    assert!(!hub.wants_batch(id));
}

#[test]
fn a_wave_begins_with_those_who_were_sent_to() {
    let mut hub = hub();
    let ids: Vec<_> = (0..3).map(|_| follow(&mut hub, "a", Start::Live)).collect();
    publish(&mut hub, "a", 1);
    send(&mut hub, ids[2], 2, 0).unwrap();
    let mut batches = hub.ready_batches(Duration::ZERO, Budget::default());
    let mut order = Vec::new();
    while let Some(batch) = batches.next() {
        order.push((batch.subscriber().unwrap(), batch.count()));
    }
    drop(batches);
    assert_eq!(order[0].0, ids[2]);
    assert_eq!(order.iter().map(|(_, count)| count).sum::<usize>(), 4);
    assert_eq!(ready(&mut hub), []);
}

#[test]
fn max_inbox_messages_and_bytes() {
    let mut hub = hub_with(|limits| {
        limits.max_inbox_messages = 3;
        limits.max_inbox_bytes = 1000;
    });
    let (id, other) = (connect(&mut hub, 1), connect(&mut hub, 2));
    assert_eq!(send(&mut hub, id, 1, 1001 - ENTRY_OVERHEAD_BYTES), Err(SendError::TooLarge));
    send(&mut hub, id, 1, 1000 - ENTRY_OVERHEAD_BYTES).unwrap();
    assert_eq!(send(&mut hub, id, 2, 0), Err(SendError::InboxFull));
    assert_eq!(pull(&mut hub, id), Some(Got::Direct(1)));
    for number in 2..=4 {
        send(&mut hub, id, number, 0).unwrap();
    }
    assert_eq!(send(&mut hub, id, 5, 0), Err(SendError::InboxFull));
    send(&mut hub, other, 6, 0).unwrap();
}

#[test]
fn max_inboxes_bytes() {
    let mut hub = hub_with(|limits| limits.max_inboxes_bytes = 2 * ENTRY_OVERHEAD_BYTES);
    let ids: Vec<_> = (0..3).map(|_| connect(&mut hub, 1)).collect();
    send(&mut hub, ids[0], 1, 0).unwrap();
    send(&mut hub, ids[1], 2, 0).unwrap();
    assert_eq!(send(&mut hub, ids[2], 3, 0), Err(SendError::InboxesFull));
    hub.disconnect(Duration::ZERO, ids[0]);
    assert_eq!(hub.usage().inboxes_bytes, ENTRY_OVERHEAD_BYTES);
    send(&mut hub, ids[2], 3, 0).unwrap();
    assert_eq!(send(&mut hub, ids[0], 4, 0), Err(SendError::UnknownSubscriber));
    assert_eq!(ready(&mut hub), [ids[1], ids[2]]);
    let config = Config::default();
    assert_eq!((config.max_inbox_messages, config.max_inbox_bytes), (64, 65_536));
    assert_eq!(config.max_inboxes_bytes, 16 * 1024 * 1024);
}

#[test]
fn who_was_dismissed_is_sent_nothing() {
    let mut hub = hub();
    let id = connect(&mut hub, 1);
    let mut policy = Policy::default();
    (policy.max_lag_messages, policy.on_lag) = (0, OnLag::Disconnect);
    hub.subscribe_with(Duration::ZERO, id, &topic("a"), Start::Live, policy).unwrap();
    publish(&mut hub, "a", 1);
    publish(&mut hub, "a", 2);
    assert!(matches!(pull(&mut hub, id), Some(Got::Dismissed(..))));
    assert_eq!(send(&mut hub, id, 2, 0), Err(SendError::UnknownSubscriber));
}
