// A ring buffer of rows of numbers, which holds what a chart draws.

/** Rows of numbers, with a time in the first column. When the ring is full, a new row replaces the oldest one. */
class Ring {
  constructor(width, capacity) {
    this.width = width;
    this.capacity = capacity;
    this.values = new Float64Array(width * capacity);
    this.first = 0;
    this.length = 0;
  }

  push(row) {
    const start = ((this.first + this.length) % this.capacity) * this.width;
    for (let column = 0; column < this.width; column++) this.values[start + column] = row[column] ?? NaN;
    if (this.length < this.capacity) this.length++;
    else this.first = (this.first + 1) % this.capacity;
  }

  at(row, column) {
    return this.values[((this.first + row) % this.capacity) * this.width + column];
  }

  set(row, column, value) {
    this.values[((this.first + row) % this.capacity) * this.width + column] = value;
  }

  /** All rows, oldest first. */
  rows() {
    return Array.from({ length: this.length }, (_, row) => Array.from({ length: this.width }, (_, column) => this.at(row, column)));
  }

  clear() {
    this.first = this.length = 0;
  }

  /** Removes the newest rows, down to the first one from the end that is older than a time. */
  dropFrom(time) {
    while (this.length > 0 && this.at(this.length - 1, 0) >= time) this.length--;
  }

  /** The rows of a time as [begin, end), with one more on each side, because the lines to them are drawn, too. */
  between(from, until) {
    let end = this.length;
    while (end > 0 && this.at(end - 1, 0) > until) end--;
    let begin = end;
    while (begin > 0 && this.at(begin - 1, 0) >= from) begin--;
    return [Math.max(0, begin - 1), Math.min(this.length, end + 1)];
  }

  /** Whether any of the rows from `begin` to before `end` is of a time. */
  hasTimeIn(begin, end, from, until) {
    for (let row = begin; row < end; row++) {
      if (this.at(row, 0) >= from && this.at(row, 0) <= until) return true;
    }
    return false;
  }

  /** The rows of [from, until) as [begin, end) of each part without a gap in time longer than this. */
  partsWithoutGaps(from, until, longestGap) {
    const parts = [];
    let begin = from;
    for (let row = from + 1; row <= until; row++) {
      const step = row === until ? Infinity : this.at(row, 0) - this.at(row - 1, 0);
      if (step > longestGap || step < 0) {
        parts.push([begin, row]);
        begin = row;
      }
    }
    return from < until ? parts : [];
  }
}
