// What people type that is wrong: each form says so in words beside the field, and sends nothing.

import assert from 'node:assert/strict';
import { SIZES, withVisitors } from '../lib/app.mjs';
import { sharedOffice } from '../lib/office.mjs';
import { until } from '../lib/puppet.mjs';
import { scenario } from '../lib/scenario.mjs';
import { words } from '../lib/words.mjs';

const REQUIRED = words('required');
const TOO_LONG = words('tooLong');
const NO_EMAIL = words('notAnEmail');
const long = (count) => 'm'.repeat(count + 1);
const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);

/** What is written into a field in turn, and what is said beside it. */
const EMAIL = [['', REQUIRED], ['nobody', NO_EMAIL], ['a b@example.org', NO_EMAIL], [`${long(250)}@example.org`, TOO_LONG]];
const FREE_EMAIL = [['nobody', NO_EMAIL], ['a@b', NO_EMAIL], [`${long(250)}@example.org`, TOO_LONG]];
const name = (most) => [['', REQUIRED], ['   ', REQUIRED], [long(most), TOO_LONG]];
const free = (most) => [[long(most), TOO_LONG]];
const PASSWORD = [['', REQUIRED]];
const NEW_PASSWORD = [['', REQUIRED], ['short', words('tooShort')], [long(200), TOO_LONG]];
const NUMBER = [['a lot', words('expert:services.wrong.whole')], ['1.5', words('expert:services.wrong.whole')], ['-1', words('expert:services.wrong.whole')]];
const number = (...outside) => [...NUMBER, ...outside.map((it) => [it, words('expert:services.wrong.range')])];
const needed = (...outside) => [['', words('expert:services.wrong.required')], ...number(...outside)];
const service = (field) => words(`expert:services.field.${field}`);

/**
 * The forms: where, how one gets there, the button that would send it, and for each field what is wrong in turn. A field
 * is found by its label within the form's `part`. Where only one wrong thing is told of at a time, a field comes with what
 * would be right.
 */
