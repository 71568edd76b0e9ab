// The numbers of one chart over the last hour: the newest minutes in full, and all of it summarised by the second.

/** Milliseconds that are kept in full, and in all. */
const FINE_LENGTH = 360_000;
const HISTORY_LENGTH = 3_600_000;

/** Milliseconds that one summarised row is about. */
const COARSE_STEP = 1000;

/** The longest range in milliseconds that is drawn from all rows. Longer ones have more rows than pixels. */
const FINE_RANGE = 60_000;

class History {
  /** The kind of each column after the time says how it is summarised: by its mean, its least or its most value. */
  constructor(kinds, step) {
    this.kinds = kinds;
    this.step = step;
    this.fine = new Ring(1 + kinds.length, Math.ceil(1.2 * FINE_LENGTH / step));
    this.coarse = new Ring(1 + kinds.length, Math.ceil(1.02 * HISTORY_LENGTH / COARSE_STEP));
    /** How many numbers of each column are in the newest summarised row. */
    this.counts = kinds.map(() => 0);
  }

  /** The time of the newest row; null when there is none. */
  get newestTime() {
    return this.fine.length ? this.fine.at(this.fine.length - 1, 0) : null;
  }

  push(row) {
    this.fine.push(row);
    this.summarise(row);
  }

  summarise(row) {
    const { coarse, counts } = this;
    const begin = Math.floor(row[0] / COARSE_STEP) * COARSE_STEP;
    if (!coarse.length || coarse.at(coarse.length - 1, 0) !== begin) {
      coarse.push([begin]);
      counts.fill(0);
    }
    const newest = coarse.length - 1;
    this.kinds.forEach((kind, index) => {
      const value = row[1 + index] ?? NaN;
      if (Number.isNaN(value)) return;
      const before = coarse.at(newest, 1 + index);
      const count = ++counts[index];
      const mean = before + (value - before) / count;
      const summary = { mean, least: Math.min(before, value), most: Math.max(before, value) };
      coarse.set(newest, 1 + index, count === 1 ? value : summary[kind]);
    });
  }

  /** Adds rows, oldest first, that may be older than those that are there, or the same. */
  merge(rows) {
    if (!rows.length) return;
    const byTime = new Map([...this.fine.rows(), ...rows].map((row) => [row[0], row]));
    const begin = Math.floor(rows[0][0] / COARSE_STEP) * COARSE_STEP;
    this.fine.clear();
    this.coarse.dropFrom(begin);
    for (const row of [...byTime.values()].sort((a, b) => a[0] - b[0])) {
      this.fine.push(row);
      if (row[0] >= begin) this.summarise(row);
    }
  }

  /** The rows from which a time is drawn: the ring, its [begin, end), and the milliseconds that a row is about. */
  select(from, until) {
    const { fine, coarse } = this;
    const reaches = fine.length > 0 && (fine.at(0, 0) <= from || fine.at(0, 0) < coarse.at(0, 0) + COARSE_STEP);
    const inFull = until - from <= FINE_RANGE && reaches;
    const [ring, step] = inFull ? [fine, this.step] : [coarse, COARSE_STEP];
    const [begin, end] = ring.between(from, until);
    return { ring, begin, end, step };
  }
}
