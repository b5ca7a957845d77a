// The app at work beyond two people: guests, administrators who look after calls and webhooks, other sites' pages.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { becomes, enter, inCall, panel } from '../lib/acts.mjs';
import { withVisitors } from '../lib/app.mjs';
import { sharedOffice } from '../lib/office.mjs';
import { until } from '../lib/puppet.mjs';
import { scenario } from '../lib/scenario.mjs';
import { ALLOWED, origin, withReceiver, withSite } from '../lib/site.mjs';
import { words } from '../lib/words.mjs';

const MINUTE = 60_000;

/** The frame of an element in a site's page, once it shows something. */
async function framed(tab, path) {
  const frame = await until(`a frame of ${path}`, () => tab.page.frames().find((it) => it.url().includes(path)));
  await frame.locator('h1').first().waitFor();
  return frame;
}

const hears = (tab, type) =>
  until(`the page around to hear ${type}`, async (saw) => {
    const heard = await tab.page.evaluate(() => window.heard);
    saw(heard);
    return heard.find((it) => it.type === type);
  });

const received = (frame) => frame.evaluate(() => window.__probe.received());

if (!process.env.CLIENTS_SERVER_CMD) {
  scenario('a guest comes by a link, waits, is let in, sees and hears both others, and is neither seen nor heard', { seconds: 120 }, async () => {
    const place = await sharedOffice();
    const appointment = await place.approved({ title: 'With company', lobby: 'off' });
    const seat = await place.expert.must('POST', `/api/appointments/${appointment.id}/seats`, { role: 'observer', name: 'Greta Guest' });
    const { url } = await place.expert.must('POST', `/api/appointments/${appointment.id}/guest-links`, { seatId: seat.id });
    await place.moveTo(appointment.start);
    await withVisitors([place.customer, place.expert, place.anybody], async (customer, expert, guest) => {
      const [ana, ben] = await Promise.all([customer, expert].map((it) => it.goto(`/call/${appointment.meetingRoomName}`)));
      for (const tab of [ana, ben]) await enter(tab);
      for (const tab of [ana, ben]) await inCall(tab);
      // The link leads where links of this place lead, wherever that is in a test.
      const greta = await guest.goto(`${new URL(url).pathname}${new URL(url).hash}`);
      await greta.button(words('account:guestButton')).click();
      await greta.link(words('appointments:join')).first().click();
      await enter(greta);
      await inCall(greta);
      await greta.receives();
      // Whoever only looks on has nothing to switch on.
      assert.equal(await greta.button(words('call:bar.mute')).or(greta.button(words('call:bar.unmute'))).count(), 0);
      const sent = await greta.page.evaluate(async () => {
        const reports = await Promise.all(window.__probe.connections.map((it) => it.getStats()));
        return reports.flatMap((it) => [...it.values()]).filter((it) => it.type === 'outbound-rtp' && it.packetsSent > 0).length;
      });
      assert.equal(sent, 0, 'nothing of the guest is sent');
      await panel(ben, 'people');
      await ben.see(ben.text('Greta Guest'));
      // Two cameras are seen by the guest, whose own there is none of: two pictures are decoded at once.
      await until('the guest to see two pictures', async (saw) => {
        const { widths } = await greta.received();
        saw(widths);
        return widths.length >= 2;
      });
      // Taken out by the expert, the guest is told so, and the others go on.
      await place.expert.must('DELETE', `/api/seats/${seat.id}`);
      await greta.see(greta.page.locator('[data-state="removed"]'));
      for (const tab of [ana, ben]) await tab.receives();
      greta.forgiveConsole();
    });
    await place.expert.change(appointment, 'complete').catch(() => {});
  });

  scenario('an administrator sees a call begin, extends it and ends it, and those in it are told at once', { seconds: 120 }, async () => {
    const place = await sharedOffice();
    const appointment = await place.approved({ title: 'Looked after', lobby: 'off' });
    await place.moveTo(appointment.start);
    await withVisitors([place.customer, place.expert, place.admin], async (customer, expert, admin) => {
      const desk = await admin.goto('/admin/rooms');
      await desk.see(words('admin:rooms.empty'));
      await desk.listens();
      const tabs = await Promise.all([customer, expert].map((it) => it.goto(`/call/${appointment.meetingRoomName}`)));
      for (const tab of tabs) await enter(tab);
      for (const tab of tabs) await inCall(tab);
      for (const tab of tabs) await tab.receives();
      const room = desk.page.locator(`[data-room="${appointment.meetingRoomName}"]`);
      await desk.see(room.getByText(place.customer.name).nth(1));
      await room.getByRole('button', { name: words('admin:rooms.extend') }).click();
      await desk.role('dialog').getByRole('button', { name: words('admin:rooms.extendNow') }).click();
      for (const tab of tabs) await tab.see(tab.page.locator('[data-banner="extended"]'));
      await until('the close to be later', async () => {
        const { window } = await place.customer.must('GET', `/api/appointments/${appointment.id}`);
        return Date.parse(window.closesAt) === appointment.end + 45 * MINUTE;
      });
      await room.getByRole('button', { name: words('admin:rooms.end') }).click();
      await desk.role('dialog').getByRole('button', { name: words('admin:rooms.endNow') }).click();
      for (const tab of tabs) await tab.see(tab.page.locator('[data-ending]'));
      await desk.see(words('admin:rooms.empty'));
      await becomes(place.customer, appointment, 'completed');
    });
  });

  scenario('a webhook is set up, tried, signed, told of what happens, and delivered once more by a press', { seconds: 90 }, async () => {
    const place = await sharedOffice();
    await withReceiver(async (receiver) => {
      await withVisitors([place.admin], async (admin) => {
        const tab = await admin.goto('/admin/webhooks');
        await tab.button(words('admin:webhooks.new')).first().click();
        await tab.field(words('admin:webhooks.url')).fill(receiver.url);
        await tab.button(words('admin:webhooks.create')).click();
        const secret = (await (await tab.see(tab.page.locator('dialog[open]').getByText(/^whsec_/))).innerText()).trim();
        await tab.button(words('admin:webhooks.secretKept')).click();
        await tab.button(words('admin:webhooks.test')).click();
        const [first] = await until('the test to be delivered', () => receiver.taken.length > 0 && receiver.taken);
        const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = first.headers;
        const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
        assert.equal(signature, `v1,${createHmac('sha256', key).update(`${id}.${at}.${first.body}`).digest('base64')}`);

        // What happens is told. A receiver that says it is gone is told nothing more; that is seen, it is switched on
        // again, and a press delivers what it has missed.
        receiver.refuse = true;
        const asked = await place.requested({ title: 'Told of' });
        const refused = await until('the request to be told', () => receiver.taken.find((it) => JSON.parse(it.body).type === 'appointment.requested'));
        receiver.refuse = false;
        const list = await admin.goto('/admin/deliveries');
        await list.see(list.page.getByRole('row').filter({ hasText: 'appointment.requested' }).filter({ hasText: '410' }));
        await tab.page.reload();
        await tab.button(words('admin:webhooks.resume')).click();
        await tab.see(words('admin:webhooks.active'));
        await list.page.getByRole('row').filter({ hasText: 'appointment.requested' }).getByRole('button').first().click();
        await list.button(words('admin:deliveries.replay')).click();
        const again = await until('it to be delivered once more', () => receiver.taken.filter((it) => JSON.parse(it.body).type === 'appointment.requested')[1]);
        // The same event, so that a receiver knows it; as new a message.
        assert.equal(again.headers['webhook-id'], refused.headers['webhook-id']);
        assert.deepEqual(JSON.parse(again.body), JSON.parse(refused.body));
        await list.see(words('admin:deliveries.isReplay'));
        await place.customer.change(asked, 'cancel');
      });
      for (const { id } of await place.admin.must('GET', '/api/admin/webhooks')) await place.admin.must('DELETE', `/api/admin/webhooks/${id}`);
    });
  });

  scenario('the test call sends a picture through the server and back, over UDP and over TCP, and gives what it measured as a file', { seconds: 90 }, async () => {
    const place = await sharedOffice();
    await withVisitors([place.customer], async (visitor) => {
      const tab = await visitor.goto('/test-call');
      await tab.button(words('call:trial.start')).click();
      await tab.page.locator('[data-outcome]').waitFor({ timeout: 120_000 });
      const [file] = await Promise.all([tab.page.waitForEvent('download'), tab.button(words('call:trial.download')).click()]);
      const { rounds } = JSON.parse(readFileSync(await file.path(), 'utf8'));
      assert.deepEqual(rounds.map((it) => it.over), ['udp', 'tcp']);
      for (const it of rounds) {
        const told = JSON.stringify(it);
        assert.ok(it.connected && it.loopMs > 0 && it.rttMs >= 0 && it.lossUp < 0.5 && it.up > 0 && it.down > 0, told);
        assert.equal(it.protocol, it.over, told);
      }
      // The media client writes of connections that end while it still reads them.
      tab.forgiveConsole();
    });
  });

  scenario('a call in the page of another site: joined by a token, left by the page around, which is told of both', { seconds: 120 }, async () => {
    const place = await sharedOffice();
    const appointment = await place.approved({ title: 'Elsewhere', lobby: 'off' });
    await place.moveTo(appointment.start);
    const { token } = await place.customer.must('POST', '/api/livekit/token', { roomName: appointment.meetingRoomName });
    const html = `<h1>Another site</h1><script type="module" src="${place.site}/embed.js"></script>
      <visavis-call room="${appointment.meetingRoomName}" token="${token}" theme="dark"></visavis-call>`;
    await withVisitors([place.anybody, place.expert], async (stranger, expert) => {
      const ben = await expert.goto(`/call/${appointment.meetingRoomName}`);
      await enter(ben);
      await inCall(ben);
      await withSite(html, ALLOWED, async (site) => {
        const tab = await stranger.goto(site);
        await hears(tab, 'ready');
        const frame = await framed(tab, '/embed/call/');
        // The token does not stay in the address.
        await until('the address to be clean', async () => !(await frame.evaluate(() => location.href)).includes('token='));
        await frame.getByRole('button', { name: words('call:pre.join') }).click();
        await hears(tab, 'joined');
        await ben.receives();
        const first = await received(frame);
        await until('the frame to see and hear the expert', async (saw) => {
          const now = await received(frame);
          saw(now);
          return now.frames > first.frames + 5 && now.energy > first.energy;
        });
        assert.equal(await frame.evaluate(() => document.documentElement.dataset.theme), 'dark');
        await tab.page.evaluate(() => document.querySelector('visavis-call').leave());
        await hears(tab, 'left');
        assert.deepEqual((await tab.page.evaluate(() => window.heard)).filter((it) => it.type === 'problem'), []);
        await tab.page.close();
      });
    });
    await place.expert.change(appointment, 'complete').catch(() => {});
  });

  scenario('booking in the page of another site grows with its content and hands on to the full page; a site that is not named shows nothing', { seconds: 90 }, async () => {
    const place = await sharedOffice();
    const service = await place.service({ title: 'From elsewhere' });
    const html = `<h1>Another site</h1><script type="module" src="${place.site}/embed.js"></script>
      <visavis-booking expert="the-expert" service="${service.id}"></visavis-booking>
      <visavis-call room="appointment-of-nobody"></visavis-call>`;
    await withVisitors([place.anybody], async (stranger) => {
      await withSite(html, ALLOWED, async (site) => {
        const tab = await stranger.goto(site);
        const frame = await framed(tab, '/embed/booking/');
        const times = frame.getByRole('radio');
        await times.first().waitFor({ state: 'attached' });
        const [height, inside] = await until('the element to be as high as its content', async (saw) => {
          const now = [await tab.page.evaluate(() => document.querySelector('visavis-booking').offsetHeight), await frame.evaluate(() => document.getElementById('main').scrollHeight)];
          saw(now);
          return Math.abs(now[0] - now[1]) <= 2 && now;
        });
        assert.ok(height >= 240 && inside > 0);
        await times.first().check({ force: true });
        const way = frame.getByRole('link', { name: words('demo:embed.continue') });
        assert.equal(await way.getAttribute('target'), '_blank');
        const full = new URL(await way.getAttribute('href'), place.site);
        assert.deepEqual([full.pathname, full.searchParams.get('service'), full.searchParams.get('step')], ['/experts/the-expert/book', service.id, 'details']);
        // A room that is not there is a state in the frame, and a word to the page around.
        assert.ok((await hears(tab, 'problem')).code);
        await tab.page.close();
      });
      const elsewhere = { ...ALLOWED, port: ALLOWED.port + 1 };
      await withSite(html, elsewhere, async (site) => {
        assert.notEqual(site, origin(ALLOWED));
        const tab = await stranger.goto(site);
        await until('the browser to refuse the frames', async (saw) => {
          saw(tab.complaints);
          return tab.complaints.filter((it) => it.includes('frame-ancestors')).length >= 2;
        });
        assert.deepEqual(await tab.page.evaluate(() => window.heard), []);
        await tab.page.close();
      });
    });
  });
}
