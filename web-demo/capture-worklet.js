// The microphone, in blocks of 20 ms. Runs on the audio thread; mixes whatever channels come to one.

const BLOCK = 960;

class CaptureProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
  }

  process(inputs) {
    const channels = inputs[0];
    if (channels.length === 0) return true;
    const size = channels[0].length;
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled++] = sum / channels.length;
      if (this.filled === BLOCK) {
        // `end` is the context's frame after the block's last sample.
        this.port.postMessage({ end: currentFrame + i + 1, samples: this.block }, [this.block.buffer]);
        this.block = new Float32Array(BLOCK);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('visavis-capture', CaptureProcessor);
