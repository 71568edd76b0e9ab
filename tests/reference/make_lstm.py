"""Makes lstm.json: the probabilities, gradients and three RMSprop steps of a small LSTM in Keras.

    pip install tensorflow-cpu && python make_lstm.py > lstm.json
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf

WINDOWS, STEPS, CHANNELS, UNITS, CLASSES = 6, 12, 2, 5, 3
keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)

model = keras.Sequential(
    [keras.Input((STEPS, CHANNELS)), keras.layers.LSTM(UNITS), keras.layers.Dense(CLASSES, activation="softmax")]
)
# Random weights, so that no bias is zero and the gates are not near their midpoint.
model.set_weights([w + rng.normal(0, 0.3, w.shape).astype(np.float32) for w in model.get_weights()])
windows = rng.normal(0, 1.5, (WINDOWS, STEPS, CHANNELS)).astype(np.float32)
labels = rng.integers(0, CLASSES, WINDOWS)
class_weights = np.array([0.5, 1.0, 2.0], np.float32)
sample_weights = class_weights[labels]


def flat(tensors):
    return [float(x) for t in tensors for x in np.asarray(t).ravel()]


loss_function = keras.losses.SparseCategoricalCrossentropy()
with tf.GradientTape() as tape:
    loss = loss_function(labels, model(windows, training=True), sample_weights)
gradients = tape.gradient(loss, model.trainable_variables)
report = {
    "made_with": f"Keras {keras.__version__}, TensorFlow {tf.__version__}",
    "window": STEPS,
    "channels": CHANNELS,
    "hidden": UNITS,
    "classes": CLASSES,
    "parameters": flat(model.get_weights()),
    "windows": flat([windows]),
    "labels": labels.tolist(),
    "class_weights": class_weights.tolist(),
    "probabilities": flat([model.predict(windows, verbose=0)]),
    "loss": float(loss),
    "gradients": flat(gradients),
}
model.compile(keras.optimizers.RMSprop(), loss_function)
losses = [float(model.train_on_batch(windows, labels, sample_weight=sample_weights)) for _ in range(3)]
report["parameters_after"] = flat(model.get_weights())
json.dump(report, sys.stdout, indent=1)
