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

  /** The row before the first one that is not older than a time, because the line from it is drawn, too. */
  rowBefore(time) {
    let row = this.length;
    while (row > 0 && this.at(row - 1, 0) >= time) row--;
    return Math.max(0, row - 1);
  }

  /** The rows from one row on, as [begin, end) of each part without a gap in time longer than this. */
  partsWithoutGaps(from, longestGap) {
    const parts = [];
    let begin = from;
    for (let row = from + 1; row <= this.length; row++) {
      const step = row === this.length ? Infinity : this.at(row, 0) - this.at(row - 1, 0);
      if (step > longestGap || step < 0) {
        parts.push([begin, row]);
        begin = row;
      }
    }
    return from < this.length ? parts : [];
  }
}
