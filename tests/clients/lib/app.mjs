// The web app in a browser: somebody with a session, their tab, and what it shows, receives and complains about.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { browserOf } from './browsers.mjs';
import { out } from './out.mjs';
import { PATIENCE_MS, until } from './puppet.mjs';

const PROBE = readFileSync(fileURLToPath(new URL('./probe.js', import.meta.url)), 'utf8');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PORTRAIT = readFileSync(fileURLToPath(new URL('./portrait.js', import.meta.url)), 'utf8');
const PICTURES = process.env.CLIENTS_SCREENSHOTS;

export const SIZES = {
  small: { width: 360, height: 640 },
  phone: { width: 390, height: 844 },
  tablet: { width: 768, height: 1024 },
  desktop: { width: 1440, height: 900 },
};

/** Somebody's browser: a context of their own. */
export class Visitor {
  /** A person's browser with their session in it, or that of somebody who has none. */
  static async open(office, person = office.anybody, { browser = 'chromium', size = 'desktop', ...more } = {}) {
    const context = await (await browserOf(browser)).newContext({
      baseURL: office.site,
      viewport: SIZES[size],
      locale: 'en-GB',
      timezoneId: 'Europe/Rome',
      reducedMotion: 'reduce',
      permissions: ['chromium', 'chromium-beside'].includes(browser) ? ['camera', 'microphone', 'clipboard-read', 'clipboard-write'] : [],
      // Its worker would answer in the server's place; what it does is tested by itself.
      serviceWorkers: 'block',
      ...more,
    });
    context.setDefaultTimeout(PATIENCE_MS);
    context.setDefaultNavigationTimeout(2 * PATIENCE_MS);
    await context.addInitScript(PROBE);
    if (PICTURES) await context.addInitScript(`window.__portrait = ${JSON.stringify(person.name)};\n${PORTRAIT}`);
    const visitor = new Visitor();
    Object.assign(visitor, { office, person, context, tabs: [] });
    if (person.cookie) await visitor.takeSession(person);
    return visitor;
  }

  async takeSession(person) {
    const at = person.cookie.indexOf('=');
    const [name, value] = [person.cookie.slice(0, at), person.cookie.slice(at + 1)];
    await this.context.addCookies([{ name, value, url: this.office.site, httpOnly: true, sameSite: 'Lax' }]);
  }

  /** A new tab, on no page yet. */
  async tab() {
    const tab = new Tab(this, await this.context.newPage());
    this.tabs.push(tab);
    return tab;
  }

  /** A new tab on a page of the app. */
  async goto(path, waitUntil) {
    return (await this.tab()).goto(path, waitUntil);
  }

  async close() {
    await this.context.close();
  }
}

/**
 * Runs a body with a browser for each of some people; each is a person, or [person, options]. When it fails, what their
 * tabs showed is told and kept as pictures.
 */
export async function withVisitors(people, body) {
  const visitors = await Promise.all(
    people.map((it) => {
      const [person, options] = Array.isArray(it) ? it : [it, {}];
      return Visitor.open(person.office, person, options);
    }),
  );
  try {
    const result = await body(...visitors);
    for (const tab of visitors.flatMap((it) => it.tabs)) if (!tab.page.isClosed()) await tab.assertClean();
    return result;
  } catch (error) {
    const tabs = visitors.flatMap((it) => it.tabs).filter((it) => !it.page.isClosed());
    const shown = await Promise.all(tabs.map((it, i) => it.account(`failed-${i}`)));
    const told = new Error(`${error.message}\n--- tabs ---\n${shown.join('\n')}`);
    told.stack = `${told.message}\n${error.stack?.split('\n').filter((line) => /^ +at /.test(line)).join('\n')}`;
    throw told;
  } finally {
    await Promise.all(visitors.map((it) => it.close()));
  }
}

/** One tab. Elements are found by what people are told of them: role and name. */
export class Tab {
  complaints = [];

