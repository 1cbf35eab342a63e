"""The gateway under test, started on a free port for each test that asks for it."""

import os
import signal
import subprocess

import pytest


class Gateway:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [os.environ["TIDEWIRE_BIN"], "serve", "--listen", "127.0.0.1:0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = self.process.stdout.readline().strip()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.url = line.removeprefix("listening on ")
        self.ws = self.url.replace("http", "ws", 1)

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture
def gateway():
    gateway = Gateway()
    yield gateway
    gateway.stop()