const FORMS = {
  anybody: [
    { name: 'sign in', page: '/sign-in', send: words('signIn'), fields: [['account:email', EMAIL], ['account:password', [...PASSWORD, [long(1000), TOO_LONG]]]] },
    { name: 'sign up', page: '/sign-up', send: words('account:makeAccount'), fields: [['account:name', name(200)], ['account:email', EMAIL], ['account:password', [['short', words('tooShort')], [long(200), TOO_LONG]]]] },
    { name: 'forgotten password', page: '/reset', send: words('account:sendReset'), fields: [['account:email', EMAIL]] },
    {
      name: 'sign in by link',
      page: '/sign-in',
      before: (tab) => tab.button(words('account:linkInstead')).click(),
      send: words('account:sendMagic'),
      fields: [['account:email', EMAIL]],
    },
    { name: 'first password', page: '/link#invitation=of-nobody', send: words('account:invitedButton'), fields: [['account:newPassword', NEW_PASSWORD]] },
    {
      name: 'why not then',
      page: (place) => `/experts/the-expert/book?service=${place.offered.id}`,
      before: (tab) => tab.page.locator('summary').filter({ hasText: words('booking:whyNot') }).click(),
      send: words('booking:explain'),
      fields: [['booking:date', [['', REQUIRED]]], ['booking:time', [['', REQUIRED]]]],
    },
  ],
  customer: [
    { name: 'profile', page: '/settings', part: '#profile', send: words('save'), fields: [['account:name', name(200)], ['account:phone', [['call me', words('account:notAPhone')], ['12', words('account:notAPhone')], [long(40), TOO_LONG]]]] },
    { name: 'address', page: '/settings', part: '#address', send: words('account:changeAddress'), fields: [['account:newAddress', EMAIL], ['account:currentPassword', PASSWORD]] },
    { name: 'password', page: '/settings', part: '#password', send: words('account:changePassword'), fields: [['account:currentPassword', PASSWORD], ['account:newPassword', NEW_PASSWORD]] },
    {
      name: 'quiet hours',
      page: '/settings',
      part: '#reminders',
      before: (tab) => tab.role('checkbox', words('account:quiet')).click(),
      send: words('save'),
      fields: [['account:quietFrom', [['', REQUIRED]]], ['account:quietUntil', [['', REQUIRED]]]],
    },
    {
      name: 'farewell',
      page: '/settings',
      part: 'dialog[open]',
      before: (tab) => tab.button(words('account:eraseButton')).click(),
      send: words('account:eraseForGood'),
      fields: [['account:eraseType', [['', words('account:eraseWrong')], ['other@example.org', words('account:eraseWrong')]]], ['account:currentPassword', PASSWORD]],
    },
    {
      name: 'booking',
      page: (place) => `/experts/the-expert/book?service=${place.offered.id}`,
      before: async (tab) => {
        const times = tab.role('radio');
        await times.first().waitFor({ state: 'attached' });
        await times.first().check({ force: true });
        await tab.button(words('booking:continue')).click();
        await tab.button(words('booking:addCompanion')).click();
      },
      send: words('booking:requestNow'),
      fields: [
        ['booking:note', free(5000)],
        ['booking:companionName', name(200)],
        ['booking:companionEmail', FREE_EMAIL],
        ['booking:consent', [[false, words('booking:consentNeeded')]]],
      ],
    },
  ],
  expert: [
    {
      name: 'service',
      page: '/expert/services/new',
      send: words('expert:services.create'),
      fields: [
        ['expert:services.field.title', name(200)],
        ['expert:services.field.description', free(5000)],
        [service('durationMin'), needed('4', '721')],
        [service('capacity'), needed('0', '101')],
        [service('minNoticeMin'), needed('527041')],
        [service('horizonDays'), needed('0', '731')],
        [service('cancelNoticeMin'), needed('527041')],
        [service('rescheduleNoticeMin'), needed('527041')],
        [service('stepMin'), number('4', '721')],
        [service('bufferBeforeMin'), needed('241')],
        [service('bufferAfterMin'), needed('241')],
        [service('openBeforeMin'), number('1441')],
        [service('closeAfterMin'), number('1441')],
      ],
    },
    {
      name: 'public profile',
      page: '/expert/profile',
      // Nothing to save until something differs.
      before: (tab) => tab.field(words('expert:profile.headline')).fill('Something else'),
      send: words('save'),
      fields: [
        ['expert:profile.headline', free(200)],
        ['expert:profile.bio', free(10_000)],
        ['expert:profile.specialities', [[Array.from({ length: 21 }, (_, i) => `s${i}`).join(), words('expert:profile.tooMany')], [long(60), words('expert:profile.tooLongEach')]]],
        ['expert:profile.languages', [['english, what?', words('expert:profile.noLanguage')]]],
        ['expert:profile.slug', [['', REQUIRED], ['ab', words('expert:profile.slugWrong')], ['Not Small', words('expert:profile.slugWrong')], ['a--b', words('expert:profile.slugWrong')], ['x'.repeat(61), TOO_LONG]]],
      ],
    },
    {
      name: 'hours',
      page: '/expert/availability',
      part: 'fieldset',
      before: async (tab) => {
        await tab.button(words('expert:availability.addDayOff')).click();
        await tab.role('checkbox', words('expert:availability.wholeDay')).last().setChecked(false);
      },
      // It says what is wrong while it is written, one thing of a day at a time, and cannot be sent.
      fields: [
        ['expert:availability.date', [['', words('expert:availability.wrong.noDate')]], tomorrow],
        ['expert:availability.fromTime', [['18:00', words('expert:availability.wrong.endBeforeStart')], ['', words('expert:availability.wrong.missing')]], () => '09:00'],
        ['expert:availability.note', [[long(200), words('expert:availability.wrong.noteTooLong')]], () => 'Fine'],
      ],
    },
    {
      name: 'why not offered',
      page: '/expert/availability',
      part: 'form',
      send: words('expert:explain.ask'),
      fields: [['expert:decision.date', [['', REQUIRED]]], ['expert:decision.time', [['', REQUIRED]]]],
    },
    {
      name: 'somebody more',
      page: (place) => `/appointments/${place.asked.id}`,
      part: 'dialog[open]',
      before: (tab) => tab.button(words('appointments:people.add')).click(),
      send: words('add'),
      fields: [['appointments:people.name', [['', words('appointments:people.nameOrEmail')], [long(200), TOO_LONG]], () => 'Somebody'], ['appointments:people.email', FREE_EMAIL, () => '']],
    },
    {
      name: 'another time',
      page: '/expert/requests',
      part: 'dialog[open]',
      before: (tab) => tab.button(words('expert:requests.propose')).first().click(),
      send: words('expert:decision.proposeNow'),
      fields: [
        ['expert:decision.time', [['', REQUIRED]]],
        ['expert:decision.message', free(5000)],
        ['expert:decision.date', [['', REQUIRED]]],
      ],
    },
  ],
  admin: [
    {
      name: 'new account',
      page: '/admin/people/new',
      send: words('admin:people.create'),
      fields: [
        ['admin:people.name', name(200)],
        ['admin:people.email', EMAIL],
        ['admin:people.phone', [['0471 123', words('admin:people.phoneWrong')], ['nine', words('admin:people.phoneWrong')]]],
      ],
    },
    {
      name: 'webhook',
      page: '/admin/webhooks',
      part: 'dialog[open]',
      before: (tab) => tab.button(words('admin:webhooks.new')).first().click(),
      send: words('admin:webhooks.create'),
      fields: [
        ['admin:webhooks.url', [
          ['', REQUIRED],
          ['example.org', words('admin:webhooks.wrong.noUrl')],
          ['ftp://example.org/', words('admin:webhooks.wrong.notHttps')],
          ['https://me:secret@example.org/', words('admin:webhooks.wrong.credentials')],
          [`https://example.org/${long(2048)}`, TOO_LONG],
        ]],
      ],
    },
    {
      name: 'retention',
      page: '/admin/retention',
      part: 'section',
      // Nothing to save until something differs.
      before: (tab) => tab.field(words('admin:retention.keepDays')).first().fill('12'),
      send: words('save'),
      fields: [['admin:retention.keepDays', [['', words('admin:retention.wrong')], ['-1', words('admin:retention.wrong')], ['for ever', words('admin:retention.wrong')], ['36501', words('admin:retention.wrong')]]]],
    },
    {
      name: 'branding',
      page: '/admin/branding',
      before: (tab) => tab.field(words('admin:branding.name')).fill('Another'),
      send: words('save'),
      fields: [
        ['admin:branding.name', free(80)],
        ['admin:branding.logoText', free(24)],
        ['admin:branding.primaryColor', [['red, or so', words('admin:branding.noColour')], ['#12', words('admin:branding.noColour')]]],
        ['admin:branding.accentColor', [['', words('admin:branding.noColour')]]],
        ['admin:branding.supportEmail', FREE_EMAIL],
      ],
    },
    { name: 'test mail', page: '/admin/messages', send: words('admin:messages.sendMail'), fields: [['admin:people.email', [['nobody', NO_EMAIL]]]] },
    { name: 'test message', page: '/admin/messages', send: words('admin:messages.sendSms'), fields: [['admin:people.phone', [['nobody', words('admin:people.phoneWrong')], ['0471 123456', words('admin:people.phoneWrong')]]]] },
    {
      name: 'erasing somebody',
      page: (place) => `/admin/people/${place.other.session.user.id}`,
      part: 'dialog[open]',
      before: (tab) => tab.button(words('admin:person.erase')).click(),
      send: words('admin:person.eraseNow'),
      fields: [['admin:person.typeEmail', [['', words('admin:person.typedWrong')], ['other', words('admin:person.typedWrong')]]]],
    },
  ],
};

