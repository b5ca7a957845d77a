"""A participant of the Python SDK that does what the lines on its standard input say.

One JSON object per line: {"id", "cmd", "args"} in, {"id", "result"} or {"id", "error"} out,
and {"event", ...} whenever the SDK reports something.
"""

import asyncio
import json
import sys

from livekit import rtc

from media import Ear, Eye, Speaker, Camera

SOURCES = {
    rtc.TrackSource.SOURCE_CAMERA: "camera",
    rtc.TrackSource.SOURCE_MICROPHONE: "microphone",
    rtc.TrackSource.SOURCE_SCREENSHARE: "screen_share",
    rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO: "screen_share_audio",
}
CODECS = {
    "vp8": rtc.VideoCodec.VP8,
    "h264": rtc.VideoCodec.H264,
    "vp9": rtc.VideoCodec.VP9,
    "av1": rtc.VideoCodec.AV1,
}
QUALITIES = {
    "low": rtc.VideoQuality.VIDEO_QUALITY_LOW,
    "medium": rtc.VideoQuality.VIDEO_QUALITY_MEDIUM,
    "high": rtc.VideoQuality.VIDEO_QUALITY_HIGH,
}


def say(message: dict) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def tell(event: str, **fields) -> None:
    say({"event": event, **fields})


def source_name(publication) -> str:
    return SOURCES.get(publication.source, "unknown")


def kind_name(kind) -> str:
    return "audio" if kind == rtc.TrackKind.KIND_AUDIO else "video"