  constructor(visitor, page) {
    Object.assign(this, { visitor, page });
    page.on('pageerror', (error) => this.complaints.push(`error: ${error.message}`));
    page.on('console', (message) => {
      const text = message.text();
      // Chromium writes a line for each answer of the API that is a refusal, the media client one for each channel that
      // the server closes at a call's end.
      const usual = /^Failed to load resource|^publisher data channel '\w+' closed unexpectedly/;
      if (message.type() === 'error' && !usual.test(text)) this.complaints.push(`console: ${text}`);
    });
    page.on('response', (answer) => {
      const path = new URL(answer.url()).pathname;
      if (path === '/api/events' && answer.ok()) this.hears = true;
      if (answer.status() >= 400 && !/^\/(api|rtc)\b/.test(path) && !answer.request().isNavigationRequest()) {
        this.complaints.push(`${answer.status()} for ${path}`);
      }
    });
  }

  async goto(path, waitUntil = 'domcontentloaded') {
    const answer = await this.page.goto(path, { waitUntil });
    this.status = answer?.status();
    return this;
  }

  /** The line was cut or the server away, of which browser and media client have written in the console. */
  forgiveConsole() {
    this.complaints = this.complaints.filter((it) => !it.startsWith('console:'));
  }

  // --- finding -----------------------------------------------------------------------------------

  role(role, name, options = {}) {
    return this.page.getByRole(role, { ...(name !== undefined && { name }), ...options });
  }

  button(name, options) {
    return this.role('button', name, options);
  }

  link(name, options) {
    return this.role('link', name, options);
  }

  field(label) {
    return this.page.getByLabel(label);
  }

  heading(name) {
    return this.role('heading', name);
  }

  text(text) {
    return this.page.getByText(text);
  }

  /** Waits for something to be seen. */
  async see(locator, options) {
    const found = (typeof locator === 'string' || locator instanceof RegExp ? this.text(locator) : locator).first();
    await found.waitFor({ state: 'visible', timeout: PATIENCE_MS, ...options });
    return found;
  }

  async gone(locator) {
    await locator.first().waitFor({ state: 'hidden', timeout: PATIENCE_MS });
  }

  /** The page shows what it is about: nothing is being loaded any more. */
  async settled(timeout = PATIENCE_MS) {
    await this.page.waitForFunction(
      // What the server has written for those without scripts gives way to the app.
      () => document.querySelector('h1') && !document.querySelector('[aria-busy="true"], .server-page'),
      null,
      { timeout },
    );
  }

  /** The browser is told of what happens from now on; of what happened before that, pages that are loaded say. */
  async listens() {
    // One tab of a browser listens for all of them.
    await until(`${this.visitor.person.name} to listen`, () => this.visitor.tabs.some((it) => it.hears));
  }

