// What the charts have in common: a sharp canvas, the space for the axes, and their numbers and times.

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

/** Where a time is across a chart that ends at `endTime`. */
const traceX = ({ width }, endTime) => (time) => width - ((endTime - time) / view.range.length) * (width - AXIS_WIDTH);

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

/** Writes the times of a range below a chart that begins at `left`. */
const drawTimeAxis = ({ pen, width, height }, left, range) => {
  pen.fillStyle = theme.text;
  pen.textBaseline = 'alphabetic';
  for (const [ago, text] of axisTimes(range)) {
    pen.textAlign = ago === 0 ? 'right' : ago === range.length ? 'left' : 'center';
    pen.fillText(text, width - (ago / range.length) * (width - left), height - 4);
  }
};

/** Writes a few words into the middle of an empty chart. */
const drawNote = ({ pen, width, height }, text) => {
  pen.fillStyle = theme.text;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, (width + AXIS_WIDTH) / 2, (height - AXIS_HEIGHT) / 2);
};

/** At least this many milliseconds lie between two changes of the text that describes a chart to screen readers. */
const DESCRIPTION_PAUSE = 2000;

const describeChart = (canvas, description) => {
  if (canvas.ariaLabel !== description && Date.now() - (canvas.describedAt ?? 0) > DESCRIPTION_PAUSE) {
    canvas.ariaLabel = description;
    canvas.describedAt = Date.now();
  }
};
