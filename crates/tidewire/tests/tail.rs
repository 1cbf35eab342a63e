//! `tidewire tail` as a program: the golden vectors on its standard input, and streams over HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

use base64::Engine;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::thread;

fn tail(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .arg("tail")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A program that ends early leaves the rest unread.
    let writing = thread::spawn(move || _ = stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output
}

fn lines(output: &Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The stream of a vector.
fn stream(vector: &Value) -> Vec<u8> {
    let decode =
        |text: &Value| base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
    let joined = |name: &str, bytes: &dyn Fn(&Value) -> Vec<u8>| -> Option<Vec<u8>> {
        Some(vector.get(name)?.as_array()?.iter().flat_map(bytes).collect())
    };
    let text = |text: &Value| text.as_str().unwrap().as_bytes().to_vec();
    if let Some(wanted) = vector.get("gen") {
        let part = |name: &str| wanted[name].as_str().unwrap();
        let repeated = part("repeat").repeat(wanted["count"].as_u64().unwrap() as usize);
        return [part("prefix"), &repeated, part("suffix")].concat().into_bytes();
    }
    None.or_else(|| joined("chunks", &text))
        .or_else(|| joined("chunks_b64", &decode))
        .or_else(|| vector.get("input").map(text))
        .or_else(|| vector.get("input_b64").map(decode))
        .unwrap()
}

fn expected(vector: &Value) -> Vec<Value> {
    match vector.get("expect_gen") {
        None => vector.get("expect").and_then(Value::as_array).cloned().unwrap_or_default(),
        Some(one) => {
            let data =
                one["data_repeat"].as_str().unwrap().repeat(one["data_count"].as_u64().unwrap() as usize);
            vec![serde_json::json!({ "event": one["event"], "data": data, "id": one["id"] })]
        }
    }
}

#[test]
fn every_golden_vector_is_printed_as_expected() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tidewire-sse/tests/vectors/sse.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert_eq!(vectors.len(), 155);
    for vector in vectors {
        let input = stream(vector);
        // Each byte by itself, where that is a matter of milliseconds.
        for chunk in if input.len() < 100_000 { &["65536", "1", "3"][..] } else { &["65536"] } {
            let mut arguments = vec!["-", "--comments", "--retry", "--chunk", chunk];
            if let Some(id) = vector.get("lastEventIdInit").and_then(Value::as_str) {
                arguments.extend(["--last-event-id", id]);
            }
            let name = vector["name"].as_str().unwrap();
            let lines = lines(&tail(&arguments, &input));
            let with =
                |key: &str| -> Vec<&Value> { lines.iter().filter(|line| line.get(key).is_some()).collect() };
            assert!(with("event").into_iter().eq(&expected(vector)), "{name}, {chunk} at a time");
            let retry = with("retry").last().map(|line| line["retry"].clone()).unwrap_or_default();
            assert_eq!(retry, vector.get("retry").cloned().unwrap_or_default(), "{name}");
            if let Some(comments) = vector.get("comments") {
                let said: Vec<Value> = with("comment").iter().map(|line| line["comment"].clone()).collect();
                assert_eq!(&Value::from(said), comments, "{name}");
            }
        }
    }
}

#[test]
fn what_is_not_asked_for_is_not_printed_and_the_keys_are_in_order() {
    let output = tail(&["-"], b": c\nretry: 5\nid: 1\nevent: e\ndata: x\n\n");
    assert_eq!(output.stdout, b"{\"event\":\"e\",\"data\":\"x\",\"id\":\"1\"}\n");
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn an_event_beyond_the_limit_is_told_of_and_the_rest_is_printed() {
    let output = tail(&["-", "--max-event", "10"], b"data: 12345678901\n\ndata: 1234567890\n\n");
    assert_eq!(lines(&output).len(), 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("an event is lost"));
}

/// The head of a request, in lower case.
fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_lowercase()
}

/// A server that answers one connection after the other, and gives the heads of its requests.
fn server(answers: Vec<String>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let serve = |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let head = head(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            head
        };
        answers.into_iter().map(serve).collect()
    });
    (url, serving)
}

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";

#[test]
fn a_stream_is_followed_over_its_ends_until_the_server_says_that_there_is_no_more() {
    let (url, serving) = server(vec![
        format!("{STREAM}retry: 100\nid: 1\ndata: a\n\ndata: cut"),
        format!("{STREAM}: c\nid: 2\ndata: b\n\n"),
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
    ]);
    let output = tail(
        &[&url, "-H", "Authorization: Bearer x", "--last-event-id", "0", "--retry", "--chunk", "1"],
        b"",
    );
    let text = "{\"retry\":100}\n{\"event\":\"message\",\"data\":\"a\",\"id\":\"1\"}\n\
        {\"event\":\"message\",\"data\":\"b\",\"id\":\"2\"}\n";
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout)), (Some(0), text.into()));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("the stream ended, back in 0.1 s"),
        "{output:?}"
    );
    let requests = serving.join().unwrap();
    for (request, id) in requests.iter().zip(["0", "1", "2"]) {
        assert!(request.contains(&format!("\r\nlast-event-id: {id}\r\n")), "{request}");
        assert!(request.contains("\r\nauthorization: bearer x\r\n"));
    }
}

