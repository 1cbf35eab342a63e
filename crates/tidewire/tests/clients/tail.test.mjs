// `tidewire tail` against event streams that Node serves: better-sse, and node:http2 over TLS.
import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createSession } from 'better-sse';
import { once } from './gateway.mjs';

/** Runs `tail` to its end: its status, its lines, and what it said beside them. */
async function tail(arguments_, environment = {}) {
  const child = spawn(process.env.TIDEWIRE_BIN, ['tail', ...arguments_], {
    stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment },
  });
  const texts = ['', ''];
  [child.stdout, child.stderr].forEach((stream, index) => {
    stream.setEncoding('utf8').on('data', (text) => { texts[index] += text; });
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const [status] = await once(child, 'close');
  clearTimeout(timer);
  return { status, lines: texts[0].split('\n').filter(Boolean).map((line) => JSON.parse(line)), said: texts[1] };
}

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

test('tail follows better-sse over a drop and stops at its 204', async () => {
  const ids = [];
  const server = http.createServer(async (request, response) => {
    ids.push(request.headers['last-event-id']);
    if (ids.length === 3) {
      response.writeHead(204).end();
      return;
    }
    const session = await createSession(request, response, { retry: 100, keepAlive: 20 });
    const first = Number(session.lastId || 0) + 1;
    for (let id = first; id < first + 3; id += 1) {
      session.push({ text: `…\n${id}` }, 'tick', String(id));
    }
    // Long enough for a keep-alive.
    setTimeout(() => response.end(), 100);
  });
  const port = await listen(server);
  const { status, lines, said } = await tail([`http://127.0.0.1:${port}/`, '--comments', '--retry']);
  server.close();
  assert.equal(status, 0, said);
  assert.deepEqual(ids, [undefined, '3', '6']);
  const events = lines.filter((line) => 'event' in line);
  assert.deepEqual(events.map((line) => line.id), ['1', '2', '3', '4', '5', '6']);
  assert.deepEqual(events[0], { event: 'tick', data: JSON.stringify({ text: '…\n1' }), id: '1' });
  assert.ok(lines.some((line) => line.retry === 100) && lines.some((line) => 'comment' in line));
});

test('tail speaks HTTP/2 over TLS to a server that the system trusts, and to no other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-tail-'));
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE',
    '-keyout', key, '-out', certificate,
  ], { stdio: 'ignore' });
  const versions = [];
  const server = http2.createSecureServer({ key: readFileSync(key), cert: readFileSync(certificate), allowHTTP1: true });
  server.on('request', (request, response) => {
    versions.push(request.httpVersion);
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end('id: 1\ndata: over HTTP/2\n\n');
  });
  const port = await listen(server);
  const url = `https://localhost:${port}/`;
  const trusted = await tail([url, '--once'], { SSL_CERT_FILE: certificate });
  assert.deepEqual([trusted.status, trusted.said], [0, '']);
  assert.deepEqual(trusted.lines, [{ event: 'message', data: 'over HTTP/2', id: '1' }]);
  assert.deepEqual(versions, ['2.0']);
  const child = spawn(process.env.TIDEWIRE_BIN, ['tail', url], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [said] = await once(child.stderr.setEncoding('utf8'), 'data');
  child.kill('SIGKILL');
  assert.match(said, /the connection failed.*certificate/i);
  assert.deepEqual(versions, ['2.0'], 'nothing was asked of it');
  server.close();
  rmSync(folder, { recursive: true });
});
