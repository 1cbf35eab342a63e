// The gateway under test, and a TCP proxy that cuts its connections, for Node's test runner.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';

export async function startGateway() {
  const child = spawn(process.env.TIDEWIRE_BIN, ['serve', '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  const url = line.replace('listening on ', '');
  return {
    url,
    ws: url.replace('http', 'ws'),
    port: Number(new URL(url).port),
    async stop() {
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    },
  };
}

export async function publish(gateway, topic, body) {
  const answer = await fetch(`${gateway.url}/publish?topic=${topic}`, { method: 'POST', body });
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** The next event of an `EventTarget`. */
export function event(target, type) {
  return new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
}

export { once };

/** A proxy to `port`; `cut()` resets everything that is open, `accepted` counts connections. */
export async function startProxy(port) {
  const open = new Set();
  const proxy = { accepted: 0 };
  const server = net.createServer((client) => {
    proxy.accepted += 1;
    const upstream = net.connect(port, '127.0.0.1');
    const pair = [client, upstream];
    pair.forEach((socket) => {
      open.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        open.delete(socket);
        pair.forEach((other) => other.destroy());
      });
    });
    client.pipe(upstream);
    upstream.pipe(client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.url = `http://127.0.0.1:${server.address().port}`;
  proxy.cut = () => open.forEach((socket) => socket.destroy());
  proxy.stop = () => {
    proxy.cut();
    server.close();
  };
  return proxy;
}

/** Waits until `condition()` gives something; fails after 15 s. */
export async function until(condition, what) {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Cuts a follower of `topic` once before its first message and once after, publishes meanwhile, and sees nothing lost
 * and nothing doubled. `follow()` gives what it `received`, and how many `gaps` it was told of.
 */
export async function cutTwice(gateway, proxy, topic, follow) {
  const count = (wanted) => until(async () => (await follow()).received.length >= wanted, `${wanted} messages`);
  proxy.cut();
  await publish(gateway, topic, 'while away, before the first');
  await count(1);
  await publish(gateway, topic, 'connected');
  await count(2);
  proxy.cut();
  await publish(gateway, topic, 'while away, 1');
  await publish(gateway, topic, 'while away, 2');
  await count(4);
  await publish(gateway, topic, 'the last');
  await count(5);
  const { received, gaps } = await follow();
  assert.deepEqual(received, [
    'while away, before the first', 'connected', 'while away, 1', 'while away, 2', 'the last',
  ]);
  assert.equal(gaps, 0);
}
