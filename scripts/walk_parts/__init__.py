"""The parts of scripts/walk: the kinds of boards, the boards themselves, and the evening with one of them."""
import dataclasses


class Failed(Exception):
    """A step did not do what the documentation promises. The text is one line."""


@dataclasses.dataclass
class Kind:
    """A kind of board, and what its user knows about it."""

    title: str
    # The names of the columns that the board prints after the time, as its user calls them.
    channels: tuple[str, ...] = ("current",)
    # Whether opening the port resets the board, as with an Arduino Uno. It then starts from the beginning, with its header.
    resets: bool = False
    # What it prints when it starts.
    header: str = ""
    # The line of sample `number` with these currents in A; None where another program plays the board.
    line: object = None


# The forms are those of docs/tutorial.md, "Wire", and docs/input.md, "Lines" and "Times".
KINDS = {
    "sketch": Kind("the sketch SerialCsv, compiled for this computer: microseconds, which wrap", resets=True),
    "milliseconds": Kind(
        "whole milliseconds since the start, no header",
        line=lambda number, amperes: f"{123_456 + 10 * number},{amperes[0]:.3f}\n",
    ),
    "no-times": Kind("one current on each line and no time", line=lambda number, amperes: f"{amperes[0]:.3f}\n"),
    "two-channels": Kind(
        "a header, seconds, two currents",
        channels=("left", "right"),
        resets=True,
        header="t,left,right\n",
        line=lambda number, amperes: f"{0.01 * number:.3f},{amperes[0]:.2f},{amperes[1]:.2f}\n",
    ),
    "none": Kind("no board: `underfoot simulate --pty` stands for it", channels=("left", "right")),
}
