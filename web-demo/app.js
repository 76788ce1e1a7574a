// The page: makes the parts and joins them. Data goes one way:
//
//   microphone, camera ─▶ connection ─▶ server ─▶ connection ─▶ audio player (clock) ─▶ video player ─▶ canvas
//                                                      └──────▶ transcript, perception, latency, notices
//
// What the user does goes from the buttons to the connection, and shows once it came back.

import { FLAG, KIND } from './protocol.js';
import { AudioPlayer } from './audio-player.js';
import { Connection } from './connection.js';
import { LatencyPanel } from './latency.js';
import { Media } from './media.js';
import { Notices, Refusal } from './notices.js';
import { Pace } from './pace.js';
import { Perception } from './perception.js';
import { Settings } from './settings.js';
import { Shortcuts } from './shortcuts.js';
import { missing } from './support.js';
import { Telemetry } from './telemetry.js';
import { Transcript } from './transcript.js';
import { VideoPlayer } from './video-player.js';
import * as view from './view.js';

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const TEXT_BYTES = 4096; // of one dialogue.turn

const telemetry = new Telemetry();
const notices = new Notices($('notices'));
const transcript = new Transcript({ list: $('transcript'), caption: $('caption'), empty: $('transcript-empty') });
const perception = new Perception({ root: $('perception'), latest: $('perceived-latest'), affect: $('affect') });
const latency = new LatencyPanel($('latency'), telemetry);
const pace = new Pace();
const audioPlayer = new AudioPlayer(telemetry);
let connection = null; // of the call that is on
let media, videoPlayer; // made once the browser is known to have what they need
let joinedWith = {}; // which devices the last call asked for

const settings = new Settings($('settings'), {
  device: (what, id) => media?.change(what, id),
  character: (character) => connection?.send('session.update', { character }),
  style: (style) => connection?.send('session.update', { style }),
  autoInterrupt: (on) => connection?.send('session.update', { auto_interrupt: on }),
});
const refusal = new Refusal($('refusal'), {
  retry: () => join(joinedWith),
  reload: () => location.reload(),
  lobby: () => {
    setState('lobby');
    $('join').focus();
  },
});

// ---- state ---------------------------------------------------------------------------------------------------------

function setState(state, { code, detail, until } = {}) {
  telemetry.state = state;
  view.showState(state, until);
  if (state === 'refused' || state === 'ended') refusal.show(code, detail);
  else refusal.hide();
  showControls();
}

function onConnection(state, detail) {
  if (state === 'live') onReady(detail.ready, detail.resumed);
  if (state === 'refused' || state === 'ended') {
    if (state === 'refused') telemetry.error(detail.code, detail.detail);
    leave();
  }
  setState(state, detail);
}

function onReady(ready, resumed) {
  telemetry.session = ready.session;
  telemetry.stats.connections++;
  $('session-name').textContent = ready.session;
  settings.offer(ready);
  if (resumed) {
    telemetry.stats.resumes++;
    media.keyframe();
    videoPlayer.requestKey();
  }
}

// ---- what the server says ------------------------------------------------------------------------------------------

const HANDLERS = {
  'playback.started': ({ utterance, text }) => transcript.started(utterance, text ?? ''),
  'playback.finished': ({ utterance, interrupted, position_ms }) =>
    transcript.finished(utterance, interrupted, position_ms),
  'dialogue.turn': ({ speaker, text }) => transcript.turn(speaker, text),
  'context.event': (event) => perception.event(event),
  'context.affect': (affect) => perception.affect(affect),
  'video.keyframe': ({ stream }) => {
    if (stream === 'user_video') media.keyframe();
  },
  stats: (stats) => {
    telemetry.server = stats;
    if (pace.fellBehind(stats)) notices.show('server_slow', { passing: true });
  },
  error: ({ code, message, fatal }) => {
    if (fatal) return; // the connection ends with it, and says so
    telemetry.error(code, message);
    notices.show(code, { passing: true });
    if (code === 'unknown_character') settings.refused('character');
    if (code === 'unknown_style') settings.refused('style');
  },
};

function onMessage(message) {
  telemetry.event(message);
  HANDLERS[message.type]?.(message);
  showControls();
}

function onMedia(frame) {
  if (frame.kind === KIND.AVATAR_AUDIO) audioPlayer.push(frame);
  else if (frame.kind === KIND.AVATAR_VIDEO) {
    videoPlayer.push(frame, {
      key: (frame.flags & FLAG.KEY) !== 0,
      discontinuity: (frame.flags & FLAG.DISCONTINUITY) !== 0,
    });
  }
}

// ---- a call --------------------------------------------------------------------------------------------------------

async function join({ withMic, withCamera }) {
  if (connection) return;
  joinedWith = { withMic, withCamera };
  notices.clear();
  transcript.clear();
  perception.clear();
  latency.clear();
  telemetry.newCall();
  pace.newCall();
  const start = {
    role: 'viewer',
    want: ['avatar_video', 'avatar_audio', 'events'],
    auto_interrupt: settings.values.autoInterrupt,
  };
  for (const name of ['session', 'character', 'style']) if (query.get(name)) start[name] = query.get(name);
  connection = new Connection(sessionUrl(), start, {
    state: onConnection,
    message: onMessage,
    media: onMedia,
    rtt: (rtt) => {
      telemetry.rtt = rtt;
    },
    fault: (code, detail) => telemetry.error(code, detail),
    dropped: () => {
      telemetry.stats.sendDropped++;
    },
  });
  const call = connection;
  // The context is made here, in the click, or the browser would not let it sound.
  const sound = media.openSound();
  call.open();
  const context = await sound;
  if (connection !== call) return;
  if (context) audioPlayer.attach(context);
  setTimeout(showSound, 600);
  await media.openDevices(withMic, withCamera);
  settings.refreshDevices();
}

