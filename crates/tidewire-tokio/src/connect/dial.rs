//! A TCP connection to a name: all of its addresses are tried, and a slow one does not keep the others waiting (RFC 8305,
//! of which this is the part without a resolver of its own).

use std::{
    future::{Future, poll_fn},
    io,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    net::{TcpStream, lookup_host},
    time::sleep,
};
use url::Host;

use super::deadline::Deadline;
use super::error::{ConnectError, Stage};

/// Addresses of a name that are tried; what else a resolver says is passed over.
const MAX_ADDRESSES: usize = 16;

/// What a resolver says is looked through for the other family as far as this.
const MAX_RESOLVED: usize = 64;

/// How sockets are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) attempt_delay: Duration,
    pub(super) write_timeout: Option<Duration>,
}

/// Connects to a host.
//= https://www.rfc-editor.org/rfc/rfc6455#section-4.1
//# If the client is not configured to use a proxy, then a direct TCP
//# connection SHOULD be opened to the host given by /host/ and the
//# port given by /port/.
pub(super) async fn dial(
    host: Host<&str>,
    port: u16,
    settings: Settings,
    deadline: &mut Deadline,
) -> Result<TcpStream, ConnectError> {
    let addresses = match host {
        Host::Domain(name) => {
            let resolved = deadline.within(Stage::Resolve, lookup_host((name, port))).await?;
            interleaved(resolved.map_err(ConnectError::Resolve)?)
        }
        Host::Ipv4(address) => vec![SocketAddr::from((IpAddr::V4(address), port))],
        Host::Ipv6(address) => vec![SocketAddr::from((IpAddr::V6(address), port))],
    };
    let raced = race(addresses, settings.attempt_delay, TcpStream::connect);
    let stream = deadline.within(Stage::Connect, raced).await??;
    prepare(&stream, settings.write_timeout);
    Ok(stream)
}

/// Options of a socket. One that refuses them serves without: the peer may be gone already.
fn prepare(stream: &TcpStream, write_timeout: Option<Duration>) {
    let socket = SockRef::from(stream);
    let mut outcome = socket.set_tcp_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        outcome = outcome.and(socket.set_tcp_user_timeout(write_timeout));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = write_timeout;
    if let Err(error) = outcome.as_mut() {
        tracing::debug!(%error, "a socket refused an option");
    }
}

/// The two families in turn, each in the order of the resolver, whose first address stays the first (RFC 8305 §4).
fn interleaved(resolved: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let resolved: Vec<SocketAddr> = resolved.take(MAX_RESOLVED).collect();
    let Some(first) = resolved.first() else { return Vec::new() };
    let (same, other): (Vec<_>, Vec<_>) =
        resolved.iter().partition(|address| address.is_ipv4() == first.is_ipv4());
    let mut other = other.into_iter();
    let mut ordered = Vec::new();
    for address in same {
        ordered.push(address);
        ordered.extend(other.next());
    }
    ordered.extend(other);
    ordered.truncate(MAX_ADDRESSES);
    ordered
}

/// Tries the addresses in order, the next one `delay` behind the one before, or as soon as all under way have failed; the
/// first that connects wins, and the others are dropped.
async fn race<T, F: Future<Output = io::Result<T>>>(
    addresses: Vec<SocketAddr>,
    delay: Duration,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, ConnectError> {
    let mut waiting = addresses.into_iter();
    let mut under_way: Vec<(SocketAddr, Pin<Box<F>>)> = Vec::new();
    let nobody = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut failed = ConnectError::Resolve(nobody);
    loop {
        // It comes back here for the next address, or when none is left and all have failed.
        let Some(address) = waiting.next() else { return Err(failed) };
        under_way.push((address, Box::pin(connect(address))));
        let mut pause = pin!(sleep(delay));
        let connected = poll_fn(|cx| {
            let mut index = 0;
            while let Some((address, attempt)) = under_way.get_mut(index) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Some(stream)),
                    Poll::Ready(Err(source)) => {
                        failed = ConnectError::Connect { address: *address, source };
                        drop(under_way.remove(index));
                    }
                    Poll::Pending => index += 1,
                }
            }
            let is_time = waiting.len() > 0 && pause.as_mut().poll(cx).is_ready();
            if under_way.is_empty() || is_time { Poll::Ready(None) } else { Poll::Pending }
        });
        if let Some(stream) = connected.await {
            return Ok(stream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::time::{Instant, sleep};

    const DELAY: Duration = Duration::from_millis(250);

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_families_take_turns_and_the_first_stays_the_first() {
        let resolved = ["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"].map(address).into_iter();
        let ordered = ["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"].map(address);
        assert_eq!(interleaved(resolved), ordered);
        assert_eq!(interleaved(std::iter::empty()), []);
        let many = |len: u16| (0..len).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        assert_eq!(interleaved(many(16)).len(), MAX_ADDRESSES);
        assert_eq!(interleaved(many(17)).len(), MAX_ADDRESSES);
        assert_eq!(interleaved(many(60_000)).len(), MAX_ADDRESSES);
        let other = address("[::1]:1");
        assert_eq!(interleaved(many(63).chain([other]))[1], other);
        assert!(!interleaved(many(64).chain([other])).contains(&other));
    }

    /// Races addresses whose port says after how many milliseconds they connect, or, odd, fail; what came of it, when,
    /// and when each was tried.
    async fn raced(ports: &[u16]) -> (Option<u16>, u128, Vec<u128>) {
        let (start, tried) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let addresses = ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port))).collect();
        let outcome = race(addresses, DELAY, |address| {
            tried.lock().unwrap().push(start.elapsed().as_millis());
            async move {
                sleep(Duration::from_millis(address.port().into())).await;
                if address.port() % 2 == 0 { Ok(address.port()) } else { Err(io::ErrorKind::TimedOut.into()) }
            }
        })
        .await;
        let tried = tried.lock().unwrap().clone();
        (outcome.ok(), start.elapsed().as_millis(), tried)
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_keeps_no_other_waiting_and_a_failed_one_is_passed_at_once() {
        for (ports, won, after, tried) in [
            (&[100][..], Some(100), 100, &[0][..]),
            (&[20_000, 100], Some(100), 350, &[0, 250]),
            (&[300, 20_000], Some(300), 300, &[0, 250]),
            (&[1, 3, 100], Some(100), 104, &[0, 1, 4]),
            (&[901, 100, 50], Some(100), 350, &[0, 250]),
            (&[901, 951, 50], Some(50), 550, &[0, 250, 500]),
            (&[1, 400], Some(400), 401, &[0, 1]),
            (&[1, 3], None, 4, &[0, 1]),
            (&[901, 1], None, 901, &[0, 250]),
            (&[], None, 0, &[]),
        ] {
            // Timers are to the millisecond.
            let (found_won, found_after, found_tried) = raced(ports).await;
            assert_eq!(found_won, won, "{ports:?}");
            let near = |found: u128, expected: u128| found >= expected && found <= expected + 6;
            assert!(near(found_after, after), "{ports:?}: {found_after}");
            assert_eq!(found_tried.len(), tried.len(), "{ports:?}");
            assert!(found_tried.iter().zip(tried).all(|(found, expected)| near(*found, *expected)));
        }
    }
}
