// Sites beside the office's: one that shows its pages in a frame, one that is told of what happens there.

import http from 'node:http';

/** Where the first site stands; the office's settings allow it to embed, and no other. */
export const ALLOWED = { host: '127.0.0.1', port: 7990 };
export const origin = ({ host, port }) => `http://${host}:${port}`;

/** What an office must be told of these sites. */
export const SETTINGS = `embedding: {origins: ['${origin(ALLOWED)}']}\nwebhooks: {allow_networks: ['127.0.0.0/8']}`;

async function listen(place, answer) {
  const server = http.createServer(answer);
  await new Promise((ok) => server.listen(place.port, place.host, ok));
  return server;
}

const shut = (server) => {
  server.closeAllConnections();
  return new Promise((ok) => server.close(ok));
};

/** Serves one page, and keeps which events its elements have sent in `window.heard`. */
export async function withSite(html, place, body) {
  const page = `<!doctype html><html lang="en"><title>Another site</title><body>${html}<script>
    window.heard = [];
    for (const type of ['ready', 'resize', 'booked', 'joined', 'left', 'problem']) {
      document.addEventListener(type, (event) => heard.push({ type, ...event.detail }));
    }
  </script></body></html>`;
  const server = await listen(place, (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page));
  try {
    return await body(origin(place));
  } finally {
    await shut(server);
  }
}

/** Takes what is sent to it: `{ headers, body }` in order. `refuse` makes it answer with a fault. */
export async function withReceiver(body) {
  const receiver = { taken: [], refuse: false };
  const server = await listen({ host: '127.0.0.1', port: 0 }, (request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      receiver.taken.push({ headers: request.headers, body: text });
      response.writeHead(receiver.refuse ? 410 : 204).end();
    });
  });
  receiver.url = `http://127.0.0.1:${server.address().port}/hook`;
  try {
    return await body(receiver);
  } finally {
    await shut(server);
  }
}
