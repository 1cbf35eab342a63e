"""Python's websockets on `/ws`: raw and JSON, resume, closes."""

import asyncio
import functools
import json

import pytest
import websockets
from conftest import Gateway
from test_curl import publish
from websockets.asyncio.client import connect


def within_20_seconds(test):
    @functools.wraps(test)
    def run(gateway):
        asyncio.run(asyncio.wait_for(test(gateway), 20))

    return run


async def on_thread(function, *arguments, **named):
    return await asyncio.to_thread(functools.partial(function, *arguments, **named))


async def record(socket, kind):
    answer = json.loads(await socket.recv())
    assert answer["type"] == kind, answer
    return answer


@within_20_seconds
async def test_raw_messages_reach_every_subscriber_the_sender_included(gateway):
    async with connect(f"{gateway.ws}/ws?topic=t") as one, connect(f"{gateway.ws}/ws/t") as two:
        await one.send("text")
        await one.send(b"\x00\xff")
        for socket in (one, two):
            assert await socket.recv() == "text"
            assert await socket.recv() == b"\x00\xff"


@within_20_seconds
async def test_exclude_self_spares_the_sender_and_nobody_else(gateway):
    async with connect(f"{gateway.ws}/ws?topic=t&exclude_self=1") as one, connect(f"{gateway.ws}/ws/t") as two:
        await one.send("mine")
        assert await two.recv() == "mine"
        await two.send("yours")
        assert await one.recv() == "yours"


@within_20_seconds
async def test_an_http_publish_can_exclude_a_connection(gateway):
    async with connect(f"{gateway.ws}/ws/t?format=json") as one, connect(f"{gateway.ws}/ws/t?format=json") as two:
        excluded = (await record(one, "open"))["connection"]
        await record(two, "open")
        await on_thread(publish, gateway, f"t&exclude={excluded}", data=b"not for one")
        await on_thread(publish, gateway, "t", data=b"for both")
        assert (await record(two, "message"))["data"] == "not for one"
        assert (await record(one, "message"))["data"] == "for both"


@within_20_seconds
async def test_the_cursor_of_the_101_resumes(gateway):
    async with connect(f"{gateway.ws}/ws/t") as socket:
        cursor = socket.response.headers["Tidewire-Cursor"]
    for text in (b"1", b"2"):
        await on_thread(publish, gateway, "t", data=text)
    async with connect(f"{gateway.ws}/ws/t?cursor={cursor}") as socket:
        assert [await socket.recv(), await socket.recv()] == ["1", "2"]


@within_20_seconds
async def test_a_gap_on_a_raw_socket_closes_with_4010_and_a_fresh_cursor(gateway):
    elsewhere = Gateway()
    try:
        foreign = (await on_thread(publish, elsewhere, "t"))["cursor"]
    finally:
        elsewhere.stop()
    await on_thread(publish, gateway, "t", data=b"held")
    async with connect(f"{gateway.ws}/ws/t?cursor={foreign}") as socket:
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd.code == 4010
        fresh = closed.value.rcvd.reason
    async with connect(f"{gateway.ws}/ws/t?cursor={fresh}") as socket:
        assert await socket.recv() == "held"
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        async with connect(f"{gateway.ws}/ws/t?cursor=malformed!"):
            pass
    assert refused.value.response.status_code == 400


@within_20_seconds
async def test_json_publishes_pings_and_tells_errors(gateway):
    async with connect(f"{gateway.ws}/ws/t?format=json") as socket:
        await record(socket, "open")
        await socket.send(json.dumps({"type": "publish", "topic": "t", "data": "hi", "event": "greeting"}))
        message = await record(socket, "message")
        assert (message["topic"], message["data"], message["event"]) == ("t", "hi", "greeting")
        await socket.send('{"type":"ping"}')
        await record(socket, "pong")
        await socket.send(json.dumps({"type": "publish", "topic": "", "data": "x", "ref": "r1"}))
        assert (await record(socket, "error"))["ref"] == "r1"
        await socket.send("not json")
        await record(socket, "error")
        await socket.send(b"binary")
        await record(socket, "error")
        await socket.send("{}")
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            while True:
                await record(socket, "error")
        assert closed.value.rcvd.code == 1008


@within_20_seconds
async def test_the_message_limit_is_64_kib(gateway):
    async with connect(f"{gateway.ws}/ws/t", max_size=None) as socket:
        await socket.send("x" * 65_536)
        assert len(await socket.recv()) == 65_536
        await socket.send("x" * 65_537)
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd.code == 1009


@within_20_seconds
async def test_pings_are_answered_while_nothing_else_happens(gateway):
    async with connect(f"{gateway.ws}/ws/t") as socket:
        for payload in (b"", b"a", b"x" * 125):
            await asyncio.wait_for(await socket.ping(payload), 5)


@within_20_seconds
async def test_a_client_that_closes_gets_its_code_back(gateway):
    async with connect(f"{gateway.ws}/ws/t") as socket:
        await socket.close(4000, "bye")
        assert socket.close_code == 4000


@within_20_seconds
async def test_sigterm_closes_with_1001(gateway):
    async with connect(f"{gateway.ws}/ws/t") as socket:
        gateway.terminate()
        with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd.code == 1001
    assert await on_thread(gateway.process.wait, 10) == 0
