// The chart of the samples: the mean of each channel as a line, and the range from least to most as a band around it.

/** At least this many milliseconds lie between two changes of the text that describes the chart to screen readers. */
const DESCRIPTION_PAUSE = 2000;

/** The columns of a channel in the ring of spans, after the time. */
const spanColumns = (channel) => ({ mean: 1 + 3 * channel, least: 2 + 3 * channel, most: 3 + 3 * channel });

/** The least and the most value of all channels from one row on; 0 and 1 when there is none. */
const valueRange = (spans, from) => {
  let [low, high] = [Infinity, -Infinity];
  for (let row = from; row < spans.length; row++) {
    for (let channel = 0; channel < about.channels.length; channel++) {
      const { least, most } = spanColumns(channel);
      if (!Number.isNaN(spans.at(row, least))) low = Math.min(low, spans.at(row, least));
      if (!Number.isNaN(spans.at(row, most))) high = Math.max(high, spans.at(row, most));
    }
  }
  if (low > high) return [0, 1];
  return high - low < 1e-9 ? [low - 0.5, high + 0.5] : [low, high];
};

const drawValueAxis = ({ pen, width, height }, numbers, y) => {
  pen.strokeStyle = theme.grid;
  pen.fillStyle = theme.text;
  pen.lineWidth = 1;
  pen.textAlign = 'right';
  pen.textBaseline = 'middle';
  for (const { value, text } of numbers) {
    const lineY = Math.round(y(value)) + 0.5;
    pen.beginPath();
    pen.moveTo(AXIS_WIDTH, lineY);
    pen.lineTo(width, lineY);
    pen.stroke();
    pen.fillText(text, AXIS_WIDTH - 6, Math.min(Math.max(lineY, 6), height - AXIS_HEIGHT));
  }
};

/** Draws one channel's band and line over the rows from `begin` to before `end`. */
const drawChannel = (pen, spans, channel, begin, end, x, y) => {
  const { mean, least, most } = spanColumns(channel);
  const lineTo = (row, column) => pen.lineTo(x(spans.at(row, 0) + spanLength / 2), y(spans.at(row, column)));
  pen.fillStyle = pen.strokeStyle = theme.lines[channel % 4];
  pen.setLineDash(channel >= 4 ? [4, 3] : []);
  pen.globalAlpha = 0.3;
  pen.beginPath();
  for (let row = begin; row < end; row++) lineTo(row, most);
  for (let row = end - 1; row >= begin; row--) lineTo(row, least);
  pen.fill();
  pen.globalAlpha = 1;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (let row = begin; row < end; row++) lineTo(row, mean);
  pen.stroke();
};

const drawTrace = (canvas, spans, unit, stream) => {
  const area = prepareCanvas(canvas);
  if (!area) return;
  const { pen, width, height } = area;
  const endTime = daemonTime() - TRACE_DELAY;
  const from = spans.rowBefore(endTime - TRACE_LENGTH);
  const [low, high] = valueRange(spans, from);
  const numbers = axisNumbers(low, high, 4);
  const [bottom, top] = [numbers[0].value, numbers[numbers.length - 1].value];
  const plotHeight = height - AXIS_HEIGHT - 6;
  const x = traceX(area, endTime);
  const y = (value) => 6 + plotHeight - ((value - bottom) / (top - bottom)) * plotHeight;
  drawValueAxis(area, numbers, y);
  drawTimeAxis(area, AXIS_WIDTH, TRACE_LENGTH, TRACE_TIMES);

  pen.save();
  pen.beginPath();
  pen.rect(AXIS_WIDTH, 0, width - AXIS_WIDTH, height - AXIS_HEIGHT + 1);
  pen.clip();
  for (const [begin, end] of spans.partsWithoutGaps(from, 1000 * about.max_gap + 2 * spanLength)) {
    about.channels.forEach((_, channel) => drawChannel(pen, spans, channel, begin, end, x, y));
  }
  pen.restore();
  const range = `from ${low.toPrecision(3)} to ${high.toPrecision(3)} ${unit}`;
  describeTrace(canvas, `${stream}: current over the last 30 seconds, ${range}`);
};

const describeTrace = (canvas, description) => {
  if (canvas.ariaLabel !== description && Date.now() - (canvas.describedAt ?? 0) > DESCRIPTION_PAUSE) {
    canvas.ariaLabel = description;
    canvas.describedAt = Date.now();
  }
};
