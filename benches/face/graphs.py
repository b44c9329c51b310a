"""Writes graphs of the usual sizes of face models, with weights from a seed: nobody's model, everybody's work.

`mobilefacenet.onnx`: 112x112, bottlenecks of depthwise convolutions, PRelu, 128 numbers.
`iresnet50.onnx`: 112x112, residual blocks that begin with a batch norm, PRelu, 512 numbers.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SEED = 5
# What a block adds is less than what flows past it: else the numbers grow from block to block.
QUIET = 0.3


class Graph:
    """Nodes one after another; weights keep the size of what flows."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights = [], []

    def weight(self, values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def node(self, kind, inputs, **attributes):
        output = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(self, x, into, out, side, stride=1, groups=1, pad=None, gain=1.7):
        fan = into // groups * side * side
        kernel = self.random.normal(0, np.sqrt(gain / fan), (out, into // groups, side, side))
        bias = self.random.normal(0, 0.01, out)
        pad = side // 2 if pad is None else pad
        return self.node("Conv", [x, self.weight(kernel), self.weight(bias)], kernel_shape=[side, side],
                         strides=[stride, stride], pads=[pad] * 4, group=groups)

    def prelu(self, x, channels):
        # Real models have slopes outside of 0 to 1.
        return self.node("PRelu", [x, self.weight(self.random.uniform(-0.4, 1.1, (channels, 1, 1)))])

    def norm(self, x, channels):
        draw = self.random.uniform
        values = [draw(0.5, 1.0, channels), draw(-0.1, 0.1, channels), draw(-0.1, 0.1, channels), draw(0.5, 1.5, channels)]
        return self.node("BatchNormalization", [x] + [self.weight(v) for v in values], epsilon=1e-5)

    def write(self, path, answer, numbers):
        self.nodes[-1].output[0] = "embedding"
        shape = helper.make_tensor_value_info("face", TensorProto.FLOAT, [1, 3, 112, 112])
        out = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, numbers])
        graph = helper.make_graph(self.nodes, path.stem, [shape], [out], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path)


def mobilefacenet(path):
    g = Graph(SEED)
    x = g.prelu(g.conv("face", 3, 64, 3, stride=2), 64)
    x = g.prelu(g.conv(x, 64, 64, 3, groups=64), 64)
    into = 64
    for expand, out, repeats, stride in [(2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1)]:
        for number in range(repeats):
            step, wide, start = (stride if number == 0 else 1), into * expand, x
            x = g.prelu(g.conv(x, into, wide, 1), wide)
            x = g.prelu(g.conv(x, wide, wide, 3, stride=step, groups=wide), wide)
            x = g.conv(x, wide, out, 1, gain=QUIET)
            if step == 1 and into == out:
                x = g.node("Add", [x, start])
            into = out
    x = g.prelu(g.conv(x, 128, 512, 1), 512)
    x = g.conv(x, 512, 512, 7, groups=512, pad=0)
    x = g.conv(x, 512, 128, 1, gain=1)
    g.write(path, g.node("Flatten", [x]), 128)


def iresnet50(path):
    g = Graph(SEED + 1)
    x = g.prelu(g.conv("face", 3, 64, 3), 64)
    into = 64
    for out, blocks in [(64, 3), (128, 4), (256, 14), (512, 3)]:
        for number in range(blocks):
            step, start = (2 if number == 0 else 1), x
            x = g.norm(x, into)
            x = g.prelu(g.conv(x, into, out, 3), out)
            x = g.conv(x, out, out, 3, stride=step, gain=QUIET)
            x = g.node("Add", [x, g.conv(start, into, out, 1, stride=step) if number == 0 else start])
            into = out
    x = g.node("Flatten", [g.norm(x, 512)])
    # As small as the last batch norm of a trained one leaves its numbers.
    matrix = g.random.normal(0, 0.1 * np.sqrt(1 / 25088), (25088, 512))
    x = g.node("Gemm", [x, g.weight(matrix), g.weight(np.zeros(512))])
    g.write(path, x, 512)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in [("mobilefacenet", mobilefacenet), ("iresnet50", iresnet50)]:
        path = folder / f"{name}.onnx"
        if not path.exists():
            write(path)
