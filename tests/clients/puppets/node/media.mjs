// What the Node participant says and shows, and how it measures what it hears and sees.

import * as rtc from '@livekit/rtc-node';

const RATE = 48_000;
const FRAME = RATE / 100;

/** A steady tone: unlike speech it is told apart from silence, and from another's tone. */
export class Speaker {
  #source = new rtc.AudioSource(RATE, 1);
  #going = false;

  constructor(tone) {
    this.tone = tone;
    this.track = rtc.LocalAudioTrack.createAudioTrack('mic', this.#source);
  }

  async start() {
    this.#going = true;
    for (let position = 0; this.#going; position += FRAME) {
      const samples = Int16Array.from({ length: FRAME }, (_, i) =>
        Math.sin((2 * Math.PI * this.tone * (position + i)) / RATE) * 10_000);
      // Resolves at the pace of playout, which makes this loop a clock.
      await this.#source.captureFrame(new rtc.AudioFrame(samples, RATE, 1, FRAME));
    }
  }

  stop() {
    this.#going = false;
  }
}

/** A bar that wanders over a grey field: every frame differs, and little has to be encoded. */
export class Camera {
  #timer;
  #count = 0;

  constructor(width, height, fps) {
    Object.assign(this, { width, height, fps });
    this.source = new rtc.VideoSource(width, height);
    this.track = rtc.LocalVideoTrack.createVideoTrack('camera', this.source);
  }

  start() {
    this.#timer = setInterval(() => this.#draw(), 1000 / this.fps);
  }

  #draw() {
    const { width, height } = this;
    const data = new Uint8Array((width * height * 3) / 2).fill(128);
    data.fill(90, 0, width * height);
    const left = (this.#count++ * 8) % (width - 32);
    for (let y = 0; y < height; y++) data.fill(200, y * width + left, y * width + left + 32);
    this.source.captureFrame(new rtc.VideoFrame(data, width, height, rtc.VideoBufferType.I420));
  }

  stop() {
    clearInterval(this.#timer);
  }
}

class Sense {
  frames = 0;
  #reader;

  constructor(stream, take) {
    this.#reader = stream.getReader();
    this.#read(take);
  }

  async #read(take) {
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      this.frames++;
      take(value);
    }
  }

  stop() {
    this.#reader.cancel().catch(() => {});
  }
}

export class Ear extends Sense {
  constructor(track) {
    super(new rtc.AudioStream(track, RATE, 1), (frame) => this.#take(frame));
    this.energy = 0;
    this.pitch = 0;
    this.window = [];
  }

  #take({ data }) {
    for (const sample of data) {
      this.energy += (sample / 32768) ** 2 / RATE;
      this.window.push(sample);
    }
    if (this.window.length < 9600) return;
    let rising = 0;
    for (let i = 1; i < this.window.length; i++) if (this.window[i - 1] < 0 && this.window[i] >= 0) rising++;
    this.pitch = (rising * RATE) / this.window.length;
    this.window = [];
  }

  report() {
    return { kind: 'audio', frames: this.frames, energy: this.energy, pitch: this.pitch };
  }
}

export class Eye extends Sense {
  constructor(track) {
    super(new rtc.VideoStream(track), ({ frame }) => {
      this.width = frame.width;
      this.height = frame.height;
    });
    this.width = 0;
    this.height = 0;
  }

  report() {
    return { kind: 'video', frames: this.frames, width: this.width, height: this.height };
  }
}
