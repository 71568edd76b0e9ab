"""in_keras.py FOLDER [NAME…]: runs of docs/fluctuating-loss.md in Keras, on the drives that scripts/fluctuating-loss left in FOLDER.

Leaves FOLDER/keras-NAME.run/history.csv, which scripts/fluctuating-loss then prints beside its own. Needs the packages keras
and tensorflow-cpu; a run of batches of 32 takes some ten minutes, one of batches of 2 an hour.
"""
import csv
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np

STEPS, RATE, EPOCHS = 100, 100.0, 1500
# What differs from the preset in each run.
RUNS = {
    "batch-32": {},
    "batch-2": {"batch": 2},
    "batch-4": {"batch": 4},
    "sgd": {"optimizer": lambda: keras.optimizers.SGD(1e-3)},
    "no-dropout-no-batch-norm": {"plain": True},
}


def windows(folder):
    """Windows [N, 100, 1] and labels of the first four drives on each surface, and of the fifth."""
    parts = ([], []), ([], [])
    for label, surface in enumerate(sorted(path for path in folder.iterdir() if path.is_dir())):
        for drive, path in enumerate(sorted(surface.glob("*.csv"))):
            t, current = np.loadtxt(path, delimiter=",", skiprows=1, usecols=(0, 1)).T
            grid = t[0] + np.arange(int((t[-1] - t[0]) * RATE) + 1) / RATE
            values = np.interp(grid, t, current)
            x, y = parts[drive == 4]
            for start in range(0, len(values) - STEPS + 1, STEPS):
                x.append(values[start : start + STEPS])
                y.append(label)
    (x, y), (held_x, held_y) = ((np.array(x, "f4")[..., None], np.array(y)) for x, y in parts)
    mean, deviation = x.mean(), x.std()
    return (x - mean) / deviation, y, (held_x - mean) / deviation, held_y


def run(folder, name, batch=32, optimizer=lambda: keras.optimizers.RMSprop(1e-3), plain=False):
    keras.utils.set_random_seed(0)
    x, y, held_x, held_y = windows(folder / "surfaces")
    regular = [] if plain else [keras.layers.BatchNormalization(), keras.layers.Dropout(0.2)]
    model = keras.Sequential(
        [keras.Input((STEPS, 1)), keras.layers.LSTM(200), *regular, keras.layers.Dense(200, activation="relu"), keras.layers.Dense(6, activation="softmax")]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer(), metrics=["accuracy"])
    history = model.fit(x, y, epochs=EPOCHS, batch_size=batch, validation_data=(held_x, held_y), verbose=0).history
    out = folder / f"keras-{name}.run"
    out.mkdir(exist_ok=True)
    with open(out / "history.csv", "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["epoch", "loss", "accuracy", "validation_loss", "validation_accuracy"])
        rows = zip(history["loss"], history["accuracy"], history["val_loss"], history["val_accuracy"])
        table.writerows([epoch, *row] for epoch, row in enumerate(rows, 1))


if __name__ == "__main__":
    for name in sys.argv[2:] or RUNS:
        run(Path(sys.argv[1]), name, **RUNS[name])
