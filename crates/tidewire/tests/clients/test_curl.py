"""curl on every HTTP surface: what it prints, with which status and headers."""

import json
import subprocess
import time

import pytest


def curl(*arguments, data=None):
    """The status, the headers (lowercase names) and the body of one exchange."""
    result = subprocess.run(
        ["curl", "-sS", "-i", "--max-time", "10", *arguments], input=data, capture_output=True, check=False
    )
    assert result.returncode in (0, 28), result.stderr
    head, _, body = result.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split(" ")[1]), headers, body


def publish(gateway, topic, *arguments, data=b"hello"):
    status, _, body = curl(
        "--data-binary", "@-", *arguments, f"{gateway.url}/publish?topic={topic}", data=data
    )
    assert status == 200, body
    return json.loads(body)


class Stream:
    """A stream that curl follows, line by line."""

    def __init__(self, url, *arguments):
        self.process = subprocess.Popen(
            ["curl", "-sS", "-N", "-i", "--max-time", "20", *arguments, url], stdout=subprocess.PIPE, text=True
        )
        self.head = self.lines(lambda line: line == "")

    def lines(self, last):
        taken = []
        while True:
            line = self.process.stdout.readline()
            assert line, f"the stream ended after {taken}"
            taken.append(line.rstrip("\r\n"))
            if last(taken[-1]):
                return taken

    def block(self):
        return self.lines(lambda line: line == "")[:-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def header(head, name):
    return next(line.split(": ", 1)[1] for line in head if line.lower().startswith(name + ":"))


def test_sse_opens_with_its_cursor_and_follows(gateway):
    with Stream(f"{gateway.url}/sse?topic=t") as stream:
        assert stream.head[0] == "HTTP/1.1 200 OK"
        assert header(stream.head, "content-type") == "text/event-stream"
        assert header(stream.head, "cache-control") == "no-cache"
        assert header(stream.head, "x-accel-buffering") == "no"
        assert stream.lines(lambda line: line.startswith("id: "))[0] == "retry: 3000"
        assert stream.block() == []
        answer = publish(gateway, "t", "-H", "Content-Type: text/plain", data="one\ntwo".encode())
        assert answer["topic"] == "t" and answer["offset"] == 1
        assert stream.block() == [f"id: {answer['cursor']}", "data: one", "data: two"]


def test_plain_curl_d_publishes_text(gateway):
    with Stream(f"{gateway.url}/ndjson?topic=t") as stream:
        opened = json.loads(stream.lines(lambda line: line.startswith("{"))[-1])
        assert opened["type"] == "open"
        status, headers, body = curl("-d", "a=1&b=2", f"{gateway.url}/publish?topic=t&event=greeting")
        assert (status, headers["content-type"]) == (200, "application/json")
        answer = json.loads(body)
        message = json.loads(stream.lines(lambda line: line.startswith("{"))[-1])
        assert (message["data"], message["event"], message["offset"]) == ("a=1&b=2", "greeting", 1)
        assert (message["epoch"], message["cursor"]) == (answer["epoch"], answer["cursor"])
        assert abs(message["time"] - time.time() * 1000) < 60_000


def test_ndjson_headers(gateway):
    with Stream(f"{gateway.url}/ndjson?topic=t") as stream:
        assert header(stream.head, "content-type") == "application/x-ndjson"
        assert header(stream.head, "cache-control") == "no-cache"
        assert header(stream.head, "x-accel-buffering") == "no"


def test_binary_is_base64_everywhere(gateway):
    publish(gateway, "t", "-H", "Content-Type: application/octet-stream", data=b"\x00\xff\xfe")
    status, _, body = curl(f"{gateway.url}/poll?topic=t&cursor=0")
    (message,) = json.loads(body)["messages"]
    assert (status, message["encoding"], message["data"]) == (200, "base64", "AP/+")
    with Stream(f"{gateway.url}/sse?topic=t", "-H", "Last-Event-ID: 0") as stream:
        lines = stream.lines(lambda line: line.startswith("data:"))
        assert lines[-2:] == ["event: message;base64", "data: AP/+"]


def test_poll_answers_at_once_when_behind_and_waits_when_not(gateway):
    status, _, body = curl(f"{gateway.url}/poll?topic=t&wait=0")
    head = json.loads(body)
    assert (status, head["messages"], head["gaps"]) == (200, [], [])
    publish(gateway, "t", data=b"1")
    publish(gateway, "t", data=b"2")
    _, _, body = curl(f"{gateway.url}/poll?topic=t&cursor={head['cursor']}&wait=25")
    behind = json.loads(body)
    assert [message["data"] for message in behind["messages"]] == ["1", "2"]
    begun = time.monotonic()
    _, _, body = curl(f"{gateway.url}/poll?topic=t&cursor={behind['cursor']}&wait=1")
    waited = json.loads(body)
    assert waited["messages"] == [] and waited["cursor"] == behind["cursor"]
    assert time.monotonic() - begun > 0.9


def test_a_foreign_last_event_id_is_a_gap_and_a_malformed_cursor_is_400(gateway):
    publish(gateway, "t", data=b"1")
    with Stream(f"{gateway.url}/sse?topic=t", "-H", "Last-Event-ID: somebody-elses") as stream:
        assert stream.head[0] == "HTTP/1.1 200 OK"
        lines = stream.lines(lambda line: line == "data: 1")
        assert "event: gap" in lines
        gap = json.loads(next(line for line in lines if line.startswith("data: {")).removeprefix("data: "))
        assert (gap["type"], gap["reason"], gap["from"]) == ("gap", "unknown", None)
    status, _, body = curl(f"{gateway.url}/sse?topic=t&cursor=somebody-elses")
    assert (status, json.loads(body)["field"]) == (400, "cursor")


@pytest.mark.parametrize(
    ("status", "field", "arguments", "path"),
    [
        (400, "topic", [], "/sse"),
        (400, "topic", [], "/sse?topic="),
        (400, "topic", [], "/ndjson?topic=$user:1"),
        (400, "topic", [], "/poll?topic=a%0Ab"),
        (400, "topic", [], "/poll?topic=" + "x" * 256),
        (400, "wait", [], "/poll?topic=t&wait=61"),
        (400, "wait", [], "/poll?topic=t&wait=-1"),
        (400, "event", ["-d", "x"], "/publish?topic=t&event=gap"),
        (400, "exclude", ["-d", "x"], "/publish?topic=t&exclude=nobody"),
        (400, "body", ["--data-binary", "@-"], "/publish?topic=t"),
        (404, None, [], "/nowhere"),
        (405, None, [], "/publish?topic=t"),
        (405, None, ["-X", "DELETE"], "/sse?topic=t"),
        (413, "body", ["-d", "x" * 65_537], "/publish?topic=t"),
        (415, "content-type", ["-H", "Content-Type: image/png", "-d", "x"], "/publish?topic=t"),
        (426, None, [], "/ws?topic=t"),
    ],
)
def test_bad_input_is_told_what_is_wrong(gateway, status, field, arguments, path):
    answered, headers, body = curl(*arguments, gateway.url + path, data=b"\xff\xfe")
    assert answered == status, body
    assert headers["content-type"] == "application/json"
    error = json.loads(body)
    assert set(error) == {"error", "field", "detail"} and error["detail"]
    if field is not None:
        assert (error["field"] or "").lower() == field
    status, _, body = curl(f"{gateway.url}/healthz")
    assert status == 200, body


def test_a_message_at_the_limit_and_an_empty_one_are_taken(gateway):
    publish(gateway, "t", data=b"x" * 65_536)
    publish(gateway, "t", data=b"")
    _, _, body = curl(f"{gateway.url}/poll?topic=t&cursor=0")
    assert [len(message["data"]) for message in json.loads(body)["messages"]] == [65_536, 0]
    _, _, body = curl(f"{gateway.url}/topics")
    assert "t" in body.decode()


def test_sigterm_ends_open_streams_and_exits_0(gateway):
    with Stream(f"{gateway.url}/sse?topic=t") as sse, Stream(f"{gateway.url}/ndjson?topic=t") as ndjson:
        sse.lines(lambda line: line.startswith("id: "))
        ndjson.lines(lambda line: line.startswith("{"))
        begun = time.monotonic()
        gateway.terminate()
        assert "done" not in sse.process.stdout.read()
        assert "done" not in ndjson.process.stdout.read()
        assert gateway.process.wait(10) == 0
        assert time.monotonic() - begun < 10
