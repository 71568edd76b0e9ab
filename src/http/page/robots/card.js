// The card of one robot: its surface, what is wrong, its charts, its newest changes of surface and its quality.

/** Changes of surface that a card lists. */
const LISTED_CHANGES = 3;

/** A stream whose newest sample is at most this many milliseconds old has samples now. */
const RECENT = 2000;

/** Spans that are sent again after the page asked for the trace are at most this many milliseconds old. An older one
 * means that the daemon's clock was set back. */
const LONGEST_OVERLAP = 10_000;

class Card {
  constructor(robot) {
    this.robot = robot;
    this.element = byId('stream').content.cloneNode(true).firstElementChild;
    this.part('name').textContent = robot.name;
    this.element.dataset.stream = robot.name;
    this.element.setAttribute('aria-label', `Robot ${robot.name}`);
    this.canvases = { trace: this.part('trace'), probabilities: this.part('likely'), timeline: this.part('times'), novelty: this.part('novel') };
    /** Whether the card is on the screen or near it. */
    this.visible = true;
    /** Whether the daemon sends the samples of this stream only for a while after the page asked for its trace. */
    this.beyond = false;
    /** The time of the newest span of the trace that the page asked for. */
    this.askedUntil = 0;
    this.fitModel();
  }

  part(className) {
    return this.element.querySelector(`.${className}`);
  }

  /** Fits the charts, the legend and the bars to the channels and labels of the model. */
  fitModel() {
    this.spans = new History(about.channels.flatMap(() => ['mean', 'least', 'most']), spanLength);
    const hop = Math.max(150, 1000 * about.hop / about.rate);
    // The last column says whether a surface was decided.
    this.probabilities = new History([...about.labels.map(() => 'mean'), 'least'], hop);
    this.novelty = new History(['mean'], hop);
    this.askedUntil = 0;
    this.part('unlike').hidden = true;
    const units = new Set(about.channels.map((channel) => channel.unit));
    /** The unit that all channels have; empty when they differ. */
    this.unit = units.size === 1 ? [...units][0] : '';
    setText(this.part('what'), this.unit ? `Current in ${this.unit}` : 'Channels');
    this.part('legend').replaceChildren(...about.channels.map((channel, index) => this.legendEntry(channel, index)));
    this.bars = about.labels.map(newBar);
    this.part('bars').replaceChildren(...this.bars.map(({ bar }) => bar));
    this.showChanges();
    if (this.robot.prediction?.probabilities.length === about.labels.length) this.showBars(this.robot.prediction);
  }

  legendEntry(channel, index) {
    const entry = newElement('span', '');
    const line = newElement('i');
    line.style.borderTopColor = `var(--line${index % 4})`;
    if (index >= 4) line.style.borderTopStyle = 'dashed';
    entry.append(line, channel.name + (this.unit ? '' : ` (${channel.unit})`));
    return entry;
  }

  /** Shows the surface with its confidence, and what is wrong. An unknown surface has no confidence. */
  showSurface() {
    const { surface, confidence, candidates, change } = this.robot;
    const unknown = surface === 'unknown';
    setText(this.part('word'), surface);
    this.part('swatch').style.background = surfaceColour(surface);
    setText(this.part('confidence'), confidence === null || unknown ? '' : `${formatPercent(confidence)} confidence`);
    // Between which surfaces a novel one lies is part of the reason.
    this.part('candidates').hidden = candidates.length < 2 || change.reason === 'novel';
    setText(this.part('candidates'), listNames(candidates, 'or'));
    this.element.classList.toggle('undecided', unknown);
    setText(this.part('share-of'), unknown
      ? 'Probability of each surface, by the last window; no surface is decided'
      : 'Probability of each surface, by the last window');
    this.showTrouble();
  }

  /** Shows why the surface is unknown, and each problem with how to fix it. */
  showTrouble() {
    const { robot } = this;
    const details = robot.problems.map(({ detail }) => sentence(detail));
    const heading = robot.reason ? `Unknown: ${robot.reason}` : robot.problems.map(describeProblem).join(', ');
    this.element.classList.toggle('bad', robot.hasProblem);
    this.part('trouble').hidden = !heading;
    setText(this.part('why'), sentence(heading));
    const fixes = this.part('fixes');
    if (fixes.dataset.text === details.join('\n')) return;
    fixes.dataset.text = details.join('\n');
    fixes.replaceChildren(...details.map((detail) => newElement('li', '', detail)));
  }