/** What is read out with a field as being wrong with it. */
function beside(field) {
  return field.evaluate((it) => {
    if (it.getAttribute('aria-invalid') !== 'true') return undefined;
    const ids = (it.getAttribute('aria-describedby') ?? '').split(' ').filter(Boolean);
    const said = ids.map((id) => document.getElementById(id)).filter((note) => note?.getAttribute('role') === 'alert');
    return said.filter((note) => note.checkVisibility()).map((note) => note.innerText).join(' ');
  });
}

async function put(field, value) {
  if (typeof value === 'boolean') await field.setChecked(value);
  else await field.fill(value);
}

/** What is filled in together: the cases of all fields in parallel, the last one again where there are no more. */
function rounds(fields) {
  if (fields.some(([, , right]) => right)) return fields.flatMap(([label, cases, right]) => cases.map((it) => [[label, ...it, right]]));
  const count = Math.max(...fields.map(([, cases]) => cases.length));
  return Array.from({ length: count }, (_, i) => fields.map(([label, cases]) => [label, ...cases[Math.min(i, cases.length - 1)]]));
}

/** Fills in a form with one wrong value in each field at a time, in rounds, and reads what is said beside each. */
async function refuses(tab, place, { page, part, before, send, fields }) {
  await tab.goto(typeof page === 'function' ? page(place) : page);
  await tab.settled();
  await before?.(tab);
  const form = part ? tab.page.locator(part).first() : tab.page;
  // A label in a dialog or a list may be there twice; the last one is the newest.
  const of = (label) => form.getByLabel(typeof label === 'string' ? words(label) : label).last();
  const button = send && form.getByRole('button', { name: send }).last();
  const wrong = [];
  const sent = [];
  const hear = (request) => {
    const { pathname } = new URL(request.url());
    // Asking how it would look is no change.
    if (request.method() !== 'GET' && pathname.startsWith('/api/') && !pathname.endsWith('/preview')) sent.push(`${request.method()} ${pathname}`);
  };
  tab.page.on('request', hear);
  for (const now of rounds(fields)) {
    for (const [label, value] of now) await put(of(label), value);
    await button?.click();
    for (const [label, value, said] of now) {
      let last;
      await until('words beside the field', async () => said.test((last = await beside(of(label))) ?? ''), 5000).catch(() =>
        wrong.push(`${label} with ${JSON.stringify(String(value).slice(0, 30))}: ${JSON.stringify(last)} beside it, not ${said}`),
      );
    }
    for (const [label, , , right] of now) if (right) await put(of(label), right());
  }
  wrong.push(...(await refusesMegabytes(tab, fields.map(([label]) => of(label)), button)));
  tab.page.off('request', hear);
  return [...wrong, ...sent.map((it) => `sent ${it}`)];
}

