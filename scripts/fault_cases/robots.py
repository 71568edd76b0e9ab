"""Robots that send samples: a board on a pseudo-terminal, and a fleet over MQTT."""
import math, os, pty, random, threading, time, tty
from pathlib import Path

from .harness import RATE


class Board:
    """A pseudo-terminal behind a link, as a board on a USB port is behind a link in /dev/serial/by-id."""

    def __init__(self, link):
        self.link, self.master, self.slave = Path(link), None, None
        self.plug()

    def plug(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self.slave))

    def unplug(self):
        self.link.unlink(missing_ok=True)
        os.close(self.master)
        os.close(self.slave)

    def kill(self):
        try:
            self.unplug()
        except OSError:
            pass

    def write(self, data):
        """Writes as much as the line takes, and returns how much that was."""
        try:
            return os.write(self.master, data)
        except BlockingIOError:
            return 0
        except OSError:
            return 0

    def write_all(self, data, seconds=5.0):
        """Writes everything, waiting for the reader. Returns whether it was taken within so many seconds."""
        end = time.monotonic() + seconds
        while data and time.monotonic() < end:
            taken = self.write(data)
            data = data[taken:]
            if not taken:
                time.sleep(0.001)
        return not data


def drive(index):
    """The current of robot `index` in A at 1,000 times: a wave, a ripple and some noise."""
    chance = random.Random(index)
    wave = lambda at: 1.2 + 0.1 * math.sin(2 * math.pi * at / 50) + 0.05 * math.sin(2 * math.pi * at / 9)
    return [wave(at) + chance.gauss(0, 0.05) for at in range(1000)]


class Fleet:
    """Robots that publish samples on a thread of their own until they are stopped.

    Each has a clock of its own that ticks with each sample, so that a prediction is due after each HOP samples and none is
    missing unless something was lost. `wall` gives samples the wall clock's time instead, `stamped=False` none.
    """

    def __init__(self, client, names, rate=RATE, per_message=1, wall=False, stamped=True):
        self.client, self.names, self.rate, self.per_message = client, list(names), rate, per_message
        self.wall, self.stamped = wall, stamped
        self.sent, self.ended = 0, threading.Event()
        self.drives = [drive(index) for index in range(min(len(self.names), 7))]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def rows(self, robot, at):
        values = self.drives[robot % len(self.drives)]
        rows = []
        for index in range(at * self.per_message, (at + 1) * self.per_message):
            value = f"{values[index % 1000]:.4f}"
            stamp = f"{time.time():.6f}" if self.wall else f"{index / self.rate:.6f}"
            rows.append(f"{stamp},{value}" if self.stamped else value)
        return "\n".join(rows) + "\n"

    def run(self):
        begun, step = time.monotonic(), self.per_message / self.rate
        at = 0
        while not self.ended.is_set():
            for robot, name in enumerate(self.names):
                if self.client.publish(f"robots/{name}/current", self.rows(robot, at)):
                    self.sent += self.per_message
            at += 1
            pause = begun + at * step - time.monotonic()
            if pause > 0:
                self.ended.wait(pause)

    def stop(self):
        self.ended.set()
        self.thread.join(10)
        return self.sent

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
