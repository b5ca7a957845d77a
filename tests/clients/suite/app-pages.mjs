// Every page of the app, for everybody who may see it, at the sizes of phones and desks: it fits, it is named, it can be
// operated, it complains of nothing, and while it waits for a slow server it says so and does not jump.
// `make screenshots` runs this file and keeps a picture of each.

import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { admit, enter, panel, write } from '../lib/acts.mjs';
import { SIZES, Visitor, withVisitors } from '../lib/app.mjs';
import { sharedOffice } from '../lib/office.mjs';
import { out } from '../lib/out.mjs';
import { scenario } from '../lib/scenario.mjs';
import { words } from '../lib/words.mjs';

const PUBLIC = ['/', '/experts', '/experts/elena-esposito', '/experts/elena-esposito/book', '/call-demo', '/about', '/offline', '/sign-in', '/sign-up', '/reset', '/link', '/nowhere', '/test-call', '/appointments', '/embed/booking/elena-esposito', '/dev/mail'];

/** Pages by who sees them. Sections are found by the links that lead there. */
const PEOPLE = {
  anybody: async () => PUBLIC,
  ada: async ({ ada }) => {
    const { items } = await ada.must('GET', '/api/appointments');
    const open = items.find((it) => it.status === 'approved' && Date.parse(it.startsAt) - Date.now() < 15 * 60_000) ?? items[0];
    return ['/appointments', `/appointments/${open.id}`, '/history', '/settings', '/experts/marco-moretti/book', '/test-call', `/call/${open.meetingRoomName}`, '/call/appointment-no-such-room', '/admin'];
  },
  elena: async () => ['/expert', '/appointments', '/settings'],
  marco: async () => ['/expert/requests'],
  anna: async () => ['/admin', '/appointments'],
};

const SECTIONS = { elena: '/expert', anna: '/admin' };

async function sections(tab, root) {
  const found = await tab.page.$$eval(`a[href^="${root}/"]`, (links) => links.map((it) => it.getAttribute('href')));
  // A section, not one person or thing in it.
  return [...new Set(found)].filter((it) => it.split('/').length === 3);
}

function noteFigures(figures) {
  appendFileSync(out('pages.jsonl'), `${JSON.stringify(figures)}\n`);
}

