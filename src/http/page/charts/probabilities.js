// The chart of the probabilities: one area for each surface, stacked from 0 to 100 %.

/** Milliseconds between two predictions from which on there is a gap: the time of three predictions and one second. */
const longestPredictionGap = () => 3000 * about.hop / about.rate + 1000;

const drawProbabilities = (canvas, probabilities) => {
  const area = prepareCanvas(canvas);
  if (!area) return;
  const { pen, width, height } = area;
  const endTime = daemonTime() - TRACE_DELAY;
  const plotHeight = height - AXIS_HEIGHT - 6;
  const x = traceX(area, endTime);
  const y = shareY(area);
  pen.fillStyle = theme.grid;
  pen.fillRect(AXIS_WIDTH, 6, width - AXIS_WIDTH, plotHeight);
  pen.fillStyle = theme.text;
  pen.textAlign = 'right';
  pen.textBaseline = 'middle';
  pen.fillText('100 %', AXIS_WIDTH - 6, 9);
  pen.fillText('0 %', AXIS_WIDTH - 6, height - AXIS_HEIGHT - 3);
  drawTimeAxis(area, AXIS_WIDTH, TRACE_LENGTH, TRACE_TIMES);

  pen.save();
  pen.beginPath();
  pen.rect(AXIS_WIDTH, 0, width - AXIS_WIDTH, height - AXIS_HEIGHT);
  pen.clip();
  const from = probabilities.rowBefore(endTime - TRACE_LENGTH);
  for (const [begin, end] of probabilities.partsWithoutGaps(from, longestPredictionGap())) {
    drawStack(pen, probabilities, begin, end, x, y);
  }
  pen.restore();
};

/** Draws the areas over the rows from `begin` to before `end`, each on top of the one before. */
const drawStack = (pen, probabilities, begin, end, x, y) => {
  const heights = new Float64Array(end - begin);
  const lineTo = (row) => pen.lineTo(x(probabilities.at(row, 0)), y(heights[row - begin]));
  for (let label = 0; label < about.labels.length; label++) {
    pen.fillStyle = labelColour(label);
    pen.beginPath();
    for (let row = end - 1; row >= begin; row--) lineTo(row);
    for (let row = begin; row < end; row++) {
      heights[row - begin] += probabilities.at(row, 1 + label);
      lineTo(row);
    }
    pen.fill();
  }
};
