"""Boards on pseudo-terminals: each sends what its firmware prints, at its real rate, while somebody reads."""
import os, pty, select, subprocess, threading, time, tty

from fault_cases.harness import REPO, Process, need
from walk_parts import Failed

# The time between two samples in s, of all boards.
PERIOD = 0.01
# The steps of the converter for an ampere, as in SerialCsv.ino: 5 V are 1023 steps, and the sensor gives 100 mV/A.
STEPS = 1023 / 5 * 0.1


class Lines:
    """Firmware that prints a line for each sample."""

    def __init__(self, kind):
        self.kind = kind
        self.reset()

    def reset(self):
        """Starts from the beginning."""
        self.number, self.said_header = 0, False

    def output(self, amperes):
        """What it prints in the next period, in which these currents flow."""
        header = "" if self.said_header else self.kind.header
        self.said_header, self.number = True, self.number + 1
        return (header + self.kind.line(self.number, amperes)).encode()

    def kill(self):
        pass


class Sketch(Process):
    """A sketch that is compiled for this computer with the stand-in for a board that the tests use."""

    def __init__(self, folder):
        self.program = folder / "sketch"
        library = REPO / "deploy/microcontroller"
        words = ["g++", "-std=c++11", "-O1", "-I", library / "src", "-I", REPO / "tests/arduino", "-include", "Arduino.h"]
        words += ["-o", self.program, "-x", "c++", library / "examples/SerialCsv/SerialCsv.ino"]
        try:
            built = subprocess.run(words, capture_output=True, text=True, timeout=120)
        except FileNotFoundError:
            raise Failed("g++ is not installed; apt-get install g++, or leave this board out with --boards") from None
        if built.returncode:
            raise Failed(f"the sketch cannot be compiled: {built.stderr.strip().splitlines()[0]}")
        self.process = None
        self.reset()

    def reset(self):
        self.kill()
        # With `-`, each line of the input is a reading, and so sets the pace.
        self.process = subprocess.Popen([self.program, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        os.set_blocking(self.process.stdout.fileno(), False)

    def output(self, amperes):
        self.process.stdin.write(f"{amperes[0] * STEPS:.2f}\n".encode())
        self.process.stdin.flush()
        try:
            return os.read(self.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return b""

    def kill(self):
        if self.process:
            super().kill()
            for pipe in (self.process.stdin, self.process.stdout):
                try:
                    pipe.close()
                except OSError:
                    # What it has not read any more does not matter.
                    pass


class Board(threading.Thread):
    """A board with firmware. The robot stands on the first drive until `drive` is called."""

    def __init__(self, link, firmware, drives, resets):
        """`drives` are, for each surface, a list of drives, each with a row of currents for each sample."""
        super().__init__(daemon=True)
        self.firmware, self.drives, self.resets = firmware, drives, resets
        self.driven = dict.fromkeys(drives, 0)
        self.ended, self.fault = threading.Event(), None
        self.master, line = pty.openpty()
        tty.setraw(line)
        os.symlink(os.ttyname(line), link)
        # As nobody else has it open, the poll says whether somebody reads.
        os.close(line)
        os.set_blocking(self.master, False)
        self.rows = iter(())
        self.drive(next(iter(drives)))
        self.start()

    def drive(self, surface):
        """Begins the next drive on a surface; it goes on until the next one is begun."""
        drive = self.drives[surface][self.driven[surface] % len(self.drives[surface])]
        self.driven[surface] += 1

        def rows():
            while True:
                yield from drive

        self.rows = rows()

    def run(self):
        try:
            self.play()
        except Exception as error:  # It is said by the evening, which waits for what the board sends.
            self.fault = error

    def play(self):
        poll = select.poll()
        poll.register(self.master, 0)
        begun, ticks, was_read = time.monotonic(), 0, False
        while not self.ended.wait(max(0, begun + ticks * PERIOD - time.monotonic())):
            ticks += 1
            is_read = not any(event & select.POLLHUP for _, event in poll.poll(0))
            if is_read and not was_read and self.resets:
                self.firmware.reset()
            was_read = is_read
            printed = self.firmware.output(next(self.rows))
            if is_read and printed:
                try:
                    os.write(self.master, printed)
                except BlockingIOError:
                    # As on a real line, what is not read in time is lost.
                    pass

    def kill(self):
        self.ended.set()
        self.join(5)
        self.firmware.kill()
        os.close(self.master)


class Simulated(Process):
    """`underfoot simulate --pty` on one surface at a time, with the command of docs/without-a-robot.md."""

    def __init__(self, context, link):
        self.context, self.link, self.surface, self.fault = context, link, None, None
        self.log = context.path("board.log")

    def drive(self, surface):
        """Stops the board and starts it on a surface, unless it is on that one already."""
        if surface == self.surface:
            return
        self.kill()
        words = [self.context.program, "simulate", "--pty", self.link, "--surface", surface, "--channels", "2"]
        with open(self.log, "wb") as log:
            self.spawn(words, stderr=log, env=self.context.environment)
        self.surface = surface
        need(f"the simulated board on {surface}", lambda: f"the robot is on {surface}" in self.log.read_text())

    def kill(self):
        if self.surface:
            self.stop()
            self.surface = None
