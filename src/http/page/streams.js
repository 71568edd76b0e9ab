// The list of streams: a card appears with a stream's first event, and goes some time after its end.

/** Streams that have a card. */
const MAX_CARDS = 64;

/** A card stays for this many milliseconds after its stream ended. */
const ENDED_CARD_STAYS = 10_000;

/** Notes which cards are on the screen or near it, because only those are drawn. */
const visibility = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const card = cards.get(entry.target.dataset.stream);
    if (card) card.visible = entry.isIntersecting;
  }
}, { rootMargin: '200px' });

/** The card of a stream, which is made when there is none, in the order of names; null when there are too many. */
const cardOf = (stream) => {
  const known = cards.get(stream);
  if (known) return known;
  if (cards.size >= MAX_CARDS) {
    byId('more').hidden = false;
    setText(byId('more'), `More than ${MAX_CARDS} streams: the others are on MQTT and in /metrics.`);
    return null;
  }
  const card = new Card(stream);
  cards.set(stream, card);
  const next = [...cards.keys()].filter((other) => other > stream).sort()[0];
  byId('streams').insertBefore(card.element, next === undefined ? null : cards.get(next).element);
  visibility.observe(card.element);
  byId('none').hidden = true;
  return card;
};

const removeCard = (card) => {
  cards.delete(card.stream);
  visibility.unobserve(card.element);
  card.element.remove();
  byId('none').hidden = cards.size > 0;
  if (cards.size < MAX_CARDS) byId('more').hidden = true;
};

/** Updates the ages on the cards and removes those whose stream ended. Without a connection, all cards stay. */
const updateCards = () => {
  for (const card of [...cards.values()]) {
    const old = card.endedAt !== null && daemonTime() - card.endedAt > ENDED_CARD_STAYS;
    if (old && lostAt === null) removeCard(card);
    else card.updateAges();
  }
};
