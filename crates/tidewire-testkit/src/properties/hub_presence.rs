//! Properties of tidewire-hub's presence: bytes as who comes and goes, beside a naive model of it.

mod client;
mod model;

use core::time::Duration;

use tidewire_hub::presence::{
    CONNECTION_OVERHEAD_BYTES, Info, MEMBER_OVERHEAD_BYTES, Presence, PresenceConfig, UserId,
};
use tidewire_hub::{ConnectionId, TopicName};

use client::Client;
use model::Model;

/// More than the limit on topics and on members, so that each is met.
const TOPICS: [&str; 4] = ["a", "b", "chat/1", "chat/2"];
const USERS: [&str; 7] = ["alice", "bob", "carol", "\u{e9}", "u", "u1", "a user with a long name"];
const INFOS: [&[u8]; 4] = [b"", b"1", b"2", b"an info that is longer than the others"];
/// One more than any limit on connections.
const CONNECTIONS: usize = 5;
/// Two for each topic.
const CLIENTS: usize = 2 * TOPICS.len();

struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    /// The next byte, 0 behind the end.
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *byte
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    fn tenths(&mut self, bound: usize) -> Duration {
        Duration::from_millis(100 * self.below(bound) as u64)
    }

    /// A user in a topic.
    fn whom(&mut self) -> (TopicName, UserId) {
        let topic = TopicName::new(TOPICS[self.below(TOPICS.len())]).expect("a valid name");
        (topic, UserId::new(USERS[self.below(USERS.len())]).expect("a valid id"))
    }

    fn info(&mut self) -> Info {
        Info::new(INFOS[self.below(INFOS.len())]).expect("a short info")
    }

    fn connection(&mut self) -> ConnectionId {
        ConnectionId::new(self.below(CONNECTIONS) as u64)
    }
}

/// What is tested, and the model of it.
struct Pair {
    presence: Presence,
    model: Model,
    clients: Vec<Client>,
    now: Duration,
}

/// The bytes as operations on a presence with small limits and short times; after each it says what a naive
/// model says: who is seen, in which order and why, how many, what it counts, and when something is due.
/// Diffs say exactly what changed since the last ones, as far as there are not too many; and clients that read
/// the list at any time, page by page, and apply every diff know who is there when all is told.
///
/// # Panics
/// When it does not.
pub fn operations(data: &[u8]) {
    let mut tape = Tape(data);
    let mut pair = Pair::new(&mut tape);
    while !tape.0.is_empty() {
        pair.step(&mut tape);
        pair.agree();
    }
    pair.end();
}

impl Pair {
    fn new(tape: &mut Tape<'_>) -> Self {
        let mut config = PresenceConfig::default();
        config.seen_ttl = Duration::from_millis(100) + tape.tenths(40);
        config.record_ttl = tape.tenths(80);
        config.diff_interval = tape.tenths(12);
        config.max_diff_interval = tape.tenths(60);
        config.max_diff_entries = tape.below(6);
        config.max_page_len = tape.below(4);
        config.max_topics = tape.below(5);
        config.max_empty_topics = tape.below(4);
        config.max_members_per_topic = tape.below(8);
        config.max_connections_per_member = tape.below(CONNECTIONS);
        let each = MEMBER_OVERHEAD_BYTES + CONNECTION_OVERHEAD_BYTES;
        config.max_bytes = tape.below(20) * each + tape.below(each);
        config.max_expiries_per_call = tape.below(8);
        let topic = |index: usize| TopicName::new(TOPICS[index % TOPICS.len()]).expect("a valid name");
        Self {
            presence: Presence::new(config.clone()),
            model: Model::new(config),
            clients: (0..CLIENTS).map(|index| Client::new(topic(index))).collect(),
            now: Duration::from_secs(7),
        }
    }

