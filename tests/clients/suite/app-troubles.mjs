// What can go wrong, and what people are told then: a state with a name, a cause and a button, never a blank page. And
// what people may type, which stays text.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { enter, inCall, panel, write } from '../lib/acts.mjs';
import { withVisitors } from '../lib/app.mjs';
import { sharedOffice, stopSharedOffice } from '../lib/office.mjs';
import { until } from '../lib/puppet.mjs';
import { scenario } from '../lib/scenario.mjs';
import { words } from '../lib/words.mjs';

const nft = (rules) => execFileSync('nft', ['-f', '-'], { input: rules, stdio: ['pipe', 'pipe', 'inherit'] });

/** An appointment without a lobby whose window is open, a minute before its start. */
async function open(place, fields, customer) {
  const appointment = await place.approved({ lobby: 'off', ...fields }, customer);
  await place.moveTo(appointment.start - 60_000);
  return Object.assign(appointment, { page: `/call/${appointment.meetingRoomName}` });
}

const withVisitor = (person, options, body) => withVisitors([[person, options]], body);

/** Two people in a call that they reached through its own page, each in a browser of their own. */
async function meeting(place, appointment, body) {
  await withVisitors([place.customer, [place.expert, { browser: 'chromium-beside' }]], async (customer, expert) => {
    const tabs = await Promise.all([customer, expert].map((it) => it.goto(appointment.page)));
    for (const tab of tabs) await enter(tab);
    for (const tab of tabs) await inCall(tab);
    for (const tab of tabs) await tab.receives();
    await body(...tabs, customer, expert);
  });
  await place.customer.change(appointment, 'cancel').catch(() => {});
}

