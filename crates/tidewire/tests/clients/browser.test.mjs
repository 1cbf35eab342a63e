// Headless Chromium on the gateway's own page: two tabs chat, and the feed beside them follows.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import puppeteer from 'puppeteer-core';
import { cutTwice, publish, startGateway, startProxy } from './gateway.mjs';

let gateway;
let browser;
const profile = mkdtempSync(join(tmpdir(), 'tidewire-chromium-'));

before(async () => {
  gateway = await startGateway();
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    userDataDir: profile,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
    ],
  });
});

after(async () => {
  await browser?.close();
  await gateway.stop();
  rmSync(profile, { recursive: true, force: true });
});

async function openTab(url, name) {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(url).origin) page.errors.push(`asked ${request.url()}`);
  });
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.waitForSelector('#state[data-state="open"]');
  await page.$eval('#name', (input) => { input.value = ''; });
  await page.type('#name', name);
  return page;
}

async function say(page, text) {
  // A tab in the background draws nothing, and a click waits for a drawn frame.
  await page.bringToFront();
  await page.type('#text', text);
  await page.click('#send');
}

const heard = (page, who, text) => page.waitForFunction(
  (expectedWho, expectedText) => [...document.querySelectorAll('#messages .message')].some(
    (item) => item.querySelector('.who').textContent.includes(expectedWho)
      && item.querySelector('.text').textContent === expectedText,
  ),
  { timeout: 10_000 },
  who,
  text,
);

const texts = (page) => page.$$eval('#messages .message .text', (items) => items.map((item) => item.textContent));

test('two tabs chat, and each sees the other', async () => {
  const url = `${gateway.url}/#two-tabs`;
  const ada = await openTab(url, 'Ada');
  const bob = await openTab(url, 'Bob');
  await say(ada, 'hello from the first tab');
  await heard(bob, 'Ada', 'hello from the first tab');
  await say(bob, '<b>hello</b> & "back"');
  await heard(ada, 'Bob', '<b>hello</b> & "back"');
  await heard(bob, 'Bob', '<b>hello</b> & "back"');
  assert.deepEqual(await texts(ada), await texts(bob));
  await ada.waitForSelector('#feed .event');
  assert.deepEqual([ada.errors, bob.errors], [[], []]);
  await ada.close();
  await bob.close();
});

test('what is published over HTTP appears in the page and in its feed', async () => {
  const page = await openTab(`${gateway.url}/#from-curl`, 'Ada');
  await publish(gateway, 'from-curl', 'plain text');
  await page.waitForFunction(() => document.querySelector('#messages')?.textContent.includes('plain text'));
  await page.waitForFunction(() => document.querySelector('#feed')?.textContent.includes('plain text'));
  assert.deepEqual(page.errors, []);
  await page.close();
});

test('a page whose connections are cut comes back and misses nothing', async () => {
  const proxy = await startProxy(gateway.port);
  const page = await openTab(`${proxy.url}/#cut`, 'Ada');
  await publish(gateway, 'cut', 'before');
  await page.waitForFunction(() => document.querySelector('#messages')?.textContent.includes('before'));
  proxy.cut();
  await publish(gateway, 'cut', 'while away');
  await page.waitForFunction(
    () => document.querySelector('#messages')?.textContent.includes('while away'), { timeout: 20_000 },
  );
  assert.deepEqual(await texts(page), ['before', 'while away']);
  await page.close();
  proxy.stop();
});

test("the browser's EventSource, cut before and after its first message, loses and doubles nothing", async () => {
  const proxy = await startProxy(gateway.port);
  const page = await browser.newPage();
  // A page of the same origin without streams of its own.
  await page.goto(`${proxy.url}/healthz`);
  await page.evaluate(() => {
    window.follow = { received: [], gaps: 0 };
    const source = new EventSource('/sse?topic=browser-cuts');
    source.addEventListener('message', (message) => window.follow.received.push(message.data));
    source.addEventListener('gap', () => { window.follow.gaps += 1; });
    return new Promise((resolve) => source.addEventListener('open', resolve, { once: true }));
  });
  // `open` is raised by the response's head; its first block follows at once, and raises no event.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)));
  await cutTwice(gateway, proxy, 'browser-cuts', () => page.evaluate(() => window.follow));
  await page.close();
  proxy.stop();
});
