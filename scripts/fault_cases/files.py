"""Models, recordings and pipes from elsewhere."""
import subprocess

from .harness import MODEL, NEIGHBOUR, equal, wait_for
from .robots import Board, drive

ESCAPE = b"\x1b"


def card_escape(context):
    """A model whose label is an escape character, and a recording whose header holds one."""
    onnx, csv = context.path("escape.onnx"), context.path("escape.csv")
    # The JSON of the card says the character in as many bytes as the label has, so that the file's lengths stay right.
    onnx.write_bytes(MODEL.read_bytes().replace(b'"carpet"', b'"\\u001b"'))
    values = drive(1)
    rows = "".join(f"{at / 100:.2f},{values[at]:.4f}\n" for at in range(400))
    csv.write_text("t,current\n" + rows)
    told = 0
    replays = [("replay", "--format", form, "--model", onnx, csv) for form in ("table", "csv")]
    for command in ("model", "show", onnx), *replays:
        run = context.tool(*command)
        told += (run.stdout + run.stderr).count(ESCAPE)
    yield equal("a label of ESC: model show, replay --format table and csv", "raw escapes", told, 0)

    csv.write_text("t,cur\x1b[31mrent\n" + rows)
    run = context.tool("replay", "--model", MODEL, csv)
    yield equal("a header with ESC: replay", "raw escapes", (run.stdout + run.stderr).count(ESCAPE), 0)

    link = context.path("board")
    board = context.keep(Board(link))
    daemon = context.daemon(f'[[source]]\nkind = "serial"\nport = "{link}"\n')
    board.write_all(b"t,cur\x1b[31mrent\n\x1b[2J\n0.1;\x1b]0;title\x07\n" * 20)
    wait_for("it is counted", daemon.dropped, 5)
    yield equal("lines with ESC on a serial port", "raw escapes in the log", daemon.text().count("\x1b"), 0)


def closed_pipe(context):
    """Whoever reads standard output goes away."""
    csv, values = context.path("drive.csv"), drive(1)
    csv.write_text("t,current\n" + "".join(f"{at / 100:.2f},{values[at % 1000]:.4f}\n" for at in range(100_000)))
    commands = {
        "replay": ("replay", "--model", MODEL, csv),
        "replay --format csv": ("replay", "--format", "csv", "--model", MODEL, csv),
        "model show": ("model", "show", MODEL), "config": ("config", "--help"),
    }
    for name, command in commands.items():
        words = [str(word) for word in (context.program, *command)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=context.environment)
        process.stdout.close()
        try:
            said = process.communicate(timeout=20)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.kill()
            said = "panicked: it did not end"
        yield equal(f"{name}, output closed", "panics", said.count("panicked"), 0)

    config = context.path("run.toml")
    config.write_text(f'[model]\npath = "{MODEL}"\n[publish]\nstdout = true\n{NEIGHBOUR}')
    process = subprocess.Popen([context.program, "run", "--config", config], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=context.environment)
    process.stdout.readline()
    process.stdout.close()
    ended = wait_for("it has ended", lambda: process.poll() is not None, 5)
    if ended is None:
        process.terminate()
    try:
        said = process.communicate(timeout=15)[1].decode(errors="replace")
    except subprocess.TimeoutExpired:
        process.kill()
        said = "panicked: it did not end at SIGTERM"
    yield equal("run with publish.stdout, output closed", "panics", said.count("panicked"), 0)
    yield equal("run with publish.stdout, output closed", "said in the log:", "output" in said or "stdout" in said, True)


CASES = {"card-escape": card_escape, "closed-pipe": closed_pipe}
