// The chart of the novelty: how unlike the training data the newest windows are, as a line from 0 to 1.

/** Of windows on surfaces that the model knows, 5 % have a novelty above this one. */
const NOVEL = 0.95;

const drawNovelty = (canvas, novelty) => {
  const area = prepareCanvas(canvas);
  if (!area) return;
  const { pen, width, height } = area;
  const endTime = daemonTime() - TRACE_DELAY;
  const x = traceX(area, endTime);
  const y = shareY(area);
  drawValueAxis(area, [0, NOVEL].map((value) => ({ value, text: String(value) })), y);
  drawTimeAxis(area, AXIS_WIDTH, TRACE_LENGTH, TRACE_TIMES);

  pen.save();
  pen.beginPath();
  pen.rect(AXIS_WIDTH, 0, width - AXIS_WIDTH, height - AXIS_HEIGHT + 1);
  pen.clip();
  pen.strokeStyle = theme.lines[0];
  pen.lineWidth = 1.5;
  const from = novelty.rowBefore(endTime - TRACE_LENGTH);
  for (const [begin, end] of novelty.partsWithoutGaps(from, longestPredictionGap())) {
    pen.beginPath();
    for (let row = begin; row < end; row++) pen.lineTo(x(novelty.at(row, 0)), y(novelty.at(row, 1)));
    pen.stroke();
  }
  pen.restore();
};
