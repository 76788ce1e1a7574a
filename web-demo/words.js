// Everything the page says when something is refused or goes wrong: one table, keyed by code.
//
// Codes that the server sends keep their wire names (protocol.js); the rest are the page's own. `title` says what
// happened, `text` what it means for the call, `fix` what the user can do, `action` what the button offers
// ("retry": call again, "reload": load the page again, null: nothing to press).

const WORDS = {
  // ---- this browser, this address ------------------------------------------------------------------------------
  insecure_context: {
    title: 'This address is not secure',
    text:
      'Browsers give camera, microphone and video codecs (WebCodecs) only to secure pages, and this one came over ' +
      'plain HTTP from another machine.',
    fix: [
      'Open the page as https://, with TLS switched on at the server.',
      'On the server machine itself, use http://localhost instead of its network address.',
      'From elsewhere, forward the port: ssh -L 8080:localhost:8080 server, then open http://localhost:8080.',
    ],
    action: 'reload',
  },
  no_webcodecs: {
    title: 'This browser cannot run the call',
    text: 'It lacks WebCodecs, which the page needs to decode the avatar’s picture and voice.',
    fix: [
      'Use a current Chrome, Edge or another Chromium browser (version 108 or later).',
      'On a managed machine, ask whether WebCodecs was switched off by policy.',
    ],
    action: 'reload',
  },
  no_codec: {
    title: 'A codec is missing',
    text: 'This browser has WebCodecs but cannot decode VP8 or Opus.',
    fix: ['Use a current Chrome, Edge or another Chromium browser.'],
    action: 'reload',
  },
  no_audio_output: {
    title: 'No sound on this device',
    text: 'The browser could not open an audio output. The picture goes on without sound.',
    fix: ['Connect a speaker or headphones, then choose it in Settings.'],
    action: null,
  },
  sound_blocked: {
    title: 'Sound is waiting for you',
    text: 'The browser starts sound only after a click or key press.',
    fix: ['Click anywhere, or press any key.'],
    action: null,
  },

  // ---- camera and microphone -----------------------------------------------------------------------------------
  camera_denied: {
    title: 'Camera not allowed',
    text: 'The call goes on without your picture.',
    fix: ['Allow the camera in the site settings (the icon left of the address), then press Camera again.'],
    action: null,
  },
  camera_missing: {
    title: 'No camera found',
    text: 'The call goes on without your picture.',
    fix: ['Connect a camera, then press Camera.'],
    action: null,
  },
  camera_busy: {
    title: 'Camera in use',
    text: 'Another program holds the camera. The call goes on without your picture.',
    fix: ['Close the other program, then press Camera.'],
    action: null,
  },
  camera_lost: {
    title: 'Camera disconnected',
    text: 'The camera stopped. The call goes on without your picture.',
    fix: ['Connect it again or choose another in Settings.'],
    action: null,
  },
  camera_failed: {
    title: 'Camera cannot be sent',
    text: 'The browser could not read or encode the camera’s picture.',
    fix: ['Choose another camera in Settings, or go on without one.'],
    action: null,
  },
  microphone_denied: {
    title: 'Microphone not allowed',
    text: 'The avatar cannot hear you. You can still write to it.',
    fix: ['Allow the microphone in the site settings (the icon left of the address), then press Mic again.'],
    action: null,
  },
  microphone_missing: {
    title: 'No microphone found',
    text: 'The avatar cannot hear you. You can still write to it.',
    fix: ['Connect a microphone, then press Mic.'],
    action: null,
  },
  microphone_busy: {
    title: 'Microphone in use',
    text: 'Another program holds the microphone. You can still write.',
    fix: ['Close the other program, then press Mic.'],
    action: null,
  },
  microphone_lost: {
    title: 'Microphone disconnected',
    text: 'The microphone stopped. You can still write.',
    fix: ['Connect it again or choose another in Settings.'],
    action: null,
  },
  microphone_failed: {
    title: 'Microphone cannot be sent',
    text: 'The browser could not read or encode the microphone.',
    fix: ['Choose another microphone in Settings, or go on in writing.'],
    action: null,
  },

  devices_denied: {
    title: 'Camera and microphone not allowed',
    text: 'You can still write to the avatar.',
    fix: [
      'To be seen and heard, allow both in the site settings (the icon left of the address), then press Mic or Camera.',
    ],
    action: null,
  },
  devices_missing: {
    title: 'No camera, no microphone',
    text: 'You can still write to the avatar.',
    fix: ['To be seen and heard, connect them, then press Mic or Camera.'],
    action: null,
  },

  // ---- connection ----------------------------------------------------------------------------------------------
  unreachable: {
    title: 'The server does not answer',
    text: 'No connection could be made.',
    fix: ['Check that the server is running and that your network lets WebSockets through.'],
    action: 'retry',
  },
  handshake_refused: {
    title: 'The server refused the connection',
    text: 'It is running, but did not accept this page’s call.',
    fix: [
      'Open the page from the server’s own address; other origins are refused.',
      'Ask whoever runs the server for a current link.',
    ],
    action: 'retry',
  },
  connection_lost: {
    title: 'The connection is gone',
    text: 'It could not be restored within 60 seconds, so the server has let the conversation go.',
    fix: ['Check your network, then call again.'],
    action: 'retry',
  },
  ended_by_server: {
    title: 'The call has ended',
    text: 'The other side closed the conversation.',
    fix: [],
    action: 'retry',
  },
  hung_up: {
    title: 'You hung up',
    text: 'Camera and microphone are off.',
    fix: [],
    action: 'retry',
  },

  // ---- refusals by the server ----------------------------------------------------------------------------------
  unauthorized: {
    title: 'This link does not let you in',
    text: 'Its token is missing, has expired, or is for another session or role.',
    fix: ['Ask for a fresh link.', 'If you run the server, make one with: visavis token'],
    action: 'retry',
  },
  role_taken: {
    title: 'Someone is already in this call',
    text: 'This session has one viewer, and another window or person is it.',
    fix: ['Close the other window, then try again.', 'Or open the page with another ?session= name.'],
    action: 'retry',
  },
  server_full: {
    title: 'The server is full',
    text: 'It carries as many calls as it can without making them stutter.',
    fix: ['Try again in a minute.'],
    action: 'retry',
  },
  server_slow: {
    title: 'The server does not keep up',
    text: 'It makes pictures more slowly than they are shown, so the avatar stutters.',
    fix: ['On the server, visavis doctor tells what the machine can do.'],
    action: null,
  },
  draining: {
    title: 'The server is shutting down',
    text: 'It takes no new calls.',
    fix: ['Try again in a minute.'],
    action: 'retry',
  },
  resume_unknown: {
    title: 'The call could not be resumed',
    text: 'The server no longer knows this conversation.',
    fix: ['Start a new call.'],
    action: 'retry',
  },
  unknown_character: {
    title: 'No such character',
    text: 'The server does not have the character that was asked for.',
    fix: ['Choose one in Settings, or open the page without ?character='],
    action: 'retry',
  },
  unknown_style: {
    title: 'No such style',
    text: 'The server does not have the style that was asked for.',
    fix: ['Choose one in Settings, or open the page without ?style='],
    action: 'retry',
  },
  unsupported: {
    title: 'Not possible here',
    text: 'This server or avatar cannot do that.',
    fix: [],
    action: 'retry',
  },
  rate_limited: {
    title: 'Too much at once',
    text: 'The server closed the call because too many messages or connections came from here.',
    fix: ['Close other windows of this page, wait a moment, then call again.'],
    action: 'retry',
  },
  too_slow: {
    title: 'The network is too slow',
    text: 'The avatar’s picture and voice could not be delivered in time.',
    fix: ['Move closer to the access point or use a faster network, then call again.'],
    action: 'retry',
  },
  too_large: {
    title: 'Message too large',
    text: 'Something larger than the server takes was sent.',
    fix: ['Call again; shorten long texts.'],
    action: 'retry',
  },
  bad_media: {
    title: 'A media packet was damaged',
    text: 'The server could not decode some of your sound or picture. The call goes on.',
    fix: [],
    action: null,
  },
  bad_field: {
    title: 'The server did not accept that',
    text: 'A value was out of range.',
    fix: [],
    action: 'retry',
  },
  text_too_long: {
    title: 'That text is too long',
    text: 'At most 4096 bytes can be said at once.',
    fix: ['Say it in two parts.'],
    action: null,
  },
  internal: {
    title: 'The server had a fault',
    text: 'It was not caused by you; the server’s log says more.',
    fix: ['Call again.'],
    action: 'retry',
  },
  version_mismatch: {
    title: 'Page and server do not match',
    text: 'They speak different versions of the protocol, most likely because the server was updated.',
    fix: ['Load the page again.'],
    action: 'reload',
  },
};

const UNKNOWN = {
  title: 'Something was refused',
  text: 'The server gave a reason that this page does not know.',
  fix: [],
  action: 'retry',
};

// Errors by which the server says that page and server disagree on the protocol itself.
const PROTOCOL_FAULTS = new Set([
  'truncated',
  'bad_version',
  'bad_kind',
  'bad_codec',
  'bad_flags',
  'bad_length',
  'bad_utf8',
  'bad_json',
  'unknown_type',
  'missing_field',
  'bad_direction',
  'not_started',
  'already_started',
  'too_many_errors',
]);

/** The words for a code: {code, title, text, fix, action}. Unknown codes get general words. */
export function words(code) {
  const entry = WORDS[code] ?? (PROTOCOL_FAULTS.has(code) ? WORDS.version_mismatch : UNKNOWN);
  return { code, ...entry };
}

/** Whether the table has words of its own for `code`. */
export const known = (code) => code in WORDS || PROTOCOL_FAULTS.has(code);
