import { useEffect } from 'react';
import { type FrameMessage, type HostMessage, hostMessage, marked, originOf } from '~/parts/vocabulary';

/** The site around this frame, as its element has said; nothing where this page is no frame. */
const host =
  window.parent === window ? undefined : originOf(new URLSearchParams(location.search).get('origin'));

/** Tells the page around. A wrong origin in the address only loses the message. */
export function tellHost(message: FrameMessage): void {
  if (host) window.parent.postMessage(marked(message), host);
}

/** Hears the page around, once it has been told that somebody listens. */
export function useHost(hear: (message: HostMessage) => void): void {
  useEffect(() => {
    const listen = ({ data, origin, source }: MessageEvent) => {
      if (origin !== host || source !== window.parent) return;
      const message = hostMessage(data);
      if (message) hear(message);
    };
    window.addEventListener('message', listen);
    tellHost({ type: 'ready' });
    return () => window.removeEventListener('message', listen);
  }, [hear]);
}

/** Tells the page around how high the content is, whenever that changes. */
export function useHeight(): void {
  useEffect(() => {
    if (!('ResizeObserver' in window)) return;
    const root = document.getElementById('main') ?? document.body;
    const observer = new ResizeObserver(() => tellHost({ type: 'resize', height: root.scrollHeight }));
    observer.observe(root);
    return () => observer.disconnect();
  }, []);
}
