// What the charts have in common: a sharp canvas, the space for the axes, and their numbers and times.

/** Milliseconds of samples and probabilities that are drawn. */
const TRACE_LENGTH = 30_000;
const TRACE_TIMES = [[30_000, '−30 s'], [20_000, '−20 s'], [10_000, '−10 s'], [0, 'now']];

/** The newest end of a trace is this many milliseconds old, because later samples may still be on their way. */
const TRACE_DELAY = 250;

/** Pixels for the numbers on the left and for the times at the bottom. */
const AXIS_WIDTH = 44;
const AXIS_HEIGHT = 18;

/** Clears a canvas, sharp on the screen. Gives its size in CSS pixels, or null when it is not laid out. */
const prepareCanvas = (canvas) => {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  const scale = Math.min(devicePixelRatio || 1, 3);
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = canvas.getContext('2d');
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = `12px ${theme.font}`;
  pen.lineJoin = 'round';
  return { pen, width, height };
};

/** Where a time is across a chart of the last 30 seconds, which ends at `endTime`. */
const traceX = ({ width }, endTime) => (time) => width - ((endTime - time) / TRACE_LENGTH) * (width - AXIS_WIDTH);

/** Where a share from 0 to 1 is up a chart. */
const shareY = ({ height }) => (share) => 6 + (height - AXIS_HEIGHT - 6) * (1 - share);

/** Round numbers with equal steps from below `low` to above `high`, about `count` of them, with their text. */
const axisNumbers = (low, high, count) => {
  const roughStep = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(roughStep));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= roughStep);
  const decimals = Math.max(0, -Math.floor(Math.log10(step)));
  const numbers = [];
  for (let i = Math.floor(low / step); i <= Math.ceil(high / step); i++) {
    numbers.push({ value: i * step, text: (i * step).toFixed(Math.min(decimals, 6)) });
  }
  return numbers;
};

/** Writes times, given as [milliseconds ago, text], below a chart that begins at `left`. */
const drawTimeAxis = ({ pen, width, height }, left, length, times) => {
  pen.fillStyle = theme.text;
  pen.textBaseline = 'alphabetic';
  for (const [ago, text] of times) {
    pen.textAlign = ago === 0 ? 'right' : ago === length ? 'left' : 'center';
    pen.fillText(text, width - (ago / length) * (width - left), height - 4);
  }
};
