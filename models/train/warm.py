"""Begins a training with the weights of an exported network: `./dev train NAME --from FILE.onnx`.

The export folds each batch norm into the convolution before it. To train on, the norm comes back: it
takes the mean and the spread that the convolution's answers have on pictures of this training, and a
scale and a shift that undo both, so that the network answers as the file does, also while it trains."""

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import nn

# Largest difference to the file's own answers that is taken for the same network.
TOLERANCE = 1e-3


def adopt(net: nn.Module, file: str, pictures: torch.Tensor):
    """Puts the file's weights into a network; `pictures` are some of those that it will train on."""
    layers = [module for module in net.modules() if isinstance(module, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))]
    weights = iter(_weights(file))
    with torch.no_grad():
        for layer, after in zip(layers, [*layers[1:], None]):
            if isinstance(layer, nn.BatchNorm2d):
                continue
            weight, bias = next(weights, (None, None))
            if weight is None or weight.shape != tuple(layer.weight.shape):
                raise SystemExit(f"{file} is another network: train from one that this version exported")
            layer.weight.copy_(torch.from_numpy(weight))
            if isinstance(after, nn.BatchNorm2d):
                _still(after, bias)
            else:
                layer.bias.copy_(torch.from_numpy(bias))
        _settle(net, pictures)
    if next(weights, None) is not None:
        raise SystemExit(f"{file} has more layers than this network")
    difference = _difference(net, file, pictures[:8])
    if not difference < TOLERANCE:
        raise SystemExit(f"{file} is another network: its answers differ by {difference}")
    print(f"begins with {file}; its answers differ by {difference:.1e}")


def _weights(file: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight and bias of each convolution and linear layer, in the order of the graph."""
    graph = onnx.load(file).graph
    values = {one.name: numpy_helper.to_array(one).copy() for one in graph.initializer}
    nodes = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    return [(values[node.input[1]], values[node.input[2]]) for node in nodes]


def _still(norm: nn.BatchNorm2d, bias: np.ndarray):
    """A norm that does nothing but add a bias."""
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)
    norm.weight.fill_(1)
    norm.bias.copy_(torch.from_numpy(bias))


def _settle(net: nn.Module, pictures: torch.Tensor):
    """Gives still norms the statistics of their input, and the scale and shift that undo them."""

    def settle(norm: nn.BatchNorm2d, inputs: tuple[torch.Tensor]):
        spread, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(spread)
        norm.weight.copy_((spread + norm.eps).sqrt())
        norm.bias.add_(mean)

    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_pre_hook(settle) for norm in norms]
    net.eval()(pictures)
    for hook in hooks:
        hook.remove()


def _difference(net: nn.Module, file: str, pictures: torch.Tensor) -> float:
    session = onnxruntime.InferenceSession(file)
    name = session.get_inputs()[0].name
    wanted = [session.run(None, {name: one[None]})[0] for one in pictures.cpu().numpy()]
    with torch.no_grad():
        found = net.eval()(pictures).cpu().numpy()
    return float(np.abs(found - np.concatenate(wanted)).max())
