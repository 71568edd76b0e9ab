// The health of the daemon: its faults at the top of the page; its sources, facts and dropped samples at the bottom.

/** The report before the newest one, from which rates are computed; null after each connection. */
let previousReport = null;

const isGood = (source) => source.state === 'ok' || source.state === 'ended';

const showHealth = (report) => {
  clockOffset = report.now - Date.now();
  const faults = faultsIn(report);
  const count = report.streams === 1 ? '1 stream' : `${formatCount(report.streams)} streams`;
  byId('overall').dataset.state = faults.length ? 'bad' : 'good';
  setText(byId('overall'), faults.length ? faults.join(', ') : `No problems: ${count}`);
  byId('sources').replaceChildren(...report.sources.map((source) => sourceRow(source, report.now)));
  previousReport = report;
  showProblems(report.problems);
  showFacts(report);
  showDropped(report.dropped);
};

/** Problems that the line at the top names; of more, it has the number. */
const MAX_NAMED = 3;

/** Tells each robot its problems, which its card and its line show. */
const showProblems = (problems) => {
  for (const robot of robots.values()) {
    robot.problems = problems.filter(({ stream }) => stream === robot.name);
    robot.card?.showTrouble();
  }
};

/** What is wrong, each in a few words. */
const faultsIn = (report) => {
  const bad = report.sources.filter((source) => !isGood(source));
  const faults = bad.map((source) => `${source.name} is ${source.state}`);
  if (about.broker && !report.broker.connected) faults.push('the broker is not connected');
  if (!report.moves) faults.push('the pipeline makes no progress');
  const problems = report.problems.map((problem) => `${problem.stream}: ${describeProblem(problem)}`);
  if (problems.length > MAX_NAMED) faults.push(`${formatCount(report.problem_count)} problems`);
  else faults.push(...problems);
  if (report.reloads.error) faults.push('the last reload was refused');
  return faults;
};

/** One source's row in the table, with its samples per second since the previous report. */
const sourceRow = (source, time) => {
  const seconds = previousReport ? (time - previousReport.now) / 1000 : 0;
  const earlier = previousReport?.sources.find((other) => other.name === source.name);
  const known = earlier && seconds > 0 && source.samples >= earlier.samples;
  const rate = known ? ((source.samples - earlier.samples) / seconds).toFixed(0) : '–';
  const row = newElement('tr');
  row.append(
    newElement('td', '', source.name),
    newElement('td', isGood(source) ? 'good' : 'bad', `${isGood(source) ? '●' : '▲'} ${source.state}`),
    newElement('td', 'number', formatCount(source.samples)),
    newElement('td', 'number', rate),
  );
  return row;
};

/** Shows the number of dropped samples by reason. */
const showDropped = (counts) => {
  const dropped = Object.entries(counts).map(([reason, count]) => [reason.replaceAll('_', ' '), formatCount(count)]);
  byId('no-drops').hidden = dropped.length > 0;
  setDefinitions(byId('dropped'), dropped);
};

const decimals = (number) => String(Number(number.toPrecision(3)));

const showFacts = (report) => setDefinitions(byId('facts'), [
  ...(about.node ? [['Node', about.node]] : []),
  ['Version', about.version],
  ['Running for', formatDuration(1000 * report.uptime)],
  ['Model', about.model],
  ['Surfaces', about.labels.join(', ')],
  ['Channels', about.channels.map((channel) => `${channel.name} in ${channel.unit}`).join(', ')],
  ['Window', `${about.window} steps at ${about.rate} Hz (${decimals(about.window / about.rate)} s)`],
  ['Rate', `a prediction every ${decimals(about.hop / about.rate)} s`],
  ['Predictions', formatCount(report.predictions)],
  ['Broker', about.broker ? `${about.broker}, ${report.broker.connected ? 'connected' : 'not connected'}` : 'none'],
]);
