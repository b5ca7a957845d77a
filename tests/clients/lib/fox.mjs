// Somebody at the app in Firefox, over WebDriver BiDi: fewer comforts than in app.mjs, the same app.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { browserOf } from './browsers.mjs';
import { until } from './puppet.mjs';

const PROBE = readFileSync(fileURLToPath(new URL('./probe.js', import.meta.url)), 'utf8');

/** Finds by role and name in the page itself; with an action, does it. */
function inPage([role, source, action, value]) {
  const SELECTORS = {
    button: 'button',
    link: 'a[href]',
    field: 'input, textarea, select',
    radio: 'input[type=radio]',
    checkbox: 'input[type=checkbox]',
    heading: 'h1, h2, h3',
    toolbar: '[role=toolbar]',
  };
  const name = (it) => it.getAttribute('aria-label') ?? it.labels?.[0]?.innerText ?? it.innerText ?? '';
  const found = [...document.querySelectorAll(SELECTORS[role])].find(
    (it) => new RegExp(source).test(name(it)) && !it.disabled && (role === 'radio' || it.checkVisibility()),
  );
  if (!found) return false;
  if (action === 'click') found.click();
  if (action === 'fill') {
    // As typing does: the app hears of it by the event.
    const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(found), 'value');
    set.call(found, value);
    found.dispatchEvent(new Event('input', { bubbles: true }));
  }
  return true;
}

export class Fox {
  static async open(office, name) {
    const browser = await browserOf('firefox');
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultNavigationTimeout(90_000);
    await page.evaluateOnNewDocument(PROBE);
    return Object.assign(new Fox(), { office, name, context, page });
  }

  goto(path) {
    return this.page.goto(`${this.office.site}${path}`, { waitUntil: 'domcontentloaded' });
  }

  async #act(role, name, action, value) {
    const pattern = typeof name === 'string' ? `^${name}$` : (name?.source ?? '');
    await until(
      `${this.name} in Firefox to find the ${role} ${pattern}`,
      async (saw) => {
        saw(await this.page.evaluate(() => [location.pathname, document.querySelector('h1')?.innerText]).catch(() => {}));
        // A page on its way to the next one cannot be asked.
        return this.page.evaluate(inPage, [role, pattern, action, value]).catch(() => false);
      },
      30_000,
    );
  }

  see(role, name) {
    return this.#act(role, name);
  }

  click(role, name) {
    return this.#act(role, name, 'click');
  }

  fill(name, value) {
    return this.#act('field', name, 'fill', value);
  }

  async receives() {
    const first = await this.page.evaluate(() => window.__probe.received());
    return until(`${this.name} in Firefox to see and hear somebody`, async (saw) => {
      const now = await this.page.evaluate(() => window.__probe.received());
      saw({ first, now });
      return now.frames >= first.frames + 5 && now.energy > first.energy;
    });
  }

  close() {
    return this.context.close();
  }
}
