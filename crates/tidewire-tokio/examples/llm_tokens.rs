//! A model's answer, token by token: `cargo run -p tidewire-tokio --features client,axum --example llm_tokens -- URL`,
//! with the key in `API_KEY`. Without a URL it asks a small server of its own, which is busy at first.
//!
//! A POST is sent once: what to do about a refusal or a loss is the caller's to say, here in [`ask`].

use std::{
    error::Error,
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};
use tidewire_tokio::event_source::{self, EventSource};

/// How often a busy server is asked.
const MAX_ATTEMPTS: u32 = 3;

/// The longest that a busy server may make us wait.
const MAX_WAIT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = match std::env::args().nth(1) {
        Some(url) => url,
        None => server::start().await?,
    };
    let key = std::env::var("API_KEY").unwrap_or_else(|_| server::KEY.to_owned());
    // Dropped, a source closes its connection, and the server need not go on.
    tokio::select! {
        answered = ask(&url, &key, "What waits for none?") => answered,
        interrupted = tokio::signal::ctrl_c() => {
            eprintln!("\ninterrupted");
            Ok(interrupted?)
        }
    }
}

/// Asks until the server has time for us, and prints what it says.
async fn ask(url: &str, key: &str, prompt: &str) -> Result<(), Box<dyn Error>> {
    let body = json!({ "stream": true, "messages": [{ "role": "user", "content": prompt }] }).to_string();
    let request = EventSource::builder(url)
        .post(body)
        .header("content-type", "application/json")
        .secret_header("authorization", &format!("Bearer {key}"));
    for _ in 1..MAX_ATTEMPTS {
        match print_answer(request.clone().connect()?).await {
            Err(event_source::Error::Refused(refused)) if refused.status == 429 => {
                let wait = refused.retry_after().unwrap_or(Duration::from_secs(1)).min(MAX_WAIT);
                eprintln!("the server is busy; again in {wait:?}");
                tokio::time::sleep(wait).await;
            }
            Err(event_source::Error::Refused(refused)) if refused.status == 401 => {
                return Err(
                    format!("the key is refused: {:?}", String::from_utf8_lossy(&refused.body)).into()
                );
            }
            answered => return Ok(answered?),
        }
    }
    Ok(print_answer(request.connect()?).await?)
}

/// Prints an answer to its end.
async fn print_answer(mut events: EventSource) -> Result<(), event_source::Error> {
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) if error.is_end() => return Err(error),
            // One event was too long; the others come.
            Err(error) => {
                eprintln!("\n[{error}]");
                continue;
            }
        };
        if event.data == "[DONE]" {
            println!();
            return Ok(());
        }
        let chunk: Value = serde_json::from_str(&event.data).unwrap_or_default();
        // What a model says is for a terminal to show and not to obey.
        let token = chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
        print!("{}", token.replace(|shown: char| shown.is_control() && shown != '\n', "\u{FFFD}"));
        let _ = io::stdout().flush();
    }
    eprintln!("\n[the answer ends before its end]");
    Ok(())
}

/// A server that speaks as models do.
mod server {
    use std::{
        io,
        sync::atomic::{AtomicBool, Ordering},
        time::Duration,
    };

    use axum::{
        Router,
        http::{HeaderMap, StatusCode, header},
        response::{IntoResponse, Response},
        routing::post,
    };
    use futures_util::{StreamExt, stream};
    use serde_json::json;
    use tidewire_sse::Event;
    use tidewire_tokio::sse::Sse;

    pub(super) const KEY: &str = "sk-example";

    /// Starts it on a free port; gives the URL to ask.
    pub(super) async fn start() -> io::Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1/chat/completions", listener.local_addr()?);
        let router = Router::new().route("/v1/chat/completions", post(complete));
        tokio::spawn(async { axum::serve(listener, router).await });
        Ok(url)
    }

    /// Tells everyone who knows the key the same, but not the first time.
    async fn complete(headers: HeaderMap) -> Response {
        static WAS_BUSY: AtomicBool = AtomicBool::new(false);
        let expected = format!("Bearer {KEY}");
        if headers.get(header::AUTHORIZATION).is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
            return (StatusCode::UNAUTHORIZED, "{\"error\":\"no such key\"}").into_response();
        }
        if !WAS_BUSY.swap(true, Ordering::Relaxed) {
            return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")]).into_response();
        }
        let tokens = stream::iter(["Tide", " and", " time", "."]).then(|token| async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let chunk = json!({ "choices": [{ "delta": { "content": token } }] });
            Event::new().data(&chunk.to_string()).encoded()
        });
        let done = stream::once(async { Event::new().data("[DONE]").encoded() });
        // A model may think for a while before it speaks.
        Sse::new(tokens.chain(done)).keep_alive(Duration::from_secs(5)).into_response()
    }
}