#[test]
fn an_id_that_goes_back_over_http_has_a_limit_of_its_own() {
    let event = |len: usize| format!("id: {}\ndata: {len}\n\n", "i".repeat(len));
    let (url, _serving) = server(vec![format!("{STREAM}{}{}", event(4096), event(4097))]);
    let output = tail(&[&url, "--once"], b"");
    let said: Vec<_> = lines(&output).iter().map(|line| line["data"].clone()).collect();
    assert_eq!((output.status.code(), said), (Some(0), vec![Value::from("4096")]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("a last event ID of at most 4096 bytes"));
    assert_eq!(lines(&tail(&["-"], event(4097).as_bytes())).len(), 1, "from a file it has none");
}

#[test]
fn once_is_one_connection() {
    let (url, serving) = server(vec![format!("{STREAM}data: a\n\n")]);
    let output = tail(&[&url, "--once"], b"");
    assert_eq!((lines(&output).len(), output.stderr.len()), (1, 0));
    assert_eq!(serving.join().unwrap().len(), 1);
}

#[test]
fn once_tells_an_end_from_a_loss() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: a\n\n\r\n";
    let (url, serving) = server(vec![cut.to_owned()]);
    let output = tail(&[&url, "--once"], b"");
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), false), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).starts_with("tidewire: the connection failed ("),
        "{output:?}"
    );
    serving.join().unwrap();
    // Nobody listens there any more.
    let output = tail(&[&url, "--once"], b"");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
}

#[test]
fn a_server_in_trouble_is_the_end_unless_it_is_to_be_asked_again() {
    let busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: 0\r\n\r\n";
    let (url, serving) = server(vec![busy.to_owned()]);
    assert_eq!(tail(&[&url], b"").status.code(), Some(1));
    serving.join().unwrap();
    let (url, serving) = server(vec![busy.to_owned(), "HTTP/1.1 204 No\r\n\r\n".to_owned()]);
    let output = tail(&[&url, "--retry-trouble"], b"");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("the server answered 503, back in"),
        "{output:?}"
    );
    serving.join().unwrap();
}

#[test]
fn what_is_no_stream_is_an_error_that_says_why() {
    let refused = "HTTP/1.1 401 No\r\nContent-Length: 14\r\n\r\n{\"error\":\"no\"}";
    let (url, serving) = server(vec![refused.to_owned()]);
    let output = tail(&[&url], b"");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "tidewire: expected status 200, got 401: {\"error\":\"no\"}\n");
    serving.join().unwrap();
    for (arguments, said) in [
        (
            &["example.org"][..],
            "expected a URL: relative URL without a base (a file is read with: tidewire tail - < FILE)",
        ),
        (&["ws://a/"], "expected a URL with http or https, got \"ws\""),
        (&["http://a/", "-H", "nonsense"], "expected `Name: value`"),
        (&["http://a/", "-H", "a b: c"], "expected a header that HTTP can carry, got \"a b\""),
        (&["http://a/", "--last-event-id", "a\nb"], "expected a last event ID without CR, LF and NUL"),
    ] {
        let output = tail(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{output:?}");
    }
}

#[test]
fn nobody_who_reads_the_output_is_an_end_like_any_other() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["tail", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let events = b"data: x\n\n".repeat(100_000);
    let _ = stdin.write_all(&events);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
}

/// A place to write to that nobody reads any more.
#[cfg(unix)]
fn closed() -> Stdio {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(theirs);
    Stdio::from(std::os::fd::OwnedFd::from(ours))
}

#[cfg(unix)]
#[test]
fn nobody_who_reads_what_is_said_changes_no_status() {
    let refused = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n".to_owned();
    let back = vec![format!("{STREAM}retry: 100\ndata: a\n\n"), "HTTP/1.1 204 No\r\n\r\n".to_owned()];
    let (refusing, serving) = server([vec![refused], back].concat());
    for (arguments, status, lines) in [
        (&[&*refusing][..], 1, 0),
        (&[&*refusing], 0, 1),
        (&["-", "--max-event", "10"], 0, 1),
        (&["http://"], 2, 0),
        (&["-", "--chunk", "0"], 2, 0),
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tidewire"))
            .arg("tail")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(closed())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(b"data: 12345678901\n\ndata: 1\n\n");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{arguments:?} {output:?}");
        assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), lines, "{arguments:?}");
    }
    serving.join().unwrap();
}

#[cfg(unix)]
#[test]
fn nobody_who_reads_the_output_ends_a_stream_that_has_no_end() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let child = Command::new(env!("CARGO_BIN_EXE_tidewire"))
        .args(["tail", &url])
        .stdin(Stdio::null())
        .stdout(closed())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    head(&mut stream);
    stream.write_all(format!("{STREAM}data: a\n\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
}

#[test]
fn what_a_server_sends_does_not_command_the_terminal() {
    let body = "\u{1B}]0;owned\u{7}\r\n\u{9B}2J\u{7F}é";
    let refused = format!("HTTP/1.1 401 No\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let wrong = "HTTP/1.1 200 OK\r\nContent-Type: a\u{9B}b\r\nContent-Length: 0\r\n\r\n".to_owned();
    let (url, serving) = server(vec![refused, wrong]);
    for shown in ["\\u{1b}]0;owned\\u{7}\\r\\n\\u{9b}2J\\u{7f}é\n", "\\u{9b}b\"\n"] {
        let output = tail(&[&url], b"");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.ends_with(shown), "{said:?}");
        assert!(!said.trim_end_matches('\n').contains(char::is_control), "{said:?}");
    }
    serving.join().unwrap();
    let output = tail(
        &["-", "--comments"],
        ": \u{1B}c\u{9B}0m\nid: \u{7F}\nevent: \u{85}\ndata: \u{1B}[2J\u{9B}2J\n\n".as_bytes(),
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "{\"comment\":\" \\u001bc\\u009b0m\"}\n\
            {\"event\":\"\\u0085\",\"data\":\"\\u001b[2J\\u009b2J\",\"id\":\"\\u007f\"}\n"
    );
    assert_eq!(lines(&output)[1]["data"], "\u{1B}[2J\u{9B}2J");
}
