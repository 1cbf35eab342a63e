//! Names and ids: what is taken and what is refused.
#![allow(clippy::unwrap_used, missing_docs)]

use tidewire_hub::presence::UserId;
use tidewire_hub::{ConnectionId, Epoch, Incarnation, InvalidTopicName, TopicName};

#[test]
fn a_name_has_1_to_255_bytes() {
    for (name, expected) in [
        (String::new(), Err(InvalidTopicName::Empty)),
        ("a".to_owned(), Ok(())),
        ("a".repeat(TopicName::MAX_LEN), Ok(())),
        ("a".repeat(TopicName::MAX_LEN + 1), Err(InvalidTopicName::TooLong)),
        // 255 bytes are 127 of these and a half: characters do not count, bytes do.
        ("é".repeat(127), Ok(())),
        ("é".repeat(128), Err(InvalidTopicName::TooLong)),
    ] {
        assert_eq!(TopicName::new(&name).map(drop), expected, "{} bytes", name.len());
    }
}

#[test]
fn exactly_the_control_characters_are_refused() {
    for code in 0..=0x2FF_u32 {
        let character = char::from_u32(code).unwrap();
        let control = code < 0x20 || (0x7F..0xA0).contains(&code);
        let expected = if control { Err(InvalidTopicName::ControlCharacter) } else { Ok(()) };
        assert_eq!(TopicName::new(&format!("a{character}b")).map(drop), expected, "U+{code:04X}");
    }
}

#[test]
fn a_dollar_sign_in_front_is_reserved() {
    assert_eq!(TopicName::new("$user:7"), Err(InvalidTopicName::Reserved));
    assert_eq!(TopicName::new("$"), Err(InvalidTopicName::Reserved));
    assert!(!TopicName::new("a$").unwrap().is_reserved());
    let reserved = TopicName::reserved("$user:7").unwrap();
    assert!(reserved.is_reserved());
    assert_eq!(reserved.as_str(), "$user:7");
    assert_eq!(TopicName::reserved("user:7"), Err(InvalidTopicName::NotReserved));
    assert_eq!(TopicName::reserved(""), Err(InvalidTopicName::Empty));
    assert_eq!(TopicName::reserved("$\n"), Err(InvalidTopicName::ControlCharacter));
    assert_eq!(TopicName::reserved(&format!("${}", "a".repeat(255))), Err(InvalidTopicName::TooLong));
}

#[test]
fn a_name_reads_shows_and_compares_as_its_text() {
    let name: TopicName = "chat/é".parse().unwrap();
    assert_eq!(
        (name.to_string().as_str(), name.as_ref(), format!("{name:?}")),
        ("chat/é", "chat/é", "\"chat/é\"".into())
    );
    assert!(name > TopicName::new("chat/a").unwrap());
    assert!("".parse::<TopicName>().is_err());
}

#[test]
fn a_connection_id_is_16_lowercase_hex_digits() {
    for bits in [0, 1, 0x0123_4567_89AB_CDEF, u64::MAX] {
        let id = ConnectionId::new(bits);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.as_u64(), bits);
    }
    assert_eq!(ConnectionId::new(0xAB).to_string(), "00000000000000ab");
    assert_eq!(format!("{:?}", ConnectionId::new(0xAB)), "ConnectionId(00000000000000ab)");
    for text in [
        "",
        "ab",
        "00000000000000AB",
        "000000000000000g",
        "+00000000000000a",
        "0000000000000000a",
        "0000000é00000a",
    ] {
        assert!(text.parse::<ConnectionId>().is_err(), "{text}");
    }
}

#[test]
fn an_epoch_shows_the_run_and_the_life() {
    let incarnation = Incarnation::new(0x9F86_D081);
    assert_eq!(Epoch { incarnation, life: 3 }.to_string(), "000000009f86d081.3");
    assert_eq!(format!("{incarnation:?}"), "Incarnation(000000009f86d081)");
    assert_eq!(incarnation.as_u64(), 0x9F86_D081);
}

#[test]
fn every_refusal_says_why() {
    use std::error::Error;
    use tidewire_hub::{ConnectError, InvalidCursor, PublishError, SubscribeError};
    let all: Vec<Box<dyn Error>> = vec![
        InvalidTopicName::Empty.into(),
        InvalidTopicName::TooLong.into(),
        InvalidTopicName::ControlCharacter.into(),
        InvalidTopicName::Reserved.into(),
        InvalidTopicName::NotReserved.into(),
        "".parse::<ConnectionId>().unwrap_err().into(),
        InvalidCursor::TooLong.into(),
        InvalidCursor::Encoding.into(),
        InvalidCursor::Version.into(),
        InvalidCursor::Kind.into(),
        InvalidCursor::Checksum.into(),
        InvalidCursor::Entries.into(),
        PublishError::TooLarge.into(),
        PublishError::TooManyTopics.into(),
        PublishError::EventTooLong.into(),
        PublishError::KeyTooLong.into(),
        PublishError::IdempotencyTooLong.into(),
        PublishError::Conflict.into(),
        SubscribeError::TooManyPolicies.into(),
        ConnectError::TooManySubscribers.into(),
        tidewire_hub::SendError::UnknownSubscriber.into(),
        tidewire_hub::SendError::TooLarge.into(),
        tidewire_hub::SendError::InboxFull.into(),
        tidewire_hub::SendError::InboxesFull.into(),
        SubscribeError::UnknownSubscriber.into(),
        SubscribeError::AlreadySubscribed.into(),
        SubscribeError::TooManyTopicsOfSubscriber.into(),
        SubscribeError::TooManySubscriptions.into(),
        SubscribeError::TooManyTopics.into(),
    ];
    assert!(all.iter().all(|error| error.to_string().len() > 10));
    assert_eq!(size_of::<SubscribeError>(), 1);
    assert_eq!(size_of::<InvalidCursor>(), 1);
}

#[test]
fn each_user_has_a_topic_that_no_client_can_name() {
    let longest = "u".repeat(UserId::MAX_LEN);
    for id in ["7", "$", "a user:\u{e9}", &longest] {
        let topic = TopicName::user(&UserId::new(id).unwrap());
        assert!(topic.is_reserved());
        assert_eq!(TopicName::reserved(&format!("$user:{id}")), Ok(topic), "{id}");
    }
    assert_eq!(TopicName::user(&UserId::new(&longest).unwrap()).as_str().len(), TopicName::MAX_LEN);
}
