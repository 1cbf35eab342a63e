//! A publisher of one topic: requests on one connection, one after the other, at a steady rate.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use serde::Deserialize;
use tidewire_bench::http::{self, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::MissedTickBehavior,
};

use crate::{Failed, content};

/// What the gateway answers.
#[derive(Deserialize)]
struct Published {
    offset: u64,
}

/// Publishes the messages of these offsets, and looks that each has the one it should.
pub(crate) async fn publish(
    address: SocketAddr,
    topic: usize,
    offsets: RangeInclusive<u64>,
    interval: Duration,
) -> Result<(), Failed> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = content::name(topic);
    let mut ticks = tokio::time::interval(interval);
    // Who is late makes up for it: the rate holds on average.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut text = String::new();
    for offset in offsets {
        ticks.tick().await;
        content::write(topic, offset, &mut text);
        stream.write_all(http::publish(&name, &text).as_bytes()).await?;
        let published: Published = serde_json::from_slice(&answer(&mut stream).await?)?;
        if published.offset != offset {
            return Err(format!("expected offset {offset} of {name}, got {}", published.offset).into());
        }
    }
    Ok(())
}

/// The body of the next response, which is a good one.
async fn answer(stream: &mut TcpStream) -> Result<Vec<u8>, Failed> {
    let (mut response, mut body, mut buffer) = (Response::default(), Vec::new(), [0; 1024]);
    while !response.is_over() {
        let len = stream.read(&mut buffer).await?;
        if len == 0 {
            return Err("the gateway closed on a publisher".into());
        }
        response.receive(&buffer[..len], &mut body)?;
    }
    match response.status() {
        Some(200) => Ok(body),
        status => Err(format!("expected 200, got {status:?}: {}", String::from_utf8_lossy(&body)).into()),
    }
}
