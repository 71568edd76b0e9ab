// All robots: few have a card each; of more, there is an overview with a line each, and cards where they are opened.

/** Robots that are shown. The daemon follows as many streams unless it is configured otherwise. */
const MAX_ROBOTS = 1024;

/** Up to this many robots have a card each, without an overview. */
const MAX_WITHOUT_OVERVIEW = 6;

/** Cards that are drawn at once. Opening one more closes the one that was opened first. */
const MAX_CARDS = 24;

/** A robot stays for this many milliseconds after its stream ended. */
const ENDED_ROBOT_STAYS = 10_000;

/** The trace of an open card whose samples the daemon sends only on request is asked for again after so many milliseconds. */
const ASK_AGAIN_AFTER = 20_000;

/** The names of the robots whose cards are open in the overview, in the order in which they were opened. */
const opened = new Set();

/** The robots in the order of their names; null when it has to be worked out again. */
let ordered = null;
const byName = new Intl.Collator('en', { numeric: true });

/** Whether there are too many robots for a card each. */
let hasOverview = false;

/** Notes which cards are on the screen or near it, because only those are drawn. */
const visibility = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const card = robots.get(entry.target.dataset.stream)?.card;
    if (card) card.visible = entry.isIntersecting;
  }
}, { rootMargin: '200px' });

/** The robot with this stream, which is made when there is none; null when there are too many. */
const robotOf = (stream) => {
  const known = robots.get(stream);
  if (known) return known;
  if (robots.size >= MAX_ROBOTS) {
    byId('more').hidden = false;
    setText(byId('more'), `More than ${formatCount(MAX_ROBOTS)} robots: the others are on MQTT and in /metrics.`);
    return null;
  }
  const robot = new Robot(stream);
  robots.set(stream, robot);
  arrangeSoon();
  return robot;
};

const removeRobot = (robot) => {
  closeCard(robot);
  robot.line?.remove();
  robots.delete(robot.name);
  byId('more').hidden = true;
  arrangeSoon();
};

let isArranging = false;

/** Arranges cards and lines once all events are handled that have come together. */
const arrangeSoon = () => {
  ordered = null;
  if (isArranging) return;
  isArranging = true;
  queueMicrotask(() => {
    isArranging = false;
    arrange();
  });
};

/** Gives each robot the card and the line that it should have. */
const arrange = () => {
  hasOverview = robots.size > MAX_WITHOUT_OVERVIEW;
  byId('fleet').hidden = !hasOverview;
  byId('none').hidden = robots.size > 0;
  ordered ??= [...robots.values()].sort((a, b) => byName.compare(a.name, b.name));
  for (const robot of ordered) {
    if (hasOverview !== (robot.line !== null)) {
      robot.line?.remove();
      robot.line = hasOverview ? new Line(robot) : null;
      if (robot.card) robot.line?.setCard(robot.card);
    }
    const isOpen = !hasOverview || opened.has(robot.name);
    if (isOpen && !robot.card) openCard(robot);
    else if (!isOpen) closeCard(robot);
  }
  if (!hasOverview) byId('streams').append(...ordered.filter((robot) => !isInPlace(robot)).map(({ card }) => card.element));
  byId('tools').hidden = !ordered.some(({ card }) => card);
  updateLines();
};

/** Whether the cards up to this robot's stand in the order of the names already. Moving a card would drop its focus. */
const isInPlace = (robot) => byId('streams').children[ordered.indexOf(robot)] === robot.card.element;

const openCard = (robot) => {
  robot.card = new Card(robot);
  visibility.observe(robot.card.element);
  robot.line?.setCard(robot.card);
  robot.card.updateAges();
  askForTrace(robot);
};

const closeCard = (robot) => {
  if (!robot.card) return;
  visibility.unobserve(robot.card.element);
  robot.card.element.remove();
  robot.card = null;
  robot.line?.setCard(null);
};

/** Asks the daemon for the samples and predictions of the last half minute. */
const askForTrace = async (robot) => {
  const { card } = robot;
  card.askedAt = Date.now();
  try {
    const answer = await fetch(`trace?stream=${encodeURIComponent(robot.name)}`);
    if (!answer.ok) return;
    const { spans, predictions, beyond } = await answer.json();
    card.mergeKept(spans, predictions);
    card.beyond = beyond;
  } catch {
    // The connection is lost, which is told at the top of the page.
  }
};

/** Opens or closes the card of a robot in the overview. */
const toggleCard = (robot) => {
  if (!opened.delete(robot.name)) opened.add(robot.name);
  byId('more').hidden = opened.size <= MAX_CARDS;
  if (opened.size > MAX_CARDS) {
    const [first] = opened;
    opened.delete(first);
    setText(byId('more'), `At most ${MAX_CARDS} cards can be open at once, so the card of ${first} was closed.`);
  }
  rememberOpened();
  arrange();
};

/** Keeps in this tab, over a reload, which cards are open. A browser may forbid it. */
const rememberOpened = () => {
  try {
    sessionStorage.setItem('opened', JSON.stringify([...opened]));
  } catch {
    // They are closed after a reload.
  }
};

const recallOpened = () => {
  try {
    for (const name of JSON.parse(sessionStorage.getItem('opened') ?? '[]').slice(-MAX_CARDS)) opened.add(name);
  } catch {
    // They are closed.
  }
};

/** Whether the filter leaves a robot in the overview. */
const isChosen = (robot) => {
  const part = byId('filter').value.trim().toLowerCase();
  return robot.name.toLowerCase().includes(part) && (robot.hasProblem || !byId('only-problems').checked);
};

/** Writes the lines of the overview: robots with a problem first, then by name. */
const updateLines = () => {
  if (!hasOverview || !ordered) return;
  const [bad, good] = [[], []];
  let shown = 0;
  for (const robot of ordered) {
    (robot.hasProblem ? bad : good).push(robot);
    const isShown = isChosen(robot);
    if (isShown) shown++;
    robot.line.show(isShown);
    if (isShown) robot.line.update();
  }
  placeLines([...bad, ...good]);
  const count = `${formatCount(robots.size)} robots, ${bad.length || 'none'} with a problem`;
  setText(byId('count'), count + (shown < robots.size ? `; ${formatCount(shown)} shown` : ''));
};

/** Moves those lines that are not in their place. The others, which may be a thousand, stay where they are. */
const placeLines = (inOrder) => {
  const body = byId('lines');
  const focused = document.activeElement;
  for (const { line, hasProblem } of inOrder) {
    if (line.stoodBad !== hasProblem) line.remove();
    line.stoodBad = hasProblem;
  }
  let next = body.firstElementChild;
  for (const { line } of inOrder) {
    if (line.element === next) {
      next = line.place.nextElementSibling;
    } else {
      body.insertBefore(line.element, next);
      body.insertBefore(line.place, next);
    }
  }
  // A moved element loses the focus.
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
};

/** Updates the ages on the cards and removes robots whose stream ended. Without a connection, all stay. */
const updateRobots = () => {
  for (const robot of [...robots.values()]) {
    const { endedAt, card } = robot;
    const old = endedAt !== null && daemonTime() - endedAt > ENDED_ROBOT_STAYS;
    if (old && lostAt === null) {
      removeRobot(robot);
    } else if (card) {
      card.updateAges();
      if (card.beyond && Date.now() - card.askedAt > ASK_AGAIN_AFTER) askForTrace(robot);
    }
  }
};
