// The chart of the decided surfaces: a bar in time, in the colour and with the name of each surface.

/** Draws each change until the next one; the newest until the stream ended, or until now. */
const drawTimeline = (canvas, changes, endedAt) => {
  const area = prepareCanvas(canvas);
  if (!area) return;
  const { pen, width, height } = area;
  const range = timelineRange();
  const endTime = view.end ?? daemonTime();
  const plotHeight = height - AXIS_HEIGHT;
  const x = (time) => Math.max(0, width - ((endTime - time) / range.length) * width);
  pen.fillStyle = theme.grid;
  pen.fillRect(0, 0, width, plotHeight);
  const surfaces = changes.filter(({ surface }, index) => surface !== changes[index - 1]?.surface);
  surfaces.forEach((change, index) => {
    const until = Math.min(surfaces[index + 1]?.at ?? endedAt ?? endTime, endTime);
    if (until < endTime - range.length || change.at > endTime || change.surface === null) return;
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
  drawTimeAxis(area, 0, range);
  describeChart(canvas, `Decided surfaces ${describeView(range)}; the list below has the newest`);
};
