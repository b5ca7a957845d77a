// The page of development mode: two tabs meet on it.

import assert from 'node:assert/strict';
import { openChromiumTab } from '../lib/browsers.mjs';
import { scenario } from '../lib/scenario.mjs';

const PATIENCE = { timeout: 20_000 };

const pictures = (tab, count) =>
  tab.waitForFunction(
    (wanted) => [...document.querySelectorAll('#people video')].filter((it) => it.videoWidth > 0).length === wanted,
    count,
    PATIENCE,
  );

async function joinRoom(name, room) {
  const tab = await openChromiumTab('http://127.0.0.1:7880/dev/room');
  tab.errors = [];
  tab.on('pageerror', (error) => tab.errors.push(error.message));
  await tab.fill('#name', name);
  await tab.fill('#room', room);
  // By keyboard alone, as whoever has no mouse.
  await tab.press('#room', 'Enter');
  await tab.waitForSelector('#call:not([hidden])', PATIENCE);
  return tab;
}

// The reference server has no such page.
if (!process.env.CLIENTS_SERVER_CMD) {
  scenario('two tabs of the try-out page see each other, share a screen and chat', { covers: [['chromium-v1', 'try-out page']] }, async (call) => {
    const tabs = [await joinRoom('Ada', call.room), await joinRoom('Ben', call.room)];
    const [ada, ben] = tabs;
    try {
      for (const tab of tabs) {
        await tab.click('#camera');
        await tab.click('#microphone');
      }
      for (const tab of tabs) await pictures(tab, 2);
      await ada.click('#screen');
      await pictures(ben, 3);
      await ada.fill('#message', 'good morning');
      await ada.press('#message', 'Enter');
      await ben.waitForFunction(() => document.querySelector('#messages').textContent.includes('good morning'), null, PATIENCE);
      await ada.click('#leave');
      await ben.waitForFunction(() => document.querySelectorAll('#people li').length === 1, null, PATIENCE);
      assert.equal(await ada.textContent('#status'), 'Not connected');
      assert.deepEqual(tabs.flatMap((tab) => tab.errors), []);
    } finally {
      for (const tab of tabs) await tab.context().close();
    }
  });
}
