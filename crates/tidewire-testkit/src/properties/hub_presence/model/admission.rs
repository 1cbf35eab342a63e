//! Who may come in the model, and what a call makes of them.

use tidewire_hub::presence::{AdmissionError, Info, UserId};
use tidewire_hub::{ConnectionId, TopicName};

use super::{Model, Person, Poll};

impl Model {
    /// How many topics have somebody, and how many there are.
    pub(super) fn topics(&self) -> (usize, usize) {
        let mut topics: Vec<&TopicName> = self.people.iter().map(|person| &person.topic).collect();
        topics.sort_unstable();
        topics.dedup();
        let with_people = topics.len();
        topics.extend(self.batches.topics());
        topics.sort_unstable();
        topics.dedup();
        (with_people, topics.len())
    }

    fn check_new(&self, topic: &TopicName) -> Result<(), AdmissionError> {
        let people = self.people.iter().filter(|person| person.topic == *topic).count();
        let (with_people, all) = self.topics();
        if people == 0 && with_people >= self.config.max_topics {
            return Err(AdmissionError::TooManyTopics);
        }
        let is_new = people == 0 && !self.batches.topics().any(|known| known == topic);
        if is_new && all >= self.config.max_topics + self.config.max_empty_topics {
            return Err(AdmissionError::TooManyEmptyTopics);
        }
        if people >= self.config.max_members_per_topic {
            return Err(AdmissionError::TooManyMembers);
        }
        Ok(())
    }

    /// Who it would be, if they may; first one thing about them changes, then the other.
    pub(super) fn admit(
        &mut self,
        topic: &TopicName,
        user: &UserId,
        connection: Option<ConnectionId>,
        info: Option<&Info>,
    ) -> Result<(), AdmissionError> {
        let known = self.find(topic, user).cloned();
        if known.is_none() {
            self.check_new(topic)?;
        }
        let before = known.as_ref().map_or(0, Person::bytes);
        let mut person = known.unwrap_or_else(|| Person {
            topic: topic.clone(),
            user: user.clone(),
            info: info.cloned().unwrap_or_default(),
            connections: Vec::new(),
            poll: Poll::Never,
        });
        let had = person.info.clone();
        let was_over = matches!(person.poll, Poll::At { is_over: true, .. });
        if let Some(connection) = connection.filter(|connection| !person.connections.contains(connection)) {
            person.connections.push(connection);
            if person.connections.len() > self.config.max_connections_per_member {
                return Err(AdmissionError::TooManyConnections);
            }
        }
        person.info = info.cloned().unwrap_or(had.clone());
        let after = person.bytes();
        if after > before && self.members_bytes() - before + after > self.config.max_bytes {
            return Err(AdmissionError::TooManyBytes);
        }
        // Whoever was not seen comes back as they were known.
        if was_over {
            person.poll = Poll::Never;
        }
        if connection.is_none() {
            self.polls += 1;
            person.poll = Poll::At { at: self.now, serial: self.polls, is_over: false };
        }
        self.people.retain(|other| other.topic != *topic || other.user != *user);
        self.people.push(person);
        if was_over {
            let room = self.config.max_bytes - self.members_bytes();
            let mut seen = self.seen();
            seen.insert((topic.clone(), user.clone()), had);
            self.batches.look(topic, self.now, &seen, room);
        }
        self.look(topic);
        Ok(())
    }
}
