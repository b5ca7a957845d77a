// What people come for, done in the app itself: one browser for each, pages that change by themselves, calls that are
// seen and heard on both sides.

import assert from 'node:assert/strict';
import { admit, answer, askFor, becomes, enter, inCall, panel, write } from '../lib/acts.mjs';
import { withVisitors } from '../lib/app.mjs';
import { Fox } from '../lib/fox.mjs';
import { sharedOffice } from '../lib/office.mjs';
import { PATIENCE_MS, until } from '../lib/puppet.mjs';
import { scenario } from '../lib/scenario.mjs';
import { words } from '../lib/words.mjs';

const MINUTE = 60_000;

if (!process.env.CLIENTS_SERVER_CMD) {
  scenario('a customer finds an expert and asks, is approved in another browser, and both pages change by themselves', { seconds: 120 }, async () => {
    const place = await sharedOffice();
    await place.service({ title: 'First talk' });
    await withVisitors([place.customer, place.expert], async (customer, expert) => {
      // Late in the evening the customer's day has fewer times left than are asked for: then on to the next.
      const now = await place.now();
      const hour = Number(new Intl.DateTimeFormat('en', { timeZone: 'Europe/Rome', hour: 'numeric', hourCycle: 'h23' }).format(now));
      if (hour >= 20) await place.moveTo(now + (25 - hour) * 60 * MINUTE);
      const desk = await expert.goto('/expert/requests');
      await desk.see(words('expert:requests.empty'));
      await desk.listens();
      const tab = await customer.goto('/experts');
      await askFor(tab, place.expert.name, { time: 3, note: 'It hurts when I laugh.' });
      // The request comes to the expert's page, which nobody has touched.
      await desk.see(desk.page.getByLabel(words('expert:requests.of', { name: place.customer.name })));
      await desk.see('It hurts when I laugh.');

      const list = await customer.goto('/appointments');
      await list.see(words('appointments:status.pending'));
      await list.listens();
      await answer(desk, place.customer.name, 'approve');
      await list.see(words('appointments:status.approved'));

      // Counting down to the window, by the server's clock; then the button stands there by itself.
      const { items } = await place.customer.must('GET', '/api/appointments');
      const appointment = items.find((it) => it.status === 'approved');
      // Its link, to be passed on.
      await list.button(words('appointments:copyLink')).first().click();
      await list.see(words('appointments:linkCopied'));
      assert.equal(await list.page.evaluate(() => navigator.clipboard.readText()), appointment.meetingUrl);
      const opens = Date.parse(appointment.window.opensAt);
      const [countdown, join] = [list.text(words('appointments:opensIn')), list.link(words('appointments:join'))];
      // On a slow machine the page may come when the window has opened already: then from further away.
      for (const seconds of [6, 20, 60]) {
        await place.moveTo(opens - seconds * 1000);
        await list.page.reload();
        await list.see(countdown.or(join));
        const seen = [await countdown.count(), await join.count()];
        if ((await place.now()) >= opens) continue;
        assert.deepEqual(seen, [1, 0]);
        await join.first().waitFor({ timeout: seconds * 1000 + PATIENCE_MS });
        break;
      }
      await list.see(join);
      await place.customer.change(appointment, 'cancel');
    });
  });

  scenario('customer and expert meet through the lobby, talk, write, show a screen, and the close ends it', { seconds: 180 }, async () => {
    const place = await sharedOffice();
    const appointment = await place.approved({ title: 'The talk' });
    await place.moveTo(appointment.start - MINUTE);
    await withVisitors([place.customer, place.expert], async (customer, expert) => {
      const ana = await customer.goto('/appointments');
      await ana.link(words('appointments:join')).click();
      await enter(ana);
      await ana.see(ana.page.locator('[data-state="lobby"]'));

      // Who waits is on the expert's page at once.
      const desk = await expert.goto('/expert');
      await desk.see(desk.text(place.customer.name));
      await desk.link(words('expert:call.join')).first().click();
      const ben = desk;
      await enter(ben);
      await inCall(ben);
      await admit(ben);
      await inCall(ana);
      await ana.receives();
      await ben.receives();
      await becomes(place.customer, appointment, 'in_progress');
      await until('the call to be as long on both sides', async (saw) => {
        const shown = await Promise.all([ana, ben].map((tab) => tab.role('timer').first().innerText()));
        saw(shown);
        const [here, there] = shown.map((it) => it.split(':').reduce((sum, part) => sum * 60 + Number(part), 0));
        return here > 0 && Math.abs(here - there) <= 1;
      });

      await write(ana, 'good morning');
      await panel(ben, 'chat');
      await ben.see(ben.text('good morning'));
      await write(ben, 'and to you');
      await ana.see(ana.text('and to you'));

      // A screen is a third picture, wider than the cameras here.
      await ben.button(words('call:bar.screen')).click();
      await until("the customer to see the expert's screen", async (saw) => {
        const { widths } = await ana.received();
        saw(widths);
        return widths.some((width) => width > 320);
      });
      await ana.picture('call-screen-desktop');
      await ben.button(words('call:bar.stopScreen')).first().click();

      // Whoever reloads is let in again, and the chat is still there.
      await ana.page.reload();
      await enter(ana);
      await inCall(ana);
      await ana.receives();
      await panel(ana, 'chat');
      await ana.see(ana.text('and to you'));

      // The end: told before, moved once, and then it is the end.
      await place.moveTo(appointment.end + 21 * MINUTE);
      for (const tab of [ana, ben]) await tab.see(tab.page.locator('[data-banner="closing"]'));
      await place.moveTo(appointment.end + 30 * MINUTE);
      for (const tab of [ana, ben]) await tab.see(tab.page.locator('[data-ending="window_closed"]'));
      await becomes(place.customer, appointment, 'completed');
    });
  });

  scenario('in Firefox somebody signs in, books and meets the expert in Chromium', { covers: [['firefox-v1', 'the app']], seconds: 180 }, async () => {
    const place = await sharedOffice();
    await place.service({ title: 'Across browsers', approval: 'auto', lobby: 'off' });
    const { other, expert } = place;
    const fox = await Fox.open(place, other.name);
    try {
      await fox.goto('/sign-in?next=/experts/the-expert');
      await fox.fill(words('account:email'), other.email);
      await fox.fill(words('account:password'), other.password);
      await fox.click('button', words('signIn'));
      await fox.click('link', words('booking:chooseTime'));
      await fox.click('radio');
      await fox.click('button', words('booking:continue'));
      await fox.click('checkbox', words('booking:consent'));
      await fox.click('button', words('booking:bookNow'));
      await fox.see('heading', words('booking:confirmed'));
      const [appointment] = (await other.must('GET', '/api/appointments')).items.filter((it) => it.status === 'approved');
      await place.moveTo(Date.parse(appointment.startsAt));
      await withVisitors([expert], async (desk) => {
        const ben = await desk.goto(`/call/${appointment.meetingRoomName}`);
        await enter(ben);
        await inCall(ben);
        await fox.goto('/appointments');
        await fox.click('link', words('appointments:join'));
        await fox.click('button', words('call:pre.join'));
        await fox.see('toolbar', words('call:bar.name'));
        await ben.receives();
        await fox.receives();
      });
    } finally {
      await fox.close();
    }
  });

  scenario('a request that is declined and an appointment that is called off say so on the other side by themselves', { seconds: 120 }, async () => {
    const place = await sharedOffice();
    const { customer: ada, expert: elena } = place;
    const asked = await place.requested({ title: 'Perhaps' });
    await withVisitors([ada, elena], async (customer, expert) => {
      const page = await customer.goto(`/appointments/${asked.id}`);
      await page.see(words('appointments:status.pending'));
      await page.listens();
      const desk = await expert.goto('/expert/requests');
      await answer(desk, ada.name, 'reject', 'Not my subject, sorry.');
      await page.see(words('appointments:status.rejected'));
      await page.see('Not my subject, sorry.');

      // Called off while both are in the call: each is told why it ended, with a way on.
      const appointment = await place.approved({ title: 'Cut short', lobby: 'off' });
      await place.moveTo(appointment.start);
      const tabs = await Promise.all([customer, expert].map((it) => it.goto(`/call/${appointment.meetingRoomName}`)));
      for (const tab of tabs) await enter(tab);
      for (const tab of tabs) await inCall(tab);
      for (const tab of tabs) await tab.receives();
      await elena.change(appointment, 'cancel', { message: 'Something has come up.' });
      for (const tab of tabs) {
        const state = await tab.see(tab.page.locator('[data-ending="cancelled"]'));
        await state.getByRole('link', { name: words('call:toAppointment') }).waitFor();
      }
      // Who comes back to the door finds the same.
      await tabs[0].page.reload();
      await tabs[0].see(tabs[0].page.locator('[data-state="called_off"]'));
    });
  });
}
