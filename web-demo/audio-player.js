// The avatar's voice: Opus -> samples -> the audio thread's ring. It keeps the call's master clock: mediaAt() says
// which presentation time is at the speaker, and the picture follows that.

import { ArrivalClock, now } from './clocks.js';
import { Playout } from './playout.js';

const RATE = 48000;
const JUMP = 5e6; // a step in presentation time that means a new time line
const REPORTS = 64; // 1.3 s: more than any output latency
const DECODING = 100; // packets in the decoder at most; more means that it hangs
const samplesOf = (us) => Math.round((us * RATE) / 1e6);

export class AudioPlayer {
  #context = null;
  #node = null;
  #decoder = null;
  #telemetry;
  #playout = new Playout();
  #contextClock = new ArrivalClock(4e6);
  #decoding = []; // presentation times of the packets in the decoder
  #reports = []; // {frame, head, still}: where the clock was, oldest first
  #edge = null; // newest presentation time of either kind
  #plan = null;

  constructor(telemetry) {
    this.#telemetry = telemetry;
  }

  /** Takes the context (48 kHz, player worklet loaded) to play into. */
  attach(context) {
    this.#context = context;
    this.#node = new AudioWorkletNode(context, 'visavis-player', { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.port.onmessage = ({ data }) => this.#report(data);
    this.#node.connect(context.destination);
    context.addEventListener('statechange', this.#restart);
    this.#restart();
  }

  detach() {
    this.#context?.removeEventListener('statechange', this.#restart);
    this.#node?.disconnect();
    if (this.#decoder?.state === 'configured') this.#decoder.close();
    this.#node = this.#context = this.#decoder = null;
    this.#decoding = [];
    this.#reports = [];
    this.#playout.reset();
    this.#edge = this.#plan = null;
  }

  get running() {
    return this.#context?.state === 'running';
  }

  /** One Opus packet. */
  push({ pts, payload }) {
    if (this.#decoder?.state !== 'configured' || this.#decoding.length >= DECODING) this.#open();
    this.#decoding.push(pts);
    this.#decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: pts, duration: 20000, data: payload }));
    this.#telemetry.stats.audioPackets++;
    this.#telemetry.stats.lastAudioPts = pts;
  }

  /** A frame of this presentation time is ready to be shown: it tells the clock how far media has come. */
  sawVideo(pts) {
    this.#arrived('video', pts);
    if (this.running) this.#node.port.postMessage({ edge: samplesOf(pts + 40000) });
  }

  /** The presentation time at the speaker at `at` (ms of performance.now()), microseconds; null: no clock runs. */
  mediaAt(at) {
    if (!this.running || this.#reports.length === 0) return null;
    const frame = this.#frameAtSpeaker(at);
    let report = this.#reports[0];
    for (const candidate of this.#reports) {
      if (candidate.frame > frame) break;
      report = candidate;
    }
    const head = report.still ? report.head : report.head + frame - report.frame;
    return Math.round((head * 1e6) / RATE);
  }

  #open() {
    if (this.#decoder?.state === 'configured') this.#decoder.close();
    this.#decoding = [];
    const decoder = new AudioDecoder({
      output: (data) => (decoder === this.#decoder ? this.#decoded(data) : data.close()),
      error: (error) => this.#telemetry.error('audio_decoder', error.message),
    });
    decoder.configure({ codec: 'opus', sampleRate: RATE, numberOfChannels: 1 });
    this.#decoder = decoder;
  }

  // One packet in, one block out. Its own timestamp is of no use: browsers count on from the first packet's, and a gap
  // between packets is lost.
  #decoded(data) {
    const samples = new Float32Array(data.numberOfFrames);
    data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
    const pts = this.#decoding.shift();
    data.close();
    this.#telemetry.tap?.audio?.(pts, samples.slice());
    this.#arrived('audio', pts);
    if (this.running) this.#node.port.postMessage({ at: samplesOf(pts), samples }, [samples.buffer]);
  }

  // Feeds the jitter plan, and hands the audio thread a new one when it changed.
  #arrived(kind, pts) {
    if (this.#edge !== null && Math.abs(pts - this.#edge) > JUMP) this.#newTimeline();
    this.#edge = Math.max(this.#edge ?? 0, pts);
    const at = now();
    this.#playout.arrived(kind, pts, at);
    if (!this.running) return;
    this.#contextClock.observe(this.#context.currentTime * 1e6, at);
    const plan = samplesOf(this.#playout.offset - this.#contextClock.offset);
    if (this.#plan === null || Math.abs(plan - this.#plan) > 48) {
      this.#plan = plan;
      this.#node.port.postMessage({ plan });
    }
    this.#telemetry.stats.delayMs = Math.round(this.#playout.delay / 1000);
  }

  #newTimeline() {
    this.#edge = null;
    this.#playout.reset();
    this.#restart();
  }

  // After silence of the device (autoplay not yet allowed, sleep) or a new time line: begin afresh.
  #restart = () => {
    this.#reports = [];
    this.#plan = null;
    this.#contextClock = new ArrivalClock(4e6);
    this.#node?.port.postMessage({ reset: true });
  };

  #report(report) {
    this.#reports.push(report);
    if (this.#reports.length > REPORTS) this.#reports.shift();
    const { stats } = this.#telemetry;
    stats.audioHeldMs = Math.round((report.held * 1000) / RATE);
    stats.audioSkippedMs = Math.round((report.skipped * 1000) / RATE);
    stats.audioLateMs = Math.round((report.late * 1000) / RATE);
  }

  // The context's frame that leaves the speaker at `at`.
  #frameAtSpeaker(at) {
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    if (contextTime > 0 && performanceTime > 0) return (contextTime + (at - performanceTime) / 1000) * RATE;
    this.#contextClock.observe(this.#context.currentTime * 1e6, now());
    return ((at * 1000 - this.#contextClock.offset) * RATE) / 1e6 - (this.#context.outputLatency || 0) * RATE;
  }
}
