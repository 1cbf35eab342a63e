//! S3: a server that runs out of file descriptors neither spins nor stays deaf. It is a process of its own, under
//! `ulimit -n`: the same test again, which is told to be the server.
//!
//! `TIDEWIRE_HOLD_SECONDS=30` holds them as long as it stands in the list, and wants the server to accept again within a
//! second.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tidewire_tokio::{drain::Drain, listener::Limits};

use crate::client::{LONG, REQUEST, echo_server};

const MAX_DESCRIPTORS: usize = 256;

/// Stands in the environment of a server.
const IS_SERVER: &str = "TIDEWIRE_TEST_IS_SERVER";

/// The server, ended with its test.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the one of the test of this name.
    fn start(name: &str) -> Self {
        let mut process = Command::new("sh")
            .args(["-c", &format!("ulimit -n {MAX_DESCRIPTORS} && exec \"$0\" \"$@\"")])
            .arg(env::current_exe().unwrap())
            .args(["--exact", &format!("descriptors::{name}"), "--nocapture"])
            .env(IS_SERVER, "")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("listening on ").map(|(_, address)| address.parse().unwrap()))
            .expect("the server did not start");
        Self { process, address }
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// The time that it has used of a processor.
    fn used(&self) -> Duration {
        let spent = fs::read_to_string(format!("/proc/{}/schedstat", self.process.id())).unwrap();
        Duration::from_nanos(spent.split(' ').next().unwrap().parse().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn out_of_descriptors_it_does_not_spin_and_accepts_again_when_there_are_some() {
    runs_out("out_of_descriptors_it_does_not_spin_and_accepts_again_when_there_are_some", async {
        let (address, server) = echo_server(Limits::default(), LONG, &Drain::new());
        println!("listening on {address}");
        server.await.unwrap();
    });
}

#[cfg(feature = "axum")]
#[test]
fn nor_does_axum_with_our_listener() {
    use tidewire_tokio::upgrade::WebSocketUpgrade;
    runs_out("nor_does_axum_with_our_listener", async {
        let (listener, address) = crate::client::listen(Limits::default());
        println!("listening on {address}");
        let drain = Drain::new();
        let serve = |upgrade: WebSocketUpgrade| async move {
            upgrade
                .on_upgrade(&drain, |mut websocket| async move { while websocket.next().await.is_some() {} })
        };
        axum::serve(listener, axum::Router::new().route("/", axum::routing::any(serve))).await.unwrap();
    });
}

/// The test of this name, and its server.
fn runs_out(name: &str, serve: impl Future<Output = ()>) {
    if env::var_os(IS_SERVER).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(serve);
    }
    let in_full = env::var("TIDEWIRE_HOLD_SECONDS").ok();
    let hold = Duration::from_secs(in_full.as_ref().map_or(1, |seconds| seconds.parse().unwrap()));
    let server = Server::start(name);
    let mut clients: Vec<TcpStream> = (0..MAX_DESCRIPTORS + 44)
        .map(|_| {
            let mut client = TcpStream::connect(server.address).unwrap();
            client.write_all(REQUEST).unwrap();
            client
        })
        .collect();
    let begun = Instant::now();
    while server.descriptors() < MAX_DESCRIPTORS {
        assert!(begun.elapsed() < LONG, "{} descriptors", server.descriptors());
        sleep(Duration::from_millis(5));
    }
    // It has them all, and has had the time to notice.
    sleep(Duration::from_millis(200));
    let used = server.used();
    sleep(hold);
    let used = server.used() - used;
    assert!(used * 20 < hold, "{used:?} of a processor in {hold:?}");

    let mut last = clients.pop().unwrap();
    last.set_read_timeout(Some(LONG)).unwrap();
    let released = Instant::now();
    drop(clients.drain(..100));
    last.read_exact(&mut [0; 16]).unwrap();
    let waited = released.elapsed();
    assert!(waited < in_full.map_or(LONG, |_| Duration::from_secs(1)), "{waited:?}");
}