const slug = (path) => path.replace(/^\//, '').replace(/[^a-z0-9]+/gi, '-').slice(0, 40) || 'start';

/** The same page at every size and in both appearances, by eye and by keyboard; returns what is wrong with it. */
async function inspect(tab, name) {
  const wrong = [];
  const known = new Set();
  const { shift, shifts } = await tab.shift();
  if (shift > 0.1) wrong.push(`jumped by ${shift.toFixed(2)}: ${shifts.join('; ')}`);
  noteFigures({ name, shift, ...(await tab.figures()) });
  for (const [size, viewport] of Object.entries(SIZES)) {
    await tab.resize(viewport);
    const found = await tab.layout({ touch: size !== 'desktop' });
    // What is wrong at one size is said once.
    for (const it of found) if (!wrong.some((known) => known.endsWith(it))) wrong.push(`${size}: ${it}`);
    await tab.picture(`${name}-${size}`);
    // Names, roles and colours are the same again where the same is shown.
    const shown = await tab.shows();
    if (known.has(shown)) continue;
    known.add(shown);
    for (const colours of ['dark', 'light']) {
      await tab.colours(colours);
      wrong.push(...(await tab.axe()).map((it) => `${size}, ${colours}: ${it}`));
      if (colours === 'dark') await tab.picture(`${name}-${size}-dark`);
    }
  }
  wrong.push(...(await tab.keyboard()));
  return wrong;
}

async function inTurn(items, what) {
  const results = [];
  for (const it of items) results.push(await what(it));
  return results;
}

/** Goes to every page that somebody may see; returns what is wrong there. */
async function everyPage(place, who) {
  const visitor = await Visitor.open(place, place[who], { size: 'small' });
  const wrong = [];
  try {
    const paths = await PEOPLE[who](place);
    for (let i = 0; i < paths.length; i++) {
      const tab = await visitor.goto(paths[i]);
      try {
        await tab.settled();
        if (paths[i] === SECTIONS[who]) for (const more of await sections(tab, paths[i])) if (!paths.includes(more)) paths.push(more);
        wrong.push(...(await inspect(tab, `${who}-${slug(paths[i])}`)).map((it) => `${who}, ${paths[i]}: ${it}`));
        await tab.assertClean();
      } catch (error) {
        wrong.push(`${who}, ${paths[i]}: ${error.message.split('\n').slice(0, 6).join(' ')}`);
      } finally {
        await tab.page.close();
      }
    }
  } finally {
    await visitor.close();
  }
  return wrong;
}

if (!process.env.CLIENTS_SERVER_CMD) {
  // Several at once: there are two cores, and each page is one process.
  for (const people of [['anybody', 'ada'], ['elena', 'marco', 'anna']]) {
    scenario(`every page fits and can be operated: ${people.join(', ')}`, { seconds: 240 }, async () => {
      const place = await sharedOffice('demo');
      const wrong = (await Promise.all(people.map((who) => everyPage(place, who)))).flat();
      if (wrong.length > 0) assert.fail(`\n  ${wrong.join('\n  ')}`);
    });
  }

  scenario('an appointment over midnight, which names two days, fits the narrowest page', { seconds: 60 }, async () => {
    const place = await sharedOffice();
    const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Rome', hour: '2-digit', minute: '2-digit' });
    const asked = await place.requested({ slot: ({ startsAt }) => clock.format(new Date(startsAt)) === '23:30' });
    await withVisitors([[place.customer, { size: 'small' }]], async (customer) => {
      for (const path of ['/appointments', `/appointments/${asked.id}`]) {
        const tab = await customer.goto(path);
        await tab.settled();
        const time = tab.page.locator(`time[datetime="${asked.startsAt}"]`).first();
        await tab.see(time);
        assert.match(await time.innerText(), /23:30.*00:30/s);
        assert.deepEqual((await tab.layout({ touch: true })).filter((it) => it.startsWith('scrolls')), []);
      }
    });
    await place.customer.change(asked, 'cancel');
  });

  scenario('pages that wait for the server show that they do, and do not jump', { seconds: 150 }, async () => {
    const place = await sharedOffice('demo');
    const slow = async (who, paths) => {
      const visitor = await Visitor.open(place, place[who], { size: 'phone' });
      try {
        const look = async (path) => {
          // The server answers once the page has been seen waiting, and then takes its time for each answer; who it is
          // that looks is said last, when pages would like to show what only some see.
          let seen;
          const waiting = new Promise((ok) => (seen = ok));
          const tab = await visitor.tab();
          await tab.page.route('**/api/**', async (route) => {
            await waiting;
            await sleep(route.request().url().endsWith('/api/session') ? 900 : 500);
            await route.continue().catch(() => {});
          });
          await tab.goto(path);
          const busy = await tab.see(tab.page.locator('[aria-busy="true"]')).then(() => true, () => false);
          await sleep(500);
          seen();
          await tab.settled();
          await tab.still();
          const found = { path, busy, ...(await tab.shift()) };
          await tab.page.close();
          return found;
        };
        // Mostly they wait, so several can do it at once.
        return (await Promise.all([0, 1, 2].map((third) => inTurn(paths.filter((_, i) => i % 3 === third), look)))).flat();
      } finally {
        await visitor.close();
      }
    };
    const { items } = await place.ada.must('GET', '/api/appointments');
    const found = [
      ...(await slow('anybody', ['/experts', '/experts/elena-esposito', '/experts/elena-esposito/book'])),
      ...(await slow('ada', ['/appointments', ...items.map((it) => `/appointments/${it.id}`), '/history', '/settings'])),
      ...(await slow('marco', ['/expert', '/expert/requests', '/expert/availability', '/expert/services'])),
      ...(await slow('anna', ['/admin', '/admin/users', '/admin/audit'])),
    ];
    assert.deepEqual(found.filter((it) => !it.busy || it.shift > 0.1), []);
  });

  scenario('the story of the demo: two links, two browsers, a call', { seconds: 120 }, async () => {
    const place = await sharedOffice('demo');
    const links = await place.links();
    const token = (person) => links.find((it) => it.name === person.name).token;
    await withVisitors([place.ada, place.elena], async (customer, expert) => {
      for (const visitor of [customer, expert]) await visitor.context.clearCookies();
      const ada = await customer.goto(`/link#magic=${token(place.ada)}`);
      await ada.button(words('account:magicButton')).click();
      await ada.link(words('appointments:join')).click();
      await enter(ada);
      const elena = await expert.goto(`/link#magic=${token(place.elena)}`);
      await elena.button(words('account:magicButton')).click();
      await elena.link(words('expert:call.join')).first().click();
      await enter(elena);
      await admit(elena);
      for (const tab of [ada, elena]) await tab.receives();
      for (const [size, viewport] of Object.entries(SIZES)) {
        for (const tab of [ada, elena]) await tab.resize(viewport);
        const found = await ada.layout({ touch: size !== 'desktop' });
        assert.deepEqual(found, [], size);
        await ada.picture(`call-${size}`);
        await elena.picture(`call-expert-${size}`);
      }
      await write(elena, 'This is the clause that I mean.');
      await panel(ada, 'chat');
      await write(ada, 'Thank you, now it is clear.');
      for (const tab of [ada, elena]) assert.deepEqual(await tab.axe(), []);
      await ada.picture('call-chat-desktop');
    });
  });
}