  /** What there was to draw is drawn: pictures are taken and layout is measured by frames, not at once. */
  async still() {
    await this.page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)))),
    );
  }

  /** The window becomes another size, and the page has found its place in it. */
  async resize(viewport) {
    await this.page.setViewportSize(viewport);
    await this.still();
  }

  /** The system's colours change, and the page's have followed. */
  async colours(colorScheme) {
    await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await this.page.waitForFunction(
      (scheme) =>
        document.documentElement.dataset.theme === scheme &&
        document.getAnimations().every((it) => it.playState !== 'running' || it.effect.getTiming().iterations === Infinity),
      colorScheme,
    );
  }

  /** A state with a name: what a page shows in place of what does not work. With its code it is known in any language. */
  async problem(code) {
    const state = this.page.locator(code ? `[data-problem="${code}"]` : '[data-problem]').first();
    await state.waitFor({ timeout: PATIENCE_MS });
    return state;
  }

  // --- media -------------------------------------------------------------------------------------

  received() {
    return this.page.evaluate(() => window.__probe.received());
  }

  /** Pictures of others are decoded and sound that is not silence arrives, from now on. */
  async receives({ video = true, audio = true, patience } = {}) {
    const first = await this.received();
    return until(
      `${this.visitor.person.name} to see and hear somebody`,
      async (saw) => {
        const now = await this.received();
        saw({ first, now });
        return (!video || now.frames >= first.frames + 5) && (!audio || now.energy > first.energy) && now;
      },
      patience,
    );
  }

  // --- judging -----------------------------------------------------------------------------------

  /** What no page may do: errors, refused resources, missing files. */
  async assertClean(where = this.page.url()) {
    const refused = await this.page.evaluate(() => window.__probe?.refused ?? []);
    assert.deepEqual([...this.complaints, ...refused.map((it) => `policy: ${it}`)], [], where);
  }

  /** How much the page has jumped, and what did. */
  shift() {
    return this.page.evaluate(() => ({ shift: window.__probe.shift, shifts: window.__probe.shifts }));
  }

  /** When something was first to be seen, in milliseconds, and how many kilobytes of script came, as they were sent. */
  figures() {
    return this.page.evaluate(() => {
      const scripts = performance.getEntriesByType('resource').filter((it) => new URL(it.name).pathname.endsWith('.js'));
      return {
        paint: Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.NaN),
        script: Math.round(scripts.reduce((sum, it) => sum + it.encodedBodySize, 0) / 1024),
      };
    });
  }

  /** Which of the page's elements are to be seen, in a few letters. */
  shows() {
    return this.page.evaluate(() => {
      let sum = 0;
      let count = 0;
      for (const it of document.querySelectorAll('body *')) {
        count += 1;
        if (it.checkVisibility()) sum = (sum * 31 + count) % 4294967291;
      }
      return `${count}:${sum}`;
    });
  }

  /** By the Tab key alone each control is reached, and it is to be seen where one is. */
  async keyboard() {
    const count = await this.page.evaluate(() => {
      const controls = 'a[href], button, input, select, textarea, summary, [tabindex]';
      const closed = (it) => it.matches('[tabindex="-1"], :disabled, [type=hidden]') || it.closest('[inert], details:not([open]) > :not(summary)');
      // Of a group of choices one is reached, and the others from it by the arrows.
      const group = (it) => it.type === 'radio' && it.name;
      const groups = new Set();
      const wanted = [...document.querySelectorAll(controls)].filter((it) => {
        if (closed(it) || !it.checkVisibility({ visibilityProperty: true })) return false;
        if (!group(it)) return true;
        if (groups.has(it.name)) return false;
        groups.add(it.name);
        return true;
      });
      const reached = new Set();
      const unseen = new Set();
      // Hidden controls show it on what stands for them, links of whole cards on what they lay over these.
      const outlined = (it, part) => {
        const { outlineStyle, outlineWidth, boxShadow, content } = getComputedStyle(it, part);
        return (!part || content !== 'none') && ((outlineStyle !== 'none' && Number.parseFloat(outlineWidth) > 0) || boxShadow !== 'none');
      };
      const marked = (it) => it && [undefined, '::before', '::after'].some((part) => outlined(it, part));
      document.addEventListener('focusin', ({ target }) => {
        reached.add(target.type === 'radio' && target.name ? target.name : target);
        if (![target, target.nextElementSibling, target.parentElement, target.closest('label')].some(marked)) unseen.add(target);
      });
      const told = (it) => `${it.tagName.toLowerCase()} "${(it.getAttribute('aria-label') ?? (it.innerText || it.labels?.[0]?.innerText) ?? '').trim().slice(0, 40)}"`;
      window.__keyboard = () => [
        ...wanted.filter((it) => it.isConnected && !reached.has(group(it) || it)).map((it) => `not reached by Tab: ${told(it)}`),
        ...[...unseen].map((it) => `does not show that it has the focus: ${told(it)}`),
      ];
      document.activeElement?.blur();
      window.getSelection()?.removeAllRanges();
      // The parts of a date or a time are stops of their own.
      return wanted.reduce((sum, it) => sum + (it.matches('[type=date], [type=time]') ? 4 : 1), 2);
    });
    for (let i = 0; i < count; i++) await this.page.keyboard.press('Tab');
    return this.page.evaluate(() => window.__keyboard());
  }

  /** What the guidelines call serious or critical. */
  async axe() {
    await this.page.evaluate(AXE);
    return this.page.evaluate(async () => {
      const found = await window.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        resultTypes: ['violations'],
      });
      return found.violations
        .filter((it) => it.impact === 'serious' || it.impact === 'critical')
        .map((it) => `${it.id}: ${it.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.failureSummary.split('\n')[1]?.trim() ?? ''}`).join(' | ')}`);
    });
  }

  /** Layout that does not fit: too wide, no single heading, no title, controls that are too small to hit. */
  layout({ touch = true } = {}) {
    return this.page.evaluate((touch) => {
      const wrong = [];
      const wide = document.scrollingElement.scrollWidth - document.documentElement.clientWidth;
      if (wide > 0) {
        const culprit = [...document.querySelectorAll('body *')].find(
          (it) => it.getBoundingClientRect().right > document.documentElement.clientWidth + 1,
        );
        wrong.push(`scrolls sideways by ${wide}: ${culprit?.outerHTML.slice(0, 120)}`);
      }
      const headings = [...document.querySelectorAll('h1')].filter((it) => it.checkVisibility());
      if (headings.length !== 1) wrong.push(`${headings.length} first headings`);
      if (document.title.trim().length < 4) wrong.push(`title "${document.title}"`);

      const name = (it) => `${it.tagName.toLowerCase()} "${(it.getAttribute('aria-label') ?? it.innerText ?? it.value ?? '').trim().slice(0, 30)}"`;
      // For screen readers alone: in a box of one pixel, if not by our class.
      const boxed = (it) => it && (it.clientWidth === 1 && it.clientHeight === 1 ? true : boxed(it.parentElement));
      const hidden = (it) => it.closest('.visually-hidden') || boxed(it.parentElement) || (it.classList.length > 0 && it.matches('a[href="#main"]'));
      const accent = (it) => getComputedStyle(it).backgroundColor === brand;
      const sample = document.createElement('i');
      sample.style.background = 'var(--accent)';
      document.body.append(sample);
      const brand = getComputedStyle(sample).backgroundColor;
      sample.remove();
      const controls = 'a[href], button, input, select, textarea, summary, [role=button], [role=tab], [role=switch], [role=checkbox], [role=radio], [role=option], [role=menuitem], [role=slider]';
      for (const it of document.querySelectorAll(controls)) {
        if (it.type === 'hidden') continue;
        // A box with a label is as large as its label, and may itself not be seen.
        const label = it.matches('input[type=checkbox], input[type=radio], input[type=file]') && (it.closest('label') ?? it.labels?.[0]);
        const target = label || it;
        if (!target.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || hidden(target)) continue;
        const { width, height } = target.getBoundingClientRect();
        if (width === 0 || height === 0) continue;
        // Links within a sentence are as large as the words are.
        if (it.tagName === 'A' && getComputedStyle(it).display === 'inline') continue;
        const main = it.matches('[type=submit], header nav a, main input:not([type=checkbox]):not([type=radio]):not([type=range]):not([type=color]), main select, main textarea') || (it.matches('a, button') && accent(it));
        const least = main ? (touch ? 43.5 : 35.5) : 24;
        if (height < least || width < Math.min(least, 24)) wrong.push(`${name(target)} is ${Math.round(width)}×${Math.round(height)}`);
      }
      return wrong;
    }, touch);
  }

  /** What somebody who looks at the tab would say. */
  async account(name) {
    const path = out(`${name}-${this.visitor.person.email ?? 'anybody'}.png`);
    await this.page.screenshot({ path, timeout: 5000 }).catch(() => {});
    const shown = await this.page.evaluate(() => document.body.innerText.replace(/\s+/g, ' ').slice(0, 500)).catch((e) => e.message);
    return `${this.visitor.person.name} at ${this.page.url()}: ${shown} ${JSON.stringify(this.complaints)}`;
  }

  /** Keeps a picture of the page, in a run that is to make some. */
  async picture(name, options = {}) {
    if (!PICTURES) return;
    mkdirSync(PICTURES, { recursive: true });
    await this.page.screenshot({ path: join(PICTURES, `${name}.png`), animations: 'disabled', ...options });
  }
}
