import { defineConfig } from 'vite';

/** What is served beside the app under names of its own: the service worker and the elements for other sites. */
export default defineConfig({
  resolve: { alias: { '~': new URL('./src', import.meta.url).pathname } },
  publicDir: false,
  build: {
    target: ['chrome80', 'firefox75', 'safari13.1'],
    emptyOutDir: false,
    reportCompressedSize: false,
    rollupOptions: {
      input: { sw: 'src/parts/sw.ts', embed: 'src/parts/embed.ts' },
      output: { entryFileNames: '[name].js' },
    },
  },
});
