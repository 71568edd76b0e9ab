// The chart of the samples: the mean of each channel as a line, and the range from least to most as a band around it.

/** The columns of a channel in the ring of spans, after the time. */
const spanColumns = (channel) => ({ mean: 1 + 3 * channel, least: 2 + 3 * channel, most: 3 + 3 * channel });

/** The least and the most value of all channels in some rows; 0 and 1 when there is none. */
const valueRange = (spans, begin, end) => {
  let [low, high] = [Infinity, -Infinity];
  for (let row = begin; row < end; row++) {
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
const drawChannel = (pen, spans, step, channel, begin, end, x, y) => {
  const { mean, least, most } = spanColumns(channel);
  const lineTo = (row, column) => pen.lineTo(x(spans.at(row, 0) + step / 2), y(spans.at(row, column)));
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

const drawTrace = (canvas, history, unit, stream) => {
  const area = prepareCanvas(canvas);
  if (!area) return;
  const { pen, width, height } = area;
  const endTime = viewEnd();
  const { ring: spans, begin, end, step } = history.select(endTime - view.range.length, endTime);
  if (!spans.hasTimeIn(begin, end, endTime - view.range.length, endTime)) {
    drawTimeAxis(area, AXIS_WIDTH, view.range);
    drawNote(area, view.end === null ? 'no samples' : 'this card has no samples from this time');
    describeChart(canvas, `${stream}: no samples ${describeView()}`);
    return;
  }
  const [low, high] = valueRange(spans, begin, end);
  const numbers = axisNumbers(low, high, 4);
  const [bottom, top] = [numbers[0].value, numbers[numbers.length - 1].value];
  const plotHeight = height - AXIS_HEIGHT - 6;
  const x = traceX(area, endTime);
  const y = (value) => 6 + plotHeight - ((value - bottom) / (top - bottom)) * plotHeight;
  drawValueAxis(area, numbers, y);
  drawTimeAxis(area, AXIS_WIDTH, view.range);

  pen.save();
  pen.beginPath();
  pen.rect(AXIS_WIDTH, 0, width - AXIS_WIDTH, height - AXIS_HEIGHT + 1);
  pen.clip();
  for (const [first, last] of spans.partsWithoutGaps(begin, end, 1000 * about.max_gap + 2 * step)) {
    about.channels.forEach((_, channel) => drawChannel(pen, spans, step, channel, first, last, x, y));
  }
  pen.restore();
  const range = `from ${low.toPrecision(3)} to ${high.toPrecision(3)} ${unit}`;
  describeChart(canvas, `${stream}: current ${describeView()}, ${range}`);
};
