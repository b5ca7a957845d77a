// A TCP relay between one participant and the server's HTTP port.
//
// It does two things that no SDK offers: it shows which signal path a client really took (a client
// that meets a 404 on /rtc/v1 falls back to /rtc without a word), and it can cut the WebSocket the
// way a network does, without a close frame.

import net from 'node:net';
import { gunzipSync } from 'node:zlib';
import { JoinRequest, WrappedJoinRequest, WrappedJoinRequest_Compression } from '@livekit/protocol';
import { UPSTREAM } from './server.mjs';

export class Tap {
  /** Signal connections in order: {path, version: 'v0'|'v1', resume: boolean} */
  sessions = [];
  #links = new Set();
  #down = false;
  #listener;
  #upstream;

  /** A relay to the server's port; another port is that of a server of the test's own. */
  static async open(upstream = UPSTREAM) {
    const tap = new Tap();
    tap.#upstream = upstream;
    tap.#listener = net.createServer((near) => tap.#relay(near));
    await new Promise((ok) => tap.#listener.listen(0, '127.0.0.1', ok));
    tap.url = `ws://127.0.0.1:${tap.#listener.address().port}`;
    return tap;
  }

  #relay(near) {
    if (this.#down) return near.destroy();
    const far = net.connect(this.#upstream, '127.0.0.1');
    const link = { near, far };
    this.#links.add(link);
    const end = () => {
      near.destroy();
      far.destroy();
      this.#links.delete(link);
    };
    let head = '';
    const look = (chunk) => {
      head += chunk.toString('latin1');
      const line = head.indexOf('\r\n');
      if (line < 0) return;
      near.off('data', look);
      this.#note(head.slice(0, line).split(' ')[1] ?? '');
    };
    near.on('data', look);
    near.pipe(far);
    far.pipe(near);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('close', end);
      socket.on('error', end);
    }
  }

  #note(target) {
    const url = new URL(target, 'http://server');
    if (!/\/rtc(\/v1)?$/.test(url.pathname)) return;
    const version = url.pathname.endsWith('/v1') ? 'v1' : 'v0';
    let resume = url.searchParams.get('reconnect') === '1';
    const packed = url.searchParams.get('join_request');
    if (packed) resume = decodeJoinRequest(packed).reconnect;
    this.sessions.push({ path: url.pathname, version, resume });
  }

  /** Severs what is open now; the client may connect again at once. */
  cut() {
    for (const { near, far } of this.#links) {
      near.destroy();
      far.destroy();
    }
  }

  /** Severs and refuses until `up()`. */
  down() {
    this.#down = true;
    this.cut();
  }

  up() {
    this.#down = false;
  }

  close() {
    this.#listener.close();
    this.cut();
  }
}

export function decodeJoinRequest(packed) {
  const wrapped = WrappedJoinRequest.fromBinary(Buffer.from(packed, 'base64url'));
  const gzip = wrapped.compression === WrappedJoinRequest_Compression.GZIP;
  return JoinRequest.fromBinary(gzip ? gunzipSync(wrapped.joinRequest) : wrapped.joinRequest);
}

export function encodeJoinRequest(request) {
  const wrapped = new WrappedJoinRequest({ joinRequest: request.toBinary() });
  return Buffer.from(wrapped.toBinary()).toString('base64url');
}
