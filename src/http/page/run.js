// Starts the page: the connection, the timers and the drawing of the charts.

/** At least this many milliseconds lie between two drawings; more for people who asked for less motion. */
const FRAME_PAUSE = 45;
const REDUCED_FRAME_PAUSE = 1000;

const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');

let drawnAt = 0;

const drawCards = (time) => {
  if (time - drawnAt >= (reducedMotion.matches ? REDUCED_FRAME_PAUSE : FRAME_PAUSE)) {
    drawnAt = time;
    for (const card of cards.values()) if (card.visible) card.draw();
  }
  requestAnimationFrame(drawCards);
};

darkScheme.addEventListener('change', readTheme);
readTheme();
connect();
setInterval(checkConnection, 1000);
setInterval(updateCards, 500);
requestAnimationFrame(drawCards);
