// The line of one robot in the overview, and the row below it that holds its card while it is open.

class Line {
  constructor(robot) {
    this.robot = robot;
    this.element = byId('line').content.cloneNode(true).firstElementChild;
    this.element.dataset.stream = robot.name;
    this.button = this.part('open');
    this.button.textContent = robot.name;
    this.swatch = this.part('swatch');
    this.cells = Object.fromEntries(['surface', 'since', 'confidence', 'novelty', 'trouble'].map((name) => [name, this.part(name)]));
    /** The texts of the cells, because writing one is dear and asking for one is not cheap. */
    this.texts = {};
    /** Whether it stands among the robots with a problem; null while it stands nowhere. */
    this.stoodBad = null;
    this.place = byId('place').content.cloneNode(true).firstElementChild;
  }

  part(className) {
    return this.element.querySelector(`.${className}`);
  }

  update() {
    const { robot } = this;
    const { surface, since, endedAt } = robot;
    const number = (value, format) => (value === null || surface === 'unknown' ? '' : format(value));
    this.write('surface', surface);
    this.write('since', endedAt ? 'ended' : since === null ? '' : formatAge(daemonTime() - since));
    this.write('confidence', number(robot.confidence, formatPercent));
    this.write('novelty', robot.novelty === null ? '' : robot.novelty.toFixed(2));
    this.write('trouble', robot.trouble || sentence(robot.reason));
    const colour = surfaceColour(surface);
    if (this.colour !== colour) this.swatch.style.background = this.colour = colour;
    this.element.classList.toggle('bad', robot.hasProblem);
    this.element.classList.toggle('plain', !robot.trouble && !robot.reason);
  }

  write(name, text) {
    if (this.texts[name] === text) return;
    this.texts[name] = this.cells[name].textContent = text;
  }

  /** Shows the card below this line, or takes it away. */
  setCard(card) {
    this.button.setAttribute('aria-expanded', String(card !== null));
    this.place.hidden = card === null;
    this.place.firstElementChild.replaceChildren(...(card ? [card.element] : []));
  }

  show(isShown) {
    if (this.element.hidden !== isShown) return;
    this.element.hidden = !isShown;
    this.place.hidden = !isShown || this.robot.card === null;
  }

  remove() {
    this.element.remove();
    this.place.remove();
  }
}