  addSpans(spans) {
    for (const span of spans) {
      const known = span[0] <= this.askedUntil && span[0] > this.askedUntil - LONGEST_OVERLAP;
      if (!known) this.spans.push(span);
    }
  }

  /** Adds those samples and predictions that the daemon kept and the page does not have. */
  mergeKept(spans, predictions) {
    this.spans.merge(spans);
    this.askedUntil = spans.at(-1)?.[0] ?? 0;
    const { length } = about.labels;
    const rows = predictions.filter((row) => row.length === length + 3);
    this.probabilities.merge(rows.map((row) => [...row.slice(0, length + 1), row[length + 2]]));
    const novel = rows.filter((row) => row[length + 1] !== null);
    this.novelty.merge(novel.map((row) => [row[0], row[length + 1]]));
    if (novel.length) this.part('unlike').hidden = false;
  }

  addPrediction(prediction) {
    const decided = prediction.surface === 'unknown' ? 0 : 1;
    this.probabilities.push([prediction.at, ...prediction.probabilities, decided]);
    this.showSurface();
    this.showBars(prediction);
    const { at, novelty } = prediction;
    this.part('unlike').hidden = novelty === null;
    setText(this.part('novelty'), novelty === null ? '–' : novelty.toFixed(2));
    if (novelty !== null) this.novelty.push([at, novelty]);
    setText(this.part('measured'), formatPercent(prediction.measured));
    setText(this.part('latency'), formatLatency(prediction.latency_ms));
  }

  showBars({ probabilities }) {
    const highest = Math.max(...probabilities);
    this.bars.forEach(({ bar, fill, share }, index) => {
      const probability = probabilities[index] ?? 0;
      fill.style.transform = `scaleX(${probability})`;
      setText(share, formatPercent(probability));
      bar.classList.toggle('first', probability === highest);
    });
  }

  /** Shows the newest surface, and lists the newest changes, newest first, with how long each lasted. */
  showChanges() {
    const { changes } = this.robot;
    this.showSurface();
    const newest = changes.slice(-LISTED_CHANGES).reverse();
    this.part('changes').replaceChildren(...newest.map((change, index) => {
      const entry = newElement('li');
      const time = newElement('time', '', formatTime(change.at));
      time.dateTime = new Date(change.at).toISOString();
      const duration = index === 0 ? '' : formatDuration(newest[index - 1].at - change.at);
      const reason = change.surface === 'unknown' && change.reason ? `: ${describeReason(change.reason)}` : '';
      const surface = change.surface === null ? 'not known: no connection' : change.surface + reason;
      entry.append(time, newElement('span', 'to', surface), newElement('span', 'length', duration));
      return entry;
    }));
  }

  /** Updates the texts that change with time alone: how long the surface lasts, and how old the newest sample is. */
  updateAges() {
    const { since, endedAt } = this.robot;
    const lasts = since === null || lostAt !== null ? '' : `for ${formatDuration(daemonTime() - since)}`;
    setText(this.part('since'), endedAt ? 'ended' : lasts);
    setText(this.part('newest'), this.sampleAge());
  }

  sampleAge() {
    const { newestTime } = this.spans;
    if (newestTime === null) return '–';
    const age = daemonTime() - (newestTime + spanLength);
    return age < RECENT ? 'now' : `${formatDuration(age)} ago`;
  }

  draw() {
    drawTrace(this.canvases.trace, this.spans, this.unit, this.robot.name);
    drawProbabilities(this.canvases.probabilities, this.probabilities);
    drawNovelty(this.canvases.novelty, this.novelty);
    drawTimeline(this.canvases.timeline, this.robot.changes, this.robot.endedAt);
  }
}

/** The bar of one label: its name, its probability as a length, and as a number. */
const newBar = (label) => {
  const bar = newElement('li');
  const track = newElement('span', 'track');
  const fill = newElement('div', 'fill');
  fill.style.background = surfaceColour(label);
  track.append(fill);
  const share = newElement('span', 'share', '–');
  bar.append(newElement('span', 'label', label), track, share);
  return { bar, fill, share };
};
