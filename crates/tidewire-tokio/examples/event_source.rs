//! Follows an event stream and says what happens to it: `cargo run -p tidewire-tokio --features client --example
//! event_source -- http://127.0.0.1:9002/ticks`, an address that `axum_sse` serves.

use std::error::Error;

use tidewire_tokio::event_source::{EventSource, Update};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("expected a URL")?;
    let mut source = EventSource::builder(&url).retry_server_trouble().connect()?;
    // Who wants nothing but the events takes `source.next()`, or the source as a `Stream`.
    while let Some(update) = source.next_update().await {
        match update {
            Ok(Update::Event(event)) => {
                println!("{} {}: {}", event.last_event_id, event.event_type, event.data)
            }
            Ok(Update::Lost { loss, delay, .. }) => eprintln!("{loss}; back in {delay:?}"),
            Ok(other) => eprintln!("{other:?}"),
            Err(error) if error.is_end() => return Err(error.into()),
            Err(error) => eprintln!("an event is lost: {error}"),
        }
    }
    Ok(())
}
