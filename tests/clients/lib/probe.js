// Runs in each page of the app before its own scripts: keeps what the app itself does not show, so that a test can ask
// for it. The app does not know of it.
(() => {
  const kept = { connections: [], shift: 0, shifts: [], refused: [] };
  window.__probe = kept;

  // Not in Firefox.
  if (PerformanceObserver.supportedEntryTypes.includes('layout-shift')) {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        kept.shift += entry.value;
        const what = entry.sources.slice(0, 3).map((it) => it.node?.outerHTML?.slice(0, 60) ?? it.node?.textContent);
        kept.shifts.push(`${entry.value.toFixed(3)} at ${Math.round(entry.startTime)} ms: ${what.join(' | ')}`);
      }
    }).observe({ type: 'layout-shift', buffered: true });
  }
  document.addEventListener('securitypolicyviolation', (event) => {
    kept.refused.push(`${event.effectiveDirective}: ${event.blockedURI || event.sample}`);
  });

  const Connection = window.RTCPeerConnection;
  if (Connection) {
    window.RTCPeerConnection = class extends Connection {
      constructor(...args) {
        super(...args);
        kept.connections.push(this);
      }
    };
  }

  // A small camera: two cores carry the server and every browser of a test.
  const devices = navigator.mediaDevices;
  if (devices) {
    const real = devices.getUserMedia.bind(devices);
    devices.getUserMedia = (wanted) => {
      const small = { width: 320, height: 180, frameRate: 15 };
      const video = wanted?.video && { ...(wanted.video === true ? {} : wanted.video), ...small };
      return real({ ...wanted, ...(video && { video }) });
    };
  }

  /** What has been received over all connections so far. */
  kept.received = async () => {
    const sum = { frames: 0, energy: 0, packets: 0, widths: [] };
    for (const connection of kept.connections) {
      if (connection.connectionState === 'closed') continue;
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== 'inbound-rtp') continue;
        sum.packets += report.packetsReceived ?? 0;
        if (report.kind === 'video') {
          sum.frames += report.framesDecoded ?? 0;
          if (report.framesDecoded > 0) sum.widths.push(report.frameWidth ?? 0);
        } else {
          sum.energy += report.totalAudioEnergy ?? 0;
        }
      }
    }
    return sum;
  };
})();