if (!process.env.CLIENTS_SERVER_CMD) {
  scenario('whoever denies the camera is told how to allow it, and can come in without', { seconds: 90 }, async () => {
    const place = await sharedOffice();
    const appointment = await open(place);
    await withVisitor(place.customer, { browser: 'chromium-denying' }, async (visitor) => {
      const tab = await visitor.goto(appointment.page);
      const note = await tab.see(tab.page.locator('[data-trouble="denied"]'));
      await note.getByRole('button', { name: words('call:trouble.again') }).waitFor();
      assert.match(await note.innerText(), words('call:trouble.denied.both'));
      await enter(tab);
      await inCall(tab);
      await tab.assertClean();
    });
    await place.customer.change(appointment, 'cancel');
  });

  scenario('a line that fails and comes back: the page says so, and people see and hear each other again', { seconds: 150 }, async () => {
    const place = await sharedOffice();
    await meeting(place, await open(place), async (ana, ben) => {
      nft(`table inet cut { chain out { type filter hook output priority 0; udp sport ${place.udp} drop; udp dport ${place.udp} drop; tcp sport { ${place.port}, ${place.tcp} } drop; tcp dport { ${place.port}, ${place.tcp} } drop; }; }`);
      try {
        for (const tab of [ana, ben]) await tab.see(tab.page.locator('[data-banner="reconnecting"]'));
      } finally {
        nft('delete table inet cut');
      }
      for (const tab of [ana, ben]) await tab.gone(tab.page.locator('[data-banner="reconnecting"]'));
      for (const tab of [ana, ben]) await tab.receives({ patience: 30_000 });
      for (const tab of [ana, ben]) tab.forgiveConsole();
    });
  });

  scenario('the server is killed in mid-call and started again: the page says so, and the call goes on', { seconds: 150 }, async () => {
    // By the machine's clock, to which a server that starts anew returns: else the door would be shut until it is moved.
    await stopSharedOffice();
    const place = await sharedOffice();
    const soon = await place.approved({ lobby: 'off', stepMin: 5, slot: 1 });
    await meeting(place, { ...soon, page: `/call/${soon.meetingRoomName}` }, async (ana, ben) => {
      await place.kill();
      for (const tab of [ana, ben]) await tab.see(tab.page.locator('[data-banner="reconnecting"]'));
      await place.up();
      for (const tab of [ana, ben]) await tab.receives({ patience: 30_000 });
      for (const tab of [ana, ben]) tab.forgiveConsole();
    });
  });

  scenario('a session that ends: pages ask to sign in and lead back, a call goes on', { seconds: 90 }, async () => {
    const place = await sharedOffice();
    await meeting(place, await open(place), async (ana, _ben, customer) => {
      await customer.context.clearCookies();
      const page = await customer.goto('/appointments');
      const state = await page.problem('sign_in_required');
      const way = state.getByRole('link', { name: words('signIn') });
      assert.equal(await way.getAttribute('href'), '/sign-in?next=%2Fappointments');
      await ana.receives();
    });
  });

  scenario('the same call in a second tab takes over, and the first one says so', { seconds: 90 }, async () => {
    const place = await sharedOffice();
    await meeting(place, await open(place), async (ana, _ben, customer) => {
      const second = await customer.goto(new URL(ana.page.url()).pathname);
      await enter(second);
      await inCall(second);
      await second.receives();
      const state = await ana.see(ana.page.locator('[data-state="elsewhere"]'));
      // And back, by its button.
      await state.getByRole('button', { name: words('call:elsewhere.take') }).click();
      await inCall(ana);
      await ana.receives();
      await second.see(second.page.locator('[data-state="elsewhere"]'));
    });
  });

  scenario("somebody else's appointment looks like one that there never was, with and without scripts", { seconds: 90 }, async () => {
    const place = await sharedOffice();
    const appointment = await open(place);
    const nowhere = appointment.meetingRoomName.replace(/^(appointment-)(.*)$/, (_, before, id) => before + id.replace(/[1-9a-f]/g, '0'));
    const nobodys = appointment.id.replace(/.{12}$/, '000000000000');
    const said = ({ status, body, etag }) => ({ status, etag, body: { ...body, instance: undefined } });
    for (const what of ['', '/messages', '/files', '/notes', '/report', '/history', '/calendar.ics']) {
      const [foreign, unknown] = await Promise.all([appointment.id, nobodys].map((id) => place.other.ask('GET', `/api/appointments/${id}${what}`)));
      assert.deepEqual(said(foreign), said(unknown), what);
      assert.equal(foreign.status, 404, what);
    }
    for (const javaScriptEnabled of [true, false]) {
      await withVisitor(place.other, { javaScriptEnabled }, async (visitor) => {
        const look = async (path) => {
          const tab = await visitor.goto(path);
          if (tab.status !== 200 || javaScriptEnabled) await tab.see(tab.page.locator('h1'));
          if (javaScriptEnabled) await tab.settled();
          return { status: tab.status, text: await tab.page.locator('body').innerText(), title: await tab.page.title() };
        };
        const [foreign, unknown] = [await look(appointment.page), await look(`/call/${nowhere}`)];
        assert.deepEqual(foreign, unknown);
        assert.equal(foreign.status, 404);
        assert.deepEqual(await look(`/appointments/${appointment.id}`), await look(`/appointments/${nobodys}`));
      });
    }
    // Those who may not yet, or not any more, are told so without scripts, too.
    const statuses = async (person) =>
      withVisitor(person, { javaScriptEnabled: false }, async (visitor) => {
        const tab = await visitor.goto(appointment.page);
        // Why not is said in the document itself; that there is a way in needs scripts.
        if (tab.status !== 200) await tab.see(tab.page.locator('h1'));
        return tab.status;
      });
    assert.equal(await statuses(place.anybody), 401);
    assert.equal(await statuses(place.customer), 200);
    await place.moveTo(appointment.end + 31 * 60_000);
    assert.equal(await statuses(place.customer), 410);
  });

  scenario('a browser without WebRTC gets a page that says so', { seconds: 60 }, async () => {
    const place = await sharedOffice();
    await withVisitor(place.anybody, {}, async (visitor) => {
      await visitor.context.addInitScript(() => {
        delete window.RTCPeerConnection;
      });
      const tab = await visitor.goto('/experts', 'commit');
      await tab.see(tab.heading('This browser cannot hold video calls'));
    });
  });

  scenario('script in names, messages and file names stays text', { seconds: 120 }, async () => {
    const place = await sharedOffice();
    const evil = '<img src=x onerror="document.title=`owned`"><script>document.title="owned"</script>';
    const mallory = await place.person('mallory', 'customer');
    await mallory.must('PATCH', '/api/me', { name: evil }, { 'if-match': '*' });
    const appointment = await open(place, { title: evil }, mallory);
    await mallory.must('POST', `/api/appointments/${appointment.id}/messages`, { body: evil });
    await withVisitors([mallory, place.expert], async (attacker, expert) => {
      const page = await expert.goto(`/appointments/${appointment.id}`);
      await page.see(page.text(evil));
      const [ana, ben] = await Promise.all([attacker.goto(appointment.page), expert.goto(appointment.page)]);
      for (const tab of [ana, ben]) await enter(tab);
      for (const tab of [ana, ben]) await inCall(tab);
      await write(ana, evil);
      await panel(ben, 'chat');
      await ben.see(ben.text(evil));
      for (const tab of [page, ana, ben]) {
        assert.doesNotMatch(await tab.page.title(), /^owned/);
        assert.equal(await tab.page.locator('img[src="x"]').count(), 0);
        await tab.assertClean();
      }
    });
  });

  scenario('a pasted megabyte is refused in words beside its field', { seconds: 90 }, async () => {
    const place = await sharedOffice();
    const appointment = await open(place);
    await withVisitor(place.customer, {}, async (visitor) => {
      const tab = await visitor.goto(`/appointments/${appointment.id}`);
      const field = tab.field(words('appointments:messages.write'));
      await field.evaluate((it) => it.focus());
      await tab.page.evaluate(() => navigator.clipboard.writeText('megabyte '.repeat(120_000)));
      await tab.page.keyboard.press('Control+V');
      await tab.button(words('appointments:messages.send')).click();
      await until('the page to refuse it, or to take what fits', async () => {
        const refused = await tab.role('alert').count();
        return refused > 0 || (await field.inputValue()).length <= 8000;
      });
      await tab.assertClean();
    });
  });

  scenario('the installed app keeps hashed files alone: no page, no answer, no call; without a line it says so', { seconds: 120 }, async () => {
    const place = await sharedOffice();
    const appointment = await open(place);
    await withVisitor(place.customer, { serviceWorkers: 'allow' }, async (visitor) => {
      const { start_url } = await (await fetch(`${place.site}/manifest.webmanifest`)).json();
      const tab = await visitor.goto(start_url);
      await tab.page.evaluate(() => navigator.serviceWorker.ready);
      for (const path of ['/appointments', `/appointments/${appointment.id}`, appointment.page]) {
        await tab.goto(path);
        await tab.settled();
      }
      const kept = await tab.page.evaluate(async () => {
        const all = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
        return all.flat().map((it) => new URL(it.url).pathname);
      });
      assert.ok(kept.length > 0, 'nothing is kept');
      assert.deepEqual(kept.filter((path) => !/^\/assets\/[^/]+-[\w-]{8}\.\w+$/.test(path)), []);
      await visitor.context.setOffline(true);
      await tab.page.goto('/appointments').catch(() => {});
      await tab.see(tab.heading('No connection'));
      await tab.see(tab.link('Try again'));
      await visitor.context.setOffline(false);
      tab.forgiveConsole();
    });
    await place.customer.change(appointment, 'cancel');
  });
}
