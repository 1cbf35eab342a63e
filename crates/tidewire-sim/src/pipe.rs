//! One direction of a connection: bytes that take their time, in a window, in any pieces, and perhaps never arrive.

use std::collections::VecDeque;

use crate::flaw::Damage;
use crate::random::Random;
use crate::time::Nanos;

/// What a path is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// From one end to the other.
    pub(crate) latency: Nanos,
    /// Up to so much more.
    pub(crate) jitter: Nanos,
    /// What 1024 bytes take to be sent.
    pub(crate) nanos_per_kib: Nanos,
    /// Bytes that may be on the way or unread.
    pub(crate) window: usize,
}

/// What becomes of bytes that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// They arrive.
    Through,
    /// They never do, and nobody is told.
    Dropped,
    /// Nobody is there who wants them: the sender is told.
    Refused,
}

/// Whether the sender waits for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Content,
    /// It was cut short, though there is room: it may go on in a moment.
    CutShort,
    /// There is no room.
    Waits,
    /// It waits, and is about to be told that there is room.
    Told,
}

/// Where the end of the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fin {
    None,
    OnItsWay(Nanos),
    Arrived,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    len: usize,
    arrives: Nanos,
}

#[derive(Debug)]
pub(crate) struct Pipe {
    path: Path,
    bytes: Vec<u8>,
    /// What lies before it was read.
    head: usize,
    /// What lies before it has arrived.
    arrived: usize,
    /// Bytes that were read, of which the sender does not know yet.
    unacknowledged: usize,
    segments: VecDeque<Segment>,
    /// When the last byte so far leaves.
    departs: Nanos,
    /// When the last byte so far arrives.
    arrives: Nanos,
    stalled_until: Nanos,
    route: Route,
    sender: Sender,
    fin: Fin,
    /// When an [`Arrive`](crate::event::Event::Arrive) is due, if one is.
    pub(crate) alarm: Option<Nanos>,
    /// All that were taken from the sender.
    pub(crate) taken: u64,
    /// All that were given to the receiver.
    pub(crate) given: u64,
    /// What to do to the next bytes that nobody should do.
    pub(crate) damage: Option<Damage>,
}

impl Pipe {
    pub(crate) fn new(path: Path) -> Self {
        Self {
            path,
            bytes: Vec::new(),
            head: 0,
            arrived: 0,
            unacknowledged: 0,
            segments: VecDeque::new(),
            departs: 0,
            arrives: 0,
            stalled_until: 0,
            route: Route::Through,
            sender: Sender::Content,
            fin: Fin::None,
            alarm: None,
            taken: 0,
            given: 0,
            damage: None,
        }
    }

    // The sender's side.

