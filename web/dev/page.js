// The page of `visavis serve --dev`: one room, cameras, microphones, a screen and a chat.

import { ConnectionState, Room, RoomEvent, Track } from "livekit-client";

const CHAT = "lk.chat";
const MOST_MESSAGES = 200;

const $ = (id) => document.getElementById(id);
const here = { name: $("name"), room: $("room"), people: $("people"), messages: $("messages") };

/** The call that goes on, if one does. */
let room = null;

here.name.value = sessionStorage.getItem("name") ?? "";
here.room.value = decodeURIComponent(location.hash.slice(1)) || here.room.value;
here.name.focus();

$("join").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = $("join").querySelector("button");
  button.disabled = true;
  try {
    await join(here.name.value.trim(), here.room.value.trim());
  } catch (error) {
    say(`Could not join: ${error.message}`, true);
  }
  button.disabled = false;
});

async function join(name, roomName) {
  sessionStorage.setItem("name", name);
  history.replaceState(null, "", `#${encodeURIComponent(roomName)}`);
  say("Connecting…");

  // Two tabs of one person are two participants.
  const identity = `${name}-${Math.random().toString(36).slice(2, 8)}`;
  const wanted = new URLSearchParams({ room: roomName, identity, name });
  const answer = await fetch(`/dev/token?${wanted}`);
  if (!answer.ok) throw new Error(await answer.text());

  const joined = new Room({ adaptiveStream: true, dynacast: true });
  listen(joined);
  await joined.connect(location.origin.replace(/^http/, "ws"), await answer.text());
  room = joined;
  $("join").hidden = true;
  $("call").hidden = false;
  await room.startAudio().catch(() => {});
  draw();
  $("microphone").focus();
}

function listen(joined) {
  for (const event of [
    RoomEvent.ParticipantConnected, RoomEvent.ParticipantDisconnected, RoomEvent.ParticipantNameChanged,
    RoomEvent.TrackSubscribed, RoomEvent.TrackUnsubscribed, RoomEvent.TrackMuted, RoomEvent.TrackUnmuted,
    RoomEvent.LocalTrackPublished, RoomEvent.LocalTrackUnpublished, RoomEvent.ActiveSpeakersChanged,
  ]) {
    joined.on(event, draw);
  }
  joined.on(RoomEvent.TrackUnsubscribed, (track) => track.detach());
  joined.on(RoomEvent.ConnectionStateChanged, (state) => {
    if (state === ConnectionState.Connected) say(`In “${here.room.value}”`);
    else if (state !== ConnectionState.Disconnected) say("Reconnecting…", true);
  });
  joined.on(RoomEvent.Disconnected, () => {
    room = null;
    here.people.replaceChildren();
    here.messages.replaceChildren();
    $("call").hidden = true;
    $("join").hidden = false;
    say("Not connected");
    here.name.focus();
  });
  joined.on(RoomEvent.MediaDevicesError, (error) => say(`No access: ${error.message}`, true));
  joined.registerTextStreamHandler(CHAT, async (reader, from) => {
    const text = await reader.readAll();
    show(joined.getParticipantByIdentity(from.identity)?.name || from.identity, text);
  });
}

/** Brings tiles and buttons up to date. Elements stay as long as what they show does. */
function draw() {
  if (!room) return;
  const everybody = [room.localParticipant, ...room.remoteParticipants.values()];
  const tiles = everybody.flatMap((person) => {
    const screen = person.getTrackPublication(Track.Source.ScreenShare);
    const camera = { person, source: Track.Source.Camera };
    return screen?.track ? [{ person, source: Track.Source.ScreenShare }, camera] : [camera];
  });
  const old = new Map([...here.people.children].map((tile) => [tile.dataset.key, tile]));
  here.people.replaceChildren(...tiles.map(({ person, source }) => {
    const key = `${person.sid}/${source}`;
    const tile = old.get(key) ?? newTile(key);
    fill(tile, person, source);
    return tile;
  }));
  listenTo(everybody.filter((person) => person !== room.localParticipant));

  const { localParticipant: me } = room;
  press("microphone", me.isMicrophoneEnabled);
  press("camera", me.isCameraEnabled);
  press("screen", me.isScreenShareEnabled);
}

function newTile(key) {
  const tile = document.createElement("li");
  tile.dataset.key = key;
  tile.append(document.createElement("span"));
  return tile;
}

function fill(tile, person, source) {
  const publication = person.getTrackPublication(source);
  const track = publication?.isMuted ? undefined : publication?.videoTrack;
  const video = tile.querySelector("video");
  if (track && video?.dataset.sid !== track.sid) {
    video?.remove();
    const fresh = track.attach();
    fresh.dataset.sid = track.sid;
    fresh.muted = true;
    fresh.classList.toggle("mirrored", person.isLocal && source === Track.Source.Camera);
    tile.prepend(fresh);
  } else if (!track) {
    video?.remove();
  }
  const what = source === Track.Source.ScreenShare ? " – screen" : person.isLocal ? " (you)" : "";
  const silent = source === Track.Source.Camera && !person.isMicrophoneEnabled ? " · muted" : "";
  tile.querySelector("span").textContent = `${person.name || person.identity}${what}${silent}`;
  tile.classList.toggle("speaking", person.isSpeaking);
}

/** Sound has no place on the page, but needs an element to come out of. */
function listenTo(others) {
  for (const person of others) {
    for (const { track } of person.audioTrackPublications.values()) {
      if (track && track.attachedElements.length === 0) track.attach();
    }
  }
}

function press(id, pressed) {
  $(id).setAttribute("aria-pressed", String(pressed));
}

function say(text, bad = false) {
  $("status").textContent = text;
  $("status").classList.toggle("bad", bad);
}

function show(from, text) {
  const line = document.createElement("li");
  const who = document.createElement("b");
  who.textContent = from;
  line.append(who, ` ${text}`);
  here.messages.append(line);
  if (here.messages.childElementCount > MOST_MESSAGES) here.messages.firstElementChild.remove();
  here.messages.scrollTop = here.messages.scrollHeight;
}

const toggles = {
  microphone: (me) => me.setMicrophoneEnabled(!me.isMicrophoneEnabled),
  camera: (me) => me.setCameraEnabled(!me.isCameraEnabled),
  screen: (me) => me.setScreenShareEnabled(!me.isScreenShareEnabled, { audio: true }),
};

for (const [id, toggle] of Object.entries(toggles)) {
  $(id).addEventListener("click", async () => {
    $(id).disabled = true;
    try {
      await toggle(room.localParticipant);
    } catch (error) {
      say(`${$(id).textContent}: ${error.message}`, true);
    }
    $(id).disabled = false;
    draw();
  });
}

$("leave").addEventListener("click", () => room?.disconnect());

$("chat").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = $("message").value.trim();
  if (!text || !room) return;
  $("message").value = "";
  try {
    await room.localParticipant.sendText(text, { topic: CHAT });
    show("You", text);
  } catch (error) {
    say(`Not sent: ${error.message}`, true);
  }
});
