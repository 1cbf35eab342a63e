//! What the tests of the hub share: short ways to say the usual things.
#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

use tidewire_hub::{
    Budget, Config, ConnectionId, Delivery, Dismissal, Epoch, GapReason, Hub, Incarnation, Message, Position,
    PublishOptions, Start, SubscriberId, TopicName,
};

pub const HUB: Incarnation = Incarnation::new(0x0123_4567_89AB_CDEF);

/// A message of a number, that counts as many bytes as it is told to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note(pub u64, pub usize);

impl Message for Note {
    fn len_bytes(&self) -> usize {
        self.1
    }

    fn hash_body(&self, hasher: &mut dyn std::hash::Hasher) {
        hasher.write_u64(self.0);
        hasher.write_usize(self.1);
    }
}

pub fn hub() -> Hub<Note> {
    hub_with(|_| {})
}

pub fn hub_with(limits: impl FnOnce(&mut Config)) -> Hub<Note> {
    let mut config = Config::default();
    limits(&mut config);
    Hub::new(config, HUB, 7)
}

pub fn topic(name: &str) -> TopicName {
    TopicName::new(name).unwrap()
}

pub fn at(offset: u64) -> Position {
    Position { epoch: Epoch { incarnation: HUB, life: 0 }, offset }
}

/// Publishes a note of that number and of no size.
pub fn publish(hub: &mut Hub<Note>, name: &str, number: u64) -> Position {
    hub.publish(Duration::from_millis(number), &topic(name), Note(number, 0), &PublishOptions::new())
        .unwrap()
        .position()
}

pub fn publish_without(hub: &mut Hub<Note>, name: &str, number: u64, exclude: ConnectionId) -> Position {
    hub.publish(
        Duration::from_millis(number),
        &topic(name),
        Note(number, 0),
        &PublishOptions::new().exclude(exclude),
    )
    .unwrap()
    .position()
}

pub fn connect(hub: &mut Hub<Note>, connection: u64) -> SubscriberId {
    hub.connect(ConnectionId::new(connection)).unwrap()
}

/// A subscriber of one topic.
pub fn follow(hub: &mut Hub<Note>, name: &str, start: Start) -> SubscriberId {
    let id = connect(hub, 0);
    hub.subscribe(Duration::ZERO, id, &topic(name), start).unwrap();
    id
}

/// A delivery in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Note(String, u64),
    Gap(String, GapReason, Option<Position>, u64),
    /// Where it stood, and its lag in messages and bytes.
    Dismissed(String, u64, u64, u64),
    Direct(u64),
}

pub fn note(name: &str, number: u64) -> Got {
    Got::Note(name.to_owned(), number)
}

pub fn pull(hub: &mut Hub<Note>, id: SubscriberId) -> Option<Got> {
    hub.pull(Duration::ZERO, id).map(|delivery| got(&delivery))
}

/// What a batch gives.
pub fn batch(hub: &mut Hub<Note>, id: SubscriberId, max_messages: usize, max_bytes: usize) -> Vec<Got> {
    hub.batch(Duration::ZERO, id, Budget { max_messages, max_bytes }).map(|delivery| got(&delivery)).collect()
}

fn got(delivery: &Delivery<'_, Note>) -> Got {
    match delivery {
        Delivery::Message(lent) => {
            let number = lent.message().0;
            assert_eq!(lent.position().epoch, at(0).epoch);
            Got::Note(lent.topic().to_string(), number)
        }
        Delivery::Direct(message) => Got::Direct(message.0),
        Delivery::Dismissed(dismissal) => {
            let Dismissal { topic, position, lag_messages, lag_bytes } = &**dismissal;
            Got::Dismissed(topic.to_string(), position.offset, *lag_messages, *lag_bytes)
        }
        Delivery::Gap(gap) => {
            assert_eq!(gap.to.epoch, at(0).epoch);
            Got::Gap(gap.topic.to_string(), gap.reason, gap.from, gap.to.offset)
        }
    }
}

pub fn pull_all(hub: &mut Hub<Note>, id: SubscriberId) -> Vec<Got> {
    std::iter::from_fn(|| pull(hub, id)).collect()
}

/// The numbers of all notes that are left; a gap fails the test.
pub fn numbers(hub: &mut Hub<Note>, id: SubscriberId) -> Vec<u64> {
    let number = |got| match got {
        Got::Note(_, number) => number,
        Got::Gap(..) | Got::Dismissed(..) | Got::Direct(_) => panic!("{got:?}"),
    };
    pull_all(hub, id).into_iter().map(number).collect()
}

pub fn ready(hub: &mut Hub<Note>) -> Vec<SubscriberId> {
    std::iter::from_fn(|| hub.poll_ready()).collect()
}
