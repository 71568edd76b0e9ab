// What people do with the page: pausing, zooming and looking back in the charts, and filtering and opening in the overview.

/** A drag that is shorter than this many pixels is a click. */
const SHORTEST_DRAG = 4;

/** The arrow keys and buttons move the charts by this share of their range. */
const STEP_BACK = 1 / 3;

/** Ends the charts at a time, or at null lets them move on, and shows that. */
const showAt = (end) => {
  setViewEnd(end);
  const frozen = view.end !== null;
  setText(byId('pause'), frozen ? 'Resume' : 'Pause');
  byId('ahead').disabled = !frozen;
  setText(byId('stands'), frozen ? `The charts are paused at ${formatTime(view.end)}; new samples still arrive.` : '');
  drawSoon();
};

const togglePause = () => showAt(view.end === null ? viewEnd() : null);

/** Moves the charts back or ahead. From the newest time on, they move by themselves again. */
const moveBy = (steps) => {
  const end = viewEnd() + steps * STEP_BACK * view.range.length;
  showAt(end < daemonTime() - TRACE_DELAY ? end : null);
};

const showRange = (range) => {
  view.range = range;
  for (const button of byId('ranges').children) button.setAttribute('aria-pressed', String(button.textContent === range.name));
  showAt(view.end);
};

/** Lets a drag across a chart move the time that the charts show. */
const startDrag = (event) => {
  const canvas = event.target.closest('canvas');
  if (!canvas || event.button !== 0) return;
  const range = canvas.classList.contains('times') ? timelineRange() : view.range;
  const perPixel = range.length / Math.max(1, canvas.clientWidth - (range === view.range ? AXIS_WIDTH : 0));
  const [startX, startEnd] = [event.clientX, viewEnd()];
  let isDrag = false;
  const move = ({ clientX }) => {
    isDrag ||= Math.abs(clientX - startX) >= SHORTEST_DRAG;
    if (isDrag) showAt(startEnd - (clientX - startX) * perPixel);
  };
  const stop = () => {
    canvas.removeEventListener('pointermove', move);
    canvas.removeEventListener('pointerup', stop);
    canvas.removeEventListener('pointercancel', stop);
  };
  canvas.setPointerCapture(event.pointerId);
  canvas.addEventListener('pointermove', move);
  canvas.addEventListener('pointerup', stop);
  canvas.addEventListener('pointercancel', stop);
};

/** Keys that work wherever the focus is, unless something there takes keys itself. */
const handleKey = (event) => {
  const { key, target, altKey, ctrlKey, metaKey, shiftKey } = event;
  if (altKey || ctrlKey || metaKey || shiftKey || target.closest('input') || byId('tools').hidden) return;
  if (key === ' ' && !target.closest('button, a')) togglePause();
  else if (key === 'ArrowLeft') moveBy(-1);
  else if (key === 'ArrowRight' && view.end !== null) moveBy(1);
  else return;
  event.preventDefault();
};

/** Opens or closes the card of the line that was clicked, unless the click selected text of it. */
const handleLineClick = ({ target }) => {
  const robot = robots.get(target.closest('tr.line')?.dataset.stream);
  if (robot && (target.closest('button') || getSelection().isCollapsed)) toggleCard(robot);
};

const connectControls = () => {
  byId('pause').addEventListener('click', togglePause);
  byId('back').addEventListener('click', () => moveBy(-1));
  byId('ahead').addEventListener('click', () => moveBy(1));
  byId('ranges').replaceChildren(...RANGES.map((range) => {
    const button = newElement('button', '', range.name);
    button.type = 'button';
    button.addEventListener('click', () => showRange(range));
    return button;
  }));
  showRange(view.range);
  document.addEventListener('keydown', handleKey);
  document.addEventListener('pointerdown', startDrag);
  byId('lines').addEventListener('click', handleLineClick);
  byId('filter').addEventListener('input', updateLines);
  byId('only-problems').addEventListener('change', updateLines);
};
