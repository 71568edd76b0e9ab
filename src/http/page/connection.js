// The connection to the daemon: its events, the notice when it is lost, and the attempts to connect again.

/** Milliseconds without an event after which the connection counts as lost. The daemon sends one each second. */
const LONGEST_SILENCE = 6_000;

/** Milliseconds after which a refused connection is tried again. */
const RETRY_AFTER = 2_000;

let events = null;

/** When the newest event came or the connection was opened, on the browser's clock. */
let lastEventAt = 0;

const connect = () => {
  events?.close();
  events = new EventSource('events');
  lastEventAt = performance.now();
  const on = (name, handle) => events.addEventListener(name, (event) => {
    showConnected();
    handle(JSON.parse(event.data));
  });
  on('hello', handleHello);
  on('health', showHealth);
  on('trace', ({ stream, spans }) => robotOf(stream)?.card?.addSpans(spans));
  on('prediction', (prediction) => robotOf(prediction.stream)?.addPrediction(prediction));
  on('change', ({ stream, change, candidates }) => robotOf(stream)?.addChange(change, candidates ?? []));
  on('fleet', ({ lines }) => {
    for (const [stream, confidence, novelty] of lines) Object.assign(robotOf(stream) ?? {}, { confidence, novelty });
  });
  on('end', ({ stream }) => {
    const robot = robots.get(stream);
    if (robot) robot.endedAt = daemonTime();
  });
  events.onerror = showLost;
};

/** Takes in the first event of a connection, which is also sent when another model is loaded. */
const handleHello = (hello) => {
  if (about.version && about.version !== hello.about.version) {
    // Another version of the daemon serves another version of this page.
    location.reload();
    return;
  }
  clockOffset = hello.now - Date.now();
  const differs = JSON.stringify(about) !== JSON.stringify(hello.about) || spanLength !== hello.span;
  about = hello.about;
  spanLength = hello.span;
  previousReport = null;
  const present = new Set(hello.streams.map(({ stream }) => stream));
  for (const robot of robots.values()) {
    if (differs) robot.card?.fitModel();
    if (!present.has(robot.name)) robot.endedAt ??= daemonTime();
  }
  for (const { stream, changes } of hello.streams) {
    const robot = robotOf(stream);
    robot?.mergeChanges(changes, hello.now);
    if (robot?.card) askForTrace(robot);
  }
  arrangeSoon();
};

const showConnected = () => {
  lastEventAt = performance.now();
  if (lostAt === null) return;
  lostAt = null;
  byId('lost').hidden = true;
  document.title = 'underfoot';
};

const showLost = () => {
  if (lostAt !== null) return;
  lostAt = daemonTime();
  for (const robot of robots.values()) robot.addChange({ at: lostAt, surface: null });
  const time = formatTime(lostAt);
  setText(byId('lost'), `The connection to the daemon was lost at ${time}. Values below are out of date. Trying again…`);
  byId('lost').hidden = false;
  byId('overall').dataset.state = 'bad';
  setText(byId('overall'), 'No connection');
  document.title = '(no connection) underfoot';
};

/** Connects again when the connection was refused or has been silent for too long. */
const checkConnection = () => {
  const silence = performance.now() - lastEventAt;
  if (silence > LONGEST_SILENCE) {
    showLost();
    connect();
  } else if (events.readyState === EventSource.CLOSED && silence > RETRY_AFTER) {
    connect();
  }
};
