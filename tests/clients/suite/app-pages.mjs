// Every page of the app, for everybody who may see it, at the sizes of phones and desks: it fits, it is named, it can be
// operated, it complains of nothing, and while it waits for a slow server it says so and does not jump.
// `make screenshots` runs this file and keeps a picture of each.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { admit, enter, panel, write } from '../lib/acts.mjs';
import { SIZES, Visitor, withVisitors } from '../lib/app.mjs';
import { sharedOffice } from '../lib/office.mjs';
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

const slug = (path) => path.replace(/^\//, '').replace(/[^a-z0-9]+/gi, '-').slice(0, 40) || 'start';

/** The same page at every size and in both appearances; returns what is wrong with it. */
async function inspect(tab, name) {
  const wrong = [];
  for (const [size, viewport] of Object.entries(SIZES)) {
    await tab.resize(viewport);
    const found = await tab.layout({ touch: size !== 'desktop' });
    // What is wrong at one size is said once.
    for (const it of found) if (!wrong.some((known) => known.endsWith(it))) wrong.push(`${size}: ${it}`);
    await tab.picture(`${name}-${size}`);
    // What colours, names and roles are wrong does not hang on each width: a phone in the dark, a desk by day.
    if (size === 'phone') {
      await tab.colours('dark');
      wrong.push(...(await tab.axe()).map((it) => `phone, dark: ${it}`));
      await tab.picture(`${name}-${size}-dark`);
      await tab.colours('light');
    }
    if (size === 'desktop') wrong.push(...(await tab.axe()).map((it) => `desktop: ${it}`));
  }
  return wrong;
}

if (!process.env.CLIENTS_SERVER_CMD) {
  for (const who of Object.keys(PEOPLE)) {
    scenario(`every page fits and can be operated: ${who}`, { seconds: 240 }, async () => {
      const place = await sharedOffice('demo');
      const visitor = await Visitor.open(place, place[who], { size: 'small' });
      const wrong = [];
      try {
        const paths = await PEOPLE[who](place);
        for (let i = 0; i < paths.length; i++) {
          const tab = await visitor.goto(paths[i]);
          try {
            await tab.settled();
            if (paths[i] === SECTIONS[who]) for (const more of await sections(tab, paths[i])) if (!paths.includes(more)) paths.push(more);
            wrong.push(...(await inspect(tab, `${who}-${slug(paths[i])}`)).map((it) => `${paths[i]}: ${it}`));
            await tab.assertClean();
          } catch (error) {
            wrong.push(`${paths[i]}: ${error.message.split('\n').slice(0, 6).join(' ')}`);
          } finally {
            await tab.page.close();
          }
        }
      } finally {
        await visitor.close();
      }
      if (wrong.length > 0) assert.fail(`\n  ${wrong.join('\n  ')}`);
    });
  }

  scenario('pages that wait two seconds for the server show that they do, and do not jump', { seconds: 150 }, async () => {
    const place = await sharedOffice('demo');
    const slow = async (who, paths) => {
      const visitor = await Visitor.open(place, place[who], { size: 'phone' });
      try {
        await visitor.context.route('**/api/**', async (route) => {
          await sleep(2000);
          await route.continue().catch(() => {});
        });
        // Mostly they wait, so all can do it at once.
        return await Promise.all(
          paths.map(async (path) => {
            const tab = await visitor.goto(path);
            const busy = await tab.see(tab.page.locator('[aria-busy="true"]')).then(() => true, () => false);
            await tab.settled().catch(() => {});
            await sleep(300);
            return { path, busy, ...(await tab.shift()) };
          }),
        );
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
