// The chart of the probabilities: one area for each surface, stacked from 0 to 100 %, and pale where none was decided.

/** Milliseconds between two rows from which on there is a gap: the time of three predictions, one second and a row. */
const longestPredictionGap = (step) => 3000 * about.hop / about.rate + 1000 + step;

const drawProbabilities = (canvas, history) => {
  const area = prepareCanvas(canvas);
  if (!area) return;
  const { pen, width, height } = area;
  const endTime = viewEnd();
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
  drawTimeAxis(area, AXIS_WIDTH, view.range);
  describeChart(canvas, `Probability of each surface ${describeView()}; the list below has the newest`);

  pen.save();
  pen.beginPath();
  pen.rect(AXIS_WIDTH, 0, width - AXIS_WIDTH, height - AXIS_HEIGHT);
  pen.clip();
  const { ring, begin, end, step } = history.select(endTime - view.range.length, endTime);
  for (const [first, last] of ring.partsWithoutGaps(begin, end, longestPredictionGap(step))) {
    drawStack(pen, ring, first, last, x, y);
    paleUndecided(pen, ring, first, last, x, plotHeight);
  }
  pen.restore();
};

/** Covers the rows in which no surface was decided, so that a confident window does not look like a decision. */
const paleUndecided = (pen, ring, begin, end, x, plotHeight) => {
  const isDecided = (row) => ring.at(row, 1 + about.labels.length) !== 0;
  pen.fillStyle = theme.grid;
  pen.globalAlpha = 0.8;
  for (let row = begin; row < end; row++) {
    const first = row;
    while (row < end && !isDecided(row)) row++;
    if (row === first) continue;
    const [left, right] = [first, Math.min(row, end - 1)].map((edge) => x(ring.at(edge, 0)));
    pen.fillRect(left, 6, right - left, plotHeight);
  }
  pen.globalAlpha = 1;
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
