"""Reads labelled recordings as underfoot does in simple cases: FOLDER/SURFACE/*.csv with a column t in seconds and a column for
each channel. It needs numpy only.
"""

from pathlib import Path

import numpy as np

RATE = 100.0  # steps per second, Hz
WINDOW = 100  # steps
HOP = 10  # steps between the starts of two windows
MAX_GAP = 0.1  # s


class Recordings:
    """The windows of all recordings below a folder.

    `windows` is float32 [N, WINDOW, channels] in the unit of the recordings, `labels` the index of the surface of each,
    `drives` the index of its recording; `surfaces` and `channels` are names.
    """

    def __init__(self, folder):
        self.surfaces = sorted(path.name for path in Path(folder).iterdir() if path.is_dir() and any(path.glob("*.csv")))
        if len(self.surfaces) < 2:
            raise SystemExit(f"{folder} has {len(self.surfaces)} folders with recordings; a model needs two surfaces or more")
        windows, labels, drives, self.channels = [], [], [], None
        files = [(file, label) for label, name in enumerate(self.surfaces) for file in sorted((Path(folder) / name).glob("*.csv"))]
        for drive, (file, label) in enumerate(files):
            channels, found = read(file)
            if self.channels not in (None, channels):
                raise SystemExit(f"{file} has the channels {channels}, and the recordings before have {self.channels}")
            self.channels = channels
            windows += found
            labels += [label] * len(found)
            drives += [drive] * len(found)
        self.windows, self.labels, self.drives = np.array(windows, np.float32), np.array(labels), np.array(drives)

    def split(self, seed=0):
        """Which windows to train on: those of about four fifths of the drives on each surface. Windows of one drive are
        near-copies of each other, so whole drives are held out."""
        rng, held_out = np.random.default_rng(seed), []
        for label in range(len(self.surfaces)):
            drives = np.unique(self.drives[self.labels == label])
            held_out += list(rng.choice(drives, max(1, len(drives) // 5), replace=False))
        return ~np.isin(self.drives, held_out)

    def scaling(self, chosen):
        """The mean and the deviation of each channel in some of the windows. A channel that never changes has the deviation 1,
        so that nothing is divided by 0."""
        mean, deviation = self.windows[chosen].mean((0, 1)), self.windows[chosen].std((0, 1))
        return mean, np.where(deviation > 0, deviation, 1).astype(np.float32)

    def write_card(self, path, chosen, made_by):
        """Writes the model card: what the model needs and gives."""
        lines = [
            "version = 1", f"rate = {RATE}", f"window = {WINDOW}", f"hop = {HOP}",
            f"labels = [{', '.join(quoted(name) for name in self.surfaces)}]",
            f"channels = [{', '.join(f'{{ name = {quoted(name)} }}' for name in self.channels)}]",
            f'resample = {{ method = "nearest", max_gap = {MAX_GAP} }}', f"made_by = {quoted(made_by)}",
        ]
        for channel in range(len(self.channels)):
            values = self.windows[chosen][:, :, channel].astype(float)
            lines += [
                "[[training.statistics]]", f"mean = {values.mean()}", f"deviation = {values.std()}",
                f"min = {values.min()}", f"max = {values.max()}",
            ]
        Path(path).write_text("\n".join(lines) + "\n")


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read(file):
    """The names of the channels of a recording, and its windows."""
    with open(file) as lines:
        names = lines.readline().strip().split(",")
    values = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2)
    times, samples = values[:, names.index("t")], np.delete(values, names.index("t"), axis=1)
    windows = []
    for piece in np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > MAX_GAP) + 1):
        if len(piece) < 2:
            continue
        steps = resample(times[piece], samples[piece])
        windows += [steps[start:start + WINDOW] for start in range(0, len(steps) - WINDOW + 1, HOP)]
    return [name for name in names if name != "t"], windows


def resample(times, samples):
    """Steps at the rate of the model, [M, channels], from samples without a gap. Each step is the first sample that is within
    half a period and was not taken yet; a step without one is interpolated. It is what `method = "nearest"` says."""
    steps = [samples[0]]
    for before, (time, sample) in enumerate(zip(times[1:], samples[1:])):
        while (step := times[0] + len(steps) / RATE) < time - 0.5 / RATE:
            share = (step - times[before]) / (time - times[before])
            steps.append(samples[before] + share * (sample - samples[before]))
        if step <= time + 0.5 / RATE:
            steps.append(sample)
    return np.array(steps)
