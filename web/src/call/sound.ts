/** Sounds that the page makes and measures. */

type WithSink = HTMLAudioElement & { setSinkId?: (id: string) => Promise<void> };

/** Two soft notes out of the chosen speaker; resolves when they have faded. */
export async function playTone(speaker: string): Promise<void> {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  const now = context.currentTime + 0.05;
  for (const [frequency, at] of [
    [523.25, 0],
    [783.99, 0.35],
  ] as const) {
    const note = context.createOscillator();
    const loudness = context.createGain();
    note.frequency.value = frequency;
    loudness.gain.setValueAtTime(0, now + at);
    loudness.gain.linearRampToValueAtTime(0.25, now + at + 0.04);
    loudness.gain.exponentialRampToValueAtTime(0.001, now + at + 0.6);
    note.connect(loudness).connect(out);
    note.start(now + at);
    note.stop(now + at + 0.65);
  }
  const element: WithSink = new Audio();
  element.srcObject = out.stream;
  try {
    if (speaker) await element.setSinkId?.(speaker);
    await context.resume();
    await element.play();
    await new Promise((done) => setTimeout(done, 1200));
  } finally {
    element.srcObject = null;
    await context.close();
  }
}

/** Loudness from 0 to 1 as somebody hears it: the scale is in decibels, from silence at -60. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const rms = Math.sqrt(sum / Math.max(1, samples.length));
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) + 60) / 60));
}

/** Tells how loud a stream is, about thirty times a second, until it is told to stop. */
export function listen(stream: MediaStream, tell: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const wake = () => void context.resume();
  // Some browsers let sound be measured only after a first touch.
  document.addEventListener('pointerdown', wake);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    tell(loudness(samples));
  }, 33);
  return () => {
    clearInterval(timer);
    document.removeEventListener('pointerdown', wake);
    source.disconnect();
    void context.close();
  };
}
