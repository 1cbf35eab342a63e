//! A gateway process and a raw HTTP/1.1 client, for the tests of the whole program.
#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod websocket;

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A running gateway; killed when dropped.
pub(crate) struct Gateway {
    process: Child,
    pub(crate) address: SocketAddr,
    stdout: BufReader<ChildStdout>,
}

impl Gateway {
    /// Starts one on a free port.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with further arguments.
    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        Self::spawn(arguments, Stdio::inherit())
    }

    /// Starts one whose log goes there.
    pub(crate) fn start_telling(stderr: Stdio) -> Self {
        Self::spawn(&[], stderr)
    }

    fn spawn(arguments: &[&str], stderr: Stdio) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tidewire"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { process, address, stdout }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; gives the exit code and what else was written to standard output.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.process.wait().unwrap().code(), rest)
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { reader: BufReader::new(stream) }
    }

    /// One request on a connection of its own.
    pub(crate) fn request(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut connection = self.connect();
        connection.send(method, target, headers, body);
        connection.response(method)
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.request("GET", target, &[], b"")
    }

    /// Publishes a text and gives the answer.
    pub(crate) fn publish(&self, parameters: &str, body: &str) -> Value {
        let response = self.request("POST", &format!("/publish?{parameters}"), &[], body.as_bytes());
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// Opens a stream and reads its head.
    pub(crate) fn stream(&self, target: &str, headers: &[(&str, &str)]) -> Stream {
        let mut connection = self.connect();
        connection.send("GET", target, headers, b"");
        let head = connection.head();
        assert_eq!(head.status, 200, "{target}");
        assert_eq!(head.header("transfer-encoding"), Some("chunked"));
        Stream { connection, head, chunk_left: 0 }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A response; `body` is empty while it is only the head.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The value of a header, named in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A connection that speaks HTTP/1.1.
pub(crate) struct Connection {
    pub(crate) reader: BufReader<TcpStream>,
}

impl Connection {
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    pub(crate) fn send(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if method == "POST" || !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        self.write(&[request.as_bytes(), body].concat());
    }

    /// A line without its ending; empty at the end of the stream.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    pub(crate) fn head(&mut self) -> Response {
        let status = self.line();
        let status = status
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {status:?}"));
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        Response { status, headers, body: Vec::new() }
    }

    /// A whole response of known length.
    pub(crate) fn response(&mut self, method: &str) -> Response {
        let mut response = self.head();
        let len = response.header("content-length").map_or(0, |len| len.parse().unwrap());
        if method != "HEAD" {
            response.body.resize(len, 0);
            self.reader.read_exact(&mut response.body).unwrap();
        }
        response
    }

    /// What comes until the end of the stream.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest).unwrap();
        rest
    }
}

/// A chunked response that goes on.
pub(crate) struct Stream {
    connection: Connection,
    pub(crate) head: Response,
    chunk_left: usize,
}

impl Stream {
    /// A line without its line feed; `None` when the response is over.
    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Some(String::from_utf8(line).unwrap()),
                byte => line.push(byte),
            }
        }
    }

    fn byte(&mut self) -> Option<u8> {
        if self.chunk_left == 0 {
            self.chunk_left = usize::from_str_radix(&self.connection.line(), 16).unwrap();
            if self.chunk_left == 0 {
                assert_eq!(self.connection.line(), "");
                return None;
            }
        }
        let mut byte = [0];
        self.connection.reader.read_exact(&mut byte).unwrap();
        self.chunk_left -= 1;
        if self.chunk_left == 0 {
            assert_eq!(self.connection.line(), "");
        }
        Some(byte[0])
    }

    /// A line as JSON.
    pub(crate) fn record(&mut self) -> Value {
        serde_json::from_str(&self.line().expect("a record")).unwrap()
    }

    /// A block of SSE: its lines up to the empty one.
    pub(crate) fn block(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).take_while(|line| !line.is_empty()).collect()
    }

    /// An SSE block without its id, which is given apart.
    pub(crate) fn event(&mut self) -> (String, Vec<String>) {
        let mut block = self.block();
        let at = block.iter().position(|line| line.starts_with("id: ")).expect("an id");
        let id = block.remove(at)["id: ".len()..].to_owned();
        (id, block)
    }
}

/// Asserts that a refusal has the one shape.
pub(crate) fn assert_refused(response: &Response, status: u16, error: &str, field: Option<&str>) {
    assert_eq!(response.status, status, "{}", response.text());
    let body = response.json();
    let body = body.as_object().unwrap();
    assert_eq!(body.keys().collect::<Vec<_>>(), ["detail", "error", "field"]);
    assert_eq!(body["error"], error);
    assert_eq!(body["field"].as_str(), field, "{}", response.text());
    assert!(!body["detail"].as_str().unwrap().is_empty());
}

/// A member that is a string.
pub(crate) fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no {member} in {value}")).to_owned()
}