/** A megabyte that is pasted is cut to what fits, or refused in words; the page goes on. */
async function refusesMegabytes(tab, fields, button) {
  const pasted = [];
  for (const field of fields) {
    if (!(await field.evaluate((it) => it.matches('textarea, input:not([type=date], [type=time], [type=checkbox])')))) continue;
    await field.focus();
    await tab.page.keyboard.press('Control+A');
    await tab.page.keyboard.press('Control+V');
    pasted.push(field);
  }
  await button?.click();
  const wrong = [];
  for (const field of pasted) {
    const length = await field.evaluate((it) => it.value.length);
    const said = await beside(field);
    if (length > 100_000 && !said) wrong.push(`a megabyte in ${await field.getAttribute('name')} is taken`);
    if (length === 0) wrong.push(`nothing was pasted into ${await field.getAttribute('name')}`);
  }
  return wrong;
}

if (!process.env.CLIENTS_SERVER_CMD) {
  // Two at once: each waits most of the time.
  for (const two of [['anybody', 'expert'], ['customer', 'admin']]) {
    scenario(`every form refuses what is wrong, and megabytes, in words beside the field, and sends nothing: ${two.join(', ')}`, { seconds: 90 }, async () => {
      const place = await sharedOffice();
      place.asked = await place.requested({ title: 'Asked for' });
      place.offered = await place.service({ title: 'Offered' });
      const wrong = [];
      const fill = async (visitor, who) => {
        const tab = await visitor.tab();
        await tab.goto('/about');
        await tab.page.evaluate(() => navigator.clipboard.writeText('megabyte '.repeat(120_000)));
        // Forms ask before one leaves them; nothing here is worth keeping.
        tab.page.on('dialog', (it) => it.accept().catch(() => {}));
        for (const form of FORMS[who]) {
          const found = await refuses(tab, place, form).catch((error) => [error.message.split('\n').slice(0, 4).join(' ')]);
          wrong.push(...found.map((it) => `${who}, ${form.name}: ${it}`));
        }
      };
      await withVisitors(two.map((who) => place[who]), (...visitors) => Promise.all(visitors.map((it, i) => fill(it, two[i]))));
      if (wrong.length > 0) assert.fail(`\n  ${wrong.join('\n  ')}`);
      await place.customer.change(place.asked, 'cancel');
    });
  }
}

