// Draws the app's icons from their SVG, after those have changed: `CHROMIUM=/usr/bin/chromium node scripts/icons.mjs`.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const icons = new URL('../public/icons/', import.meta.url).pathname;
const browser = process.env.CHROMIUM ?? 'chromium';
const work = mkdtempSync(join(tmpdir(), 'icons-'));
const drawings = [
  ['icon.svg', 'icon-192.png', 192],
  ['icon.svg', 'icon-512.png', 512],
  ['maskable.svg', 'maskable-512.png', 512],
  ['badge.svg', 'badge-96.png', 96],
];
for (const [source, target, size] of drawings) {
  const svg = readFileSync(join(icons, source), 'utf8').replace(
    '<svg ',
    `<svg width="${size}" height="${size}" `,
  );
  const page = join(work, 'page.html');
  writeFileSync(page, `<!doctype html><body style="margin:0;line-height:0">${svg}</body>`);
  execFileSync(browser, [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--hide-scrollbars',
    '--default-background-color=00000000',
    `--user-data-dir=${join(work, 'profile')}`,
    `--window-size=${size},${size}`,
    `--screenshot=${join(icons, target)}`,
    `file://${page}`,
  ]);
}
rmSync(work, { recursive: true, force: true });
