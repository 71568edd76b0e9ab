"""train_pytorch.py RECORDINGS OUT [--dynamo]: trains an LSTM with PyTorch on labelled recordings, and writes OUT/net.onnx and
OUT/card.toml. --dynamo exports with the newer exporter, torch.onnx.export(dynamo=True).

    pip install "torch==2.15.0" "onnx==1.23.2" "onnxscript==0.7.2" numpy
    python train_pytorch.py recordings pytorch
    underfoot model stamp pytorch/net.onnx --card pytorch/card.toml --out pytorch.onnx
    underfoot replay new-drives --model pytorch.onnx --format table
"""

import sys
from pathlib import Path

import torch

from recordings import WINDOW, Recordings

UNITS, EPOCHS, BATCH = 32, 20, 32


class Network(torch.nn.Module):
    """Windows [N, WINDOW, channels] to logits [N, surfaces]."""

    def __init__(self, mean, deviation, surfaces):
        super().__init__()
        self.channels = len(mean)
        # Scaling is part of the model, because the daemon passes raw values. Buffers become constants of the graph.
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))
        self.lstm = torch.nn.LSTM(4 * len(mean), UNITS, batch_first=True)
        self.dropout = torch.nn.Dropout(0.2)
        self.last = torch.nn.Linear(UNITS, surfaces)

    def forward(self, window):
        scaled = (window - self.mean) / self.deviation
        # Four steps at once: the LSTM sees a quarter of the steps, which is faster and at least as accurate.
        steps = scaled.reshape(-1, WINDOW // 4, 4 * self.channels)
        return self.last(self.dropout(self.lstm(steps)[0][:, -1]))


class Served(torch.nn.Module):
    """The network with the softmax, which the loss of the training has inside."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, window):
        return torch.softmax(self.network(window), dim=1)


def train(recordings, training):
    network = Network(*recordings.scaling(training), len(recordings.surfaces))
    windows, labels = torch.tensor(recordings.windows), torch.tensor(recordings.labels)
    training = torch.tensor(training)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    loss_function = torch.nn.CrossEntropyLoss()
    for epoch in range(1, EPOCHS + 1):
        network.train()
        total, order = 0.0, torch.nonzero(training).flatten()
        for batch in order[torch.randperm(len(order))].split(BATCH):
            optimizer.zero_grad()
            loss = loss_function(network(windows[batch]), labels[batch])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(batch)
        network.eval()
        with torch.no_grad():
            right = (network(windows[~training]).argmax(1) == labels[~training]).float().mean()
        print(f"epoch {epoch}: loss {total / len(order):.4f}, accuracy on held-out drives {right:.3f}")
    return network


def main(folder, out, *flags):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    recordings = Recordings(folder)
    training = recordings.split()
    served = Served(train(recordings, training)).eval()
    Path(out).mkdir(parents=True, exist_ok=True)
    # The newer exporter takes an axis of the size 1 for fixed, and the older one warns of any other size.
    example = torch.tensor(recordings.windows[:2 if "--dynamo" in flags else 1])
    if "--dynamo" in flags:
        torch.onnx.export(
            served, (example,), f"{out}/net.onnx", dynamo=True, external_data=False, input_names=["window"],
            output_names=["probabilities"], dynamic_shapes={"window": {0: torch.export.Dim("N")}},
        )
    else:
        torch.onnx.export(
            served, (example,), f"{out}/net.onnx", dynamo=False, input_names=["window"], output_names=["probabilities"],
            dynamic_axes={"window": {0: "N"}, "probabilities": {0: "N"}},
        )
    recordings.write_card(f"{out}/card.toml", training, f"PyTorch {torch.__version__}")


if __name__ == "__main__":
    if len(sys.argv) < 3 or not set(sys.argv[3:]) <= {"--dynamo"}:
        sys.exit(__doc__)
    main(*sys.argv[1:])