/** What only the server knows: where, what is filled in and sent, and what then stands beside which field. */
const KNOWN = {
  anybody: [
    { page: '/sign-up', fill: [['account:name', 'Another'], ['account:email', 'customer@example.org'], ['account:password', 'correct horse battery']], send: words('account:makeAccount'), said: ['account:email', words('problems:email_taken.title')] },
  ],
  customer: [
    { page: '/settings', part: '#address', fill: [['account:newAddress', 'fresh@example.org'], ['account:currentPassword', 'not this one']], send: words('account:changeAddress'), said: ['account:currentPassword', words('account:wrongPassword')] },
    { page: '/settings', part: '#password', fill: [['account:currentPassword', 'not this one'], ['account:newPassword', 'correct horse battery']], send: words('account:changePassword'), said: ['account:currentPassword', words('account:wrongPassword')] },
  ],
  expert: [
    { page: '/expert/profile', fill: [['expert:profile.slug', 'the-rival']], send: words('save'), said: ['expert:profile.slug', words('expert:profile.slugTaken')] },
  ],
  admin: [
    { page: '/admin/people/new', fill: [['admin:people.name', 'Another'], ['admin:people.email', 'customer@example.org']], send: words('admin:people.create'), said: ['admin:people.email', words('problems:email_taken.title')] },
    { page: '/admin/webhooks', open: words('admin:webhooks.new'), part: 'dialog[open]', fill: [['admin:webhooks.url', 'http://10.1.2.3/hook']], send: words('admin:webhooks.create'), said: ['admin:webhooks.url', words('admin:webhooks.wrong.refused')] },
  ],
};

/** Another expert of the place. */
async function rival(place) {
  if (!place.rival) {
    place.rival = await place.person('rival', 'expert');
    await place.rival.must('PUT', '/api/me/expert-profile', { slug: 'the-rival', headline: '', bio: '', specialities: [], languages: ['en'], published: false }, { 'if-match': '*' });
  }
  return place.rival;
}

/** Markup, and words without an end: as long as the server takes them, or `most`. */
const evil = (most) => `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`.padEnd(most, 'W');

/** Nothing of it ran or became a part of the page, and the page still fits its window. */
async function stays(tab, path, wrong) {
  await tab.goto(path);
  await tab.settled();
  for (const size of ['small', 'desktop']) {
    await tab.resize(SIZES[size]);
    wrong.push(...(await tab.layout({ touch: size === 'small' })).map((it) => `${path}, ${size}: ${it.slice(0, 200)}`));
  }
  if (/^owned/.test(await tab.page.title()) || (await tab.page.locator('img[src="x"]').count()) > 0) wrong.push(`${path}: it ran`);
  await tab.assertClean().catch((error) => wrong.push(`${path}: ${error.message}`));
  await tab.picture(`evil-${path.replace(/[^a-z]+/gi, '-').slice(1, 30)}`);
}

