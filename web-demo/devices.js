// Cameras, microphones and speakers: asking for them, listing them, and naming why one was not given.

const CAMERA = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 25 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

const constraints = {
  camera: (id) => ({ video: { ...CAMERA, ...(id && { deviceId: { exact: id } }) } }),
  microphone: (id) => ({ audio: { ...MICROPHONE, ...(id && { deviceId: { exact: id } }) } }),
};

/** The words.js code for a failed getUserMedia of `what` ("camera" or "microphone"). */
function refusal(what, error) {
  if (error.name === 'NotAllowedError' || error.name === 'SecurityError') return `${what}_denied`;
  if (error.name === 'NotFoundError' || error.name === 'OverconstrainedError') return `${what}_missing`;
  if (error.name === 'NotReadableError' || error.name === 'AbortError') return `${what}_busy`;
  return `${what}_failed`;
}

/** Opens one device; returns its track or throws an error whose `code` is in words.js. */
export async function openDevice(what, id = '') {
  try {
    const stream = await navigator.mediaDevices.getUserMedia(constraints[what](id));
    return stream.getTracks()[0];
  } catch (error) {
    // A device chosen earlier may be gone; then any other is better than none.
    if (id && error.name === 'OverconstrainedError') return openDevice(what);
    throw Object.assign(new Error(error.message), { code: refusal(what, error) });
  }
}

/**
 * Opens several devices with one question to the user where the browser can: [{what, id}] -> [{what, track | code}].
 * Where one of them cannot be had, the others still are.
 */
export async function openDevices(wanted) {
  if (wanted.length > 1) {
    try {
      const all = Object.assign({}, ...wanted.map(({ what, id }) => constraints[what](id)));
      const stream = await navigator.mediaDevices.getUserMedia(all);
      return wanted.map(({ what }) => ({
        what,
        track: (what === 'camera' ? stream.getVideoTracks() : stream.getAudioTracks())[0],
      }));
    } catch (error) {
      // A question waved away is an answer: do not ask it twice more.
      if (/dismissed/i.test(error.message)) return wanted.map(({ what }) => ({ what, code: refusal(what, error) }));
    }
  }
  return Promise.all(
    wanted.map(async ({ what, id }) => {
      try {
        return { what, track: await openDevice(what, id) };
      } catch (error) {
        return { what, code: error.code };
      }
    }),
  );
}

/** {camera, microphone, speaker}: lists of {id, label}. Labels are empty until permission was given. */
export async function listDevices() {
  const kinds = { videoinput: 'camera', audioinput: 'microphone', audiooutput: 'speaker' };
  const found = { camera: [], microphone: [], speaker: [] };
  for (const device of await navigator.mediaDevices.enumerateDevices()) {
    const kind = kinds[device.kind];
    if (kind && device.deviceId) found[kind].push({ id: device.deviceId, label: device.label });
  }
  return found;
}
