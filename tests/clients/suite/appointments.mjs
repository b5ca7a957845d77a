// Appointments decide who is in the room: LiveKit's clients in calls that were booked, approved and are cut at their
// end.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { Office } from '../lib/office.mjs';
import { until } from '../lib/puppet.mjs';
import { scenario } from '../lib/scenario.mjs';

const MINUTE = 60_000;

const token = (person, appointment, more = {}) =>
  person.ask('POST', '/api/livekit/token', { roomName: appointment.meetingRoomName, participantName: 'Anybody', ...more });

/** Joins as the person of a session; the puppet's identity is the seat's id. */
async function enter(call, office, client, person, appointment) {
  const issued = await token(person, appointment, { participantIdentity: person.email });
  assert.equal(issued.status, 200, JSON.stringify(issued.body));
  const puppet = await call.open(client, issued.body.identity, office.port);
  await puppet.join(issued.body.token);
  return Object.assign(puppet, { token: issued.body.token });
}

const notices = (puppet) => puppet.events.filter((it) => it.event === 'data' && it.topic === 'visavis.notice').map((it) => JSON.parse(it.text));

const noticed = (puppet, type, more = () => true) =>
  until(`${puppet.label} to be told ${type}`, async (saw) => {
    await puppet.refresh();
    saw(notices(puppet));
    return notices(puppet).find((it) => it.type === type && more(it));
  });

/** The report of an appointment, once all of its calls have ended. */
const ended = (person, appointment) =>
  until('the calls to have ended', async (saw) => {
    const found = await person.must('GET', `/api/appointments/${appointment.id}/report`);
    saw(found.calls);
    return found.calls.length > 0 && found.calls.every((it) => it.endedAt) && found;
  });

async function withOffice(body) {
  const office = await Office.start();
  try {
    await body(office);
  } finally {
    await office.stop();
  }
}

