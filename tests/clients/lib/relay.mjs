// A bad line for one participant: a UDP relay before the server's media port, which lets no more through than it is
// told to. What is too much waits in a queue, and is lost when the queue is full, as in a real line's narrowest place.

import dgram from 'node:dgram';
import { IP } from './server.mjs';

/** The server's media port in development mode. */
const MEDIA = 7882;

export class Relay {
  /** Bits per second towards the participant; none for whatever comes. */
  #rate;
  /** Milliseconds that the queue holds, and that everything takes. */
  #depth = 300;
  #delay = 20;
  /** When the narrow place is free, in milliseconds. */
  #free = 0;
  #near;
  /** One socket towards the server for each address of the participant's. */
  #far = new Map();
  /** Datagrams towards the participant that the full queue lost. */
  lost = 0;

  static async open() {
    const relay = new Relay();
    relay.#near = await bound();
    relay.#near.on('message', (datagram, from) => relay.#up(datagram, from));
    relay.port = relay.#near.address().port;
    return relay;
  }

  /** Carries no more than this from now on; without a figure, everything. */
  cap(kbps) {
    this.#rate = kbps && kbps * 1000;
  }

  /** What a page needs to know to go this way instead of straight on. */
  get way() {
    return { from: MEDIA, to: this.port };
  }

  #up(datagram, { address, port }) {
    const name = `${address}:${port}`;
    let far = this.#far.get(name);
    if (!far) {
      far = bound().then((socket) => {
        socket.on('message', (datagram) => this.#down(datagram, port, address));
        return socket;
      });
      this.#far.set(name, far);
    }
    far.then((socket) => setTimeout(() => send(socket, datagram, MEDIA, IP), this.#delay));
  }

  #down(datagram, port, address) {
    const now = performance.now();
    let due = now;
    if (this.#rate) {
      const begins = Math.max(now, this.#free);
      if (begins - now > this.#depth) {
        this.lost++;
        return;
      }
      // With the headers of UDP and IP.
      due = begins + ((datagram.length + 28) * 8000) / this.#rate;
      this.#free = due;
    }
    setTimeout(() => send(this.#near, datagram, port, address), due - now + this.#delay);
  }

  async close() {
    for (const far of [this.#near, ...(await Promise.all(this.#far.values()))]) far.close();
    this.#near = undefined;
  }
}

async function bound() {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
  // A port that nobody listens on any more is no reason to end.
  socket.on('error', () => {});
  await new Promise((ok) => socket.bind(0, IP, ok));
  return socket;
}

function send(socket, datagram, port, address) {
  try {
    socket?.send(datagram, port, address);
  } catch {
    // Closed meanwhile.
  }
}
