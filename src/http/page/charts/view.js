// The time that the charts show: how much of it, and whether it ends now or stands still.

/** The ranges in milliseconds, with their names and the times that are written below the charts. */
const RANGES = [
  { length: 30_000, name: '30 s', unit: 's', ticks: [30_000, 20_000, 10_000, 0] },
  { length: 300_000, name: '5 min', unit: 'min', ticks: [300_000, 180_000, 60_000, 0] },
  { length: 3_600_000, name: '1 h', unit: 'min', ticks: [3_600_000, 2_400_000, 1_200_000, 0] },
];

/** The newest end of a trace is this many milliseconds old, because later samples may still be on their way. */
const TRACE_DELAY = 250;

/** The range, and the time at which the charts end; null while that is now. */
const view = { range: RANGES[0], end: null };

/** The range of the decided surfaces, which change rarely. */
const timelineRange = () => (view.range.length > RANGES[1].length ? view.range : RANGES[1]);

const viewEnd = () => view.end ?? daemonTime() - TRACE_DELAY;

/** Lets the charts end at a time, as far as there is a history and as it is not in the future; at null they move on. */
const setViewEnd = (end) => {
  const newest = daemonTime() - TRACE_DELAY;
  const oldest = Math.min(newest, newest - HISTORY_LENGTH + view.range.length);
  view.end = end === null ? null : Math.min(newest, Math.max(oldest, end));
};

/** What the charts show, in words. */
const describeView = ({ name } = view.range) =>
  (view.end === null ? `over the last ${name}` : `over ${name} up to ${formatTime(view.end)}`);

/** The times below a chart, as [milliseconds ago, text]. Times of the day are longer, so there are fewer. */
const axisTimes = ({ length, ticks, unit }) => {
  if (view.end !== null) return [length, length / 2, 0].map((ago) => [ago, formatTime(view.end - ago)]);
  return ticks.map((ago) => [ago, ago === 0 ? 'now' : `−${ago / (unit === 's' ? 1000 : 60_000)} ${unit}`]);
};
