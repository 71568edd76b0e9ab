// The live page: hears the daemon's events, and draws what it hears. Nothing here grows without a bound.
'use strict';

(() => {
  /** Milliseconds of samples and probabilities that are drawn. */
  const SHOWN = 30_000;
  /** Milliseconds of decided surfaces that are drawn. */
  const HISTORY = 300_000;
  /** What is drawn ends this long ago, so that it does not flicker at its newest end. */
  const LAG = 250;
  /** Changes of surface that are kept of each stream, and those that are listed. */
  const CHANGES = 200;
  const LISTED = 3;
  /** A stream that ended stays this long. */
  const GONE = 10_000;
  /** Without a word for this long, the connection is lost. The daemon speaks once a second. */
  const SILENCE = 6_000;
  const AGAIN = 2_000;
  /** Streams with a card of their own. */
  const CARDS = 64;

  /** Paul Tol's bright and vibrant schemes: told apart by colour-blind eyes, on light and dark. */
  const COLOURS = ['#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377', '#ee7733', '#009988', '#bb5566', '#997700'];
  const UNKNOWN = '#8b949e';

  const id = (name) => document.getElementById(name);
  const reduced = matchMedia('(prefers-reduced-motion: reduce)');
  const dark = matchMedia('(prefers-color-scheme: dark)');

  const streams = new Map();
  let about = { labels: [], channels: [], max_gap: 1, rate: 1, hop: 1 };
  let span = 50;
  /** The daemon's clock less the browser's. */
  let ahead = 0;
  let theme = {};

  const now = () => Date.now() + ahead;

  /** Rows of numbers; the oldest make room for the newest. */
  class Ring {
    constructor(width, rows) {
      this.width = width;
      this.rows = rows;
      this.values = new Float64Array(width * rows);
      this.first = 0;
      this.length = 0;
    }

    push(row) {
      const at = ((this.first + this.length) % this.rows) * this.width;
      for (let i = 0; i < this.width; i++) this.values[at + i] = row[i] ?? NaN;
      if (this.length < this.rows) this.length++;
      else this.first = (this.first + 1) % this.rows;
    }

    at(row, column) {
      return this.values[((this.first + row) % this.rows) * this.width + column];
    }

    /** The first row that is not older than this; the one before it is drawn, too. */
    since(time) {
      let row = this.length;
      while (row > 0 && this.at(row - 1, 0) >= time) row--;
      return Math.max(0, row - 1);
    }
  }

  const colour = (surface) => {
    const index = about.labels.indexOf(surface);
    return index < 0 ? UNKNOWN : COLOURS[index % COLOURS.length];
  };

  const percent = (share) => `${(100 * share).toFixed(0)} %`;

  const clock = (time) => new Date(time).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

  const lasting = (milliseconds) => {
    const seconds = Math.max(0, Math.round(milliseconds / 1000));
    if (seconds < 60) return `${seconds} s`;
    const minutes = Math.floor(seconds / 60);
    if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
    const hours = Math.floor(minutes / 60);
    if (hours < 24) return `${hours} h ${minutes % 60} min`;
    return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  };

  /** Changes a text only where it differs: what is read aloud is read once. */
  const say = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const element = (name, kind, text) => {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  /** One stream: its card and what is drawn on it. */
  class Stream {
    constructor(name) {
      this.name = name;
      this.card = id('stream').content.cloneNode(true).firstElementChild;
      this.part = (kind) => this.card.querySelector(`.${kind}`);
      this.part('name').textContent = name;
      this.card.dataset.stream = name;
      this.card.setAttribute('aria-label', `Stream ${name}`);
      this.word = this.part('word');
      this.canvases = ['trace', 'likely', 'times'].map((kind) => this.part(kind));
      this.changes = [];
      this.gone = null;
      this.visible = true;
      this.settle();
    }

    /** Fits the model that is served. */
    settle() {
      this.spans = new Ring(1 + 3 * about.channels.length, Math.ceil(1.2 * SHOWN / span));
      this.likely = new Ring(1 + about.labels.length, 256);
      const units = new Set(about.channels.map((channel) => channel.unit));
      this.unit = units.size === 1 ? [...units][0] : '';
      say(this.part('what'), this.unit ? `Current in ${this.unit}` : 'Channels');
      const legend = about.channels.map((channel, index) => {
        const entry = element('span', '');
        const dash = element('i');
        dash.style.borderTopColor = `var(--line${index % 4})`;
        if (index >= 4) dash.style.borderTopStyle = 'dashed';
        const unit = this.unit ? '' : ` (${channel.unit})`;
        entry.append(dash, channel.name + unit);
        return entry;
      });
      this.part('legend').replaceChildren(...legend);
      this.bars = about.labels.map((label) => {
        const bar = element('li');
        const track = element('span', 'track');
        const fill = element('div', 'fill');
        fill.style.background = colour(label);
        track.append(fill);
        const share = element('span', 'share', '–');
        bar.append(element('span', 'label', label), track, share);
        return { bar, fill, share };
      });
      this.part('bars').replaceChildren(...this.bars.map(({ bar }) => bar));
      this.show(this.changes.at(-1)?.surface ?? 'unknown', null);
    }

    show(surface, confidence) {
      say(this.word, surface);
      this.part('swatch').style.background = colour(surface);
      say(this.part('sure'), confidence === null ? '' : percent(confidence));
    }

    trace(spans) {
      for (const row of spans) this.spans.push(row);
      this.gone = null;
    }

    prediction(told) {
      this.gone = null;
      this.likely.push([told.at, ...told.probabilities]);
      if (this.changes.at(-1)?.surface !== told.surface) this.change(told);
      this.show(told.surface, told.confidence);
      const most = Math.max(...told.probabilities);
      this.bars.forEach(({ bar, fill, share }, index) => {
        const probability = told.probabilities[index] ?? 0;
        fill.style.transform = `scaleX(${probability})`;
        say(share, percent(probability));
        bar.classList.toggle('first', probability === most);
      });
      say(this.part('measured'), percent(told.measured));
      say(this.part('latency'), `${told.latency_ms < 10 ? told.latency_ms.toFixed(1) : told.latency_ms.toFixed(0)} ms`);
    }

    change({ at, surface }) {
      this.gone = null;
      if (surface !== null) this.show(surface, null);
      if (this.changes.at(-1)?.surface === surface) return;
      this.changes.push({ at, surface });
      if (this.changes.length > CHANGES) this.changes.shift();
      this.list();
    }

    /** Takes in what the daemon remembers. */
    recall(changes) {
      const known = new Set(this.changes.map(({ at, surface }) => `${at} ${surface}`));
      const fresh = changes.filter(({ at, surface }) => !known.has(`${at} ${surface}`));
      this.changes = [...this.changes, ...fresh].sort((a, b) => a.at - b.at).slice(-CHANGES);
      this.gone = null;
      this.show(this.changes.at(-1)?.surface ?? 'unknown', null);
      this.list();
    }

    list() {
      const newest = this.changes.slice(-LISTED).reverse();
      this.part('changes').replaceChildren(...newest.map((change, index) => {
        const entry = element('li');
        const until = index === 0 ? null : newest[index - 1].at;
        const time = element('time', '', clock(change.at));
        time.dateTime = new Date(change.at).toISOString();
        const length = element('span', 'length', until === null ? '' : lasting(until - change.at));
        entry.append(time, element('span', 'to', change.surface ?? 'not known: no connection'), length);
        return entry;
      }));
    }

    /** What changes with time alone. */
    tick() {
      const newest = this.changes.at(-1);
      const since = newest && newest.surface !== null ? `for ${lasting(now() - newest.at)}` : '';
      say(this.part('since'), this.gone ? 'ended' : since);
      const last = this.spans.length ? this.spans.at(this.spans.length - 1, 0) + span : null;
      const age = last === null ? null : now() - last;
      say(this.part('newest'), age === null ? '–' : age < 2000 ? 'now' : `${lasting(age)} ago`);
    }

    draw() {
      const [trace, likely, times] = this.canvases;
      drawTrace(trace, this.spans, this.unit, this.name);
      drawLikely(likely, this.likely);
      drawTimes(times, this.changes, this.gone);
    }
  }

  /** A canvas made sharp for the screen, with its size in CSS pixels; null where it has none. */
  const prepared = (canvas) => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return null;
    const scale = Math.min(devicePixelRatio || 1, 3);
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    const pen = canvas.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = `12px ${theme.font}`;
    pen.lineJoin = 'round';
    return { pen, width, height };
  };

  /** The room for numbers on the left, and for times below. */
  const LEFT = 44;
  const BELOW = 18;

  /** Round numbers from low to high, about `count` of them. */
  const ticks = (low, high, count) => {
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= rough);
    const decimals = Math.max(0, -Math.floor(Math.log10(step)));
    const all = [];
    for (let i = Math.floor(low / step); i <= Math.ceil(high / step); i++) {
      all.push({ value: i * step, text: (i * step).toFixed(Math.min(decimals, 6)) });
    }
    return all;
  };

  const timeAxis = (pen, width, height, length, marks) => {
    pen.fillStyle = theme.soft;
    pen.textBaseline = 'alphabetic';
    for (const [ago, text] of marks) {
      const x = width - (ago / length) * (width - LEFT);
      pen.textAlign = ago === 0 ? 'right' : ago === length ? 'left' : 'center';
      pen.fillText(text, x, height - 4);
    }
  };

  const SECONDS = [[30_000, '−30 s'], [20_000, '−20 s'], [10_000, '−10 s'], [0, 'now']];
  const MINUTES = [[300_000, '−5 min'], [180_000, '−3 min'], [60_000, '−1 min'], [0, 'now']];

  /** Rows in runs without a gap between them. */
  const runs = (ring, from, gap) => {
    const found = [];
    let begun = from;
    for (let row = from + 1; row <= ring.length; row++) {
      if (row === ring.length || ring.at(row, 0) - ring.at(row - 1, 0) > gap || ring.at(row, 0) < ring.at(row - 1, 0)) {
        found.push([begun, row]);
        begun = row;
      }
    }
    return from < ring.length ? found : [];
  };

  const drawTrace = (canvas, ring, unit, name) => {
    const made = prepared(canvas);
    if (!made) return;
    const { pen, width, height } = made;
    const end = now() - LAG;
    const from = ring.since(end - SHOWN);
    const channels = about.channels.length;
    let [low, high] = [Infinity, -Infinity];
    for (let row = from; row < ring.length; row++) {
      for (let c = 0; c < channels; c++) {
        low = Math.min(low, Number.isNaN(ring.at(row, 2 + 3 * c)) ? low : ring.at(row, 2 + 3 * c));
        high = Math.max(high, Number.isNaN(ring.at(row, 3 + 3 * c)) ? high : ring.at(row, 3 + 3 * c));
      }
    }
    if (low > high) [low, high] = [0, 1];
    if (high - low < 1e-9) [low, high] = [low - 0.5, high + 0.5];
    const marks = ticks(low, high, 4);
    const [bottom, top] = [marks[0].value, marks[marks.length - 1].value];
    const plot = height - BELOW - 6;
    const y = (value) => 6 + plot - ((value - bottom) / (top - bottom)) * plot;
    const x = (time) => width - ((end - time) / SHOWN) * (width - LEFT);

    pen.strokeStyle = theme.grid;
    pen.fillStyle = theme.soft;
    pen.lineWidth = 1;
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    for (const { value, text } of marks) {
      const at = Math.round(y(value)) + 0.5;
      pen.beginPath();
      pen.moveTo(LEFT, at);
      pen.lineTo(width, at);
      pen.stroke();
      pen.fillText(text, LEFT - 6, Math.min(Math.max(at, 6), height - BELOW));
    }
    timeAxis(pen, width, height, SHOWN, SECONDS);

    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, width - LEFT, height - BELOW + 1);
    pen.clip();
    const gap = 1000 * about.max_gap + 2 * span;
    for (const [begun, ended] of runs(ring, from, gap)) {
      for (let c = 0; c < channels; c++) {
        const [mean, least, most] = [1 + 3 * c, 2 + 3 * c, 3 + 3 * c];
        pen.fillStyle = pen.strokeStyle = theme.lines[c % 4];
        pen.setLineDash(c >= 4 ? [4, 3] : []);
        pen.globalAlpha = 0.3;
        pen.beginPath();
        for (let row = begun; row < ended; row++) pen.lineTo(x(ring.at(row, 0) + span / 2), y(ring.at(row, most)));
        for (let row = ended - 1; row >= begun; row--) pen.lineTo(x(ring.at(row, 0) + span / 2), y(ring.at(row, least)));
        pen.fill();
        pen.globalAlpha = 1;
        pen.lineWidth = 1.5;
        pen.beginPath();
        for (let row = begun; row < ended; row++) pen.lineTo(x(ring.at(row, 0) + span / 2), y(ring.at(row, mean)));
        pen.stroke();
      }
    }
    pen.restore();
    const label = `${name}: current over the last 30 seconds, from ${low.toPrecision(3)} to ${high.toPrecision(3)} ${unit}`;
    if (canvas.ariaLabel !== label && Date.now() - (canvas.labelled ?? 0) > 2000) {
      canvas.ariaLabel = label;
      canvas.labelled = Date.now();
    }
  };

  const drawLikely = (canvas, ring) => {
    const made = prepared(canvas);
    if (!made) return;
    const { pen, width, height } = made;
    const end = now() - LAG;
    const plot = height - BELOW - 6;
    const x = (time) => width - ((end - time) / SHOWN) * (width - LEFT);
    const y = (share) => 6 + plot * (1 - share);
    pen.fillStyle = theme.grid;
    pen.fillRect(LEFT, 6, width - LEFT, plot);
    pen.fillStyle = theme.soft;
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    pen.fillText('100 %', LEFT - 6, 9);
    pen.fillText('0 %', LEFT - 6, height - BELOW - 3);
    timeAxis(pen, width, height, SHOWN, SECONDS);

    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, width - LEFT, height - BELOW);
    pen.clip();
    const gap = 3000 * about.hop / about.rate + 1000;
    const labels = about.labels.length;
    for (const [begun, ended] of runs(ring, ring.since(end - SHOWN), gap)) {
      const below = new Float64Array(ended - begun);
      for (let k = 0; k < labels; k++) {
        pen.fillStyle = COLOURS[k % COLOURS.length];
        pen.beginPath();
        for (let row = ended - 1; row >= begun; row--) pen.lineTo(x(ring.at(row, 0)), y(below[row - begun]));
        for (let row = begun; row < ended; row++) {
          below[row - begun] += ring.at(row, 1 + k);
          pen.lineTo(x(ring.at(row, 0)), y(below[row - begun]));
        }
        pen.fill();
      }
    }
    pen.restore();
  };

  /** Black or white, whichever can be read on a colour. */
  const readable = (hex) => {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
    return 0.3 * red + 0.59 * green + 0.11 * blue > 0.52 ? '#000000' : '#ffffff';
  };

  const drawTimes = (canvas, changes, gone) => {
    const made = prepared(canvas);
    if (!made) return;
    const { pen, width, height } = made;
    const end = now();
    const plot = height - BELOW;
    const x = (time) => Math.max(0, width - ((end - time) / HISTORY) * width);
    pen.fillStyle = theme.grid;
    pen.fillRect(0, 0, width, plot);
    changes.forEach((change, index) => {
      const until = changes[index + 1]?.at ?? gone ?? end;
      if (until < end - HISTORY || change.surface === null) return;
      const [left, right] = [x(change.at), x(until)];
      const fill = colour(change.surface);
      pen.fillStyle = fill;
      pen.fillRect(left, 0, Math.max(1, right - left - 1), plot);
      if (pen.measureText(change.surface).width < right - left - 10) {
        pen.fillStyle = readable(fill);
        pen.textAlign = 'left';
        pen.textBaseline = 'middle';
        pen.fillText(change.surface, left + 5, plot / 2 + 1);
      }
    });
    pen.fillStyle = theme.soft;
    pen.textBaseline = 'alphabetic';
    for (const [ago, text] of MINUTES) {
      pen.textAlign = ago === 0 ? 'right' : ago === HISTORY ? 'left' : 'center';
      pen.fillText(text, width - (ago / HISTORY) * width, height - 4);
    }
  };

  const retheme = () => {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    theme = {
      soft: value('--soft'),
      grid: value('--grid'),
      lines: [0, 1, 2, 3].map((index) => value(`--line${index}`)),
      font: getComputedStyle(document.body).fontFamily,
    };
  };

  /** Cards off the screen are not drawn. */
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const stream = streams.get(entry.target.dataset.stream);
      if (stream) stream.visible = entry.isIntersecting;
    }
  }, { rootMargin: '200px' });

  /** The stream of this name, with a card in the order of names; null where there are too many. */
  const stream = (name) => {
    const known = streams.get(name);
    if (known) return known;
    if (streams.size >= CARDS) {
      id('more').hidden = false;
      say(id('more'), `More than ${CARDS} streams: the others are on MQTT and in /metrics.`);
      return null;
    }
    const made = new Stream(name);
    streams.set(name, made);
    const after = [...streams.keys()].filter((other) => other > name).sort()[0];
    id('streams').insertBefore(made.card, after === undefined ? null : streams.get(after).card);
    watcher.observe(made.card);
    id('none').hidden = true;
    return made;
  };

  const forget = (gone) => {
    streams.delete(gone.name);
    watcher.unobserve(gone.card);
    gone.card.remove();
    id('none').hidden = streams.size > 0;
    if (streams.size < CARDS) id('more').hidden = true;
  };

  const facts = (target, pairs) => {
    const text = JSON.stringify(pairs);
    if (target.dataset.text === text) return;
    target.dataset.text = text;
    target.replaceChildren(...pairs.flatMap(([name, value]) => [element('dt', '', name), element('dd', '', value)]));
  };

  const WORDS = { ok: 'ok', silent: 'silent', connecting: 'connecting', ended: 'ended' };
  let before = null;

  const health = (report) => {
    ahead = report.now - Date.now();
    const wrong = report.sources
      .filter((source) => source.state !== 'ok' && source.state !== 'ended')
      .map((source) => `${source.name} is ${source.state}`);
    if (about.broker && !report.broker.connected) wrong.push('the broker is away');
    if (!report.moves) wrong.push('the pipeline does not move');
    for (const { stream, channel, problem } of report.problems) wrong.push(`${channel ? `${channel} of ` : ''}${stream} is ${problem}`);
    if (report.reloads.error) wrong.push('the last reload was refused');
    const count = report.streams === 1 ? '1 stream' : `${report.streams} streams`;
    const overall = id('overall');
    overall.dataset.state = wrong.length ? 'bad' : 'good';
    say(overall, wrong.length ? `${wrong.join(', ')}` : `All is well: ${count}`);

    const seconds = before ? (report.now - before.now) / 1000 : 0;
    const rows = report.sources.map((source) => {
      const earlier = before?.sources.find((other) => other.name === source.name);
      const rate = earlier && seconds > 0 && source.samples >= earlier.samples ? ((source.samples - earlier.samples) / seconds).toFixed(0) : '–';
      const row = element('tr');
      const good = source.state === 'ok' || source.state === 'ended';
      row.append(
        element('td', '', source.name),
        element('td', good ? 'good' : 'bad', `${good ? '●' : '▲'} ${WORDS[source.state] ?? source.state}`),
        element('td', 'number', source.samples.toLocaleString('en')),
        element('td', 'number', rate),
      );
      return row;
    });
    id('sources').replaceChildren(...rows);
    before = report;

    const broker = about.broker ? `${about.broker}, ${report.broker.connected ? 'connected' : 'away'}` : 'none';
    facts(id('facts'), [
      ['Version', about.version],
      ['Running for', lasting(1000 * report.uptime)],
      ['Model', about.model],
      ['Surfaces', about.labels.join(', ')],
      ['Channels', about.channels.map((channel) => `${channel.name} in ${channel.unit}`).join(', ')],
      ['Window', `${about.window} steps at ${about.rate} Hz, one each ${about.hop}`],
      ['Predictions', report.predictions.toLocaleString('en')],
      ['Broker', broker],
    ]);
    const dropped = Object.entries(report.dropped).map(([reason, lost]) => [reason.replaceAll('_', ' '), lost.toLocaleString('en')]);
    facts(id('dropped'), dropped.length ? dropped : [['Nothing', '']]);
  };

  const hello = (told) => {
    if (about.version && about.version !== told.about.version) {
      // Another version of the daemon has another page.
      location.reload();
      return;
    }
    ahead = told.now - Date.now();
    const other = JSON.stringify(about) !== JSON.stringify(told.about) || span !== told.span;
    about = told.about;
    span = told.span;
    before = null;
    if (other) for (const known of streams.values()) known.settle();
    const there = new Set(told.streams.map((entry) => entry.stream));
    for (const known of streams.values()) {
      if (!there.has(known.name)) known.gone ??= now();
    }
    for (const entry of told.streams) stream(entry.stream)?.recall(entry.changes);
  };

  let events = null;
  let heard = 0;
  let lostAt = null;

  const found = () => {
    heard = performance.now();
    if (lostAt === null) return;
    lostAt = null;
    id('lost').hidden = true;
    document.title = 'underfoot';
  };

  const lost = () => {
    if (lostAt !== null) return;
    lostAt = now();
    for (const known of streams.values()) known.change({ at: lostAt, surface: null });
    say(id('lost'), `The connection to the daemon was lost at ${clock(lostAt)}. What stands here is old. Trying again…`);
    id('lost').hidden = false;
    id('overall').dataset.state = 'bad';
    say(id('overall'), 'No connection');
    document.title = '(no connection) underfoot';
  };

  const connect = () => {
    events?.close();
    events = new EventSource('events');
    heard = performance.now();
    const on = (name, take) => events.addEventListener(name, (event) => {
      found();
      take(JSON.parse(event.data));
    });
    on('hello', hello);
    on('health', health);
    on('trace', (told) => stream(told.stream)?.trace(told.spans));
    on('prediction', (told) => stream(told.stream)?.prediction(told));
    on('change', (told) => stream(told.stream)?.change(told.change));
    on('end', (told) => {
      const ended = streams.get(told.stream);
      if (ended) ended.gone = now();
    });
    events.onerror = lost;
  };

  /** A connection that was refused, or that says nothing, is made anew. */
  setInterval(() => {
    if (performance.now() - heard > SILENCE) {
      lost();
      connect();
    } else if (events.readyState === EventSource.CLOSED && performance.now() - heard > AGAIN) {
      connect();
    }
  }, 1000);

  setInterval(() => {
    for (const known of [...streams.values()]) {
      if (known.gone !== null && now() - known.gone > GONE && lostAt === null) forget(known);
      else known.tick();
    }
  }, 500);

  let drawn = 0;
  const draw = (time) => {
    if (time - drawn >= (reduced.matches ? 1000 : 45)) {
      drawn = time;
      for (const known of streams.values()) if (known.visible) known.draw();
    }
    requestAnimationFrame(draw);
  };

  dark.addEventListener('change', retheme);
  retheme();
  connect();
  requestAnimationFrame(draw);
})();