class Puppet:
    def __init__(self) -> None:
        self.room = rtc.Room()
        self.senses: dict[str, Ear | Eye] = {}
        self.local: dict[str, tuple] = {}
        self.data_tracks: dict[str, rtc.LocalDataTrack] = {}
        self.tasks: set[asyncio.Task] = set()
        self.listen()

    def spawn(self, coroutine) -> None:
        task = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # --- events of the SDK ---

    def listen(self) -> None:
        on = self.room.on

        @on("track_subscribed")
        def _(track, publication, participant):
            kind = kind_name(publication.kind)
            sense = Ear(track) if kind == "audio" else Eye(track)
            sense.identity, sense.publication = participant.identity, publication
            self.senses[publication.sid] = sense
            tell("subscribed", identity=participant.identity, sid=publication.sid,
                 source=source_name(publication), kind=kind, mime=publication.mime_type)

        @on("track_unsubscribed")
        def _(track, publication, participant):
            sense = self.senses.pop(publication.sid, None)
            if sense:
                sense.stop()
            tell("unsubscribed", identity=participant.identity, sid=publication.sid,
                 source=source_name(publication))

        on("track_published", lambda publication, participant: tell(
            "published", identity=participant.identity, sid=publication.sid, source=source_name(publication)))
        on("track_unpublished", lambda publication, participant: tell(
            "unpublished", identity=participant.identity, sid=publication.sid, source=source_name(publication)))
        on("track_subscription_failed", lambda participant, sid, error: tell(
            "subscription-failed", identity=participant.identity, sid=sid, error=str(error)))
        on("local_track_subscribed", lambda track: tell("heard-by-someone", sid=track.sid))
        on("local_track_republished", lambda publication, previous: tell(
            "republished", sid=publication.sid, previous=previous))
        on("track_muted", lambda participant, publication: tell(
            "muted", identity=participant.identity, sid=publication.sid, source=source_name(publication)))
        on("track_unmuted", lambda participant, publication: tell(
            "unmuted", identity=participant.identity, sid=publication.sid, source=source_name(publication)))
        on("participant_connected", lambda p: tell("participant-joined", identity=p.identity))
        on("participant_disconnected", lambda p: tell(
            "participant-left", identity=p.identity,
            reason=rtc.DisconnectReason.Name(p.disconnect_reason) if p.disconnect_reason else None))
        on("active_speakers_changed", lambda speakers: tell(
            "speakers", identities=sorted(p.identity for p in speakers)))
        on("participant_metadata_changed", lambda p, old, new: tell("metadata", identity=p.identity, value=new))
        on("participant_name_changed", lambda p, old, new: tell("name", identity=p.identity, value=new))
        on("participant_attributes_changed", lambda changed, p: tell(
            "attributes", identity=p.identity, changed=dict(changed)))
        on("participant_permissions_changed", lambda p, permissions: tell("permissions", identity=p.identity))
        on("room_metadata_changed", lambda old, new: tell("room-metadata", value=new))
        on("connection_state_changed", lambda state: tell("state", value=int(state)))
        on("reconnecting", lambda: tell("reconnecting"))
        on("reconnected", lambda: tell("reconnected"))
        on("disconnected", lambda reason: tell("disconnected", reason=rtc.DisconnectReason.Name(reason)))
        on("data_track_published", self.data_track)

        @on("data_received")
        def _(packet):
            tell("data", identity=packet.participant.identity if packet.participant else None,
                 text=packet.data.decode("utf-8", "replace"), length=len(packet.data),
                 topic=packet.topic or "", reliable=packet.kind == rtc.DataPacketKind.KIND_RELIABLE)

    def data_track(self, track) -> None:
        tell("data-track", identity=track.publisher_identity, sid=track.info.sid, name=track.info.name)

        async def read():
            async for frame in track.subscribe():
                tell("data-frame", identity=track.publisher_identity, name=track.info.name,
                     text=frame.payload[:64].decode("utf-8", "replace"), length=len(frame.payload))

        self.spawn(read())

    # --- commands ---

    async def hello(self):
        return "python"

    async def join(self, url, token, mode, autoSubscribe=True, **_):
        options = rtc.RoomOptions(auto_subscribe=autoSubscribe, single_peer_connection=mode == "v1")
        try:
            await self.room.connect(url, token, options)
        except rtc.ConnectError as error:
            raise RuntimeError(f"ConnectError: {error.message}") from None
        me = self.room.local_participant
        return {"sid": me.sid, "identity": me.identity, "name": me.name,
                "metadata": me.metadata, "attributes": dict(me.attributes)}

    async def leave(self):
        for source in [entry[0] for entry in self.local.values()]:
            source.stop()
        await self.room.disconnect()

    async def publishMic(self, tone=440, **_):
        speaker = Speaker(tone)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        return await self.publish(speaker, options)

    async def publishCamera(self, width=320, height=180, fps=15, simulcast=False, codec="vp8", screen=False, **_):
        camera = Camera(width, height, fps)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_SCREENSHARE if screen else rtc.TrackSource.SOURCE_CAMERA,
            simulcast=simulcast, video_codec=CODECS[codec])
        return await self.publish(camera, options)

    async def publishScreen(self, **options):
        return await self.publishCamera(screen=True, **options)

    async def publish(self, source, options):
        publication = await self.room.local_participant.publish_track(source.track, options)
        source.start()
        self.local[publication.sid] = (source, publication)
        return {"sid": publication.sid}

    def published(self, sid):
        # A full reconnect renames the tracks; the publication object follows.
        return next(entry for key, entry in self.local.items() if sid in (key, entry[1].sid))

    async def unpublish(self, sid):
        source, publication = self.published(sid)
        source.stop()
        await self.room.local_participant.unpublish_track(publication.sid)

    async def mute(self, sid):
        self.published(sid)[0].track.mute()

    async def unmute(self, sid):
        self.published(sid)[0].track.unmute()

    async def send(self, text, reliable=True, topic="", to=()):
        await self.room.local_participant.publish_data(
            text, reliable=reliable, topic=topic, destination_identities=list(to))

    async def onText(self, topic):
        def handler(reader, identity):
            async def read():
                text = await reader.read_all()
                tell("text", identity=identity, topic=topic, text=text[:200], length=len(text))
            self.spawn(read())
        self.room.register_text_stream_handler(topic, handler)

    async def onBytes(self, topic):
        def handler(reader, identity):
            async def read():
                data = b"".join([chunk async for chunk in reader])
                tell("bytes", identity=identity, topic=topic, length=len(data), sum=sum(data), name=reader.info.name)
            self.spawn(read())
        self.room.register_byte_stream_handler(topic, handler)

    async def sendText(self, text, topic, to=()):
        await self.room.local_participant.send_text(text, topic=topic, destination_identities=list(to))

    async def sendBytes(self, length, topic, to=(), name="blob.bin"):
        data = bytes(i * 7 % 251 for i in range(length))
        await self.room.local_participant.send_bytes(data, topic=topic, name=name, destination_identities=list(to))
        return {"sum": sum(data)}

    async def rpcRegister(self, method):
        async def answer(invocation):
            if invocation.payload == "fail":
                raise rtc.RpcError(1234, "asked to fail")
            return f"{invocation.caller_identity}:{invocation.payload}"
        self.room.local_participant.register_rpc_method(method, answer)

    async def rpcCall(self, to, method, payload):
        try:
            return {"answer": await self.room.local_participant.perform_rpc(
                destination_identity=to, method=method, payload=payload)}
        except rtc.RpcError as error:
            return {"code": error.code, "message": error.message}

    async def publishDataTrack(self, name):
        track = await self.room.local_participant.publish_data_track(name=name)
        self.data_tracks[name] = track
        return {"sid": track.info.sid}

    async def pushData(self, name, text):
        self.data_tracks[name].try_push(rtc.DataTrackFrame(payload=text.encode()))

    async def setName(self, value):
        await self.room.local_participant.set_name(value)

    async def setMetadata(self, value):
        await self.room.local_participant.set_metadata(value)

    async def setAttributes(self, value):
        await self.room.local_participant.set_attributes(value)

    def remote(self, sid):
        for participant in self.room.remote_participants.values():
            if sid in participant.track_publications:
                return participant.track_publications[sid]
        raise RuntimeError(f"no remote track {sid}")

    async def subscribe(self, sid, on):
        self.remote(sid).set_subscribed(on)

    async def quality(self, sid, level):
        self.remote(sid).set_video_quality(QUALITIES[level])

    async def simulate(self, scenario):
        name = "SIMULATE_" + scenario.replace("-", "_").upper()
        await self.room.simulate_scenario(getattr(rtc.SimulateScenarioKind, name))

    async def received(self):
        return [{"sid": sid, "identity": sense.identity, "source": source_name(sense.publication),
                 **sense.report(), **await sense.stats()} for sid, sense in list(self.senses.items())]

    async def sent(self):
        result = []
        for sid, (source, publication) in self.local.items():
            for stat in await source.track.get_stats():
                if stat.WhichOneof("stats") == "outbound_rtp":
                    out = stat.outbound_rtp
                    result.append({"sid": publication.sid, "kind": out.stream.kind, "rid": out.outbound.rid,
                                   "active": out.outbound.active, "frames": out.outbound.frames_encoded,
                                   "width": out.outbound.frame_width, "packets": out.sent.packets_sent})
        return result

    async def pairs(self):
        stats = await self.room.get_rtc_stats()
        every = list(stats.publisher_stats) + list(stats.subscriber_stats)
        local = {s.local_candidate.rtc.id: s.local_candidate.candidate
                 for s in every if s.WhichOneof("stats") == "local_candidate"}
        found = []
        for stat in every:
            if stat.WhichOneof("stats") == "candidate_pair" and stat.candidate_pair.candidate_pair.nominated:
                pair = stat.candidate_pair.candidate_pair
                candidate = local.get(pair.local_candidate_id)
                found.append({"protocol": candidate.protocol if candidate else None, "received": pair.bytes_received})
        return found

    async def room_(self):
        def view(participant):
            return {"identity": participant.identity, "sid": participant.sid, "name": participant.name,
                    "metadata": participant.metadata, "attributes": dict(participant.attributes),
                    "tracks": [{"sid": p.sid, "source": source_name(p), "kind": kind_name(p.kind),
                                "muted": p.muted, "simulcasted": p.simulcasted, "mime": p.mime_type}
                               for p in participant.track_publications.values()]}
        return {"sid": await self.room.sid, "metadata": self.room.metadata, "local": view(self.room.local_participant),
                "participants": [view(p) for p in self.room.remote_participants.values()]}

    async def run(self, line: str) -> None:
        message = json.loads(line)
        name = "room_" if message["cmd"] == "room" else message["cmd"]
        try:
            say({"id": message["id"], "result": await getattr(self, name)(**message["args"])})
        except Exception as error:  # every failure is an answer; the test decides what it means
            say({"id": message["id"], "error": f"{type(error).__name__}: {error}"})


async def main() -> None:
    puppet = Puppet()
    reader = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        puppet.spawn(puppet.run(line.decode()))


asyncio.run(main())
