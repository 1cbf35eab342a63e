//! What a client goes on with, and what it says first.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::world::{Act, client, words};
use tidewire_tokio::{
    connect::{ConnectError, Connector, Opened, Request},
    reconnect::{BoxError, Loss, Preparing, ReconnectingWebSocket, Resume, Task},
    websocket::Message,
};
use tidewire_ws::{handshake::AcceptKey, message::SendError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const GONE: &str = "lost: remote end of stream without a close frame";

/// Goes on behind the last message, and says who it is.
#[derive(Debug, Default)]
struct Place {
    last: Option<String>,
    hello: &'static [&'static str],
}

impl Resume for Place {
    fn request(&mut self, request: Request) -> Preparing {
        let last = self.last.clone();
        Box::pin(async move {
            // A token may have to be asked for.
            tokio::task::yield_now().await;
            Ok(match last {
                Some(last) => request.query("after", &last),
                None => request,
            })
        })
    }

    fn opened(&mut self, _: &Opened) -> Result<Vec<Message>, BoxError> {
        Ok(self.hello.iter().map(|text| Message::Text((*text).into())).collect())
    }

    fn received(&mut self, message: &Message) {
        if let Message::Text(text) = message {
            self.last = Some(text.clone());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_behind_the_last_message() {
    let acts = [Act::Drop(&["1", "2"]), Act::Nobody, Act::Drop(&[]), Act::Echo(&["3"])];
    let (builder, seen) = client(acts);
    let hello = Place { hello: &["I am", "here"], ..Place::default() };
    let mut client = builder.resume(hello).connect().unwrap();
    assert_eq!(client.task(), Task::Connect);
    let said = words(&mut client, 10).await;
    // A server that leaves with our greeting unread resets the connection.
    let (cut, refused) = ("lost: remote transport error", "lost: connection refused");
    assert_eq!(said, ["open", "1", "2", cut, refused, "open", cut, "open", "3", "I am"]);
    assert_eq!(words(&mut client, 1).await, ["here"]);
    assert_eq!(*seen.lock().unwrap(), ["/ws", "nobody", "/ws?after=2", "/ws?after=2"]);
    assert_eq!((client.task(), client.resume().last.as_deref()), (Task::Open, Some("here")));
    assert!(client.websocket().unwrap().usage().received_messages >= 3);
}

/// A server that sends what comes behind a place and is cut off behind so many bytes, its response included.
async fn cut_behind(mut io: DuplexStream, len: usize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let after: usize = match head.split_once("?after=") {
        Some((_, after)) => after[..1].parse().unwrap(),
        None => 0,
    };
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = AcceptKey::answer(key.as_bytes()).unwrap();
    let mut bytes = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\n\r\n",
        accept.as_str()
    )
    .into_bytes();
    for text in ["1", "2", "3"].iter().skip(after) {
        bytes.extend([0x81, 1]);
        bytes.extend(text.as_bytes());
    }
    bytes.extend(b"\x88\x02\x03\xE8");
    io.write_all(&bytes[..len.min(bytes.len())]).await.unwrap();
    if len >= bytes.len() {
        // The closing handshake is waited for.
        let _ = io.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn drops_at_every_byte_lose_and_double_nothing() {
    let whole = 129 + 3 * 3 + 4;
    for cut in 0..=whole {
        let (connector, mut cuts) = (Arc::new(Connector::default()), vec![usize::MAX, cut]);
        let builder = ReconnectingWebSocket::builder("ws://a/").connect_by(move |request| {
            let (client, server) = duplex(1024);
            tokio::spawn(cut_behind(server, cuts.pop().unwrap()));
            let connector = connector.clone();
            async move { connector.connect_over(client, request).await }
        });
        let mut client = builder.resume(Place::default()).connect().unwrap();
        let mut texts = String::new();
        while let Some(message) = client.next().await {
            texts += message.unwrap().as_text().unwrap();
        }
        assert_eq!(texts, "123", "cut behind {cut} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_alone_come_through_next_and_the_stream() {
    use futures_util::StreamExt;
    let (builder, _) = client([Act::Drop(&["1", "2"]), Act::Nobody, Act::Close(&["3"], 1000)]);
    let client = builder.connect().unwrap();
    let texts: Vec<Message> = client.map(Result::unwrap).collect().await;
    assert_eq!(texts, ["1", "2", "3"].map(|text| Message::Text(text.into())));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_given_up_loses_nothing() {
    let acts = [Act::Drop(&["1", "2"]), Act::Nobody, Act::Drop(&["3"]), Act::Close(&["4", "5"], 1000)];
    let (builder, seen) = client(acts);
    let mut client = builder.resume(Place::default()).connect().unwrap();
    let mut texts = Vec::new();
    // Given up at its first poll, and then in the middle of whatever it waits for.
    for wait in [Duration::ZERO, Duration::from_millis(1)].into_iter().cycle() {
        match tokio::time::timeout(wait, client.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => texts.push(text),
            Ok(Some(other)) => panic!("{other:?}"),
            Ok(None) => break,
            Err(_) => {}
        }
    }
    assert_eq!(texts, ["1", "2", "3", "4", "5"]);
    assert_eq!(*seen.lock().unwrap(), ["/ws", "nobody", "/ws?after=2", "/ws?after=3"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_nothing_is_taken() {
    let (builder, _) = client([Act::Nobody, Act::Echo(&[])]);
    let mut client = builder.connect().unwrap();
    let hello = Message::Text("hello".into());
    assert_eq!(client.send(hello.clone()).await, Err(SendError::NotOpen));
    assert_eq!(words(&mut client, 1).await, ["lost: connection refused"]);
    assert_eq!((client.task(), client.feed_binary(b"x")), (Task::Wait, Err(SendError::NotOpen)));
    client.flush().await;
    assert_eq!(words(&mut client, 1).await, ["open"]);
    client.feed_text("a").unwrap();
    client.feed_binary(&[1]).unwrap();
    client.send(hello.clone()).await.unwrap();
    assert_eq!(words(&mut client, 3).await, ["a", "[1]", "hello"]);
}

/// Takes a new token to a server that does not like the old one.
#[derive(Debug, Default)]
struct Tokens {
    used: Arc<Mutex<u32>>,
}

impl Resume for Tokens {
    fn request(&mut self, request: Request) -> Preparing {
        let used = self.used.clone();
        Box::pin(async move {
            let mut used = used.lock().unwrap();
            *used += 1;
            if *used == 4 { Err("no more tokens".into()) } else { Ok(request.bearer_auth(&used.to_string())) }
        })
    }

    fn comes_back(&mut self, loss: &Loss) -> bool {
        let is_expired =
            matches!(loss, Loss::Connect(ConnectError::Declined(declined)) if declined.status() == 401);
        is_expired || loss.invites_back()
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_token_may_be_taken_to_a_server_that_refused_the_old_one() {
    let (builder, seen) = client([Act::Refuse(401, None), Act::Drop(&["x"]), Act::Refuse(401, None)]);
    let mut client = builder.resume(Tokens::default()).connect().unwrap();
    let said = words(&mut client, 9).await;
    let refused = "lost: declined with status 401: no";
    assert_eq!(
        said,
        [refused, "open", "x", GONE, refused, "error: not to be resumed: no more tokens", "end"]
    );
    assert_eq!(*seen.lock().unwrap(), ["/ws Bearer 1", "/ws Bearer 2", "/ws Bearer 3"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_will_not_do_is_the_end() {
    struct Picky;
    impl Resume for Picky {
        fn opened(&mut self, opened: &Opened) -> Result<Vec<Message>, BoxError> {
            opened.subprotocol().map(|_| Vec::new()).ok_or_else(|| "no subprotocol".into())
        }
    }
    let (builder, _) = client([Act::Echo(&[])]);
    let mut client = builder.resume(Picky).connect().unwrap();
    assert_eq!(words(&mut client, 9).await, ["error: not to be resumed: no subprotocol", "end"]);
}

#[tokio::test]
async fn by_default_it_dials() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://u:secret@{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for text in ["1", "2"] {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = tidewire_tokio::accept::Acceptor::default();
            let mut websocket = acceptor.accept(stream).await.unwrap();
            websocket.send(Message::Text(text.into())).await.unwrap();
        }
    });
    let mut config = tidewire_tokio::reconnect::Config::default();
    config.min_delay = Duration::from_millis(1);
    config.reconnection_time = config.min_delay;
    let mut client = ReconnectingWebSocket::builder(&*url).schedule(config).connect().unwrap();
    for text in ["1", "2"] {
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Text(text.into()));
    }
    server.await.unwrap();
    assert!(!format!("{client:?}").contains("secret"));
    assert!(ReconnectingWebSocket::connect("http://a/").is_err());
}
