// Starts the page: the connection, the timers and the drawing of the charts.

/** At least this many milliseconds lie between two drawings; more where the charts move slowly or stand still, and for
 * people who asked for less motion. */
const FRAME_PAUSE = 45;
const SLOW_FRAME_PAUSE = 500;
const REDUCED_FRAME_PAUSE = 1000;

const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

let drawnAt = 0;

/** Draws the charts at the next frame. */
const drawSoon = () => {
  drawnAt = 0;
};

const framePause = () => {
  if (reducedMotion.matches) return REDUCED_FRAME_PAUSE;
  return view.end !== null || view.range !== RANGES[0] ? SLOW_FRAME_PAUSE : FRAME_PAUSE;
};

const drawCards = (time) => {
  if (time - drawnAt >= framePause()) {
    drawnAt = time;
    for (const { card } of robots.values()) if (card?.visible) card.draw();
  }
  requestAnimationFrame(drawCards);
};

darkScheme.addEventListener('change', readTheme);
readTheme();
recallOpened();
connectControls();
connect();
setInterval(checkConnection, 1000);
setInterval(updateRobots, 500);
setInterval(updateLines, 1000);
requestAnimationFrame(drawCards);