if (!process.env.CLIENTS_SERVER_CMD) {
  const both = (what) => ({ covers: [['chromium-v1', what], ['python-v0', what]], seconds: 150 });

  scenario('a call that was booked opens, lets in, is spoken in, is told its end and is cut at it', both('appointment from request to close'), (call) =>
    withOffice(async (office) => {
      const appointment = await office.approved();
      const { customer, expert, other } = office;

      // Who may not, and when not.
      assert.equal((await token(office.anybody, appointment)).status, 401);
      const foreign = await token(other, appointment);
      const unknown = await token(other, { meetingRoomName: 'appointment-of-nobody' });
      assert.deepEqual([foreign.status, foreign.body.code], [404, unknown.body.code]);
      const early = await token(customer, appointment);
      assert.deepEqual([early.status, early.body.code], [403, 'window_not_open']);
      assert.equal(Date.parse(early.body.opensAt), appointment.start - 15 * MINUTE);
      await office.moveTo(appointment.start - 15 * MINUTE - 1000);
      assert.equal((await token(expert, appointment)).body.code, 'window_not_open');
      await office.moveTo(appointment.start - 15 * MINUTE);
      const posing = await token(customer, appointment, { participantIdentity: expert.email });
      assert.deepEqual([posing.status, posing.body.code], [403, 'identity_mismatch']);

      // The lobby.
      const waits = await token(customer, appointment);
      assert.deepEqual([waits.status, waits.body.code, waits.body.position], [403, 'lobby_waiting', 1]);
      const ben = await enter(call, office, 'python-v0', expert, appointment);
      assert.deepEqual((await expert.must('GET', '/api/lobby')).map((it) => it.name), ['The customer']);
      await expert.must('POST', '/api/lobby/admit-next');
      const ana = await enter(call, office, 'chromium-v1', customer, appointment);

      // The call.
      await ana.publishMic({ tone: 440 });
      await ben.publishMic({ tone: 660 });
      await ben.hears(ana);
      await ana.hears(ben);
      const status = async () => (await customer.must('GET', `/api/appointments/${appointment.id}`)).status;
      await until('the appointment to be in progress', async () => (await status()) === 'in_progress');
      await ben.command('onText', { topic: 'lk.chat' });
      await ana.command('sendText', { text: 'good morning', topic: 'lk.chat' });
      await ben.event('text', { text: 'good morning' });
      const kept = await until('the message to be kept', async () => {
        const found = await expert.must('GET', `/api/appointments/${appointment.id}/messages`);
        return found.items.length === 1 && found.items[0];
      });
      assert.deepEqual([kept.body, kept.name], ['good morning', 'The customer']);

      // Its end: told before, moved once, and then it is the end.
      await office.moveTo(appointment.end + 20 * MINUTE);
      for (const puppet of [ana, ben]) await noticed(puppet, 'closing', (it) => it.minutesLeft <= 10);
      const extended = await expert.must('POST', `/api/appointments/${appointment.id}/extend`);
      assert.equal(Date.parse(extended.closesAt), appointment.end + 45 * MINUTE);
      for (const puppet of [ana, ben]) await noticed(puppet, 'extended', (it) => it.closesAt === extended.closesAt);
      await office.moveTo(appointment.end + 45 * MINUTE - 20_000);
      const last = await token(customer, appointment);
      assert.equal(last.status, 200);
      await office.moveTo(appointment.end + 45 * MINUTE);
      for (const puppet of [ana, ben]) await puppet.event('disconnected', { reason: 'ROOM_DELETED' });

      // A token whose signature still holds (a minute's leeway) opens nothing, for a join or a resume.
      for (const more of ['', '&reconnect=1&sid=']) {
        const query = `access_token=${last.body.token}&protocol=17${more}`;
        const refused = await fetch(`${office.url}/rtc/validate?${query}`);
        assert.equal(refused.status, 403, await refused.text());
      }
      const again = await call.open('python-v0', 'again', office.port);
      await assert.rejects(again.join(last.body.token));
      assert.equal((await token(customer, appointment)).body.code, 'window_closed');
      await until('the appointment to be completed', async () => (await status()) === 'completed');
      const report = await ended(expert, appointment);
      assert.equal(report.calls.length, 2);
      for (const log of report.calls) assert.equal(log.endReason, 'window_closed');
    }),
  );

  scenario('cancelling ends the call within two seconds, for everybody', both('appointment cancelled in mid-call'), (call) =>
    withOffice(async (office) => {
      const appointment = await office.approved({ lobby: 'off' });
      const { customer, expert } = office;
      await office.moveTo(appointment.start);
      const ana = await enter(call, office, 'chromium-v1', customer, appointment);
      const ben = await enter(call, office, 'python-v0', expert, appointment);
      await ben.publishMic({ tone: 440 });
      await ana.hears(ben);
      const cancelled = await expert.change(appointment, 'cancel', { message: 'Something has come up.' });
      for (const puppet of [ana, ben]) await puppet.event('disconnected', { reason: 'ROOM_DELETED' });
      const report = await ended(expert, appointment);
      for (const log of report.calls) {
        const took = Date.parse(log.endedAt) - Date.parse(cancelled.updatedAt);
        assert.ok(took <= 2000, `ended ${took} ms after the cancellation`);
      }
      assert.equal((await token(customer, appointment)).status, 409);
    }),
  );

  scenario('whoever is removed is out and stays out, and the others go on', both('participant removed from an appointment'), (call) =>
    withOffice(async (office) => {
      const appointment = await office.approved({ lobby: 'off' });
      const { customer, expert } = office;
      await office.moveTo(appointment.start);
      const ana = await enter(call, office, 'chromium-v1', customer, appointment);
      const ben = await enter(call, office, 'python-v0', expert, appointment);
      await expert.must('DELETE', `/api/seats/${ana.identity}`);
      await ana.event('disconnected', { reason: 'PARTICIPANT_REMOVED' });
      await ben.event('participant-left', { identity: ana.identity });
      const back = await call.open('python-v0', ana.identity, office.port);
      await assert.rejects(back.join(ana.token));
      const refused = await token(customer, appointment);
      assert.deepEqual([refused.status, refused.body.code], [403, 'removed']);
    }),
  );

  scenario('a call survives the server being killed: bookings stay, no call is left open, people come back', both('appointment after a crash'), (call) =>
    withOffice(async (office) => {
      const appointment = await office.approved({ lobby: 'off' });
      const { customer, expert } = office;
      await office.moveTo(appointment.start);
      const ben = await enter(call, office, 'python-v0', expert, appointment);
      const report = () => expert.must('GET', `/api/appointments/${appointment.id}/report`);
      await ben.publishMic({ tone: 440 });
      // Who is in the room is written down a moment later.
      await until('the call to be written down', async () => (await report()).calls.length === 1);
      await office.kill();
      await office.up();
      await office.moveTo(appointment.start + MINUTE);
      assert.deepEqual((await report()).calls.map((it) => it.endReason), ['crash_recovered']);
      const ana = await enter(call, office, 'chromium-v1', customer, appointment);
      await ana.publishMic({ tone: 440 });
    }),
  );

  scenario('invitations are read back by an independent calendar library', { seconds: 120 }, () =>
    withOffice(async (office) => {
      const appointment = await office.approved();
      // One after the other: a letter about what has changed again meanwhile is not sent.
      await office.invitations(office.customer.email, 1);
      await office.expert.change(appointment, 'reschedule', { startsAt: new Date(appointment.start + 60 * MINUTE).toISOString() });
      await office.invitations(office.customer.email, 2);
      await office.expert.change(appointment, 'cancel', { message: 'Sorry; really: "sorry", \\n and more.' });
      const invitations = await office.invitations(office.customer.email, 3);
      const read = execFileSync('.venv/bin/python', ['puppets/python/invitations.py'], {
        input: JSON.stringify(invitations),
        encoding: 'utf8',
      });
      const objects = JSON.parse(read);
      assert.deepEqual(objects.map((it) => it.method), ['REQUEST', 'REQUEST', 'CANCEL']);
      assert.equal(new Set(objects.map((it) => it.uid)).size, 1, 'one UID through all changes');
      for (const [i, object] of objects.entries()) {
        if (i > 0) assert.ok(object.sequence > objects[i - 1].sequence, 'the sequence rises');
        assert.ok(object.organizer && object.attendees.some((it) => it.includes(office.customer.email)));
      }
      assert.equal(Date.parse(objects[0].start), appointment.start);
      assert.equal(Date.parse(objects[1].start), appointment.start + 60 * MINUTE);
    }),
  );
}
