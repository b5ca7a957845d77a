import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where `npm run dev` finds a running server; the built app is served by the server itself. */
const server = process.env.VISAVIS_URL ?? 'http://localhost:7880';

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
  build: {
    // What livekit-client needs is newer than the oldest browsers that get a page at all; older ones get a page that
    // says so (public/unsupported.js).
    target: ['chrome80', 'firefox75', 'safari13.1'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
  },
  server: {
    // The host stays what the browser said: the server compares it with the origin of what changes something.
    proxy: Object.fromEntries(
      ['/api', '/rtc', '/twirp', '/dev', '/feeds'].map((path) => [
        path,
        { target: server, ws: path === '/rtc', changeOrigin: false },
      ]),
    ),
  },
});
