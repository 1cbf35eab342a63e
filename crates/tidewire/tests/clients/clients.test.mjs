// npm's ws and eventsource against the gateway.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventSource } from 'eventsource';
import WebSocket from 'ws';
import { event, once, publish, startGateway, startProxy, until } from './gateway.mjs';

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

test('an EventSource that is cut before and after its first message loses and doubles nothing', async () => {
  const proxy = await startProxy(gateway.port);
  const source = new EventSource(`${proxy.url}/sse?topic=cuts`);
  const received = [];
  let gaps = 0;
  source.addEventListener('message', (event) => received.push(event.data));
  source.addEventListener('gap', () => { gaps += 1; });
  await event(source, 'open');
  // The start cursor is a block without data, which raises no event; the topic's list tells that it was sent.
  await until(async () => (await (await fetch(`${gateway.url}/topics`)).text()).includes('cuts'), 'subscribed');
  await new Promise((resolve) => setTimeout(resolve, 200));
  proxy.cut();
  await publish(gateway, 'cuts', 'while away, before the first');
  await until(() => received.length === 1, 'the first message');
  await publish(gateway, 'cuts', 'connected');
  await until(() => received.length === 2, 'the second message');
  proxy.cut();
  await publish(gateway, 'cuts', 'while away, 1');
  await publish(gateway, 'cuts', 'while away, 2');
  await until(() => received.length === 4, 'what was missed');
  await publish(gateway, 'cuts', 'the last');
  await until(() => received.length === 5, 'the last message');
  assert.deepEqual(received, [
    'while away, before the first', 'connected', 'while away, 1', 'while away, 2', 'the last',
  ]);
  assert.equal(gaps, 0);
  assert.equal(proxy.accepted, 3);
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
