"""train_keras.py RECORDINGS OUT: trains an LSTM with Keras 3 on labelled recordings, and writes OUT/net.onnx and OUT/card.toml.

    pip install "keras==3.15.1" "tensorflow-cpu==2.21.0" "tf2onnx==1.17.0" numpy
    python train_keras.py recordings keras
    underfoot model stamp keras/net.onnx --card keras/card.toml --out keras.onnx
    underfoot replay new-drives --model keras.onnx --format table
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from recordings import WINDOW, Recordings

UNITS, EPOCHS, BATCH = 32, 20, 64


def main(folder, out):
    keras.utils.set_random_seed(1)
    recordings = Recordings(folder)
    training = recordings.split()
    mean, deviation = recordings.scaling(training)
    model = keras.Sequential([
        # The first axis is free, because no batch_size is given.
        keras.Input((WINDOW, len(recordings.channels))),
        # Scaling is part of the model, because the daemon passes raw values. Rescaling takes plain numbers, which become
        # constants of the graph; those of a Normalization layer would become inputs of it.
        keras.layers.Rescaling(scale=[1 / float(d) for d in deviation], offset=[-float(m) / float(d) for m, d in zip(mean, deviation)]),
        # Four steps at once: the LSTM sees a quarter of the steps, which is faster and at least as accurate.
        keras.layers.Reshape((WINDOW // 4, 4 * len(recordings.channels))),
        keras.layers.LSTM(UNITS),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(len(recordings.surfaces), activation="softmax"),
    ])
    model.compile(keras.optimizers.Adam(2e-3, clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        recordings.windows[training], recordings.labels[training], batch_size=BATCH, epochs=EPOCHS, verbose=2,
        validation_data=(recordings.windows[~training], recordings.labels[~training]),
    )
    Path(out).mkdir(parents=True, exist_ok=True)
    model.export(f"{out}/net.onnx", format="onnx", verbose=False)
    recordings.write_card(f"{out}/card.toml", training, f"Keras {keras.__version__}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
