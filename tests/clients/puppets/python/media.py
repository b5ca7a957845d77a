"""What the Python participant says and shows, and how it measures what it hears and sees."""

import asyncio

import numpy as np
from livekit import rtc

RATE = 48_000
FRAME = RATE // 100


class Speaker:
    """A steady tone: unlike speech it is told apart from silence, and from another's tone."""

    def __init__(self, tone: float) -> None:
        self.tone = tone
        self.source = rtc.AudioSource(RATE, 1)
        self.track = rtc.LocalAudioTrack.create_audio_track("mic", self.source)
        self.task = None

    def start(self) -> None:
        self.task = asyncio.ensure_future(self.run())

    async def run(self) -> None:
        position = 0
        while True:
            phase = 2 * np.pi * self.tone / RATE * np.arange(position, position + FRAME)
            position += FRAME
            samples = (np.sin(phase) * 10_000).astype(np.int16)
            await self.source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, FRAME))

    def stop(self) -> None:
        if self.task:
            self.task.cancel()


class Camera:
    """A bar that wanders over a grey field: every frame differs, and little has to be encoded."""

    def __init__(self, width: int, height: int, fps: int) -> None:
        self.width, self.height, self.fps = width, height, fps
        self.source = rtc.VideoSource(width, height)
        self.track = rtc.LocalVideoTrack.create_video_track("camera", self.source)
        self.task = None

    def start(self) -> None:
        self.task = asyncio.ensure_future(self.run())

    async def run(self) -> None:
        chroma = np.full(self.width * self.height // 2, 128, np.uint8).tobytes()
        count = 0
        while True:
            luma = np.full((self.height, self.width), 90, np.uint8)
            left = count * 8 % max(1, self.width - 32)
            luma[:, left:left + 32] = 200
            frame = rtc.VideoFrame(self.width, self.height, rtc.VideoBufferType.I420, luma.tobytes() + chroma)
            self.source.capture_frame(frame)
            count += 1
            await asyncio.sleep(1 / self.fps)

    def stop(self) -> None:
        if self.task:
            self.task.cancel()


class Sense:
    def __init__(self, track) -> None:
        self.track = track
        self.frames = 0
        self.task = asyncio.ensure_future(self.run())

    def stop(self) -> None:
        self.task.cancel()

    async def stats(self) -> dict:
        """Packet counts come from the SDK's statistics, the rest from the media itself."""
        found = {}
        for stat in await self.track.get_stats():
            if stat.WhichOneof("stats") == "inbound_rtp":
                received, inbound = stat.inbound_rtp.received, stat.inbound_rtp.inbound
                found = {"packets": received.packets_received, "lost": received.packets_lost,
                         "freezes": inbound.freeze_count, "freezeSeconds": inbound.total_freeze_duration,
                         "keyFrames": inbound.key_frames_decoded, "pli": inbound.pli_count,
                         "decoded": inbound.frames_decoded}
        return found


class Ear(Sense):
    energy = 0.0
    pitch = 0.0

    async def run(self) -> None:
        window = np.zeros(0)
        async for event in rtc.AudioStream(self.track, sample_rate=RATE, num_channels=1):
            samples = np.frombuffer(event.frame.data, np.int16).astype(np.float64) / 32768
            self.frames += 1
            self.energy += float(np.sum(samples**2)) / RATE
            window = np.concatenate([window, samples])[-9600:]
            rising = np.count_nonzero((window[:-1] < 0) & (window[1:] >= 0))
            self.pitch = rising * RATE / max(1, len(window))

    def report(self) -> dict:
        return {"kind": "audio", "frames": self.frames, "energy": self.energy, "pitch": self.pitch}


class Eye(Sense):
    width = 0
    height = 0

    async def run(self) -> None:
        async for event in rtc.VideoStream(self.track, capacity=2):
            self.frames += 1
            self.width, self.height = event.frame.width, event.frame.height

    def report(self) -> dict:
        return {"kind": "video", "frames": self.frames, "width": self.width, "height": self.height}