    /// Takes as much as there is room for, and sometimes less, as a transport may.
    pub(crate) fn write(&mut self, now: Nanos, bytes: &[u8], random: &mut Random) -> usize {
        let room = self.path.window.saturating_sub(self.held() + self.unacknowledged);
        let mut len = bytes.len().min(room);
        if len > 1 && random.once_in(16) {
            len = random.between(1, len as u64 - 1) as usize;
        }
        if len < bytes.len() && self.sender != Sender::Told {
            self.sender = if len < room { Sender::CutShort } else { Sender::Waits };
        }
        if len == 0 {
            return 0;
        }
        self.taken += len as u64;
        let before = self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..len]);
        if let Some(damage) = self.damage.take() {
            damage.apply(&mut self.bytes, before);
        }
        let put = self.bytes.len() - before;
        match self.route {
            Route::Through => {
                let arrives = self.travel(now, put, random);
                self.segments.push_back(Segment { len: put, arrives });
            }
            Route::Dropped => {}
            Route::Refused => self.bytes.truncate(before),
        }
        len
    }

    /// When so many bytes, sent now, arrive.
    fn travel(&mut self, now: Nanos, len: usize, random: &mut Random) -> Nanos {
        self.departs = self.departs.max(now) + len as u64 * self.path.nanos_per_kib / 1024;
        let jitter = random.below(self.path.jitter + 1);
        self.arrives = self.arrives.max(self.departs + self.path.latency + jitter);
        self.arrives
    }

    /// The sender has no more to say.
    pub(crate) fn shut_down(&mut self, now: Nanos, random: &mut Random) {
        if self.fin == Fin::None && self.route == Route::Through {
            let arrives = self.travel(now, 0, random);
            self.fin = Fin::OnItsWay(arrives);
        }
    }

    /// The sender knows what was read.
    pub(crate) fn acknowledge(&mut self) {
        self.unacknowledged = 0;
    }

    /// Whether a sender that waits is to be told of room, from here on.
    pub(crate) fn tells_sender(&mut self) -> bool {
        let tells = match self.sender {
            Sender::CutShort => true,
            Sender::Waits => self.has_room(),
            Sender::Content | Sender::Told => false,
        };
        if tells {
            self.sender = Sender::Told;
        }
        tells
    }

    /// The sender knows of the room.
    pub(crate) fn sender_told(&mut self) {
        self.sender = Sender::Content;
    }

    /// A receiver's window is told of again when a quarter of it is free.
    fn has_room(&self) -> bool {
        self.held() + self.unacknowledged <= self.path.window - self.path.window / 4
    }

    // On the way.

    /// When the next byte, or the end, arrives.
    pub(crate) fn next_arrival(&self) -> Option<Nanos> {
        if self.route != Route::Through {
            return None;
        }
        let next = match (self.segments.front(), self.fin) {
            (Some(segment), _) => segment.arrives,
            (None, Fin::OnItsWay(arrives)) => arrives,
            (None, Fin::None | Fin::Arrived) => return None,
        };
        Some(next.max(self.stalled_until))
    }

    /// Time has come to `now`; answers how many bytes arrived.
    pub(crate) fn arrive(&mut self, now: Nanos) -> usize {
        let before = self.arrived;
        if self.route != Route::Through || now < self.stalled_until {
            return 0;
        }
        while let Some(segment) = self.segments.front().filter(|segment| segment.arrives <= now) {
            self.arrived += segment.len;
            self.segments.pop_front();
        }
        if let (Fin::OnItsWay(arrives), true) = (self.fin, self.segments.is_empty()) {
            if arrives <= now {
                self.fin = Fin::Arrived;
            }
        }
        self.arrived - before
    }

    /// Nothing moves until `until`.
    pub(crate) fn stall(&mut self, until: Nanos) {
        self.stalled_until = self.stalled_until.max(until);
    }

    pub(crate) fn stalled_until(&self) -> Nanos {
        self.stalled_until
    }

    pub(crate) fn route(&self) -> Route {
        self.route
    }

    /// From here on nothing arrives, and what is on the way is lost. It stays in the window, for nobody says that it
    /// came.
    pub(crate) fn reroute(&mut self, route: Route) {
        self.route = route;
        self.segments.clear();
    }

    /// From here on nothing arrives. Of what is on the way a part still does, up to any byte, and at once.
    pub(crate) fn tear(&mut self, random: &mut Random) {
        let on_the_way: usize = self.segments.iter().map(|segment| segment.len).sum();
        let arrives = random.below(on_the_way as u64 + 1) as usize;
        self.arrived += arrives;
        self.bytes.truncate(self.arrived);
        self.fin = Fin::None;
        self.reroute(Route::Dropped);
    }

    /// All of it is lost.
    pub(crate) fn clear(&mut self) {
        self.bytes = Vec::new();
        self.segments = VecDeque::new();
        (self.head, self.arrived, self.fin) = (0, 0, Fin::None);
        self.route = Route::Dropped;
    }

    /// Bytes on the way and unread.
    pub(crate) fn held(&self) -> usize {
        self.bytes.len() - self.head
    }

    // The receiver's side.

    /// What has arrived and was not read.
    pub(crate) fn unread(&mut self) -> &mut [u8] {
        &mut self.bytes[self.head..self.arrived]
    }

    pub(crate) fn has_unread(&self) -> bool {
        self.head < self.arrived
    }

    /// So many bytes were read.
    pub(crate) fn read(&mut self, len: usize) {
        self.given += len as u64;
        self.unacknowledged += len;
        self.head += len;
        if self.head == self.bytes.len() {
            self.bytes.clear();
            (self.head, self.arrived) = (0, 0);
        } else if self.head >= 16 * 1024 && self.head * 2 >= self.bytes.len() {
            self.bytes.drain(..self.head);
            self.arrived -= self.head;
            self.head = 0;
        }
    }

    /// Whether the stream ends here.
    pub(crate) fn at_end(&self) -> bool {
        self.fin == Fin::Arrived && !self.has_unread()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: Path = Path { latency: 100, jitter: 0, nanos_per_kib: 1024, window: 10 };

    fn pipe() -> (Pipe, Random) {
        // This seed takes all there is room for in the writes of these tests.
        (Pipe::new(PATH), Random::new(1))
    }

    #[test]
    fn bytes_arrive_after_their_latency_and_one_behind_the_other() {
        let (mut pipe, mut random) = pipe();
        assert_eq!(pipe.write(0, b"abc", &mut random), 3);
        assert_eq!(pipe.write(1, b"de", &mut random), 2);
        assert_eq!(pipe.next_arrival(), Some(103));
        assert_eq!((pipe.arrive(102), pipe.arrive(103), pipe.next_arrival()), (0, 3, Some(105)));
        assert_eq!(pipe.unread(), b"abc");
        pipe.read(2);
        assert_eq!((pipe.arrive(200), &*pipe.unread()), (2, &b"cde"[..]));
        assert_eq!((pipe.taken, pipe.given, pipe.held()), (5, 2, 3));
    }

    #[test]
    fn a_full_window_takes_nothing_until_a_quarter_was_read() {
        let (mut pipe, mut random) = pipe();
        let mut taken = 0;
        for _ in 0..10 {
            taken += pipe.write(0, &b"0123456789ab"[taken..], &mut random);
        }
        assert_eq!((taken, pipe.tells_sender()), (10, false));
        pipe.arrive(1000);
        pipe.read(1);
        assert!(!pipe.tells_sender());
        pipe.read(2);
        assert!(!pipe.tells_sender(), "it does not know");
        pipe.acknowledge();
        assert!(pipe.tells_sender() && !pipe.tells_sender(), "once");
    }

    #[test]
    fn the_end_comes_behind_the_bytes_and_a_stall_holds_both() {
        let (mut pipe, mut random) = pipe();
        pipe.write(0, b"x", &mut random);
        pipe.shut_down(0, &mut random);
        pipe.stall(500);
        assert_eq!((pipe.next_arrival(), pipe.arrive(499), pipe.at_end()), (Some(500), 0, false));
        assert_eq!((pipe.arrive(500), pipe.at_end()), (1, false));
        pipe.read(1);
        assert!(pipe.at_end());
    }

    #[test]
    fn what_is_torn_ends_behind_any_byte() {
        let mut ends = [0; 7];
        let mut random = Random::new(1);
        for _ in 0..1000 {
            let mut pipe = Pipe::new(PATH);
            while pipe.held() < 6 {
                pipe.write(0, &b"abcdef"[pipe.held()..], &mut random);
            }
            pipe.shut_down(0, &mut random);
            pipe.tear(&mut random);
            let len = pipe.unread().len();
            assert_eq!((pipe.arrive(1000), &*pipe.unread()), (0, &b"abcdef"[..len]));
            pipe.read(len);
            assert!(!pipe.at_end());
            ends[len] += 1;
        }
        assert!(ends.iter().all(|times| *times > 0), "{ends:?}");
    }

    #[test]
    fn what_is_dropped_fills_the_window_and_what_is_refused_does_not() {
        for (route, held) in [(Route::Dropped, 6), (Route::Refused, 3)] {
            let (mut pipe, mut random) = pipe();
            pipe.write(0, b"abc", &mut random);
            pipe.reroute(route);
            assert_eq!(pipe.write(0, b"def", &mut random), 3);
            assert_eq!((pipe.held(), pipe.next_arrival(), pipe.arrive(1000)), (held, None, 0), "{route:?}");
        }
    }
}
