// npm's ws and eventsource against the gateway.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventSource } from 'eventsource';
import WebSocket from 'ws';
import {
  cutTwice, event, once, publish, startGateway, startProxy, until,
} from './gateway.mjs';

let gateway;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

test('ws sends and receives text and binary', async () => {
  const socket = new WebSocket(`${gateway.ws}/ws/ws-raw`);
  const received = [];
  socket.on('message', (data, isBinary) => received.push([isBinary, data.toString('latin1')]));
  await once(socket, 'open');
  socket.send('hello');
  socket.send(Buffer.from([0, 255]));
  await until(() => received.length === 2, 'both messages');
  assert.deepEqual(received, [[false, 'hello'], [true, '\u0000ÿ']]);
  socket.close(1000, 'done');
  const [code] = await once(socket, 'close');
  assert.equal(code, 1000);
});

test('ws gets a pong for its ping and a fragmented message arrives whole', async () => {
  const socket = new WebSocket(`${gateway.ws}/ws/ws-fragments`);
  await once(socket, 'open');
  const pong = once(socket, 'pong');
  socket.ping('are you there');
  assert.equal((await pong)[0].toString(), 'are you there');
  const message = once(socket, 'message');
  socket.send('one ', { fin: false });
  socket.ping();
  socket.send('two', { fin: true });
  assert.equal((await message)[0].toString(), 'one two');
  socket.terminate();
});

test('a WebSocket resumes over SSE with the same cursor', async () => {
  const socket = new WebSocket(`${gateway.ws}/ws/crossing?format=json`);
  const opened = JSON.parse((await once(socket, 'message'))[0].toString());
  socket.terminate();
  await publish(gateway, 'crossing', 'missed');
  const source = new EventSource(`${gateway.url}/sse?topic=crossing&cursor=${opened.cursor}`);
  assert.equal((await event(source, 'message')).data, 'missed');
  source.close();
});

// npm's eventsource takes an ID only from a block that has data, so before its first event it has none to resume from:
// the URL brings the position. (The browser's own EventSource needs no help; see browser.test.mjs.)
test('an EventSource that is cut before and after its first message loses and doubles nothing', async () => {
  const proxy = await startProxy(gateway.port);
  const { cursor } = await (await fetch(`${gateway.url}/poll?topic=cuts&wait=0`)).json();
  const source = new EventSource(`${proxy.url}/sse?topic=cuts&cursor=${cursor}`);
  const follow = { received: [], gaps: 0 };
  source.addEventListener('message', (message) => follow.received.push(message.data));
  source.addEventListener('gap', () => { follow.gaps += 1; });
  await event(source, 'open');
  await cutTwice(gateway, proxy, 'cuts', async () => follow);
  source.close();
  proxy.stop();
});

test('an EventSource hears typed events and several lines', async () => {
  const source = new EventSource(`${gateway.url}/sse?topic=typed`);
  await event(source, 'open');
  const heard = event(source, 'greeting');
  await until(async () => (await (await fetch(`${gateway.url}/topics`)).text()).includes('typed'), 'subscribed');
  await publish(gateway, 'typed&event=greeting', 'one\r\ntwo');
  assert.equal((await heard).data, 'one\ntwo');
  source.close();
});