if (!process.env.CLIENTS_SERVER_CMD) {
  scenario('what only the server knows to be wrong stands beside its field, too', { seconds: 90 }, async () => {
    const place = await sharedOffice();
    await place.service();
    await rival(place);
    for (const [who, cases] of Object.entries(KNOWN)) {
      await withVisitors([place[who]], async (visitor) => {
        for (const { page, open, part, fill, send, said } of cases) {
          const tab = await visitor.goto(page);
          await tab.settled();
          if (open) await tab.button(open).first().click();
          const form = part ? tab.page.locator(part).first() : tab.page;
          for (const [label, value] of fill) await form.getByLabel(words(label)).last().fill(value);
          await form.getByRole('button', { name: send }).last().click();
          await until(`${page} to say ${said[1]}`, async (saw) => {
            const now = await beside(form.getByLabel(words(said[0])).last());
            saw(now);
            return said[1].test(now ?? '');
          });
          await tab.page.close({ runBeforeUnload: false });
        }
      });
    }
  });

  scenario('markup and endless words stay text in every page that shows them, and no page breaks', { seconds: 150 }, async () => {
    const place = await sharedOffice();
    const expert = await rival(place);
    const mallory = await place.person('mallory-2', 'customer');
    await mallory.must('PATCH', '/api/me', { name: evil(200) }, { 'if-match': '*' });
    await expert.must('PATCH', '/api/me', { name: evil(200) }, { 'if-match': '*' });
    const profile = { slug: 'the-rival', headline: evil(200), bio: evil(2000), specialities: [evil(60).slice(0, 60)], languages: ['en'], published: true };
    await expert.must('PUT', '/api/me/expert-profile', profile, { 'if-match': '*' });
    const service = await place.service({ title: evil(200), description: evil(1000), lobby: 'off', stepMin: 60 }, expert);
    const appointment = await place.approved({ service, note: evil(1000), participants: [{ name: evil(200), role: 'observer' }], message: evil(1000) }, mallory);
    await mallory.must('POST', `/api/appointments/${appointment.id}/messages`, { body: evil(1000) });
    await mallory.must('POST', `/api/appointments/${appointment.id}/notes`, { body: evil(1000), visibility: 'shared' });
    const asked = await place.requested({ service, note: evil(1000), slot: 8 }, mallory);
    const before = await place.admin.must('GET', '/api/branding');
    await place.admin.must('PUT', '/api/admin/branding', { ...before, name: evil(80).slice(0, 80), logoText: evil(24).slice(0, 24) });
    const wrong = [];
    try {
      await withVisitors([place.anybody, mallory, expert, place.admin], async (nobody, customer, desk, office) => {
        // A file by the page itself, with a name that no system of files has.
        const tab = await customer.goto(`/appointments/${appointment.id}`);
        await tab.settled();
        const files = tab.page.locator('input[type=file]').first();
        const name = evil(120).replaceAll('/', '-');
        // What could run is refused.
        await files.setInputFiles({ name: `${name}.svg`, mimeType: 'image/svg+xml', buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>') });
        await tab.problem();
        await files.setInputFiles({ name: `${name}.txt`, mimeType: 'text/plain', buffer: Buffer.from('Nothing bad.') });
        const link = await tab.see(tab.page.locator(`a[href*="/files/"]`));
        const got = await customer.context.request.get(new URL(await link.getAttribute('href'), tab.page.url()).href);
        const { 'content-disposition': disposition, 'x-content-type-options': sniff, 'content-security-policy': policy } = got.headers();
        assert.match(disposition, /^attachment;/);
        assert.equal(sniff, 'nosniff');
        assert.ok(policy, 'a policy of its own');
        for (const path of ['/', '/experts', '/experts/the-rival', `/experts/the-rival/book?service=${service.id}`]) await stays(await nobody.tab(), path, wrong);
        for (const path of ['/appointments', `/appointments/${appointment.id}`, '/settings']) await stays(await customer.tab(), path, wrong);
        for (const path of ['/expert', '/expert/requests', '/expert/services', '/expert/profile', `/appointments/${appointment.id}`]) await stays(await desk.tab(), path, wrong);
        for (const path of ['/admin', '/admin/people', `/admin/people/${mallory.session.user.id}`, '/admin/audit', '/admin/outbox', '/dev/mail']) await stays(await office.tab(), path, wrong);
        await place.moveTo(appointment.start);
        for (const [whose, path] of [[customer, `/call/${appointment.meetingRoomName}`], [desk, '/expert'], [customer, '/appointments']]) await stays(await whose.tab(), path, wrong);
      });
    } finally {
      await place.admin.must('PUT', '/api/admin/branding', before);
      for (const it of [appointment, asked]) await expert.change(it, 'cancel').catch(() => {});
    }
    if (wrong.length > 0) assert.fail(`\n  ${wrong.join('\n  ')}`);
  });
}
