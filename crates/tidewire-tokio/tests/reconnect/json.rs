//! Values to and from it: what is none is told, and is not the end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidewire_tokio::{
    reconnect::{Error, Resume, Task},
    websocket::{JsonError, Message},
};
use tidewire_ws::message::SendError;

use crate::world::{Act, client};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    number: u32,
}

/// Counts what it is told of.
#[derive(Debug, Default)]
struct Count(usize);

impl Resume for Count {
    fn received(&mut self, _: &Message) {
        self.0 += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn values_come_through_losses_and_what_is_none_is_not_the_end() {
    let said: &[_] = &[r#"{"number":1}"#, r#"{"number":"two"}"#, r#"{"number":3}"#];
    let (builder, _) = client([Act::Drop(said), Act::Nobody, Act::Close(&[r#"{"number":4}"#], 1000)]);
    let mut client = builder.resume(Count::default()).connect().unwrap();
    assert_eq!(client.next_json::<Line>().await.unwrap().unwrap(), Line { number: 1 });
    let error = client.next_json::<Line>().await.unwrap().unwrap_err();
    assert!(
        !error.is_end() && error.to_string().starts_with("the message is not what was asked for: "),
        "{error}"
    );
    let Error::Json(JsonError::Deserialize { message, .. }) = error else { panic!("{error:?}") };
    assert_eq!(message, Message::text(said[1]));
    for number in [3, 4] {
        assert_eq!(client.next_json::<Line>().await.unwrap().unwrap(), Line { number });
    }
    assert!(client.next_json::<Line>().await.is_none());
    assert_eq!(client.resume().0, 4);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_says_so_once() {
    let (builder, _) = client([Act::Refuse(403, None)]);
    let mut client = builder.connect().unwrap();
    let error = client.next_json::<Line>().await.unwrap().unwrap_err();
    assert!(error.is_end() && matches!(error, Error::Refused(_)), "{error}");
    assert!(client.next_json::<Line>().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn values_go_while_a_connection_is_open_and_are_refused_else() {
    let (builder, _) = client([Act::Echo(&["0"])]);
    let mut client = builder.connect().unwrap();
    let not_open = |refused| matches!(refused, Err(JsonError::Send(SendError::NotOpen)));
    assert!(not_open(client.feed_json(&1)));
    assert!(not_open(client.send_json(&1).await));
    assert_eq!(client.next_json::<u32>().await.unwrap().unwrap(), 0);
    assert_eq!(client.task(), Task::Open);
    client.feed_json(&Line { number: 1 }).unwrap();
    client.send_json(&Line { number: 2 }).await.unwrap();
    for number in [1, 2] {
        assert_eq!(client.next_json::<Line>().await.unwrap().unwrap(), Line { number });
    }
    let map = BTreeMap::from([([1, 2], 3)]);
    assert!(matches!(client.feed_json(&map), Err(JsonError::Serialize(_))));
    assert!(matches!(client.send_json(&map).await, Err(JsonError::Serialize(_))));
}
