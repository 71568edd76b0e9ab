// The card of one stream: its surface, its charts, its newest changes of surface and its quality.

/** Changes of surface that a card keeps, and those of them that it lists. */
const MAX_CHANGES = 200;
const LISTED_CHANGES = 3;

/** Predictions that a card keeps for its chart. */
const MAX_PREDICTIONS = 256;

/** A stream whose newest sample is at most this many milliseconds old has samples now. */
const RECENT = 2000;

class Card {
  constructor(stream) {
    this.stream = stream;
    this.element = byId('stream').content.cloneNode(true).firstElementChild;
    this.part('name').textContent = stream;
    this.element.dataset.stream = stream;
    this.element.setAttribute('aria-label', `Stream ${stream}`);
    this.canvases = { trace: this.part('trace'), probabilities: this.part('likely'), timeline: this.part('times'), novelty: this.part('novel') };
    /** Changes of surface, oldest first. The surface is null from when the connection was lost. */
    this.changes = [];
    /** When the stream ended, on the daemon's clock; null while it runs. */
    this.endedAt = null;
    /** Whether the card is on the screen or near it. */
    this.visible = true;
    this.fitModel();
  }

  part(className) {
    return this.element.querySelector(`.${className}`);
  }

  /** Fits the charts, the legend and the bars to the channels and labels of the model. */
  fitModel() {
    this.spans = new Ring(1 + 3 * about.channels.length, Math.ceil(1.2 * TRACE_LENGTH / spanLength));
    this.probabilities = new Ring(1 + about.labels.length, MAX_PREDICTIONS);
    this.novelty = new Ring(2, MAX_PREDICTIONS);
    this.part('unlike').hidden = true;
    const units = new Set(about.channels.map((channel) => channel.unit));
    /** The unit that all channels have; empty when they differ. */
    this.unit = units.size === 1 ? [...units][0] : '';
    setText(this.part('what'), this.unit ? `Current in ${this.unit}` : 'Channels');
    this.part('legend').replaceChildren(...about.channels.map((channel, index) => this.legendEntry(channel, index)));
    this.bars = about.labels.map(newBar);
    this.part('bars').replaceChildren(...this.bars.map(({ bar }) => bar));
    this.showNewestSurface();
  }

  legendEntry(channel, index) {
    const entry = newElement('span', '');
    const line = newElement('i');
    line.style.borderTopColor = `var(--line${index % 4})`;
    if (index >= 4) line.style.borderTopStyle = 'dashed';
    entry.append(line, channel.name + (this.unit ? '' : ` (${channel.unit})`));
    return entry;
  }

  showNewestSurface() {
    this.showSurface(this.changes.at(-1)?.surface ?? 'unknown', null);
  }

  showSurface(surface, confidence) {
    setText(this.part('word'), surface);
    this.part('swatch').style.background = surfaceColour(surface);
    setText(this.part('confidence'), confidence === null ? '' : formatPercent(confidence));
  }

  /** Shows the surfaces that the newest window may be of, where there are two or more. */
  showCandidates(candidates) {
    this.part('candidates').hidden = candidates.length < 2;
    setText(this.part('candidates'), listAlternatives(candidates));
  }

  /** Shows how unlike the training data a window is, if the model says it. */
  showNovelty({ at, novelty }) {
    this.part('unlike').hidden = novelty === null;
    setText(this.part('novelty'), novelty === null ? '–' : novelty.toFixed(2));
    if (novelty !== null) this.novelty.push([at, novelty]);
  }

  addSpans(spans) {
    for (const span of spans) this.spans.push(span);
    this.endedAt = null;
  }

  addPrediction(prediction) {
    this.endedAt = null;
    this.probabilities.push([prediction.at, ...prediction.probabilities]);
    if (this.changes.at(-1)?.surface !== prediction.surface) this.addChange(prediction);
    this.showSurface(prediction.surface, prediction.confidence);
    const highest = Math.max(...prediction.probabilities);
    this.bars.forEach(({ bar, fill, share }, index) => {
      const probability = prediction.probabilities[index] ?? 0;
      fill.style.transform = `scaleX(${probability})`;
      setText(share, formatPercent(probability));
      bar.classList.toggle('first', probability === highest);
    });
    this.showCandidates(prediction.candidates ?? []);
    this.showNovelty(prediction);
    setText(this.part('measured'), formatPercent(prediction.measured));
    setText(this.part('latency'), formatLatency(prediction.latency_ms));
  }

  addChange({ at, surface }, candidates) {
    this.endedAt = null;
    this.showCandidates(candidates ?? []);
    if (surface !== null) this.showSurface(surface, null);
    if (this.changes.at(-1)?.surface === surface) return;
    this.changes.push({ at, surface });
    if (this.changes.length > MAX_CHANGES) this.changes.shift();
    this.listChanges();
  }

  /** Adds those changes that the daemon kept and the page does not have. */
  mergeChanges(changes) {
    const known = new Set(this.changes.map(({ at, surface }) => `${at} ${surface}`));
    const added = changes.filter(({ at, surface }) => !known.has(`${at} ${surface}`));
    this.changes = [...this.changes, ...added].sort((a, b) => a.at - b.at).slice(-MAX_CHANGES);
    this.endedAt = null;
    this.showNewestSurface();
    this.listChanges();
  }

  /** Lists the newest changes, newest first, with how long each surface lasted. */
  listChanges() {
    const newest = this.changes.slice(-LISTED_CHANGES).reverse();
    this.part('changes').replaceChildren(...newest.map((change, index) => {
      const entry = newElement('li');
      const time = newElement('time', '', formatTime(change.at));
      time.dateTime = new Date(change.at).toISOString();
      const duration = index === 0 ? '' : formatDuration(newest[index - 1].at - change.at);
      const surface = change.surface ?? 'not known: no connection';
      entry.append(time, newElement('span', 'to', surface), newElement('span', 'length', duration));
      return entry;
    }));
  }

  /** Updates the texts that change with time alone: how long the surface lasts, and how old the newest sample is. */
  updateAges() {
    const newest = this.changes.at(-1);
    const since = newest && newest.surface !== null ? `for ${formatDuration(daemonTime() - newest.at)}` : '';
    setText(this.part('since'), this.endedAt ? 'ended' : since);
    setText(this.part('newest'), this.sampleAge());
  }

  sampleAge() {
    if (!this.spans.length) return '–';
    const age = daemonTime() - (this.spans.at(this.spans.length - 1, 0) + spanLength);
    return age < RECENT ? 'now' : `${formatDuration(age)} ago`;
  }

  draw() {
    drawTrace(this.canvases.trace, this.spans, this.unit, this.stream);
    drawProbabilities(this.canvases.probabilities, this.probabilities);
    drawNovelty(this.canvases.novelty, this.novelty);
    drawTimeline(this.canvases.timeline, this.changes, this.endedAt);
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
