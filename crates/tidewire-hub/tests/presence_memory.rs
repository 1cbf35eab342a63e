//! What members and changes cost in memory, counted. One test, because the counters are those of the whole
//! process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use tidewire_hub::presence::{
    CHANGE_OVERHEAD_BYTES, CONNECTION_OVERHEAD_BYTES, Info, MEMBER_OVERHEAD_BYTES, Presence, PresenceConfig,
    UserId,
};
use tidewire_hub::{ConnectionId, TopicName};

#[global_allocator]
static ALLOC: dhat::Alloc = dhat::Alloc;

/// A topic of so many users, each with an info and so many connections, after its diff; made in any order of
/// the ids.
fn filled(users: u64, connections: u64) -> Presence {
    let mut presence = Presence::default();
    let topic = TopicName::new("chat").unwrap();
    for index in 0..users {
        let id = UserId::new(&format!("{:016x}", index.wrapping_mul(0x9E37_79B9_7F4A_7C15))).unwrap();
        presence.refresh(Duration::ZERO, &topic, &id, Some(Info::new(&[7; 40]).unwrap())).unwrap();
        for connection in 0..connections {
            let (connection, info) = (ConnectionId::new(connection), Info::new(&[7; 40]).unwrap());
            presence.join(Duration::ZERO, &topic, &id, connection, info).unwrap();
        }
    }
    presence.handle_timeout(Duration::from_secs(1));
    assert!(presence.poll_diff().is_some());
    presence
}

/// Bytes held, and what the members count.
fn held(users: u64, connections: u64) -> (usize, usize) {
    let profiler = dhat::Profiler::builder().testing().build();
    let presence = filled(users, connections);
    let bytes = dhat::HeapStats::get().curr_bytes;
    drop(profiler);
    (bytes, presence.usage().bytes)
}

#[test]
fn members_cost_no_more_than_they_count() {
    // Behind a power of two the tables have just doubled, which is when they cost most.
    for users in [1_000, 1_024, 1_025, 1_500, 16_385, 20_000] {
        for connections in [0, 1, 3] {
            let (bytes, counted) = held(users, connections);
            let each = bytes as f64 / users as f64;
            println!("{users} users, {connections} connections: {each:.0} bytes each");
            assert!(bytes <= counted + 4096, "{users} users, {connections} connections: {bytes} > {counted}");
            let least = MEMBER_OVERHEAD_BYTES + 56 + connections as usize * CONNECTION_OVERHEAD_BYTES;
            assert_eq!(counted, least * users as usize);
        }
    }
    for users in [1_000, 1_024, 1_025, 3_000] {
        changes_cost_no_more_than_they_count(users);
    }
    for rooms in [1_024, 1_025, 3_000] {
        small_rooms_cost_no_more_than_they_count(rooms);
    }
    when_all_have_left_little_is_held();
}

/// What a topic may cost beside its name, as `PresenceConfig::max_topics` has it.
const TOPIC_BYTES: usize = 1_152;

/// One user in each, whose diff is under way: come, told, lost and not seen, and gone.
fn small_rooms_cost_no_more_than_they_count(rooms: u64) {
    let profiler = dhat::Profiler::builder().testing().build();
    let mut presence = Presence::default();
    let check = |presence: &Presence, what: &str| {
        let topics = presence.usage().topics + presence.usage().empty_topics;
        let counted = presence.usage().bytes + topics * (TOPIC_BYTES + 16);
        let held = dhat::HeapStats::get().curr_bytes;
        println!("{rooms} rooms, {what}: {} bytes each, counted {}", held / topics, counted / topics);
        assert!(held <= counted + 4096, "{rooms} rooms, {what}: {held} > {counted}");
    };
    for index in 0..rooms {
        let (topic, user) = (format!("{index:016x}"), format!("u{index}"));
        let (topic, user) = (TopicName::new(&topic).unwrap(), UserId::new(&user).unwrap());
        let info = Info::new(&[7; 40]).unwrap();
        presence.join(Duration::ZERO, &topic, &user, ConnectionId::new(index), info).unwrap();
    }
    check(&presence, "come");
    presence.handle_timeout(Duration::from_secs(1));
    while presence.poll_diff().is_some() {}
    check(&presence, "told");
    for index in 0..rooms {
        assert_eq!(presence.lose_all(Duration::from_secs(1), ConnectionId::new(index)), 1);
    }
    check(&presence, "lost");
    while presence.usage().diffs_bytes < rooms as usize * CHANGE_OVERHEAD_BYTES {
        presence.handle_timeout(Duration::from_secs(31));
    }
    check(&presence, "not seen");
    while presence.usage().members > 0 {
        presence.handle_timeout(Duration::from_secs(61));
    }
    check(&presence, "gone");
    drop(profiler);
}

/// In one batch: all who came, and then all who went.
fn changes_cost_no_more_than_they_count(users: u64) {
    let at = Duration::from_secs;
    let profiler = dhat::Profiler::builder().testing().build();
    let mut config = PresenceConfig::default();
    config.max_diff_entries = usize::MAX;
    let mut presence = Presence::new(config);
    let topic = TopicName::new("chat").unwrap();
    let id =
        |index: u64| UserId::new(&format!("{:016x}", index.wrapping_mul(0x9E37_79B9_7F4A_7C15))).unwrap();
    for index in 0..users {
        let info = Info::new(&[7; 40]).unwrap();
        presence.join(at(0), &topic, &id(index), ConnectionId::new(1), info).unwrap();
    }
    let all = presence.usage();
    assert_eq!(all.diffs_bytes, users as usize * (16 + CHANGE_OVERHEAD_BYTES));
    let held = dhat::HeapStats::get().curr_bytes;
    assert!(held <= all.bytes + 4096, "{users} came: {held} > {}", all.bytes);
    presence.handle_timeout(at(1));
    assert!(presence.poll_diff().is_some());
    for index in 0..users {
        assert!(presence.leave(at(1), &topic, &id(index), ConnectionId::new(1)));
    }
    let rest = presence.usage();
    assert_eq!((rest.members, rest.bytes), (0, users as usize * (16 + 40 + CHANGE_OVERHEAD_BYTES)));
    let held = dhat::HeapStats::get().curr_bytes;
    drop(profiler);
    println!("{users} users who left: {} bytes each", (held - places(users)) / users as usize);
    assert!(held <= rest.bytes + places(users) + 4096, "{users} left: {held} > {}", rest.bytes);
}

/// What the tables keep when they are empty.
fn places(users: u64) -> usize {
    users.next_power_of_two() as usize * (72 + 8)
}

fn when_all_have_left_little_is_held() {
    let profiler = dhat::Profiler::builder().testing().build();
    let mut presence = filled(1_000, 0);
    presence.handle_timeout(Duration::from_secs(60));
    presence.handle_timeout(Duration::from_secs(61));
    assert!(presence.poll_diff().is_some());
    assert_eq!((presence.usage().members, presence.usage().topics), (0, 0));
    // What is shared and what is ordered is gone.
    let left = dhat::HeapStats::get().curr_bytes;
    drop(profiler);
    assert!(left <= places(1_000) + 4096, "{left}");
}
