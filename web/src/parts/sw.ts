/**
 * The service worker. It keeps the files that have their content's hash in their names, and nothing else: no page, so
 * that a new version is there at once; nothing of the API, no call, no token. Without a connection it says so. It shows
 * what is pushed, and leads from there to the appointment.
 */
import { offlinePage } from './offline';
import { landing, notice } from './push';

/** What of the worker's world is used; the compiler knows only the page's. */
interface Lasting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
interface Pushed extends Lasting {
  readonly data: { text(): string } | null;
}
interface Clicked extends Lasting {
  readonly notification: Notification;
}
interface Tab {
  readonly url: string;
  focus(): Promise<Tab>;
  navigate(url: string): Promise<Tab | null>;
}
interface Worker {
  readonly location: Location;
  readonly navigator: Navigator;
  readonly registration: ServiceWorkerRegistration;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(of: { type: 'window'; includeUncontrolled: boolean }): Promise<readonly Tab[]>;
    openWindow(url: string): Promise<Tab | null>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(kind: 'install' | 'activate', hear: (event: Lasting) => void): void;
  addEventListener(kind: 'fetch', hear: (event: Fetching) => void): void;
  addEventListener(kind: 'push', hear: (event: Pushed) => void): void;
  addEventListener(kind: 'notificationclick', hear: (event: Clicked) => void): void;
}
const worker = self as unknown as Worker;

/** Another name where what is kept, or how, is no longer the same. */
const KEPT = 'assets-1';
/** Two versions of the app, about; the oldest go first. */
const MOST = 200;
/** Larger files, such as models, are left to the browser's own cache. */
const LARGEST = 2 << 20;

worker.addEventListener('install', (event) => event.waitUntil(worker.skipWaiting()));

worker.addEventListener('activate', (event) => {
  const tidy = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)));
    await worker.clients.claim();
  };
  event.waitUntil(tidy());
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  const { origin, pathname, search } = new URL(request.url);
  if (origin !== worker.location.origin) return;
  if (pathname.startsWith('/assets/') && !search && !request.headers.has('range')) {
    event.respondWith(asset(event));
  } else if (request.mode === 'navigate') {
    event.respondWith(fetch(request).catch(() => offlinePage(worker.navigator.language)));
  }
});

/** What has its hash in the name never changes: what is kept is as good as what would come. */
async function asset(event: Fetching): Promise<Response> {
  const { request } = event;
  const cache = await caches.open(KEPT);
  const known = await cache.match(request);
  if (known) return known;
  const answer = await fetch(request);
  const size = Number(answer.headers.get('content-length') ?? 0);
  if (answer.status === 200 && answer.type === 'basic' && size <= LARGEST) {
    event.waitUntil(keep(cache, request, answer.clone()));
  }
  return answer;
}

async function keep(cache: Cache, request: Request, answer: Response): Promise<void> {
  try {
    await cache.put(request, answer);
    // They are listed in the order in which they came.
    const all = await cache.keys();
    await Promise.all(all.slice(0, Math.max(0, all.length - MOST)).map((old) => cache.delete(old)));
  } catch {
    // The disk is full, or writing was cut off: then it is fetched again.
  }
}

worker.addEventListener('push', (event) => {
  const { title, ...options } = notice(event.data?.text(), worker.location.origin);
  event.waitUntil(worker.registration.showNotification(title, options));
});

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  const data: unknown = event.notification.data;
  event.waitUntil(open(landing(data, worker.location.origin)));
});

/** Shows a page in a tab that is there, but never in one that is in a call. */
async function open(url: string): Promise<void> {
  const tabs = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  const there = tabs.find((tab) => tab.url === url);
  if (there) {
    await there.focus();
    return;
  }
  const free = tabs.find((tab) => !/^\/(call|embed|test-call)\b/.test(new URL(tab.url).pathname));
  try {
    if (free) {
      await free.navigate(url);
      await free.focus();
      return;
    }
  } catch {
    // A tab that this worker does not look after cannot be led elsewhere.
  }
  await worker.clients.openWindow(url);
}
