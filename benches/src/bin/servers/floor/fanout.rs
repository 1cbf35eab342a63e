//! Fan-out: what one read brings is encoded once and written straight to every socket, by whoever read it.

use std::{
    cell::RefCell,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{net::TcpStream, sync::Notify};

use super::{frames::turn_round, handshake};

/// What is read at a time.
const READ_LEN: usize = 64 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_LEN]);
}

/// Everybody who hears.
#[derive(Clone, Default)]
pub(crate) struct Room {
    members: Arc<Mutex<Vec<Arc<Member>>>>,
}

/// A socket, and what it would not take.
pub(super) struct Member {
    pub(super) stream: TcpStream,
    waiting: Mutex<Vec<u8>>,
    has_waiting: Notify,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Member {
    fn send(&self, bytes: &[u8]) {
        let mut waiting = locked(&self.waiting);
        // Whoever failed leaves when it reads.
        let written = if waiting.is_empty() { self.stream.try_write(bytes).unwrap_or(0) } else { 0 };
        if written < bytes.len() {
            waiting.extend_from_slice(&bytes[written..]);
            self.has_waiting.notify_one();
        }
    }

    /// Writes what waits as the socket takes it, for ever.
    async fn write_waiting(&self) -> io::Result<()> {
        loop {
            self.has_waiting.notified().await;
            while !locked(&self.waiting).is_empty() {
                self.stream.writable().await?;
                let mut waiting = locked(&self.waiting);
                match self.stream.try_write(&waiting) {
                    Ok(written) => drop(waiting.drain(..written)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

impl Room {
    pub(super) fn join(&self, stream: TcpStream) -> Arc<Member> {
        let member = Arc::new(Member { stream, waiting: Mutex::default(), has_waiting: Notify::new() });
        locked(&self.members).push(Arc::clone(&member));
        member
    }

    pub(super) fn leave(&self, member: &Arc<Member>) {
        locked(&self.members).retain(|other| !Arc::ptr_eq(other, member));
    }

    pub(super) fn send(&self, bytes: &[u8]) {
        for member in locked(&self.members).iter() {
            member.send(bytes);
        }
    }
}

/// Listens and publishes until something is wrong.
pub(crate) async fn serve(mut stream: TcpStream, room: Room) {
    if Box::pin(handshake::upgrade(&mut stream)).await.is_err() {
        return;
    }
    let member = room.join(stream);
    tokio::select! {
        _ = publish(&member, &room) => {}
        _ = member.write_waiting() => {}
    }
    room.leave(&member);
}

async fn publish(member: &Member, room: &Room) -> io::Result<()> {
    let mut unread = Vec::new();
    loop {
        member.stream.readable().await?;
        match turn(member, room, &mut unread) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            turn => turn?,
        }
    }
}

/// One read; all that is whole by it goes out.
fn turn(member: &Member, room: &Room, unread: &mut Vec<u8>) -> io::Result<()> {
    BUFFER.with_borrow_mut(|buffer| {
        let kept = unread.len();
        if kept == buffer.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        buffer[..kept].copy_from_slice(unread);
        let len = member.stream.try_read(&mut buffer[kept..])?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (frames, rest) = turn_round(&mut buffer[..kept + len]).ok_or(io::ErrorKind::InvalidData)?;
        if !frames.is_empty() {
            room.send(&buffer[frames]);
        }
        unread.clear();
        unread.extend_from_slice(&buffer[rest..kept + len]);
        if unread.is_empty() {
            *unread = Vec::new();
        }
        Ok(())
    })
}

/// Takes a member's events until it leaves.
pub(super) async fn listen(member: &Member) {
    let mut end = [0; 16];
    let gone = async {
        loop {
            member.stream.readable().await?;
            match member.stream.try_read(&mut end) {
                Ok(0) => return io::Result::Ok(()),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
    };
    tokio::select! {
        _ = gone => {}
        _ = member.write_waiting() => {}
    }
}
