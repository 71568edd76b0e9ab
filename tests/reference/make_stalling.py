"""make_stalling.py OUT.onnx: makes a model that never returns for a window with a value over 100, to test a stalled model.

The model has two labels, decided by the mean of the window. For a value over 100 a loop runs 2^60 times. Needs the package onnx.
"""
import json, sys

import onnx
from onnx import TensorProto as T, helper as h, numpy_helper
import numpy as np

constant = lambda name, array: numpy_helper.from_array(np.array(array), name)
body = h.make_graph(
    [h.make_node("Identity", ["going"], ["goes"]), h.make_node("Sin", ["value"], ["next"])], "round",
    [h.make_tensor_value_info("round", T.INT64, []), h.make_tensor_value_info("going", T.BOOL, []), h.make_tensor_value_info("value", T.FLOAT, [])],
    [h.make_tensor_value_info("goes", T.BOOL, []), h.make_tensor_value_info("next", T.FLOAT, [])])
nodes = [
    h.make_node("ReduceMax", ["window"], ["highest"], keepdims=0),
    h.make_node("Greater", ["highest", "hundred"], ["over"]),
    h.make_node("Cast", ["over"], ["once"], to=T.INT64),
    h.make_node("Mul", ["once", "many"], ["rounds"]),
    h.make_node("Loop", ["rounds", "true", "zero"], ["nothing"], body=body),
    h.make_node("ReduceMean", ["window"], ["mean"], axes=[1], keepdims=0),
    h.make_node("Add", ["mean", "nothing"], ["one"]),
    h.make_node("Neg", ["one"], ["other"]),
    h.make_node("Concat", ["one", "other"], ["logits"], axis=1),
    h.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
]
graph = h.make_graph(
    nodes, "stalling", [h.make_tensor_value_info("window", T.FLOAT, ["N", 10, 1])], [h.make_tensor_value_info("probabilities", T.FLOAT, ["N", 2])],
    [constant("hundred", np.float32(100)), constant("many", np.int64(2**60)), constant("true", np.bool_(True)), constant("zero", np.float32(0))])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
card = {"version": 1, "channels": [{"name": "current", "unit": "A"}], "rate": 100.0, "window": 10, "hop": 5,
        "resample": {"method": "linear", "max_gap": 1.0}, "labels": ["gravel", "ice"], "made_by": "make_stalling.py"}
h.set_model_props(model, {"underfoot.card": json.dumps(card)})
onnx.checker.check_model(model, full_check=True)
onnx.save(model, sys.argv[1])
