// The colours of the surfaces, and the colours and the font that the charts take from the style sheet.

/** Paul Tol's bright and vibrant schemes, which colour-blind people can tell apart on light and dark backgrounds. */
const SURFACE_COLOURS = [
  '#4477aa', '#ee6677', '#228833', '#ccbb44', '#66ccee', '#aa3377', '#ee7733', '#009988', '#bb5566', '#997700',
];
const UNKNOWN_COLOUR = '#8b949e';

const darkScheme = matchMedia('(prefers-color-scheme: dark)');

/** The colours of text, grid and lines in the charts, and their font. */
let theme = {};

const readTheme = () => {
  const style = getComputedStyle(document.documentElement);
  const value = (name) => style.getPropertyValue(name).trim();
  theme = {
    text: value('--soft'),
    grid: value('--grid'),
    lines: [0, 1, 2, 3].map((index) => value(`--line${index}`)),
    font: getComputedStyle(document.body).fontFamily,
  };
};

const labelColour = (index) => SURFACE_COLOURS[index % SURFACE_COLOURS.length];

/** The colour of a surface; grey for one that the model does not have, such as unknown. */
const surfaceColour = (surface) => {
  const index = about.labels.indexOf(surface);
  return index < 0 ? UNKNOWN_COLOUR : labelColour(index);
};

/** Black or white, whichever is easier to read on a colour. */
const readableOn = (colour) => {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16) / 255);
  return 0.3 * red + 0.59 * green + 0.11 * blue > 0.52 ? '#000000' : '#ffffff';
};
