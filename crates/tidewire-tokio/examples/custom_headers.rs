//! Headers and credentials, on both sides: `cargo run -p tidewire-tokio --features connect --example custom_headers`. A
//! server that wants a token and a subprotocol, a client without the token, and one with it.

use std::{error::Error, net::SocketAddr};

use tidewire_tokio::{
    accept::Acceptor,
    connect::{ConnectError, Connector, Request},
    drain::Drain,
    listener::{Limits, Listener, Peer},
    server::Server,
};
use tidewire_ws::{
    frame::CloseCode,
    handshake::{self, Refusal, Response},
};

/// What a program would look up in its database.
const TOKEN: &str = "correct-horse";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)), Limits::default())?;
    let url = format!("ws://{}/chat", listener.local_addr()?);
    let drain = Drain::new();
    let server = Server::new(Acceptor::default()).respond(admit);
    tokio::select! {
        () = server.run(listener, &drain, |mut websocket, user| async move {
            while let Some(message) = websocket.next().await {
                let text = format!("{user} says {}", message.as_text().unwrap_or("something"));
                // Once our close frame is out there is nobody to answer.
                let _ = websocket.feed_text(&text);
            }
        }) => Ok(()),
        asked = ask(&url) => asked,
    }
}

/// Asks without a token, and then with it.
async fn ask(url: &str) -> Result<(), Box<dyn Error>> {
    let connector = Connector::default();
    let request = Request::new(url).subprotocol("chat.v2").header("X-Client", "example");
    match connector.connect(request.clone()).await {
        Err(ConnectError::Declined(declined)) if declined.status() == 401 => {
            let wants = declined.header("www-authenticate").unwrap_or_default();
            println!("without a token: {declined}; it wants {}", String::from_utf8_lossy(wants));
        }
        Err(error) => return Err(error.into()),
        Ok(_) => return Err("a server that asks for no token".into()),
    }

    let (mut websocket, response) = connector.connect(request.bearer_auth(TOKEN)).await?;
    let shard = response.header("x-shard").unwrap_or_default();
    println!("with it: {:?}, shard {}", response.subprotocol(), String::from_utf8_lossy(shard));
    websocket.send("hello").await?;
    println!("{:?}", websocket.next().await);
    websocket.close(CloseCode::NORMAL, "").await?;
    Ok(())
}

/// Whom the server takes, and who that is. Of a secret it is compared whether it is the right one, and not how far.
fn admit(request: &handshake::Request<'_>, _: &Peer) -> Result<(Response, &'static str), Refusal> {
    let token = request.header("authorization").and_then(|value| value.strip_prefix(b"Bearer "));
    let is_known = token.is_some_and(|token| {
        let differences = token.iter().zip(TOKEN.as_bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
        differences == 0 && token.len() == TOKEN.len()
    });
    if !is_known {
        let refusal = Refusal::new(401, "a token, please");
        return Err(refusal.header("WWW-Authenticate", "Bearer").unwrap_or_else(|_| Refusal::new(401, "")));
    }
    let trouble = |_| Refusal::new(500, "no response could be made");
    let response = if request.subprotocols().contains(&"chat.v2") {
        Response::new().subprotocol("chat.v2").map_err(trouble)?
    } else {
        Response::new()
    };
    Ok((response.header("X-Shard", "7").map_err(trouble)?, "alice"))
}
