// The chart of the decided surfaces: a bar in time, in the colour and with the name of each surface.

/** Milliseconds of decided surfaces that are drawn. */
const TIMELINE_LENGTH = 300_000;
const TIMELINE_TIMES = [[300_000, '−5 min'], [180_000, '−3 min'], [60_000, '−1 min'], [0, 'now']];

/** Draws each change until the next one; the newest until the stream ended, or until now. */
const drawTimeline = (canvas, changes, endedAt) => {
  const area = prepareCanvas(canvas);
  if (!area) return;
  const { pen, width, height } = area;
  const endTime = daemonTime();
  const plotHeight = height - AXIS_HEIGHT;
  const x = (time) => Math.max(0, width - ((endTime - time) / TIMELINE_LENGTH) * width);
  pen.fillStyle = theme.grid;
  pen.fillRect(0, 0, width, plotHeight);
  changes.forEach((change, index) => {
    const until = changes[index + 1]?.at ?? endedAt ?? endTime;
    if (until < endTime - TIMELINE_LENGTH || change.surface === null) return;
    const [left, right] = [x(change.at), x(until)];
    const colour = surfaceColour(change.surface);
    pen.fillStyle = colour;
    pen.fillRect(left, 0, Math.max(1, right - left - 1), plotHeight);
    if (pen.measureText(change.surface).width < right - left - 10) {
      pen.fillStyle = readableOn(colour);
      pen.textAlign = 'left';
      pen.textBaseline = 'middle';
      pen.fillText(change.surface, left + 5, plotHeight / 2 + 1);
    }
  });
  drawTimeAxis(area, 0, TIMELINE_LENGTH, TIMELINE_TIMES);
};
