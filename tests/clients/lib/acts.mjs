// What people do in the app, in their own words: each act finds what it needs by role and name, and ends when the page
// shows that it is done.

import { until } from './puppet.mjs';
import { either, words } from './words.mjs';

/** Finds an expert in the directory and asks for a time; ends on the page that says what comes next. */
export async function askFor(tab, name, { time = 0, note } = {}) {
  await tab.field(words('booking:searchLabel')).fill(name);
  await tab.link(name, { exact: true }).click();
  await tab.link(words('booking:chooseTime')).last().click();
  const times = tab.role('radio');
  await times.nth(time).waitFor({ state: 'attached' });
  await times.nth(time).check({ force: true });
  await tab.button(words('booking:continue')).click();
  if (note !== undefined) await tab.field(words('booking:note')).fill(note);
  await tab.role('checkbox', words('booking:consent')).check();
  await tab.page.locator('form [type=submit]').last().click();
  await tab.see(tab.heading(either('booking:requested', 'booking:confirmed')));
}

/** The expert's answer to a request that stands on their page. */
export async function answer(desk, name, decision, message) {
  const card = desk.page.getByLabel(words('expert:requests.of', { name }));
  if (decision === 'approve') {
    await card.getByRole('button', { name: words('expert:requests.approve') }).first().click();
  } else {
    await card.getByRole('button', { name: words('expert:requests.reject') }).click();
    const dialog = desk.role('dialog');
    if (message) await dialog.getByLabel(words('expert:decision.message')).fill(message);
    await dialog.getByRole('button', { name: words('expert:decision.rejectNow') }).last().click();
  }
  await desk.gone(card);
}

/** From the page before a call into it, or into its lobby. */
export async function enter(tab) {
  await tab.button(words('call:pre.join')).click();
}

/** The call is there: its bar of controls is. */
export function inCall(tab) {
  return tab.see(tab.role('toolbar', words('call:bar.name')));
}

/** Opens a panel beside the call, unless it is open. */
export async function panel(tab, name) {
  const control = tab.button(words(`call:bar.${name}`)).first();
  if ((await control.getAttribute('aria-pressed')) !== 'true') await control.click();
}

export async function write(tab, text) {
  await panel(tab, 'chat');
  const field = tab.field(words('call:chat.write'));
  await field.fill(text);
  await field.press('Enter');
  await tab.see(tab.text(text));
}

/** Lets in whoever waits, from within the call. */
export async function admit(tab) {
  await tab.page.locator('[data-banner="lobby"]').getByRole('button', { name: words('call:host.admit') }).click();
}

/** Waits for a status of an appointment, as a person is told it. */
export function becomes(person, appointment, status) {
  return until(`the appointment to be ${status}`, async (saw) => {
    const now = (await person.must('GET', `/api/appointments/${appointment.id}`)).status;
    saw(now);
    return now === status;
  });
}
