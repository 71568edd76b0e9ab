"""Compares parts.json with PyTorch: SGD, Adam, AdamW, the loss and its gradient, batch normalisation. Prints nothing if all agree.

    pip install torch && python check_parts.py
"""

import json
from pathlib import Path

import torch

parts = json.loads((Path(__file__).parent / "parts.json").read_text())


def near(ours, theirs, tolerance=1e-5):
    theirs = theirs.detach().flatten()
    assert torch.allclose(torch.tensor(ours), theirs, atol=tolerance), (ours, theirs)


given = parts["optimizers"]
for name, kind, options in [
    ("sgd", torch.optim.SGD, {}),
    ("adam", torch.optim.Adam, {"eps": 1e-7}),
    ("adamw", torch.optim.AdamW, {"eps": 1e-7, "weight_decay": 0.1}),
]:
    tensor = torch.nn.Parameter(torch.tensor(given["parameters"]))
    optimizer = kind([tensor], 0.01, **options)
    for gradient in given["gradients"]:
        tensor.grad = torch.tensor(gradient)
        optimizer.step()
    near(given["after"][name], tensor)

loss = parts["loss"]
logits = torch.tensor(loss["logits"]).reshape(-1, 4).requires_grad_()
labels, weights = torch.tensor(loss["labels"]), torch.tensor(loss["weights"])
each = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")
mean = (each * weights[labels]).mean()
mean.backward()
near([loss["loss"]], mean)
near(loss["gradient"], logits.grad)

norm = parts["batch_norm"]
layer = torch.nn.BatchNorm1d(3, eps=1e-3)
with torch.no_grad():
    layer.weight.copy_(torch.tensor(norm["gamma_beta"][:3]))
    layer.bias.copy_(torch.tensor(norm["gamma_beta"][3:]))
batch = torch.tensor(norm["batches"][2]).reshape(-1, 3).requires_grad_()
output = layer(batch)
near(norm["outputs"][2], output)
(output * torch.tensor(norm["upstream"]).reshape(-1, 3)).sum().backward()
near(norm["input_gradient"], batch.grad)
near(norm["parameter_gradients"], torch.cat([layer.weight.grad, layer.bias.grad]), 1e-4)
