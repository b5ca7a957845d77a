/**
 * `<visavis-booking expert="…" service="…">` and `<visavis-call room="…">` for other sites' pages: each a frame of ours.
 * See EMBEDDING.md.
 */
import { type FrameMessage, frameMessage, type HostMessage, marked } from './vocabulary';

/** Where this script comes from, and with it everything else; it may be loaded as a module or as a plain script. */
const script =
  (document.currentScript as HTMLScriptElement | null) ??
  document.querySelector<HTMLScriptElement>('script[src$="/embed.js"]');
const home = new URL(script?.src ?? location.href).origin;

const LOWEST = 240;
const HIGHEST = 4000;

abstract class Framed extends HTMLElement {
  #frame: HTMLIFrameElement | undefined;
  readonly #hear = (event: MessageEvent) => this.#heard(event);

  /** The page in the frame, below our origin; nothing where an attribute is missing that it needs. */
  protected abstract path(): string | undefined;
  protected abstract title_(): string;
  /** What the frame may use. */
  protected readonly allow: string = '';
  /** It is as high as its content. */
  protected readonly grows: boolean = false;

  connectedCallback(): void {
    window.addEventListener('message', this.#hear);
    this.#show();
  }

  disconnectedCallback(): void {
    window.removeEventListener('message', this.#hear);
    this.#frame?.remove();
    this.#frame = undefined;
  }

  attributeChangedCallback(): void {
    if (this.isConnected) this.#show();
  }

  protected say(message: HostMessage): void {
    this.#frame?.contentWindow?.postMessage(marked(message), home);
  }

  #show(): void {
    const path = this.path();
    this.#frame?.remove();
    this.#frame = undefined;
    if (!path) return;
    const address = new URL(path, home);
    // The frame speaks to this page alone.
    address.searchParams.set('origin', location.origin);
    const frame = document.createElement('iframe');
    frame.src = address.href;
    frame.title = this.title_();
    frame.allow = this.allow;
    frame.referrerPolicy = 'strict-origin-when-cross-origin';
    Object.assign(frame.style, { display: 'block', width: '100%', height: '100%', border: '0' });
    if (getComputedStyle(this).display === 'inline') this.style.display = 'block';
    if (!this.style.height) this.style.height = this.grows ? '32rem' : '40rem';
    this.append(frame);
    this.#frame = frame;
  }

  #heard({ data, origin, source }: MessageEvent): void {
    if (origin !== home || !this.#frame || source !== this.#frame.contentWindow) return;
    const message = frameMessage(data);
    if (!message) return;
    if (message.type === 'resize') {
      if (this.grows)
        this.style.height = `${Math.min(HIGHEST, Math.max(LOWEST, Math.ceil(message.height)))}px`;
    }
    if (message.type === 'ready') {
      const theme = this.getAttribute('theme');
      if (theme === 'light' || theme === 'dark') this.say({ type: 'theme', theme });
    }
    const { type, ...detail } = message;
    this.dispatchEvent(new CustomEvent<Detail>(type, { detail, bubbles: true, composed: true }));
  }
}

type Detail = Omit<FrameMessage, 'type'>;

class Booking extends Framed {
  static readonly observedAttributes = ['expert', 'service'];
  protected override readonly grows = true;

  protected override path(): string | undefined {
    const expert = this.getAttribute('expert');
    if (!expert) return undefined;
    const service = this.getAttribute('service');
    const query = service ? `?service=${encodeURIComponent(service)}` : '';
    return `/embed/booking/${encodeURIComponent(expert)}${query}`;
  }

  protected override title_(): string {
    return this.getAttribute('label') ?? 'Booking';
  }
}

class Call extends Framed {
  static readonly observedAttributes = ['room', 'token', 'appointment'];
  protected override readonly allow =
    `camera ${home}; microphone ${home}; display-capture ${home}; autoplay ${home}; fullscreen ${home}; picture-in-picture ${home}; screen-wake-lock ${home}; speaker-selection ${home}`;

  protected override path(): string | undefined {
    const room = this.getAttribute('room');
    if (!room) return undefined;
    const query = new URLSearchParams();
    const appointment = this.getAttribute('appointment');
    const token = this.getAttribute('token');
    if (appointment) query.set('appointmentId', appointment);
    if (token) query.set('token', token);
    return `/embed/call/${encodeURIComponent(room)}${[...query].length > 0 ? `?${query}` : ''}`;
  }

  protected override title_(): string {
    return this.getAttribute('label') ?? 'Video call';
  }

  /** Leaves the call. */
  leave(): void {
    this.say({ type: 'leave' });
  }
}

customElements.define('visavis-booking', Booking);
customElements.define('visavis-call', Call);
