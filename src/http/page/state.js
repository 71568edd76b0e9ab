// The state that all parts of the page share: what the daemon said about itself, and the robots.

/** The version, model, surfaces and channels of the daemon, from its `hello` event. */
let about = { labels: [], channels: [], max_gap: 1, rate: 1, hop: 1 };

/** Milliseconds of samples that one span of a trace summarises. */
let spanLength = 50;

/** The robots by the name of their stream. */
const robots = new Map();

/** When the connection was lost, on the daemon's clock; null while it works. */
let lostAt = null;

/** The difference between the daemon's clock and the browser's, in milliseconds. */
let clockOffset = 0;

/** The time on the daemon's clock. All times on the page are on this clock. */
const daemonTime = () => Date.now() + clockOffset;
