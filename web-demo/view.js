// The page around the call: which part is shown in which state, what the controls say, and what moves by the clock.

const $ = (id) => document.getElementById(id);

const STATE_TEXT = {
  loading: 'Loading',
  lobby: 'Not connected',
  connecting: 'Connecting',
  live: 'Connected',
  reconnecting: 'Reconnecting',
  refused: 'Not connected',
  ended: 'Call ended',
};
const IN_CALL = new Set(['connecting', 'live', 'reconnecting']);

let state = 'loading';
let pictured = false; // there is a picture of the avatar
let startedAt = null; // milliseconds of performance.now()
let resumeUntil = null;

/** Shows the page for `state`; `until` is when reconnecting gives up (ms of performance.now()). */
export function showState(next, until = null) {
  if (!IN_CALL.has(next)) startedAt = null;
  else if (next === 'live') startedAt ??= performance.now();
  state = next;
  resumeUntil = next === 'reconnecting' ? until : null;
  document.body.dataset.state = state;
  $('state-text').textContent = STATE_TEXT[state];
  document.querySelector('main').inert = !IN_CALL.has(state);
  $('lobby').hidden = state !== 'lobby';
  $('retry-now').hidden = state !== 'reconnecting';
  showVeil();
  tick();
}

/** Whether there is a picture of the avatar: until the first one there is nothing to look at. */
export function showPicture(is) {
  if (is === pictured) return;
  pictured = is;
  document.body.dataset.picture = pictured;
  showVeil();
}

function showVeil() {
  const waiting = state === 'live' && !pictured;
  $('veil').hidden = state !== 'connecting' && state !== 'reconnecting' && !waiting;
  $('veil-text').textContent = waiting ? 'Waiting for the picture' : STATE_TEXT[state];
}

/** Shows one of the three panels where there is room for one only. */
export function showPanel(name) {
  document.body.dataset.panel = name;
  for (const tab of document.querySelectorAll('[data-shows]')) {
    tab.setAttribute('aria-pressed', tab.dataset.shows === name);
  }
}

function showSwitch(id, icon, on, label) {
  const button = $(id);
  button.setAttribute('aria-pressed', on);
  button.setAttribute('aria-label', label);
  button.title = label;
  button.querySelector('use').setAttribute('href', `#i-${icon}${on ? '' : '-off'}`);
}

/** Brings the controls up to date with the user's media and with whether the avatar speaks. */
export function showControls({ heard, hasMicrophone, seen, speaking }) {
  const offer = hasMicrophone ? 'Unmute microphone' : 'Turn microphone on';
  showSwitch('toggle-mic', 'mic', heard, heard ? 'Mute microphone' : offer);
  showSwitch('toggle-camera', 'camera', seen, seen ? 'Turn camera off' : 'Turn camera on');
  $('self-view').dataset.on = seen;
  $('self-muted').hidden = heard;
  $('interrupt').disabled = state !== 'live' || !speaking;
  $('say').disabled = $('say-send').disabled = state !== 'live';
  document.body.dataset.speaking = speaking;
}

/** Shows the camera's track in the self view, or nothing. */
export function showSelf(track) {
  const shown = $('self').srcObject?.getTracks()[0] ?? null;
  if (shown !== track) $('self').srcObject = track ? new MediaStream([track]) : null;
}

/** The microphone's level, 0 to 1. */
export function showLevel(level) {
  if (state === 'live') $('toggle-mic').style.setProperty('--level', level.toFixed(2));
}

// A breath of the picture's colours behind it.
function showAmbient() {
  const ambient = $('ambient').getContext('2d');
  ambient.globalAlpha = 0.25;
  ambient.drawImage($('avatar'), 0, 0, 8, 8);
}

function duration() {
  const seconds = Math.floor((performance.now() - startedAt) / 1000);
  return [Math.floor(seconds / 60), seconds % 60].map((value) => String(value).padStart(2, '0')).join(':');
}

function tick() {
  $('duration').textContent = startedAt === null ? '' : duration();
  if (resumeUntil !== null) {
    const left = Math.max(0, Math.ceil((resumeUntil - performance.now()) / 1000));
    $('veil-text').textContent = `The connection was lost. Reconnecting, ${left} s left`;
  }
  if (state === 'live' && pictured && !document.hidden) showAmbient();
}

setInterval(tick, 500);
