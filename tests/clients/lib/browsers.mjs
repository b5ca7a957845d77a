// Participants in browsers: one page each, in one Chromium and one Firefox for the whole run.
// Chromium is driven by playwright, Firefox over WebDriver BiDi by puppeteer; the page is the same.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { Puppet } from './puppet.mjs';

const module = (path) => fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url));
const page = (name) => fileURLToPath(new URL(`../puppets/page/${name}`, import.meta.url));

const FILES = {
  '/': [page('index.html'), 'text/html'],
  '/puppet.js': [page('puppet.js'), 'text/javascript'],
  '/media.js': [page('media.js'), 'text/javascript'],
  '/livekit-client-2.js': [module('livekit-client/dist/livekit-client.umd.js'), 'text/javascript'],
  '/livekit-client-1.js': [module('livekit-client-1/dist/livekit-client.umd.js'), 'text/javascript'],
};

const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--use-fake-ui-for-media-stream',
  '--use-fake-device-for-media-stream=fps=15',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--disable-extensions',
  // Pages that are not in front would be slowed down, and several are never in front.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
];

const FIREFOX_PREFS = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'dom.min_background_timeout_value': 4,
  'dom.timeout.enable_budget_timer_throttling': false,
  // No traffic of the browser's own: there is no internet to answer it.
  'app.update.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
};

let site;
let origin;
const browsers = {};

async function serve() {
  if (origin) return origin;
  site = http.createServer((request, response) => {
    const file = FILES[new URL(request.url, 'http://page').pathname];
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': file[1] }).end(readFileSync(file[0]));
  });
  // 127.0.0.1 counts as a secure context, without which a page has no camera.
  await new Promise((ok) => site.listen(0, '127.0.0.1', ok));
  origin = `http://127.0.0.1:${site.address().port}`;
  return origin;
}

const LAUNCH = {
  async chromium() {
    const { chromium } = await import('playwright-core');
    return chromium.launch({ executablePath: '/usr/bin/chromium', args: CHROMIUM_FLAGS });
  },
  /**
   * Another, with a camera of its own. All pages of one browser share its pretended camera, and when two of them give it
   * up and ask for it again in the same moment, as after a server's end, it sometimes stays dark for both and all others.
   */
  'chromium-beside': () => LAUNCH.chromium(),
  /** One in which whoever is asked for the camera says no. */
  async 'chromium-denying'() {
    const { chromium } = await import('playwright-core');
    const args = CHROMIUM_FLAGS.map((flag) => flag.replace('fake-ui-for-media-stream', 'fake-ui-for-media-stream=deny'));
    return chromium.launch({ executablePath: '/usr/bin/chromium', args });
  },
  async firefox() {
    const { default: puppeteer } = await import('puppeteer-core');
    return puppeteer.launch({
      browser: 'firefox',
      executablePath: '/usr/bin/firefox-esr',
      headless: true,
      extraPrefsFirefox: FIREFOX_PREFS,
      // Under load it takes its time, most of all to start.
      timeout: 150_000,
      protocolTimeout: 120_000,
    });
  },
};

// A page that was left in order is loaded anew for the next participant: starting a process for
// each would take longer than most tests.
const idle = { chromium: [], firefox: [] };

/** The one browser of a kind, started when it is first asked for. */
export function browserOf(kind) {
  browsers[kind] ??= LAUNCH[kind]();
  return browsers[kind];
}

async function openPage(kind, url) {
  const browser = await browserOf(kind);
  const page = idle[kind].pop() ?? (await browser.newPage());
  page.setDefaultNavigationTimeout(90_000);
  await page.goto(url);
  return page;
}

export class BrowserPuppet extends Puppet {
  #page;

  static async launch(spec) {
    const puppet = new BrowserPuppet(spec);
    const url = `${await serve()}/?sdk=${spec.sdk}`;
    puppet.#page = await openPage(spec.kind, url);
    await puppet.command('hello');
    return puppet;
  }

  async command(name, args = {}) {
    if (!this.#page) throw new Error(`${this.label} is gone`);
    const answer = await this.#page.evaluate(([name, args]) => window.puppet.run(name, args), [name, args]);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.result;
  }

  async refresh() {
    this.events.push(...(await this.command('events', { since: this.events.length })));
  }

  async destroy() {
    const page = this.#page;
    this.#page = undefined;
    if (!page) return;
    const soon = (promise) =>
      Promise.race([promise.then(() => true, () => false), new Promise((ok) => setTimeout(ok, 3000, false))]);
    // Whatever state the test left, an empty page keeps no connection.
    const left = await soon(page.evaluate(() => window.puppet.run('leave', {})));
    if (left && (await soon(page.goto('about:blank')))) idle[this.kind].push(page);
    else await soon(page.close());
    this.tap.close();
  }
}

export async function closeBrowsers() {
  site?.close();
  for (const browser of Object.values(browsers)) {
    await Promise.race([browser.then((b) => b.close()).catch(() => {}), new Promise((ok) => setTimeout(ok, 5000))]);
  }
}

/** A fresh Chromium page of its own, for pages that are not puppets; close it when done. */
export async function openChromiumTab(url, options = {}) {
  const context = await (await browserOf('chromium')).newContext(options);
  const tab = await context.newPage();
  await tab.goto(url);
  return tab;
}
