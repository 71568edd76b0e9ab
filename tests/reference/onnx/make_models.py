"""make_models.py keras|pytorch: makes small models in the shapes that exporters write, and FRAMEWORK.json with what each
framework answers.

    pip install "keras==3.15.1" "tensorflow-cpu==2.21.0" "tf2onnx==1.17.0" && python make_models.py keras
    pip install "torch==2.15.0" "onnx==1.23.2" "onnxscript==0.7.2" && python make_models.py pytorch

tests/trainer/elsewhere.rs stamps each model, and compares the answers of the stamped one with those of the framework. Every file
was written by the framework's own exporter. Only the stack traces that PyTorch writes with dynamo=True were removed, because they have
paths of the machine.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
WINDOW, CHANNELS, LABELS, UNITS = 10, 2, 2, 3
windows = np.random.default_rng(1).normal(1.5, 0.7, (3, WINDOW, CHANNELS)).astype(np.float32)
# What the scaling in the graph takes away from each channel, and by what it divides.
MEAN, DEVIATION = [1.5, 1.4], [0.7, 0.5]


def save(framework, made_with, models):
    """Writes the answers: for each model its arguments for `stamp`, what `stamp` says, and the probabilities."""
    report = {
        "made_with": made_with,
        "windows": [round(float(x), 6) for x in windows.ravel()],
        "models": [
            {"file": name, "arguments": arguments, "says": says, "probabilities": [float(x) for x in np.ravel(answers)]}
            for name, (arguments, says, answers) in models.items()
        ],
    }
    (HERE / f"{framework}.json").write_text(json.dumps(report, indent=1) + "\n")


def keras():
    os.environ["KERAS_BACKEND"], os.environ["TF_CPP_MIN_LOG_LEVEL"] = "tensorflow", "3"
    import keras
    import tensorflow
    import tf2onnx
    from keras import layers

    keras.utils.set_random_seed(1)
    models = {}

    def export(name, network, says, arguments=(), through=lambda x: x, **options):
        # A network that has never been called cannot be exported.
        network(windows)
        network.export(str(HERE / name), format="onnx", verbose=False, **options)
        models[name] = (list(arguments), list(says), through(np.asarray(network(windows))))

    start = lambda: keras.Input((WINDOW, CHANNELS))
    rescaling = lambda: layers.Rescaling([1 / d for d in DEVIATION], [-m / d for m, d in zip(MEAN, DEVIATION)])
    softmax = lambda x: np.asarray(keras.ops.softmax(x))
    export(
        "keras_lstm.onnx",
        keras.Sequential([start(), rescaling(), layers.LSTM(UNITS), layers.Dense(LABELS, activation="softmax")]), [],
    )
    export(
        "keras_logits.onnx", keras.Sequential([start(), rescaling(), layers.GRU(UNITS), layers.Dense(LABELS)]),
        ["added a softmax"], through=softmax,
    )
    normalization = layers.Normalization(mean=MEAN, variance=[d * d for d in DEVIATION])
    export(
        "keras_normalization.onnx",
        keras.Sequential([start(), normalization, layers.LSTM(UNITS), layers.Dense(LABELS, activation="softmax")]),
        ["made a constant of the input", "removed the inputs"], ["--constant", f"sequential_2_1/normalization_1/Sub/y:0={MEAN[0]},{MEAN[1]}"],
    )
    export(
        "keras_batch.onnx",
        keras.Sequential([start(), rescaling(), layers.LSTM(UNITS), layers.Dense(LABELS, activation="softmax")]),
        ["4 windows"], input_signature=[keras.InputSpec(shape=(4, WINDOW, CHANNELS), dtype="float32")],
    )
    export(
        "keras_convolution.onnx",
        keras.Sequential([
            start(), rescaling(), layers.Conv1D(UNITS, 3), layers.GlobalMaxPooling1D(), layers.Dense(LABELS, activation="log_softmax"),
        ]),
        ["added an exponential"], through=np.exp,
    )
    save("keras", f"Keras {keras.__version__}, TensorFlow {tensorflow.__version__}, tf2onnx {tf2onnx.__version__}", models)


def remove_stack_traces(path):
    import onnx

    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        kept = [entry for entry in node.metadata_props if entry.key != "pkg.torch.onnx.stack_trace"]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    path.write_bytes(model.SerializeToString(deterministic=True))


def pytorch():
    import torch
    from torch import nn

    torch.manual_seed(1)
    models = {}

    class Network(nn.Module):
        """Scaling, an LSTM or a convolution, and a dense layer. `order` is that of the axes of its input."""

        def __init__(self, kind="lstm", order="NWC", end=lambda x: torch.softmax(x, dim=1), units=UNITS):
            super().__init__()
            self.kind, self.order, self.end = kind, order, end
            self.register_buffer("mean", torch.tensor(MEAN))
            self.register_buffer("deviation", torch.tensor(DEVIATION))
            inner = {
                "lstm": lambda: nn.LSTM(CHANNELS, units, batch_first=order != "WNC"),
                "convolution": lambda: nn.Conv1d(CHANNELS, units, 3),
                "dense": lambda: nn.Linear(WINDOW * CHANNELS, units),
            }
            self.inner, self.last = inner[kind](), nn.Linear(units, LABELS)

        def forward(self, window):
            if self.order == "NCW":
                scaled = (window - self.mean[:, None]) / self.deviation[:, None]
            else:
                scaled = (window - self.mean) / self.deviation
            if self.kind == "lstm":
                steps = self.inner(scaled)[0]
                features = steps[-1] if self.order == "WNC" else steps[:, -1]
            elif self.kind == "convolution":
                features = torch.relu(self.inner(scaled)).amax(2)
            else:
                features = torch.tanh(self.inner(scaled.flatten(1)))
            return self.end(self.last(features))

    logits = lambda x: x
    log_softmax = lambda x: torch.log_softmax(x, dim=1)
    orders = {"NWC": (0, 1, 2), "NCW": (0, 2, 1), "WNC": (1, 0, 2)}

    def export(name, network, says, batch="free", dtype=torch.float32, through=lambda x: x, **options):
        network = network.eval().to(dtype)
        given = torch.tensor(windows, dtype=dtype).permute(orders[network.order]).contiguous()
        axis = network.order.index("N")
        size = batch if isinstance(batch, int) else 2
        example = given.repeat_interleave(2, axis).narrow(axis, 0, size).contiguous()
        if batch == "free" and options["dynamo"]:
            options["dynamic_shapes"] = {"window": {axis: torch.export.Dim("N")}}
        elif batch == "all":
            options["dynamic_axes"] = {"window": {0: "N", 1: "first", 2: "second"}, "output": {0: "N"}}
        elif batch == "free":
            options["dynamic_axes"] = {"window": {axis: "N"}, "output": {0: "N"}}
        torch.onnx.export(network, (example,), HERE / name, input_names=["window"], output_names=["output"], **options)
        if options["dynamo"]:
            remove_stack_traces(HERE / name)
        with torch.no_grad():
            answers = through(network(given)).float().numpy()
        models[name] = ([], says, answers)

    softmax = lambda x: torch.softmax(x, dim=1)
    script, dynamo = {"dynamo": False}, {"dynamo": True, "external_data": False}
    export("script_lstm.onnx", Network(), [], **script)
    export("dynamo_lstm.onnx", Network(), [], **dynamo)
    export("script_inputs.onnx", Network(), ["removed the inputs", "because they are weights"], keep_initializers_as_inputs=True, **script)
    export("script_all_free.onnx", Network("convolution", "NCW"), ["added a transpose"], batch="all", **script)
    export("dynamo_external.onnx", Network("dense", units=16), ["took 1.2 KiB of weights"], dynamo=True, external_data=True)
    for exporter, options in [("script", script), ("dynamo", dynamo)]:
        convolution = Network("convolution", "NCW", logits)
        export(f"{exporter}_channels_first.onnx", convolution, ["added a transpose", "added a softmax"], through=softmax, **options)
        export(f"{exporter}_steps_first.onnx", Network("lstm", "WNC"), ["added a transpose", "batch_first=True"], **options)
        export(f"{exporter}_batch_lstm.onnx", Network(), ["4 windows"], batch=4, **options)
        export(f"{exporter}_batch_dense.onnx", Network("dense"), ["4 windows"], batch=4, **options)
        double = Network("dense", "NWC", log_softmax)
        export(f"{exporter}_float64.onnx", double, ["added a cast", "added an exponential"], dtype=torch.float64, through=torch.exp, **options)
        export(f"{exporter}_float16.onnx", Network("dense"), ["added a cast"], dtype=torch.float16, **options)
    # ONNX Runtime has no LSTM for float64, so this model cannot be served; it has no answers.
    export("script_float64_lstm.onnx", Network(), [], dtype=torch.float64, **script)
    del models["script_float64_lstm.onnx"]
    save("pytorch", f"PyTorch {torch.__version__}", models)


if __name__ == "__main__":
    if sys.argv[1:] not in (["keras"], ["pytorch"]):
        sys.exit(__doc__)
    {"keras": keras, "pytorch": pytorch}[sys.argv[1]]()
