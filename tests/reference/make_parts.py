"""Makes parts.json: results of Keras for optimisers, batch normalisation, smoothed and weighted losses, and an LSTM with dropout masks.

    pip install tensorflow-cpu && python make_parts.py > parts.json

check_parts.py compares the parts that PyTorch also has with PyTorch.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import numpy as np
import tensorflow as tf

keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
flat = lambda x: [float(v) for v in np.asarray(x).ravel()]

# Optimisers: five steps with given gradients.
parameters, gradients = rng.normal(0, 1, 7).astype("f4"), rng.normal(0, 1, (5, 7)).astype("f4")
kinds = {
    "sgd": keras.optimizers.SGD(0.01),
    "momentum": keras.optimizers.SGD(0.01, momentum=0.9),
    "nesterov": keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "rmsprop": keras.optimizers.RMSprop(0.01),
    "adam": keras.optimizers.Adam(0.01),
    "adamw": keras.optimizers.AdamW(0.01, weight_decay=0.1),
}
after = {}
for name, optimizer in kinds.items():
    variable = keras.Variable(parameters)
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient)], [variable])
    after[name] = flat(variable)

# Batch normalisation: three batches in training mode, then one in inference mode.
layer = keras.layers.BatchNormalization()
batches = rng.normal(1, 2, (4, 6, 3)).astype("f4")
layer.build((None, 3))
layer.set_weights([np.array([0.5, 1.5, -1.0], "f4"), np.array([0.1, -0.2, 0.3], "f4"), *layer.get_weights()[2:]])
upstream = rng.normal(0, 1, (6, 3)).astype("f4")
outputs = []
for batch in batches[:3]:
    x = tf.constant(batch)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=True)
        loss = tf.reduce_sum(y * upstream)
    outputs.append(flat(y))
    of_input, of_parameters = tape.gradient(loss, [x, layer.trainable_variables])
norm = {
    "gamma_beta": flat(np.concatenate(layer.get_weights()[:2])),
    "batches": [flat(batch) for batch in batches],
    "upstream": flat(upstream),
    "outputs": outputs,
    "served": flat(layer(batches[3], training=False)),
    "input_gradient": flat(of_input),
    "parameter_gradients": flat(np.concatenate([np.asarray(g) for g in of_parameters])),
    "moving_mean": flat(layer.moving_mean),
    "moving_variance": flat(layer.moving_variance),
}

# The loss: label smoothing and weights.
logits, labels = rng.normal(0, 2, (5, 4)).astype("f4"), np.array([0, 3, 1, 1, 2])
class_weights = np.array([0.5, 1.0, 2.0, 1.5], "f4")
x = tf.constant(logits)
function = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
with tf.GradientTape() as tape:
    tape.watch(x)
    loss = function(keras.utils.to_categorical(labels, 4), x, class_weights[labels])
losses = {
    "logits": flat(logits),
    "labels": labels.tolist(),
    "weights": flat(class_weights),
    "loss": float(loss),
    "gradient": flat(tape.gradient(loss, x)),
}

# An LSTM with given dropout masks on its inputs and its recurrent state, with a gradient on the output of every step.
N, T, C, U = 3, 6, 2, 4
lstm = keras.layers.LSTM(U, return_sequences=True)
x = tf.constant(rng.normal(0, 1, (N, T, C)).astype("f4"))
lstm(x)
lstm.set_weights([w + rng.normal(0, 0.3, w.shape).astype("f4") for w in lstm.get_weights()])
kernel, recurrent, bias = lstm.trainable_variables
mask_x = (rng.random((N, C)) > 0.4).astype("f4") / 0.6
mask_h = (rng.random((N, U)) > 0.3).astype("f4") / 0.7


def masked(x, mask_x, mask_h):
    """The layer step by step, as keras.layers.LSTMCell computes it."""
    h, c, out = tf.zeros((N, U)), tf.zeros((N, U)), []
    for t in range(T):
        z = tf.matmul(x[:, t] * mask_x, kernel.value) + tf.matmul(h * mask_h, recurrent.value) + bias.value
        i, f, g, o = tf.split(z, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        out.append(h)
    return tf.stack(out, axis=1)


assert np.allclose(masked(x, np.ones_like(mask_x), np.ones_like(mask_h)), lstm(x), atol=1e-6)
upstream = rng.normal(0, 1, (N, T, U)).astype("f4")
with tf.GradientTape() as tape:
    tape.watch(x)
    y = masked(x, mask_x, mask_h)
    loss = tf.reduce_sum(y * upstream)
of_input, *of_parameters = tape.gradient(loss, [x, kernel.value, recurrent.value, bias.value])
time_major = lambda a: flat(np.transpose(np.asarray(a), (1, 0, 2)))
sequence = {
    "parameters": flat(np.concatenate([np.asarray(w).ravel() for w in lstm.get_weights()])),
    "input": time_major(x),
    "input_mask": flat(mask_x),
    "recurrent_mask": flat(mask_h),
    "upstream": time_major(upstream),
    "outputs": time_major(y),
    "input_gradient": time_major(of_input),
    "gradients": flat(np.concatenate([np.asarray(g).ravel() for g in of_parameters])),
}

# Fifty epochs with the weights and the data of lstm.json, in the same batches.
given = json.load(open(os.path.join(os.path.dirname(__file__), "lstm.json")))
shape = (-1, given["window"], given["channels"])
windows, labels = np.array(given["windows"], "f4").reshape(shape), np.array(given["labels"])
model = keras.Sequential([
    keras.Input(shape[1:]), keras.layers.LSTM(given["hidden"]), keras.layers.Dense(given["classes"], activation="softmax"),
])
values, weights = np.array(given["parameters"], "f4"), []
for w in model.get_weights():
    weights.append(values[: w.size].reshape(w.shape))
    values = values[w.size :]
model.set_weights(weights)
model.compile(keras.optimizers.RMSprop(0.001), keras.losses.SparseCategoricalCrossentropy())
history = [[float(model.train_on_batch(windows[b : b + 2], labels[b : b + 2])) for b in (0, 2, 4)] for _ in range(50)]

# ReduceLROnPlateau on given losses.
seen = [1.0, 0.9, 0.9, 0.95, 0.89995, 0.8, 0.81, 0.82, 0.83, 0.84]
plateau = keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=2, min_lr=0)
plateau.set_model(model)
plateau.on_train_begin()
model.optimizer.learning_rate.assign(0.01)
rates = []
for epoch, value in enumerate(seen):
    plateau.on_epoch_end(epoch, {"loss": value})
    rates.append(float(model.optimizer.learning_rate))
cosine = keras.optimizers.schedules.CosineDecay(0.0, 8, warmup_target=0.01, warmup_steps=2)

report = {
    "made_with": f"Keras {keras.__version__}, TensorFlow {tf.__version__}",
    "optimizers": {"parameters": flat(parameters), "gradients": [flat(g) for g in gradients], "after": after},
    "batch_norm": norm,
    "loss": losses,
    "lstm": sequence,
    "fifty_epochs": flat(history),
    "plateau": {"losses": seen, "rates": rates},
    "cosine": [float(cosine(step)) for step in range(11)],
}
json.dump(report, sys.stdout)
