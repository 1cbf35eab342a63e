//! Presence: what ids and infos may be, and what is shown of it and of errors.

use tidewire_hub::presence::{AdmissionError, Info, InvalidUserId, Presence, UserId};

use super::user;

#[test]
fn a_user_id_has_1_to_249_bytes_without_control_characters() {
    for (id, expected) in [
        (String::new(), Err(InvalidUserId::Empty)),
        ("a".to_owned(), Ok(())),
        ("$a".to_owned(), Ok(())),
        ("a".repeat(UserId::MAX_LEN), Ok(())),
        ("a".repeat(UserId::MAX_LEN + 1), Err(InvalidUserId::TooLong)),
        ("é".repeat(125), Err(InvalidUserId::TooLong)),
        ("a\nb".to_owned(), Err(InvalidUserId::ControlCharacter)),
        ("a\u{9f}".to_owned(), Err(InvalidUserId::ControlCharacter)),
    ] {
        assert_eq!(UserId::new(&id).map(drop), expected, "{id:?}");
        assert_eq!(id.parse::<UserId>().map(drop), expected, "{id:?}");
    }
    assert_eq!(format!("{} {:?} {}", user("é"), user("a\"b"), user("x").as_ref()), "é \"a\\\"b\" x");
}

#[test]
fn an_info_has_at_most_1024_bytes() {
    let bytes = [7; Info::MAX_LEN + 1];
    let refused = Info::new(&bytes).unwrap_err();
    assert_eq!(refused.to_string(), "a user's info has at most 1024 bytes");
    assert_eq!(Info::new(&bytes[1..]).unwrap().as_bytes(), &bytes[1..]);
    assert_eq!(Info::new(b""), Ok(Info::default()));
    assert_eq!(Info::default().as_bytes(), b"");
    assert_eq!(format!("{:?}", Info::new(b"a\n\xFF").unwrap()), r#"Info("a\n\xff")"#);
}

#[test]
fn what_is_shown_says_what_is_so() {
    let texts = [
        (InvalidUserId::Empty.to_string(), "a user id must not be empty"),
        (InvalidUserId::TooLong.to_string(), "a user id has at most 249 bytes"),
        (InvalidUserId::ControlCharacter.to_string(), "a user id must not contain control characters"),
        (AdmissionError::TooManyTopics.to_string(), "as many topics have members as may"),
        (
            AdmissionError::TooManyEmptyTopics.to_string(),
            "as many topics that nobody is in any more are kept as may",
        ),
        (AdmissionError::TooManyMembers.to_string(), "the topic has as many members as it may"),
        (
            AdmissionError::TooManyConnections.to_string(),
            "the user has as many connections in the topic as they may",
        ),
        (
            AdmissionError::TooManyBytes.to_string(),
            "the members of all topics hold as many bytes as they may",
        ),
    ];
    for (text, expected) in texts {
        assert_eq!(text, expected);
    }
    assert_eq!(size_of::<AdmissionError>(), 1);
    let text = format!("{:?}", Presence::default());
    assert!(text.starts_with("Presence { usage: PresenceUsage { topics: 0,"), "{text}");
}
