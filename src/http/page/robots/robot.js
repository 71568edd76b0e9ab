// What the page knows about one robot, whether it has a card or not.

/** Changes of surface that are kept of a robot. */
const MAX_CHANGES = 200;

/** Reasons of an unknown surface that pass by themselves, or with which nothing is wrong with the robot. */
const PASSING_REASONS = new Set([
  'no window is complete yet', 'no surface is likely enough', 'another model took over', 'the stream ended', 'failover',
  'samples are missing', 'the clock started again',
]);

/** A surface is named as a neighbour of a novel one if its probability is at least this. */
const LEAST_PROBABLE = 0.05;

class Robot {
  constructor(name) {
    this.name = name;
    /** Changes of surface, oldest first. The surface is null from when the connection was lost. */
    this.changes = [];
    /** The newest prediction; null before the first one. */
    this.prediction = null;
    this.candidates = [];
    /** The confidence of the surface and the novelty of the newest window; null when they are not known. */
    this.confidence = null;
    this.novelty = null;
    /** The problems of this stream in the newest health report. */
    this.problems = [];
    /** When the stream ended, on the daemon's clock; null while it runs. */
    this.endedAt = null;
    /** Its card, and its line in the overview; null when it has none. */
    this.card = null;
    this.line = null;
  }

  /** The newest change after which its surface was known to the page. */
  get change() {
    return this.changes.findLast(({ surface }) => surface !== null) ?? { surface: 'unknown', reason: '' };
  }

  get surface() {
    return this.change.surface;
  }

  /** When its surface began; null when that is not known. */
  get since() {
    let since = null;
    for (let index = this.changes.length - 1; index >= 0 && this.changes[index].surface === this.surface; index--) {
      since = this.changes[index].at;
    }
    return since;
  }

  /** Why the surface is unknown, in words; empty when it is known. */
  get reason() {
    const { surface, reason } = this.change;
    if (surface !== 'unknown' || !reason) return '';
    return [describeReason(reason), reason === 'novel' ? this.between() : ''].filter(Boolean).join(', ');
  }

  get hasProblem() {
    return this.problems.length > 0 || (this.reason !== '' && !PASSING_REASONS.has(this.reason));
  }

  /** Between which surfaces the newest window lies: its candidates, or else the probable ones of the two most probable. */
  between() {
    let names = this.candidates;
    if (!names.length && this.prediction) {
      const ranked = this.prediction.probabilities.map((share, index) => [share, about.labels[index]]);
      const likeliest = ranked.sort((a, b) => b[0] - a[0]).slice(0, 2);
      names = likeliest.filter(([share]) => share >= LEAST_PROBABLE).map(([, label]) => label);
    }
    if (!names.length) return '';
    return names.length > 1 ? `between ${listNames(names, 'and')}` : `most like ${names[0]}`;
  }

  /** What is wrong, in one line: the details of its problems, or else the reason. */
  get trouble() {
    if (!this.hasProblem) return '';
    const known = this.change.reason === 'novel' ? [this.reason] : this.problems.map(({ detail }) => detail);
    return sentence(known.join('; ') || this.reason);
  }

  addPrediction(prediction) {
    this.endedAt = null;
    this.prediction = prediction;
    this.candidates = prediction.candidates ?? [];
    [this.confidence, this.novelty] = [prediction.confidence, prediction.novelty];
    if (this.surface !== prediction.surface) this.addChange(prediction);
    this.card?.addPrediction(prediction);
  }

  addChange({ at, surface, reason, confidence }, candidates) {
    this.endedAt = null;
    if (confidence !== undefined) this.confidence = confidence;
    if (candidates) this.candidates = candidates;
    const newest = this.changes.at(-1);
    if (newest?.surface === surface && newest.reason === reason) return;
    this.changes.push({ at, surface, reason });
    if (this.changes.length > MAX_CHANGES) this.changes.shift();
    this.card?.showChanges();
  }

  /** Adds those changes that the daemon kept and the page does not have. The newest of them holds now. */
  mergeChanges(changes, now) {
    const known = new Set(this.changes.map(({ at, surface }) => `${at} ${surface}`));
    const added = changes.filter(({ at, surface }) => !known.has(`${at} ${surface}`));
    this.changes = [...this.changes, ...added].sort((a, b) => a.at - b.at).slice(-MAX_CHANGES);
    const newest = changes.at(-1);
    if (newest) this.confidence = newest.confidence;
    if (newest && this.changes.at(-1).surface === null) this.changes.push({ ...newest, at: now });
    this.endedAt = null;
    this.card?.showChanges();
  }
}

/** The daemon's reason of an unknown surface, in words that stand by themselves. */
const describeReason = (reason) => {
  if (reason === 'novel') return 'unlike the training data';
  if (reason === 'failover') return 'another node took over';
  return reason === 'rate' ? 'the samples arrive at a wrong rate' : reason;
};

/** A problem of the health report in a few words. */
const describeProblem = ({ channel, problem }) => {
  if (problem === 'novel') return 'unlike the training data';
  if (problem === 'rate') return 'the samples arrive at a wrong rate';
  return `${channel ?? 'the stream'} ${problem === 'drifted' ? 'has' : 'is'} ${problem}`;
};
