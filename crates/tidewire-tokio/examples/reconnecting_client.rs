//! Follows a topic of the gateway, and comes back to where it was: `cargo run -p tidewire-tokio --features connect,json
//! --example reconnecting_client -- demo ws://127.0.0.1:8080`. Lines typed in are published.
//!
//! Cut off, it goes on behind the last record that it has; what a gateway that was restarted does not have any more comes
//! as a notice of what is lost.

use std::error::Error;

use serde_json::{Value, json};
use tidewire_tokio::{
    connect::Request,
    reconnect::{Preparing, ReconnectingWebSocket, Resume, Update},
    websocket::Message,
};
use tidewire_ws::frame::CloseCode;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

/// How far we have read: the cursor that each record brings.
#[derive(Default)]
struct Place {
    cursor: Option<String>,
}

impl Resume for Place {
    /// The next connection goes on behind it. A token that expires would be renewed here, too.
    fn request(&mut self, request: Request) -> Preparing {
        let request = match &self.cursor {
            Some(cursor) => request.query("cursor", cursor),
            None => request,
        };
        Box::pin(async { Ok(request) })
    }

    fn received(&mut self, message: &Message) {
        let Message::Text(text) = message else { return };
        let record: Value = serde_json::from_str(text).unwrap_or_default();
        if let Some(cursor) = record["cursor"].as_str() {
            self.cursor = Some(cursor.to_owned());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let topic = arguments.next().unwrap_or_else(|| "demo".to_owned());
    let gateway = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:8080".to_owned());
    let request = Request::new(&format!("{gateway}/ws")).query("topic", &topic).query("format", "json");
    let mut client = ReconnectingWebSocket::builder(request).resume(Place::default()).connect()?;
    let mut typed = BufReader::new(stdin()).lines();
    let mut typing = true;
    loop {
        tokio::select! {
            update = client.next_update() => match update {
                Some(update) => show(update?),
                None => return Ok(()),
            },
            line = typed.next_line(), if typing => match line? {
                // Without a connection it is refused: here it is for the one who types to say it again.
                Some(line) => {
                    let record = json!({ "type": "publish", "topic": topic, "data": line });
                    if client.feed_json(&record).is_err() {
                        eprintln!("not sent: there is no connection");
                    }
                }
                None => typing = false,
            },
            interrupted = tokio::signal::ctrl_c() => {
                client.close(CloseCode::NORMAL, "").await?;
                return Ok(interrupted?);
            }
        }
    }
}

fn show(update: Update) {
    match update {
        Update::Open(_) => eprintln!("connected"),
        Update::Message(message) => match message.as_text() {
            Some(text) => println!("{text}"),
            None => println!("{} bytes", message.len()),
        },
        Update::Lost { loss, delay } => eprintln!("{loss}; again in {delay:.1?}"),
        // More may happen to later versions.
        other => eprintln!("{other:?}"),
    }
}
