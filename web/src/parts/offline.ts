/** What stands where a page would, while there is no connection. Nothing is loaded for it. */

const WORDS = {
  en: {
    title: 'No connection',
    text: 'The server cannot be reached at the moment. Check your connection; calls that are going on reconnect by themselves.',
    again: 'Try again',
  },
  de: {
    title: 'Keine Verbindung',
    text: 'Der Server ist gerade nicht zu erreichen. Prüfen Sie Ihre Verbindung; laufende Gespräche verbinden sich von selbst wieder.',
    again: 'Noch einmal versuchen',
  },
} as const;

const STYLE = `:root{color-scheme:light dark}
body{margin:0;display:grid;place-items:center;min-height:100vh;font:1rem/1.6 system-ui,sans-serif;background:#f6f7f5;color:#16211d}
main{max-width:28rem;padding:2rem;text-align:center}
svg{width:4rem;color:#1d4ed8}
h1{font-size:1.75rem;line-height:1.2}
a{display:inline-grid;place-items:center;min-height:2.75rem;padding:0 1.25rem;border-radius:.5rem;background:#1d4ed8;color:#fff;font-weight:600;text-decoration:none}
a:focus-visible{outline:3px solid currentColor;outline-offset:3px}
@media (prefers-color-scheme:dark){body{background:#101513;color:#edf2ef}svg{color:#8ea7ec}a{background:#8ea7ec;color:#000}}`;

const MARK = `<svg viewBox="0 0 32 32" fill="currentColor" aria-hidden="true"><path d="M3 9a6 6 0 0 1 6-6h3a3 3 0 0 1 3 3v17a6 6 0 0 1-6 6H6a3 3 0 0 1-3-3z"/><path opacity=".55" d="M29 9a6 6 0 0 0-6-6h-3a3 3 0 0 0-3 3v17a6 6 0 0 0 6 6h3a3 3 0 0 0 3-3z"/></svg>`;

/** The page; its link leads to the address that was asked for. */
export function offlinePage(language: string): Response {
  const tag = language.startsWith('de') ? 'de' : 'en';
  const words = WORDS[tag];
  const html = `<!doctype html><html lang="${tag}"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${words.title}</title><style>${STYLE}</style><main data-problem="offline">${MARK}<h1>${words.title}</h1><p>${words.text}</p><a href="">${words.again}</a></main></html>`;
  return new Response(html, {
    status: 503,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      // Its only style is its own, and it has no script.
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'",
    },
  });
}
