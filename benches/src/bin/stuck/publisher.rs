//! The publisher: one WebSocket, which says what is due and does not wait for answers.

use std::{io, time::Duration};

use std::sync::Arc;
use tidewire_bench::{open_websocket, websocket};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, MissedTickBehavior},
};

use crate::{Failed, TARGET, World, reader};

/// Bytes of a message.
pub(crate) const MESSAGE_LEN: usize = 1024;

/// Publishes all messages of the run, and answers with how late the last one was.
pub(crate) async fn publish(world: Arc<World>) -> Result<Duration, Failed> {
    let stream = open_websocket(world.address, &format!("{TARGET}&exclude_self=1"))?;
    stream.set_nonblocking(true)?;
    let mut stream = TcpStream::from_std(stream)?;
    let (mut reader, mut writer) = websocket::client();
    let mut ticks = tokio::time::interval_at(world.start, world.interval);
    // Who is late makes up for it: a message counts from when it was due.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut output, mut input) = (Vec::new(), vec![0; 1024]);
    for number in 0..world.messages {
        ticks.tick().await;
        writer.send_binary(&reader::message(number, MESSAGE_LEN), &mut output)?;
        stream.write_all(&output).await?;
        output.clear();
        // Nothing comes but pings.
        match stream.try_read(&mut input) {
            Ok(0) => return Err("the gateway closed on the publisher".into()),
            Ok(len) => {
                let mut events = reader.receive(&mut input[..len]);
                while events.next(&mut writer, &mut output).transpose()?.is_some() {}
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    let due = world.start + world.interval * u32::try_from(world.messages.saturating_sub(1))?;
    Ok(Instant::now().saturating_duration_since(due))
}
