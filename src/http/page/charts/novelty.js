// The chart of the novelty: how unlike the training data the newest windows are, as a line from 0 to 1.

/** Of windows on surfaces that the model knows, 5 % have a novelty above this one. */
const NOVEL = 0.95;

const drawNovelty = (canvas, history) => {
  const area = prepareCanvas(canvas);
  if (!area) return;
  const { pen, width, height } = area;
  const endTime = viewEnd();
  const x = traceX(area, endTime);
  const y = shareY(area);
  drawValueAxis(area, [0, NOVEL].map((value) => ({ value, text: String(value) })), y);
  drawTimeAxis(area, AXIS_WIDTH, view.range);
  describeChart(canvas, `Novelty of the windows ${describeView()}; the number below is the newest`);

  pen.save();
  pen.beginPath();
  pen.rect(AXIS_WIDTH, 0, width - AXIS_WIDTH, height - AXIS_HEIGHT + 1);
  pen.clip();
  pen.strokeStyle = theme.lines[0];
  pen.lineWidth = 1.5;
  const { ring, begin, end, step } = history.select(endTime - view.range.length, endTime);
  for (const [first, last] of ring.partsWithoutGaps(begin, end, longestPredictionGap(step))) {
    pen.beginPath();
    for (let row = first; row < last; row++) pen.lineTo(x(ring.at(row, 0)), y(ring.at(row, 1)));
    pen.stroke();
  }
  pen.restore();
};
