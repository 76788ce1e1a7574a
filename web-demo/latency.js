// The latency panel: what the telemetry says, four times a second, in figures and as a chart of the last minute.

import { Chart } from './chart.js';
import { quantile } from './telemetry.js';

const EVERY = 250;
const NONE = '–';
const ms = (value, digits = 0) => (value === null || value === undefined ? NONE : `${value.toFixed(digits)} ms`);

export class LatencyPanel {
  #telemetry;
  #figure;
  #chart;

  /** root holds an element with data-figure for every figure, and the chart's canvas. */
  constructor(root, telemetry) {
    this.#telemetry = telemetry;
    this.#figure = Object.fromEntries(
      [...root.querySelectorAll('[data-figure]')].map((node) => [node.dataset.figure, node]),
    );
    this.#chart = new Chart(root.querySelector('canvas'), { rtt: '--series-1', interval: '--series-2' });
    setInterval(() => this.#refresh(), EVERY);
  }

  clear() {
    this.#chart.clear();
  }

  #set(name, figure, more = '') {
    const text = document.createElement('span');
    text.textContent = `${figure} `;
    const small = document.createElement('small');
    small.textContent = more;
    this.#figure[name].replaceChildren(text, small);
  }

  #refresh() {
    if (document.hidden || this.#telemetry.state === 'lobby') return;
    const { stats, rtt, server, intervals } = this.#telemetry;
    const skews = stats.skewMs.map(Math.abs);
    const recent = intervals.slice(-25);
    const atServer = server ? server.dropped.video + server.dropped.camera + server.dropped.audio : 0;
    this.#set('rtt', ms(rtt === null ? null : rtt / 1000, 1));
    this.#set(
      'interval',
      ms(quantile(recent, 0.5)),
      recent.length ? `p95 ${quantile(recent, 0.95).toFixed(0)}` : '',
    );
    this.#set('skew', ms(quantile(skews, 0.5), 1), skews.length ? `p99 ${quantile(skews, 0.99).toFixed(0)}` : '');
    this.#set('speech', ms(server && server.speech_to_frame_ms > 0 ? server.speech_to_frame_ms : null));
    this.#set('buffer', ms(stats.delayMs || null));
    this.#set('drops', String(stats.framesDropped + stats.sendDropped + atServer));

    const at = performance.now();
    if (rtt !== null) this.#chart.add('rtt', at, rtt / 1000);
    if (recent.length)
      this.#chart.add('interval', at, recent.reduce((sum, value) => sum + value, 0) / recent.length);
    this.#chart.draw(at);
  }
}
