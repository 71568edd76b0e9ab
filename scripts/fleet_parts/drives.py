"""The samples of simulated drives, which robots send one second at a time."""
import subprocess

TRACKS = 32  # different drives


def tracks(program, folder, rate=100):
    """Simulated drives over all surfaces: for each second, the samples of that second as text."""
    drives = []
    for seed in range(TRACKS // 4):
        out = folder / f"drive{seed}"
        subprocess.run([program, "simulate", "--out", out, "--tour", "--seed", str(seed), "--seconds", "20", "--rate", str(rate)],
                       check=True, capture_output=True)
        rows = next(path for path in out.glob("*.csv") if "labels" not in path.name).read_text().split()[1:]
        values = [row.split(",")[1] for row in rows]
        seconds = [values[at:at + rate] for at in range(0, len(values) - rate + 1, rate)]
        drives += [seconds[turn * len(seconds) // 4:] + seconds[:turn * len(seconds) // 4] for turn in range(4)]
    return drives
