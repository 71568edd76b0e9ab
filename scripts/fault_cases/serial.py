"""What a board on a serial port may do: vanish and come back, send garbage, lose bytes."""
import random, statistics, threading, time

from .harness import NEIGHBOUR, at_least, at_most, equal, need, wait_for
from .robots import Board


def source(board, stream="board", extra=""):
    return f'[[source]]\nkind = "serial"\nport = "{board.link}"\nstream = "{stream}"\n{extra}'


def unplugged(context):
    """Pseudo-terminals go away and come back under their links, again and again."""
    boards, times = (50, 20) if context.long else (10, 4)
    load = f"{boards} boards at 100 Hz, {times} times each"
    boards = [Replugged(context, index, times) for index in range(boards)]
    daemon = context.daemon("".join(source(one.board, one.name) for one in boards) + NEIGHBOUR)
    # Memory settles within ten seconds: each stream has a window, and each window a prediction.
    settled = lambda: all(len(daemon.predictions(one.name)) >= 120 for one in boards)
    need("every board has been read for a while", settled, 60)
    memory, descriptors = daemon.memory(), daemon.descriptors()
    for one in boards:
        one.start(daemon)
    need("all are done", lambda: not any(one.thread.is_alive() for one in boards), 60 * times)
    back = [seconds for one in boards for seconds in one.back]
    yield equal(load, "not back within 30 s", sum(one.lost for one in boards), 0)
    yield at_most(load, "median s until back", statistics.median(back), 1.5, "{:.2f}")
    yield at_most(load, "longest s until back", max(back), 5.0, "{:.2f}")
    yield at_most(load, "memory grown by MiB", daemon.memory() - memory, 3.0, "{:.1f}")
    yield at_most(load, "descriptors grown by", daemon.descriptors() - descriptors, 1)
    yield equal(load, "predictions of a robot beside missing", daemon.missing(), 0)


class Replugged:
    """A board that sends rows at 100 Hz and is unplugged a number of times."""

    # A port that has worked for 5 s is opened again without a longer delay.
    HELD = 6.0

    def __init__(self, context, index, times):
        self.name, self.times, self.chance = f"board{index}", times, random.Random(index)
        self.board = context.keep(Board(context.path(self.name)))
        self.at, self.back, self.lost = 0, [], 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.begun, self.unplugging = time.monotonic(), None
        threading.Thread(target=self.talk, daemon=True).start()

    def start(self, daemon):
        self.daemon = daemon
        self.thread.start()

    def talk(self):
        """Sends rows, and is the only thread that touches the board, until the board is unplugged for good."""
        while self.times:
            if self.unplugging:
                self.board.unplug()
                time.sleep(self.unplugging)
                self.board.plug()
                self.unplugging = None
            self.board.write(f"{self.at / 100:.2f},{1 + self.at % 7 / 10:.4f}\n".encode())
            self.at += 1
            pause = self.begun + self.at / 100 - time.monotonic()
            time.sleep(max(pause, 0))

    def count(self):
        return self.daemon.metric(f'underfoot_samples_total{{source="serial{self.name[5:]}"}}')

    def run(self):
        while self.times:
            time.sleep(self.HELD + self.chance.uniform(0, 1))
            self.unplugging = self.chance.uniform(0.001, 0.2)
            wait_for("it is plugged in again", lambda: self.unplugging is None, 5, 0.005)
            begun, before = time.monotonic(), self.count()
            if wait_for("it is read again", lambda: self.count() > before, 30, 0.1) is None:
                self.lost += 1
            self.back.append(time.monotonic() - begun)
            self.times -= 1


def serial_garbage(context):
    """Boards that send random bytes, a line without an end, and broken frames, as fast as the line takes them."""
    seconds = 60 if context.long else 5
    chance = random.Random(3)
    noise = bytes(chance.randrange(256) for _ in range(1 << 16))
    frames = b"\0".join(b"\xd5\xaa" + chance.randbytes(chance.randrange(1, 300)) for _ in range(400))
    loads = [
        ("random bytes", "", noise),
        ("a line without an end", "", b"1234567890" * 6000),
        ("an endless field of JSON", 'format = "json"\n', b'{"current": [[[[{"a":"' * 3000),
        ("broken frames", 'format = "binary"\n', frames),
    ]
    for name, extra, data in loads:
        board = context.keep(Board(context.path("board-" + name.replace(" ", "-"))))
        daemon = context.daemon(source(board, extra=extra) + NEIGHBOUR)
        need("the robot beside is served", lambda: len(daemon.predictions("neighbour")) >= 5)
        begun, sent = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            count = board.write(data)
            sent += count
            if not count:
                time.sleep(0.0005)
        rate = sent / seconds / 1e6
        load = f"{name}, {rate:.0f} MB/s for {seconds} s"
        counted = wait_for("counted", daemon.dropped, 5) or 0
        yield equal(load, "predictions of a robot beside missing", daemon.missing(), 0)
        yield at_most(load, "peak memory, MiB", daemon.peak(), 64, "{:.0f}")
        yield at_least(load, "counted", counted, 1)
        daemon.stop()


def cut_rows(context):
    """A row of `t,current` that has lost bytes at its start or at its end, at each place where it may."""
    board = context.keep(Board(context.path("board")))
    folder = context.path("recordings")
    daemon = context.daemon(f'[record]\nfolder = "{folder}"\n' + source(board))
    row = lambda at: f"{at / 100:.3f},{1 + at % 7 / 10:.4f}\n"
    example = row(1234)
    comma = example.index(",")
    # A cut inside the value from its end leaves a row that looks whole; no reader without a checksum can tell.
    cuts = [("start", count) for count in range(1, len(example) - 1)]
    cuts += [("end", count) for count in range(len(example) - comma - 1, len(example) - 1)]
    at, began, fragments = 0, time.monotonic(), 0
    sent = {}

    def send(data):
        nonlocal at
        board.write_all(data.encode())
        at += 1
        pause = began + at / 100 - time.monotonic()
        if pause > 0:
            time.sleep(pause)

    board.write_all(b"t,current\n")
    for cut in [None, *cuts, None]:
        for _ in range(150 if cut is None else 40):
            sent[round(at * 10)] = float(row(at).split(",")[1])
            send(row(at))
        if cut:
            where, count = cut
            fragment = row(at)[count:] if where == "start" else row(at)[:-1 - count] + "\n"
            # Nothing is left of a row that is shorter than the cut.
            fragments += fragment.strip() != ""
            send(fragment)
    gaps, counted = daemon.gaps(), daemon.dropped()
    missing, code = daemon.missing("board"), daemon.stop()
    files = sorted(folder.rglob("*.csv"))
    wrong = read = 0
    for file in files:
        for line in file.read_text().splitlines()[1:]:
            time_text, value = line.split(",")
            read += 1
            wrong += sent.get(round(float(time_text) * 1000)) != float(value)
    load = f"{len(cuts)} cuts of {example.strip()} at 100 Hz"
    yield equal(load, "samples wrong", wrong, 0)
    yield equal(load, "gaps", gaps, 0)
    yield equal(load, "predictions missing", missing, 0)
    yield at_least(load, "counted", counted, fragments)
    yield equal(load, "recordings", len(files), 1)
    yield equal(load, "whole rows not recorded", len(sent) - (read - wrong), 0)
    yield equal(load, "exit code", code, 0)


CASES = {"unplugged": unplugged, "serial-garbage": serial_garbage, "cut-rows": cut_rows}
