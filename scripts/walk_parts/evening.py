"""The evening with one board, from the wire to the surface on the broker."""
import json, re, shlex, shutil, subprocess, time

from fault_cases.harness import REPO, Process, need, wait_for
from walk_parts import Failed
from walk_parts.board import Board, Lines, Simulated, Sketch

SURFACES = ("concrete", "grass", "gravel")
# docs/tutorial.md, "Record three surfaces": each at least three times; short ones, so that five evenings take ten minutes.
DRIVES, SECONDS = 3, 4
# How long it may take until the surface is right, and how long it then has to stay, in s.
PATIENCE, STAYS = 15, 2


class Listener(Process):
    """A program whose lines are kept in a file."""

    def __init__(self, words, path, environment, cwd):
        self.path = path
        with open(path, "wb") as out:
            self.spawn(words, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=cwd)

    def lines(self):
        return self.path.read_text(errors="replace").splitlines()


class Evening:
    """The evening with one board. Each step uses what the steps before it printed."""

    def __init__(self, context, kind):
        self.context, self.kind, self.folder = context, kind, context.folder
        self.link, self.screens = context.path("board"), context.path("screens")
        self.screens.mkdir()

    def steps(self):
        """The steps in their order, each with its name."""
        return [
            ("wire", self.wire), ("check --port", self.check_port), ("record", self.record), ("new drives", self.record_new),
            ("fit", self.fit), ("evaluate", self.evaluate), ("underfoot.toml", self.configure), ("check -c", self.check),
            ("run", self.run_daemon), ("surfaces", self.surfaces), ("stop", self.stop),
        ]

    def run(self, line, expected=0):
        """Runs a command line of the documentation or of the step before, and returns what it printed."""
        words = shlex.split(line)
        if words[0] not in ("underfoot", "underfoot-train"):
            raise Failed(f"the suggested command is none of underfoot's: {line}")
        words[0] = str(self.context.program.with_name(words[0]))
        ran = subprocess.run(words, capture_output=True, text=True, timeout=300, cwd=self.folder, env=self.context.environment,
                             stdin=subprocess.DEVNULL)
        screen = ran.stdout + ran.stderr
        number = len(list(self.screens.iterdir()))
        (self.screens / f"{number:02}.txt").write_text(f"$ {line}\n{screen}[exit code {ran.returncode}]\n")
        if fault := self.board.fault:
            raise Failed(f"the board stopped: {fault}")
        if ran.returncode != expected:
            last = (screen.strip().splitlines() or ["nothing was printed"])[-1]
            raise Failed(f"`{line}` ended with {ran.returncode} instead of {expected}: {last}")
        return screen

    def wire(self):
        """Connects the board."""
        if shutil.which("mosquitto_sub") is None:
            raise Failed("mosquitto_sub is not installed; apt-get install mosquitto-clients")
        self.broker = self.context.broker()
        if self.kind.line is None and not self.kind.resets:
            self.board = self.context.keep(Simulated(self.context, self.link))
            self.board.drive(SURFACES[0])
            return
        count = len(self.kind.channels)
        # More drives than are recorded, so that the daemon meets new ones.
        made = self.context.tool("simulate", "--out", self.context.path("pool"), "--seconds", 12, "--drives", DRIVES + 3,
                                 "--channels", count)
        if made.returncode:
            raise Failed(f"underfoot simulate: {made.stderr.decode().strip()}")
        drives = {surface: [currents(file) for file in sorted(self.context.path(f"pool/{surface}").glob("*.csv"))]
                  for surface in SURFACES}
        firmware = Lines(self.kind) if self.kind.line else Sketch(self.folder)
        self.board = self.context.keep(Board(self.link, firmware, drives, self.kind.resets))

    def check_port(self):
        """docs/tutorial.md, "Try the board"."""
        line = f"underfoot check --port {self.link}"
        if self.kind.channels != ("current",):
            # A first try without the names has to say which flag is missing.
            said = self.run(line, expected=1)
            if "--channels" not in said:
                raise Failed(f"what `{line}` prints about several channels does not name --channels: {said.strip()}")
            line += f" --channels {','.join(self.kind.channels)}"
        said = self.run(line)
        if not re.search(r"at (about )?(99|100|101) Hz", said) or "\nwarning" in said:
            raise Failed(f"`{line}` does not find 100 Hz without a warning: {said.strip()}")
        self.record_line = suggested(said, r"^next: .*\brun (underfoot record .*)$", "underfoot record")

    def record_drives(self, more, count):
        """Records drives with the command that `check` printed, and returns what the last one printed."""
        drives = [surface for _ in range(count) for surface in SURFACES]
        if isinstance(self.board, Simulated):
            # docs/without-a-robot.md: a few drives, then stop the board and start it on the next surface.
            drives.sort()
        for surface in drives:
            self.board.drive(surface)
            line = re.sub(r"--label \S+", f"--label {surface}", self.record_line)
            # docs/without-a-robot.md, "Record, train and run a model of your own".
            said = self.run(f"{line} --duration {SECONDS}s{more}")
            if "warning" in said or "dropped" in said:
                raise Failed(f"a drive on {surface} is not recorded without loss: {said.strip()}")
        return said

    def record(self):
        said = self.record_drives("", DRIVES)
        self.fit_line = suggested(said, r"`(underfoot-train fit [^`]*)`", "underfoot-train fit")

    def record_new(self):
        """docs/tutorial.md, "Test it on new drives"."""
        said = self.record_drives(" --out new-drives", 1)
        self.evaluate_line = suggested(said, r"`(underfoot-train evaluate [^`]*)`", "underfoot-train evaluate")

    def fit(self):
        said = self.run(self.fit_line)
        written = suggested(said, r"^wrote (\S+\.onnx) ", "the model that was written")
        if written != "model.onnx" or not (self.folder / written).is_file():
            raise Failed(f"the model of the documentation is model.onnx, but {written} was written")

    def evaluate(self):
        """docs/tutorial.md, "Test it on new drives"."""
        said = self.run(self.evaluate_line)
        if f"{len(SURFACES)} recordings" not in said or "accuracy" not in said:
            raise Failed(f"evaluate does not score {len(SURFACES)} recordings: {said.strip()}")

    def configure(self):
        """Writes the underfoot.toml of docs/tutorial.md, "Run it", for this port and this broker."""
        text = block("docs/tutorial.md", "### Run it")
        if isinstance(getattr(self.board, "firmware", None), Sketch):
            # The source as the page of the sketches has it.
            source = block("deploy/microcontroller/README.md", "## Configuration")
            text = text[: text.index("[[source]]")] + source
        text = re.sub(r'^port = "[^"]*"', f'port = "{self.link}"', text, flags=re.M)
        # docs/configuration.md, [mqtt] port: this broker does not listen on 1883.
        text = text.replace("[mqtt]\n", f"[mqtt]\nport = {self.broker.port}\n")
        (self.folder / "underfoot.toml").write_text(text)

    def check(self):
        said = self.run("underfoot check -c underfoot.toml")
        results = [line for line in said.splitlines() if not line.startswith("next: ")]
        if strange := [line for line in results if not line.startswith("ok ")]:
            raise Failed(f"check does not find everything ok: {strange[0]}")
        self.run_line = suggested(said, r"^next: (underfoot run .*)$", "underfoot run")

    def run_daemon(self):
        """docs/tutorial.md, "Run it" and "Watch it"."""
        words = shlex.split(self.run_line)
        self.daemon = self.listen("run", [self.context.program, *words[1:]])
        need("the daemon connects", lambda: any("connected to the broker" in line for line in self.daemon.lines()))
        self.watch = self.listen("watch", [self.context.program, "watch", "-c", "underfoot.toml"])
        words = ["mosquitto_sub", "-v", "-t", "underfoot/+/surface", "-p", self.broker.port]
        self.subscriber = self.listen("mosquitto_sub", words)

    def listen(self, name, words):
        path = self.screens / f"{name}.txt"
        return self.context.keep(Listener(words, path, self.context.environment, self.folder))

    def surfaces(self):
        """Drives over each surface, on new drives. The broker has to have it within PATIENCE, and it has to stay."""
        for surface in SURFACES[1:] + SURFACES[:1]:
            self.board.drive(surface)
            if not wait_for(surface, lambda: self.published() == surface and self.watched() == surface, PATIENCE):
                raise Failed(f"the robot drives on {surface}, but after {PATIENCE} s the broker has {self.published()} "
                             f"and watch shows {self.watched()}")
            time.sleep(STAYS)
            if self.published() != surface:
                raise Failed(f"the robot drives on {surface}, but the broker changed to {self.published()}")

    def published(self):
        """The last surface that mosquitto_sub has printed."""
        messages = [line.split(" ", 1) for line in self.subscriber.lines() if line.startswith("underfoot/rover/surface {")]
        # The last line may not be complete yet.
        whole = [body for _, body in messages if body.endswith("}")]
        return json.loads(whole[-1])["surface"] if whole else None

    def watched(self):
        """The last surface that watch has printed."""
        found = re.findall(r"^\S+ rover (\S+)", "\n".join(self.watch.lines()), re.M)
        return found[-1] if found else None

    def stop(self):
        """Ends what listens and the daemon, as Ctrl-C and systemd do."""
        for name, process in (("watch", self.watch), ("run", self.daemon)):
            if (code := process.stop()) != 0:
                raise Failed(f"{name} ended with {code}: {(process.lines() or ['nothing was printed'])[-1]}")
        self.subscriber.stop()


def currents(file):
    """The currents of a simulated drive, a row for each sample."""
    rows = [line.split(",")[1:] for line in file.read_text().splitlines()[1:]]
    return [[float(value) for value in row] for row in rows]


def suggested(screen, pattern, what):
    """What a command suggested in what it printed."""
    if found := re.search(pattern, screen, re.M):
        return found[1].strip()
    raise Failed(f"what was printed does not say how to go on with {what}: {(screen.strip().splitlines() or [''])[-1]}")


def block(page, heading):
    """The first TOML block below a heading of a page."""
    section = (REPO / page).read_text().split(f"\n{heading}\n", 1)[1]
    return section.split("```toml\n", 1)[1].split("```", 1)[0]