    fn step(&mut self, tape: &mut Tape<'_>) {
        match tape.byte() % 19 {
            0..=2 => {
                let ((topic, user), connection, info) = (tape.whom(), tape.connection(), tape.info());
                let expected = self.model.join(self.now, &topic, &user, connection, &info);
                assert_eq!(self.presence.join(self.now, &topic, &user, connection, info), expected);
            }
            3 | 4 => {
                let (topic, user) = tape.whom();
                let info = (tape.below(2) == 0).then(|| tape.info());
                let expected = self.model.refresh(self.now, &topic, &user, info.as_ref());
                assert_eq!(self.presence.refresh(self.now, &topic, &user, info), expected);
            }
            5 | 6 => {
                let ((topic, user), connection) = (tape.whom(), tape.connection());
                let expected = self.model.leave(self.now, &topic, &user, connection);
                assert_eq!(self.presence.leave(self.now, &topic, &user, connection), expected);
            }
            7 => {
                let ((topic, user), connection) = (tape.whom(), tape.connection());
                let expected = self.model.lose(self.now, &topic, &user, connection);
                assert_eq!(self.presence.lose(self.now, &topic, &user, connection), expected);
            }
            8 => {
                let (topic, user) = tape.whom();
                let expected = self.model.withdraw(self.now, &topic, &user);
                assert_eq!(self.presence.withdraw(self.now, &topic, &user), expected);
            }
            9 => self.page(tape),
            10 => self.diffs(),
            11 => self.now += tape.tenths(16),
            12 => self.tell(self.now.saturating_sub(tape.tenths(16))),
            kind @ 13..=15 => {
                let Some((at, _)) = self.presence.poll_timeout() else { return };
                // Just before it, at it, or at it with what is due then.
                let early = Duration::from_nanos(u64::from(kind == 13));
                self.now = self.now.max(at.saturating_sub(early));
                self.tell(self.now);
                if kind == 15 {
                    self.diffs();
                }
            }
            16 => {
                let connection = tape.connection();
                let expected = self.model.leave_all(self.now, connection);
                assert_eq!(self.presence.leave_all(self.now, connection), expected);
            }
            18 => self.client(tape),
            _ => {
                let connection = tape.connection();
                let expected = self.model.lose_all(self.now, connection);
                assert_eq!(self.presence.lose_all(self.now, connection), expected);
            }
        }
    }

    fn tell(&mut self, now: Duration) {
        self.presence.handle_timeout(now);
        self.model.handle_timeout(now);
    }

    fn diffs(&mut self) {
        let found: Vec<_> = std::iter::from_fn(|| self.presence.poll_diff()).collect();
        self.model.told(&found);
        for client in &mut self.clients {
            found.iter().for_each(|diff| client.apply(diff));
        }
    }

    fn page(&mut self, tape: &mut Tape<'_>) {
        let ((topic, after), limit) = (tape.whom(), tape.below(6));
        let after = (tape.below(2) == 0).then_some(after);
        let page = self.presence.list(&topic, after.as_ref(), limit);
        self.model.page(&topic, after.as_ref(), limit, &page);
    }

    /// One of the clients reads its next page.
    fn client(&mut self, tape: &mut Tape<'_>) {
        let (client, limit) = (&mut self.clients[tape.below(CLIENTS)], tape.below(6));
        let after = client.after();
        let page = self.presence.list(&client.topic, after.as_ref(), limit);
        self.model.page(&client.topic, after.as_ref(), limit, &page);
        client.read(&page);
    }

    fn agree(&self) {
        assert_eq!(self.presence.poll_timeout(), self.model.poll_timeout());
        self.model.usage(self.presence.usage());
        for name in TOPICS {
            let topic = TopicName::new(name).expect("a valid name");
            self.model.count(&topic, self.presence.count(&topic));
            for id in USERS {
                let user = UserId::new(id).expect("a valid id");
                self.model.member(&topic, &user, self.presence.member(&topic, &user));
            }
        }
        for client in &self.clients {
            client.known().inspect(|known| self.model.client(&client.topic, known));
        }
    }

    /// Everybody leaves and all is told; then nothing is left.
    fn end(&mut self) {
        for (topic, user, connection) in self.model.open() {
            assert!(self.presence.leave(self.now, &topic, &user, connection));
            assert!(self.model.leave(self.now, &topic, &user, connection));
        }
        while let Some((at, _)) = self.presence.poll_timeout() {
            self.tell(at);
            self.diffs();
            self.agree();
        }
        self.model.nobody(self.presence.usage());
    }
}
