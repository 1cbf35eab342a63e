//! What a presence is asked, and what the model says.

use std::collections::BTreeMap;

use tidewire_hub::TopicName;
use tidewire_hub::presence::{Count, Info, Member, Page, PresenceUsage, Status, UserId};

use super::{Model, Poll};

impl Model {
    pub(super) fn count_is(&self, topic: &TopicName, users: usize, connections: usize) {
        let people = || self.people.iter().filter(|person| person.topic == *topic);
        assert_eq!(users, people().filter(|person| person.is_seen()).count());
        assert_eq!(connections, people().map(|person| person.connections.len()).sum::<usize>());
    }

    pub(in super::super) fn count(&self, topic: &TopicName, count: Count) {
        self.count_is(topic, count.users, count.connections);
    }

    pub(in super::super) fn member(&self, topic: &TopicName, user: &UserId, member: Option<Member<'_>>) {
        let person = self.people.iter().find(|person| person.topic == *topic && person.user == *user);
        assert_eq!(member.is_some(), person.is_some());
        let (Some(member), Some(person)) = (member, person) else { return };
        let status = match person.poll {
            _ if !person.connections.is_empty() => Status::Connected,
            Poll::At { at, is_over: false, .. } => Status::Refreshed { at },
            Poll::At { at, is_over: true, .. } => Status::Unseen { at },
            Poll::Never => panic!("nothing holds {user} in {topic}"),
        };
        assert_eq!((member.user, member.info, member.status), (user, &person.info, status));
        assert_eq!(member.connections, person.connections.len());
    }

    /// What a client knows is so, unless something is yet to be told.
    pub(in super::super) fn client(&self, topic: &TopicName, known: &BTreeMap<UserId, Info>) {
        if self.batches.is_told(topic) {
            let seen = self.seen().into_iter().filter(|((of, _), _)| of == topic);
            assert_eq!(*known, seen.map(|((_, user), info)| (user, info)).collect());
        }
    }

    pub(in super::super) fn page(
        &mut self,
        topic: &TopicName,
        after: Option<&UserId>,
        limit: usize,
        page: &Page<'_>,
    ) {
        let seen = self.seen();
        let users: Vec<&UserId> = seen
            .keys()
            .filter(|(of, user)| of == topic && after.is_none_or(|after| user > after))
            .map(|(_, user)| user)
            .collect();
        let limit = limit.max(1).min(self.config.max_page_len);
        let expected: Vec<&UserId> = users.iter().take(limit).copied().collect();
        assert_eq!(page.members.iter().map(|member| member.user).collect::<Vec<_>>(), expected);
        let next = if users.len() > limit { expected.last().copied() } else { None };
        assert_eq!(page.next, next);
        for member in &page.members {
            self.member(topic, member.user, Some(*member));
        }
        self.batches.read(topic, &seen);
    }

    pub(in super::super) fn usage(&self, usage: PresenceUsage) {
        let connections: usize = self.people.iter().map(|person| person.connections.len()).sum();
        let (with_people, all) = self.topics();
        assert_eq!((usage.topics, usage.empty_topics), (with_people, all - with_people));
        assert_eq!((usage.members, usage.connections), (self.people.len(), connections));
        assert_eq!(usage.diffs_bytes, self.batches.bytes(&self.seen()));
        assert_eq!(usage.bytes, self.members_bytes() + usage.diffs_bytes);
        assert!(usage.topics <= self.config.max_topics && usage.bytes <= self.config.max_bytes);
        assert!(all <= self.config.max_topics + self.config.max_empty_topics);
    }

    pub(in super::super) fn nobody(&self, usage: PresenceUsage) {
        assert_eq!(usage, PresenceUsage::default());
        assert!(self.people.is_empty() && self.batches.topics().next().is_none());
    }
}
