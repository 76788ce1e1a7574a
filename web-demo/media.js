// The user's side of a call: the audio context, the microphone and the camera, on and off.
//
// A call works with either, both or none: whatever cannot be had is named by a code of words.js, and the rest goes on.

import { CODEC, KIND } from './protocol.js';
import { Camera } from './camera.js';
import { openDevice, openDevices } from './devices.js';
import { Microphone } from './microphone.js';
import { canSendCamera, canSendMicrophone } from './support.js';
import { known } from './words.js';

const CAUSES = ['denied', 'missing', 'busy', 'lost', 'failed'];

export class Media {
  #values;
  #on;
  #speaking = null; // the Microphone; made with the context
  #camera;
  #open = false; // a call is on
  #calls = 0;
  context = null;

  /**
   * @param values  the settings' values: which devices were chosen
   * @param on      {packet(frame, bytes), fault(code, detail), solved(code), changed(), stateChange()}
   */
  constructor(values, on) {
    this.#values = values;
    this.#on = on;
    this.#camera = new Camera(
      (pts, key, bytes) => on.packet({ kind: KIND.USER_VIDEO, codec: CODEC.VP8, key, pts }, bytes),
      (code, detail) => on.fault(code, detail),
    );
  }

  get heard() {
    return this.#speaking !== null && !this.#speaking.muted;
  }
  get hasMicrophone() {
    return Boolean(this.#speaking?.track);
  }
  get seen() {
    return this.#camera.track !== null;
  }
  get level() {
    return this.heard ? this.#speaking.level : 0;
  }
  /** The camera's stream for the self view, or null. */
  get picture() {
    return this.#camera.track;
  }

  /** The next camera frame becomes a key frame. */
  keyframe() {
    this.#camera.keyframe();
  }

  /** Begins a call's sound; returns the running or waiting context, or null. Called in the user's click. */
  async openSound() {
    this.#open = true;
    this.#calls++;
    try {
      if (!this.context) {
        const made = new AudioContext({ sampleRate: 48000, latencyHint: 'interactive' });
        await Promise.all(
          ['player-worklet.js', 'capture-worklet.js'].map((name) => made.audioWorklet.addModule(name)),
        );
        this.context = made;
        this.#speaking = new Microphone(
          made,
          (pts, bytes) => this.#on.packet({ kind: KIND.USER_AUDIO, codec: CODEC.OPUS, pts }, bytes),
          (code, detail) => this.#on.fault(code, detail),
        );
        if (this.#values.speaker) await this.chooseSpeaker(this.#values.speaker);
        made.addEventListener('statechange', () => this.#on.stateChange());
      }
      this.unblock();
    } catch (error) {
      this.#on.fault('no_audio_output', error.message);
    }
    return this.context;
  }

  /** Lets sound begin where the browser waited for a click. Its promise may stay pending: it is not waited for. */
  unblock() {
    if (this.#open) this.context?.resume().catch(() => {});
  }

  /** Asks for the devices wanted, with one question where the browser can. */
  async openDevices(withMic, withCamera) {
    const call = this.#calls;
    const wanted = [];
    if (withMic && canSendMicrophone() && this.#speaking)
      wanted.push({ what: 'microphone', id: this.#values.microphone });
    else if (withMic) this.#on.fault('microphone_failed');
    if (withCamera && canSendCamera()) wanted.push({ what: 'camera', id: this.#values.camera });
    else if (withCamera) this.#on.fault('camera_failed');
    const opened = await openDevices(wanted);
    if (!this.#open || call !== this.#calls) {
      for (const { track } of opened) track?.stop();
      return;
    }
    for (const { what, track } of opened) if (track) this.#use(what, track);
    const codes = opened.map(({ code }) => code).filter(Boolean);
    // The same trouble with both is one trouble.
    const causes = new Set(codes.map((code) => code.split('_')[1]));
    const [cause] = causes;
    if (codes.length === 2 && causes.size === 1 && known(`devices_${cause}`)) this.#on.fault(`devices_${cause}`);
    else for (const code of codes) this.#on.fault(code);
  }

  async toggleMicrophone() {
    if (!this.hasMicrophone) return this.#add('microphone');
    this.#speaking.muted = !this.#speaking.muted;
    this.#on.changed();
  }

  async toggleCamera() {
    if (!this.seen) return this.#add('camera');
    this.#camera.stop();
    this.#on.changed();
  }

  /** The user chose another device; it takes over at once if its kind is in use. */
  change(what, id) {
    if (what === 'speaker') return this.chooseSpeaker(id);
    if (what === 'camera' ? this.seen : this.hasMicrophone) return this.#add(what);
  }

  async chooseSpeaker(id) {
    await this.context?.setSinkId?.(id).catch((error) => this.#on.fault('no_audio_output', error.message));
  }

  /** The call is over: lets go of every device. */
  close() {
    this.#open = false;
    this.#speaking?.stop();
    this.#camera.stop();
    this.context?.suspend().catch(() => {});
  }

  async #add(what) {
    const call = this.#calls;
    if (what === 'microphone' ? !this.#speaking || !canSendMicrophone() : !canSendCamera()) {
      this.#on.fault(`${what}_failed`);
      return;
    }
    try {
      const track = await openDevice(what, this.#values[what]);
      if (this.#open && call === this.#calls) this.#use(what, track);
      else track.stop();
    } catch (error) {
      this.#on.fault(error.code, error.message);
    }
  }

  #use(what, track) {
    for (const cause of CAUSES) for (const whose of [what, 'devices']) this.#on.solved(`${whose}_${cause}`);
    try {
      (what === 'microphone' ? this.#speaking : this.#camera).start(track);
    } catch (error) {
      track.stop();
      this.#on.fault(`${what}_failed`, error.message);
    }
    this.#on.changed();
  }
}
