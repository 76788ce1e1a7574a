// Can this browser, at this address, hold a call at all? Asked once, before anything is offered.

/** Returns the code of what is missing (see words.js), or null. */
export async function missing() {
  if (!window.isSecureContext) return 'insecure_context';
  const needed = [
    'VideoDecoder',
    'AudioDecoder',
    'EncodedVideoChunk',
    'EncodedAudioChunk',
    'AudioContext',
    'AudioWorkletNode',
  ];
  if (needed.some((name) => !(name in window))) return 'no_webcodecs';
  try {
    const video = await VideoDecoder.isConfigSupported({ codec: 'vp8' });
    const audio = await AudioDecoder.isConfigSupported({ codec: 'opus', sampleRate: 48000, numberOfChannels: 1 });
    return video.supported && audio.supported ? null : 'no_codec';
  } catch {
    return 'no_codec';
  }
}

/** Whether the camera's, the microphone's way to the server exists in this browser. */
export const canSendCamera = () => 'MediaStreamTrackProcessor' in window && 'VideoEncoder' in window;
export const canSendMicrophone = () => 'AudioEncoder' in window;
