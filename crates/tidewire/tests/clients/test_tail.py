"""`tidewire tail` against the gateway, and against event streams that Python serves."""

import asyncio
import json
import os
import subprocess
import threading

import pytest
from aiohttp import web
from aiohttp_sse import sse_response
from test_curl import publish


class Tail:
    """A `tail` that runs; its lines come as objects."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [os.environ["TIDEWIRE_BIN"], "tail", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.timer = threading.Timer(30, self.process.kill)
        self.timer.start()

    def line(self):
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.kill()
        return self.wait()

    def wait(self):
        output, said = self.process.communicate()
        self.timer.cancel()
        return [json.loads(line) for line in output.splitlines()], said


def test_follows_a_topic_of_the_gateway_and_resumes(gateway):
    publish(gateway, "tail", data=b"one")
    publish(gateway, "tail", data=b"two\nlines")
    url = f"{gateway.url}/sse?topic=tail"
    tail = Tail(url, "--last-event-id", "0")
    first, second = tail.line(), tail.line()
    assert (first["data"], second["data"]) == ("one", "two\nlines")
    publish(gateway, "tail", data=b"live")
    live = tail.line()
    assert live["data"] == "live"
    tail.stop()
    again = Tail(url, "--last-event-id", second["id"])
    assert again.line() == live
    again.stop()


def test_comes_back_when_the_gateway_goes_away(gateway):
    tail = Tail(f"{gateway.url}/sse?topic=gone", "--comments", "--retry")
    assert tail.line() == {"retry": 3000}
    gateway.terminate()
    said = tail.process.stderr.readline()
    assert said.startswith("tidewire: the stream ended, back in 3."), said
    tail.stop()


def test_a_path_that_is_no_stream_says_what_the_gateway_says(gateway):
    lines, said = Tail(f"{gateway.url}/sse").wait()
    assert lines == []
    assert said.startswith("tidewire: expected status 200, got 400: {"), said


@pytest.fixture
def aiohttp_server():
    """Serves numbered events, three a connection; the fourth request gets a 204."""
    ids = []

    async def events(request):
        ids.append(request.headers.get("Last-Event-ID"))
        if len(ids) == 4:
            return web.Response(status=204)
        async with sse_response(request, sep="\r\n") as response:
            response.ping_interval = 0.05
            first = int(ids[-1] or 0) + 1
            for number in range(first, first + 3):
                await response.send(f"…\n{number}", id=str(number), event="tick", retry=100)
            # Long enough for a ping.
            await asyncio.sleep(0.12)
        return response

    async def moved(_):
        raise web.HTTPFound("/")

    started, runners = threading.Event(), []
    loop = asyncio.new_event_loop()

    async def start():
        app = web.Application()
        app.router.add_get("/", events)
        app.router.add_get("/old", moved)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        started.set()

    def run():
        asyncio.set_event_loop(loop)
        loop.create_task(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(10)
    host, port = runners[0].addresses[0]
    yield f"http://{host}:{port}", ids
    asyncio.run_coroutine_threadsafe(runners[0].cleanup(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def test_follows_aiohttp_over_drops_and_redirects_to_its_end(aiohttp_server):
    url, ids = aiohttp_server
    tail = Tail(f"{url}/old", "--comments")
    lines, said = tail.wait()
    assert tail.process.returncode == 0, said
    events = [line for line in lines if "event" in line]
    assert events == [
        {"event": "tick", "data": f"…\n{number}", "id": str(number)} for number in range(1, 10)
    ]
    assert ids == [None, "3", "6", "9"]
    assert any("comment" in line for line in lines)
