// How numbers, times, durations and lists are written.

const formatPercent = (share) => `${(100 * share).toFixed(0)} %`;

const formatCount = (count) => count.toLocaleString('en');

const formatLatency = (milliseconds) => `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;

/** Names as a list that ends with a word, such as gravel or tile; of many, the first three. */
const listNames = (names, word) => {
  const shown = names.length > 3 ? [...names.slice(0, 3), 'others'] : names;
  return [shown.slice(0, -1).join(', '), ...shown.slice(-1)].filter(Boolean).join(` ${word} `);
};

/** A sentence, with a capital letter and a full stop. */
const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}` : '');

/** The time of day, such as 17:05:09. */
const formatTime = (time) => new Date(time).toLocaleTimeString([], {
  hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23',
});

/** A duration in its two largest units, such as 3 min 20 s. */
const formatDuration = (milliseconds) => {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

/** A duration in its largest unit, such as 3 min. In a long table, few such texts change each second. */
const formatAge = (milliseconds) => formatDuration(milliseconds).split(' ').slice(0, 2).join(' ');