function sessionUrl() {
  const url = new URL('v1/session', location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.search = query.get('token') ? `?${new URLSearchParams({ token: query.get('token') })}` : '';
  url.hash = '';
  return url.href;
}

// The call is over, however it came: let go of everything.
function leave() {
  connection = null;
  media.close();
  audioPlayer.detach();
  videoPlayer.clear();
  transcript.hush();
  notices.clear();
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
}

// ---- what the user does --------------------------------------------------------------------------------------------

function interrupt() {
  if (!$('interrupt').disabled) connection?.send('speech.interrupt');
}

function say(text) {
  if (!text) return false;
  if (new TextEncoder().encode(text).length > TEXT_BYTES) {
    notices.show('text_too_long', { passing: true });
    return false;
  }
  if (!connection?.send('dialogue.turn', { speaker: 'user', text })) return false;
  transcript.wrote(text);
  return true;
}

// ---- what the page shows -------------------------------------------------------------------------------------------

function showControls() {
  const { heard = false, hasMicrophone = false, seen = false, picture = null } = media ?? {};
  view.showControls({ heard, hasMicrophone, seen, speaking: transcript.speaking });
  view.showSelf(picture);
}

function showSound() {
  if (connection && media.context && media.context.state !== 'running') notices.show('sound_blocked');
  else notices.hide('sound_blocked');
}

function mediaFault(code, detail) {
  telemetry.error(code, detail);
  notices.show(code);
  showControls();
}

function sendMedia(frame, bytes) {
  if (!connection?.sendMedia(frame, bytes)) return;
  telemetry.stats[frame.kind === KIND.USER_AUDIO ? 'microphonePackets' : 'cameraFrames']++;
}

// ---- start ---------------------------------------------------------------------------------------------------------

function makeParts() {
  videoPlayer = new VideoPlayer($('avatar'), {
    clock: (at) => audioPlayer.mediaAt(at),
    onFrame: (pts) => audioPlayer.sawVideo(pts),
    shown: view.showPicture,
    askKey: () => connection?.send('video.keyframe', { stream: 'avatar_video' }),
    telemetry,
  });
  media = new Media(settings.values, {
    packet: sendMedia,
    fault: mediaFault,
    solved: (code) => notices.hide(code),
    changed: showControls,
    stateChange: showSound,
  });
}

const hangUp = () => connection?.close();
const write = () => {
  view.showPanel('conversation');
  $('say').focus();
};

function bindButtons() {
  const actions = {
    join: () => join(settings.values),
    'join-text': () => join({ withMic: false, withCamera: false }),
    'toggle-mic': () => media.toggleMicrophone(),
    'toggle-camera': () => media.toggleCamera(),
    interrupt,
    'open-settings': () => settings.open(),
    'open-shortcuts': () => $('shortcuts').showModal(),
    'hang-up': hangUp,
    'retry-now': () => connection?.retryNow(),
  };
  for (const [id, action] of Object.entries(actions)) $(id).onclick = action;
  for (const tab of document.querySelectorAll('[data-shows]')) {
    tab.onclick = () => view.showPanel(tab.dataset.shows);
  }
  $('say-form').onsubmit = (event) => {
    event.preventDefault();
    if (say($('say').value.trim())) $('say').value = '';
  };
}

function bindKeys() {
  const bare = (key, does, action) => ({
    keys: [key.toUpperCase()],
    match: (event) => event.key.toLowerCase() === key && !event.shiftKey,
    single: true,
    does,
    run: () => connection && action(),
  });
  const table = [
    bare('m', 'Microphone on or off', () => media.toggleMicrophone()),
    bare('v', 'Camera on or off', () => media.toggleCamera()),
    bare('i', 'Interrupt the avatar', interrupt),
    { ...bare('escape', 'Interrupt, also while writing', interrupt), keys: ['Esc'], single: false },
    bare('t', 'Write something', write),
    bare('s', 'Settings', () => settings.open()),
    { ...bare('?', 'This list'), match: ({ key }) => key === '?', run: () => $('shortcuts').showModal() },
    { ...bare('h', 'Hang up', hangUp), match: ({ key }) => key === 'H', keys: ['Shift', 'H'] },
  ];
  new Shortcuts(table, { list: $('shortcut-list'), enabled: () => settings.values.singleKeys });
}

telemetry.expose();
const lacking = await missing();
if (lacking) {
  telemetry.error(lacking);
  setState('refused', { code: lacking });
} else {
  makeParts();
  bindButtons();
  bindKeys();
  // Any click or key lets sound begin where the browser waited for one.
  for (const gesture of ['pointerdown', 'keydown']) addEventListener(gesture, () => media.unblock());
  addEventListener('pagehide', hangUp);
  setInterval(() => view.showLevel(media.level), 80);
  setState('lobby');
  if (query.get('autostart') === '1') join(settings.values);
}
