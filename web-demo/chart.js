// A small live line chart on a canvas: the last minute of a few series, drawn a few times a second.

const SPAN = 60000; // milliseconds across
const STEPS = [20, 50, 100, 200, 500, 1000, 2000, 5000];

export class Chart {
  #canvas;
  #context;
  #series;

  /** series: {name: CSS custom property that holds its colour} */
  constructor(canvas, series) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    this.#series = Object.entries(series).map(([name, colour]) => ({ name, colour, points: [] }));
  }

  add(name, at, value) {
    const { points } = this.#series.find((series) => series.name === name);
    points.push({ at, value });
    while (points.length && at - points[0].at > SPAN) points.shift();
  }

  clear() {
    for (const series of this.#series) series.points.length = 0;
  }

  draw(at) {
    const { width, height } = this.#canvas.getBoundingClientRect();
    if (width === 0) return; // not shown
    const ratio = devicePixelRatio;
    const pixels = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.#canvas.width !== pixels[0] || this.#canvas.height !== pixels[1])
      [this.#canvas.width, this.#canvas.height] = pixels;

    const c = this.#context;
    const style = getComputedStyle(this.#canvas);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, width, height);
    const highest = Math.max(1, ...this.#series.flatMap(({ points }) => points.map(({ value }) => value)));
    const top = STEPS.find((step) => step >= highest) ?? highest;
    const left = 30,
      right = width - 2,
      foot = height - 4,
      head = 8;
    const x = (time) => right - ((at - time) / SPAN) * (right - left);
    const y = (value) => foot - (value / top) * (foot - head);

    c.font = `10px ${style.fontFamily}`;
    c.fillStyle = style.getPropertyValue('--muted');
    c.strokeStyle = style.getPropertyValue('--line');
    c.lineWidth = 1;
    c.textAlign = 'right';
    c.textBaseline = 'middle';
    for (const part of [0, 0.5, 1]) {
      const level = Math.round(y(top * part)) + 0.5;
      c.beginPath();
      c.moveTo(left, level);
      c.lineTo(right, level);
      c.stroke();
      c.fillText(String(top * part), left - 6, level);
    }
    c.lineJoin = 'round';
    c.lineWidth = 1.5;
    for (const { colour, points } of this.#series) {
      c.strokeStyle = style.getPropertyValue(colour);
      c.beginPath();
      for (const { at: time, value } of points) c.lineTo(x(time), y(value));
      c.stroke();
    }
  }
}
