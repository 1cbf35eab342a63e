//! What the benches share: streams to decode, and for whole servers a child process, its memory and processor time, and
//! a load of raw connections to it.

pub mod chance;
pub mod frames;
pub mod gateway;
pub mod histogram;
pub mod http;
pub mod load;
#[cfg(feature = "peers")]
pub mod memory;
pub mod pin;
pub mod sse;
pub mod websocket;

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    time::Duration,
};

/// Prints what a program found, and makes its exit code: a failure where it could not run or a promise is broken.
pub fn conclude<R: fmt::Display>(
    found: Result<R, impl fmt::Display>,
    kept: impl FnOnce(&R) -> bool,
) -> ExitCode {
    match found {
        Ok(report) => {
            println!("{report}");
            if kept(&report) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// An opening handshake for the path and query given.
#[must_use]
pub fn upgrade_request(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// A server in a process of its own, stopped when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a program whose first line on stdout ends with the address that it listens at.
    ///
    /// # Errors
    /// It does not start, or says something else.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().rsplit('/').next().and_then(|address| address.parse().ok());
        match address {
            Some(address) => Ok(Self { child, address }),
            None => {
                child.kill()?;
                child.wait()?;
                Err(io::Error::other(format!("expected an address in the first line, got {line:?}")))
            }
        }
    }

    /// The server's resident memory in bytes (`VmRSS` of Linux).
    ///
    /// # Errors
    /// The process is gone, or the system is not Linux.
    pub fn resident_bytes(&self) -> io::Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most that its resident memory ever was, in bytes (`VmHWM` of Linux).
    ///
    /// # Errors
    /// The process is gone, or the system is not Linux.
    pub fn peak_resident_bytes(&self) -> io::Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> io::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|value| value.trim().strip_suffix(" kB"))
            .and_then(|value| value.trim().parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("no {name}")))
    }

    /// The files that it has open (Linux), sockets among them.
    ///
    /// # Errors
    /// The process is gone, or the system is not Linux.
    pub fn open_files(&self) -> io::Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// With what it ended, if it has.
    ///
    /// # Errors
    /// Whatever the operating system says.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The processor time that it has taken, in seconds (Linux).
    ///
    /// # Errors
    /// The process is gone, or the system is not Linux.
    pub fn processor_seconds(&self) -> io::Result<f64> {
        /// `sysconf(_SC_CLK_TCK)` of every Linux there is.
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The fields count from behind the name, which is in brackets and may hold anything.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// The processor time that its threads have taken (Linux, to the nanosecond), once they rest: what is on its way to them
    /// is done by then.
    ///
    /// # Errors
    /// The process is gone, or the system is not Linux.
    pub fn settled_processor_time(&self) -> io::Result<Duration> {
        /// Longer than anything waits that was sent over the loopback.
        const REST: Duration = Duration::from_millis(2);
        let mut before = self.processor_time()?;
        loop {
            rest(REST);
            let now = self.processor_time()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
    }

    /// The processor time that its threads have taken (Linux, to the nanosecond).
    ///
    /// # Errors
    /// The process is gone, or the system is not Linux.
    pub fn processor_time(&self) -> io::Result<Duration> {
        let mut nanos = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let statistics = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let time = statistics.split_whitespace().next().and_then(|time| time.parse::<u64>().ok());
            nanos += time.ok_or_else(|| io::Error::other("no processor time"))?;
        }
        Ok(Duration::from_nanos(nanos))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whether it has ended by itself or not: afterwards it has.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "a server is given time to rest")]
fn rest(time: Duration) {
    std::thread::sleep(time);
}

/// A WebSocket that is open, on a blocking socket.
///
/// # Errors
/// The server does not answer with a 101.
pub fn open_websocket(address: SocketAddr, target: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    upgrade(stream, target)
}

/// Makes a WebSocket of a blocking socket. What comes behind the response stays in it.
///
/// # Errors
/// The server does not answer with a 101.
pub fn upgrade(mut stream: TcpStream, target: &str) -> io::Result<TcpStream> {
    stream.write_all(upgrade_request(target).as_bytes())?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if head.starts_with(b"HTTP/1.1 101 ") {
        Ok(stream)
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()))
    }
}

/// Sends a binary message and reads it back.
///
/// # Errors
/// The connection failed, or something else came back.
pub fn echo(stream: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
    stream.write_all(&frames::frame(2, payload, Some(frames::KEY)))?;
    let expected = frames::frame(2, payload, None);
    let mut back = vec![0; expected.len()];
    stream.read_exact(&mut back)?;
    if back == expected { Ok(()) } else { Err(io::Error::other("not an echo")) }
}

/// Criterion with rounds short enough that a run with all peers is a matter of minutes; medians are what counts.
#[must_use]
pub fn short() -> criterion::Criterion {
    criterion::Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800))
        .sample_size(40)
}
