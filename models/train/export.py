"""Writes the trained networks as ONNX beside the manifest and the model cards, with rates measured on
rendered people that training never saw. `./dev export`."""

import datetime
import hashlib
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

import covering
import detector
import embedder
import landmarks
import liveness
from common import HOLD_OUT, Device, cache
from nets import Covering, Detector, Embedder, Landmarks, Liveness, Residual

HERE = Path(__file__).resolve().parent.parent
# Hold-out people for the final rates, apart from those that chose the weights.
FINAL = HOLD_OUT + 1_000_000
PEOPLE = 1_500
RESAMPLES = 100
OPSET = 17
# Largest difference to PyTorch that is taken for the same network.
TOLERANCE = 1e-4


class Graph:
    """An ONNX graph that grows layer by layer. Batch norm is folded into the convolution before it."""

    def __init__(self):
        self.nodes, self.weights, self.number = [], [], 0

    def add(self, kind: str, inputs: list[str], **attributes) -> str:
        self.number += 1
        output = f"{kind.lower()}_{self.number}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def weight(self, tensor: torch.Tensor) -> str:
        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(tensor.detach().float().numpy(), name))
        return name

    def layer(self, module: nn.Module, x: str) -> str:
        match module:
            case Residual():
                return self.add("Add", [x, self.layer(module.body, x)])
            case nn.Sequential():
                return self.sequence(list(module), x)
            case nn.Conv2d():
                inputs = [x, self.weight(module.weight)] + ([self.weight(module.bias)] if module.bias is not None else [])
                pads = [*module.padding, *module.padding]
                attributes = {"strides": list(module.stride), "pads": pads, "group": module.groups}
                return self.add("Conv", inputs, kernel_shape=list(module.kernel_size), **attributes)
            case nn.ReLU():
                return self.add("Relu", [x])
            case nn.AdaptiveAvgPool2d():
                return self.add("GlobalAveragePool", [x])
            case nn.Flatten():
                return self.add("Flatten", [x])
            case nn.Linear():
                return self.add("Gemm", [x, self.weight(module.weight), self.weight(module.bias)], transB=1)
            case _:
                raise SystemExit(f"export does not know the layer {type(module).__name__}")

    def sequence(self, layers: list[nn.Module], x: str) -> str:
        while layers:
            layer = layers.pop(0)
            if layers and isinstance(layers[0], nn.BatchNorm2d):
                layer = fuse_conv_bn_eval(layer, layers.pop(0))
            x = self.layer(layer, x)
        return x


def write(net: nn.Module, file: Path, source: str, target: str, shape: list[int]) -> float:
    """Writes a network and returns how far onnxruntime's output is from PyTorch's at most."""
    graph = Graph()
    x = source
    parts = [net.trunk, net.whole, net.last, nn.Flatten()] if isinstance(net, Embedder) else [net.trunk, net.head]
    for part in parts:
        x = graph.layer(part, x)
    graph.nodes[-1].output[0] = target
    pictures = torch.from_numpy(np.random.default_rng(5).uniform(-1, 1, (4, *shape)).astype("f4"))
    with torch.no_grad():
        wanted = net(pictures).numpy()
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *size])
        for name, size in ((source, shape), (target, wanted.shape[1:]))
    ]
    model = helper.make_model(
        helper.make_graph(graph.nodes, file.stem, values[:1], values[1:], graph.weights),
        producer_name="shikaku",
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
    onnx.checker.check_model(model, full_check=True)
    file.write_bytes(model.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(file)
    found = [session.run(None, {source: one[None].numpy()})[0][0] for one in pictures]
    return float(np.abs(np.stack(found) - wanted).max())


def ramp(session: onnxruntime.InferenceSession, shape: list[int]) -> np.ndarray:
    """The output for the self-test's input."""
    bytes_ = (np.arange(np.prod(shape)) * 31 % 256).astype("f4").reshape(1, *shape)
    return session.run(None, {session.get_inputs()[0].name: (bytes_ - 127.5) / 127.5})[0].reshape(-1)


def load(name: str, net: nn.Module):
    """The averaged weights of a training, and how far it came in words."""
    file = cache() / f"{name}.pt"
    if not file.exists():
        return None
    state = torch.load(file, map_location="cpu", weights_only=True)
    net.load_state_dict(state["average"])
    begun = f" after the weights {state['start']}" if state["start"] else ""
    return net.eval(), f"{state['seen']:,} pictures, {state['seconds'] / 60:.0f} minutes{begun}."


def embedder_rates(net) -> tuple[list[dict], dict]:
    data = embedder.hold_out(PEOPLE, 3, FINAL)
    vectors = embedder.embed(net, Device(), data["pixels"])
    live = data["live"] == 1
    cards, others = data["person"][~live], data["person"][live]
    cosines = vectors[~live] @ vectors[live].T
    same = cards[:, None] == others[None, :]
    genuine, impostor = cosines[same], cosines[~same]
    falling = -np.sort(-impostor)
    random = np.random.default_rng(6)
    draws = {rate: [] for rate in (*embedder.RATES, 1e-5)}
    for _ in range(RESAMPLES):
        # People are drawn anew with all their pictures: pairs that share a person are not independent.
        chosen = random.integers(0, len(cards), len(cards))
        views = (chosen[:, None] * 2 + np.arange(2)).reshape(-1)
        part, own = cosines[np.ix_(chosen, views)], same[np.ix_(chosen, views)]
        wrong = part[~own]
        for rate, found in draws.items():
            k = max(int(rate * len(wrong)), 0)
            score = -np.partition(-wrong, k)[k]
            found.append((score, (part[own] <= score).mean()))
    rows = []
    for rate, found in draws.items():
        score = float(falling[int(rate * len(falling))])
        low, high = np.percentile([f[0] for f in found], [2.5, 97.5])
        fnmr = np.percentile([f[1] for f in found], [2.5, 97.5])
        miss = float((genuine <= score).mean())
        rows.append({"fmr": rate, "score": score, "low": low, "high": high, "fnmr": miss, "miss": fnmr, "pairs": len(impostor)})
    equal = min(rows, key=lambda row: abs(row["fmr"] - row["fnmr"]))
    return rows, {"genuine": len(genuine), "people": len(cards), "near": equal}


def liveness_rates(net) -> list[dict]:
    data = liveness.hold_out(2000)
    found = liveness.logits(net, Device(), data)
    plain = liveness.rates(found, data["species"])
    rows = [{"apcer": max(v for k, v in plain.items() if k != "BPCER"), "score": 0.0, **plain}]
    for apcer in (0.1, 0.05, 0.01):
        # The species that deceives most decides.
        thresholds = [np.quantile(found[data["species"] == s], 1 - apcer) for s in (1, 2, 3)]
        score = float(max(thresholds))
        rows.append({"apcer": apcer, "score": score, **liveness.rates(found, data["species"], score)})
    return rows


INPUT = """[model.input]
name = "{input}"
layout = "nchw"
width = {width}
height = {height}
channels = "{channels}"
mean = {mean}
scale = {scale}
{placing}

[model.output]
name = "{output}"
dimension = {dimension}
"""

TEXTS = {
    "detector": ("frames of a kiosk's camera: finds faces and five landmarks", 'alignment = "letterbox"'),
    "landmarks": ("the landmarks of a face that a detector's have aligned, more exactly", 'alignment = "arcface-112"'),
    "embedder": ("a card's photograph against frontal kiosk views; not an identity decision alone", 'alignment = "arcface-112"'),
    "liveness": ("a hint of prints, screens and paper masks before a kiosk; not a certified defence", "crop_scale = 2.7"),
    "covering": ("tells people before a kiosk to take a mask or dark glasses off, or to open their eyes", 'alignment = "arcface-112"'),
}


def entry(role: str, file: Path, session, shape: list[int]) -> str:
    """A model's part of the manifest, up to its thresholds."""
    data = file.read_bytes()
    use, placing = TEXTS[role]
    channels = shape[0]
    text = f"""
[[model]]
role = "{role}"
name = "shikaku-{role}"
vendor = "Shikaku"
licence = "MIT OR Apache-2.0"
licence_file = "{role}.md"
training_data = "faces rendered by models/render; no photograph of a person"
intended_use = "{use}"
file = "{file.name}"
size = {len(data)}
sha256 = "{hashlib.sha256(data).hexdigest()}"

"""
    text += INPUT.format(
        input=session.get_inputs()[0].name,
        output=session.get_outputs()[0].name,
        width=shape[2],
        height=shape[1],
        channels="grey" if channels == 1 else "rgb",
        mean=[127.5] * channels,
        scale=[1 / 127.5] * channels,
        placing=placing,
        dimension=int(np.prod(session.get_outputs()[0].shape)),
    )
    text += f'normalised = false\nmetric = "{"cosine" if role == "embedder" else "none"}"\n'
    golden = ", ".join(f"{value:.6f}" for value in ramp(session, shape)[: 128 if role == "embedder" else 16])
    text += f"\n[model.limits]\nload_ms_max = 5000\ninference_ms_max = 1000\n"
    return text + f"\n[model.self_test]\ngolden = [{golden}]\ntolerance = {TOLERANCE}\n"


def card(role: str, text: str):
    """Puts measured rates into a model card, between its marks."""
    file = HERE / f"{role}.md"
    before, rest = file.read_text().split("<!-- rates -->\n")
    after = rest.split("<!-- end of rates -->\n")[1]
    file.write_text(f"{before}<!-- rates -->\n{text}<!-- end of rates -->\n{after}")


def embedder_report(net, today: str) -> tuple[str, str]:
    """Rates for the model card, and thresholds for the manifest."""
    rows, about = embedder_rates(net)
    text = f"{about['people']:,} people, {about['genuine']:,} genuine and {rows[0]['pairs']:,} impostor pairs, card photograph against live view; 95 % intervals by bootstrap over people.\n\n"
    text += "| FMR | threshold | FNMR |\n|---|---|---|\n"
    thresholds = ""
    for row in rows:
        text += f"| {row['fmr']:g} | {row['score']:.3f} ({row['low']:.3f}–{row['high']:.3f}) | {row['fnmr']:.3f} ({row['miss'][0]:.3f}–{row['miss'][1]:.3f}) |\n"
        thresholds += f"\n[[model.threshold]]\nfmr = {row['fmr']:g}\nscore = {row['score']:.5f}\ninterval = [{row['low']:.5f}, {row['high']:.5f}]\n"
        thresholds += f"fnmr = {row['fnmr']:.5f}\nset = \"rendered hold-out, {about['people']} people\"\nimpostor_pairs = {row['pairs']}\ndate = \"{today}\"\n"
    return text, thresholds


def liveness_report(net, today: str) -> tuple[str, str]:
    names = [f"APCER_{name}" for name in liveness.SPECIES[1:]]
    text = "2,000 views. The first row is the plain threshold 0; the others hold the worst species at the stated rate.\n\n| APCER at most | logit | printed | replayed | paper mask | BPCER |\n|---|---|---|---|---|---|\n"
    thresholds = ""
    for row in liveness_rates(net):
        text += f"| {row['apcer']:.2g} | {row['score']:.2f} | " + " | ".join(f"{row[n]:.3f}" for n in names) + f" | {row['BPCER']:.3f} |\n"
        thresholds += f"\n[[model.threshold]]\napcer = {row['apcer']:.4g}\nscore = {row['score']:.5f}\nbpcer = {row['BPCER']:.5f}\nset = \"rendered hold-out, 2000 views\"\ndate = \"{today}\"\n"
    return text, thresholds


def detector_report(net, _today: str) -> tuple[str, str]:
    rates = detector.rates(net, Device(), detector.hold_out(600))
    text = f"600 frames of 320x240 with none to three people, faces of 8 to 76 % of the height, many turned, masked or cut off by the edge. At probability 0.5: {rates['missed']:.3f} of faces missed, {rates['false_per_frame']:.3f} false faces a frame, landmarks off by {100 * rates['landmark_error']:.1f} % of the eyes' distance (median).\n"
    return text, ""


def landmarks_report(net, _today: str) -> tuple[str, str]:
    rates = landmarks.rates(net, Device(), landmarks.hold_out(1000))
    part = lambda key: f"{100 * rates[key]:.1f} %"
    text = f"1,000 faces, aligned as wrongly as by a detector. Mean distance of the landmarks from the truth in parts of the eyes' distance in the aligned face, medians: {part('before')} where the template has them, {part('pass_1')} after one pass, {part('pass_2')} after two. One face in twenty is off by more than {part('worst_twentieth')} even then.\n"
    return text, ""


def covering_report(net, today: str) -> tuple[str, str]:
    """Thresholds come from the people that chose the weights, rates from others."""
    chosen, data = covering.hold_out(500), covering.hold_out(1000, FINAL)
    thresholds = covering.thresholds(covering.logits(net, Device(), chosen), chosen)
    found = covering.logits(net, Device(), data)
    over, clear = found >= thresholds, covering.clear(data)
    rates = covering.rates(found, data, thresholds)
    text = f"{len(data):,} views of 1,000 people, {clear.sum():,} of them faces that nothing hides; thresholds from {len(chosen):,} views of others.\n\n"
    text += "| hidden by | logit | found | clear faces refused |\n|---|---|---|---|\n"
    rows = ""
    for number, (name, score) in enumerate(zip(covering.COVERS, thresholds)):
        refused, part = over[clear, number].mean(), rates[f"found_{name}"]
        text += f"| {name.replace('-', ' ')} | {score:.2f} | {part:.3f} | {refused:.4f} |\n"
        rows += f'\n[[model.threshold]]\ncover = "{name}"\nscore = {score:.5f}\nfound = {part:.5f}\nrefused = {refused:.5f}\n'
        rows += f'set = "rendered hold-out, {clear.sum()} clear of {len(data)} views"\ndate = "{today}"\n'
    alike = []
    for name, bit in covering.ALIKE.items():
        of = clear & covering.bit(data, bit)
        alike.append(f"{name} {over[of].any(1).sum()} of {of.sum()}")
    text += f"\nClear faces refused for any of these: {rates['refused']:.4f}; among them {', '.join(alike)}.\n"
    return text, rows


PLANS = [
    ("detector", Detector, "frame", "cells", [3, 240, 320], detector_report),
    ("landmarks", Landmarks, "face", "places", [1, 112, 112], landmarks_report),
    ("embedder", Embedder, "face", "embedding", [1, 112, 112], embedder_report),
    ("liveness", Liveness, "face", "live", [3, 80, 80], liveness_report),
    ("covering", Covering, "face", "covers", [1, 112, 112], covering_report),
]


def shipped(role: str, manifest: str) -> str:
    """A role's part of the manifest as it is."""
    parts = re.split(r"^(?=\[\[model\]\])", manifest, flags=re.MULTILINE)
    return next(("\n" + part.rstrip("\n") + "\n" for part in parts if f'role = "{role}"' in part), "")


def main():
    today = datetime.date.today().isoformat()
    before = (HERE / "manifest.toml").read_text()
    manifest = "# Written by `./dev export`; models/README.md says what the keys mean.\nschema = 1\n"
    for role, network, source, target, shape, report in PLANS:
        loaded = load(role, network())
        if loaded is None:
            print(f"{role}: no training here, stays as it is\n")
            manifest += shipped(role, before)
            continue
        net, progress = loaded
        file = HERE / f"{role}.onnx"
        difference = write(net, file, source, target, shape)
        if difference > TOLERANCE:
            raise SystemExit(f"{role}: onnxruntime differs from PyTorch by {difference}")
        text, thresholds = report(net, today)
        text = f"{progress} Exported {today}; onnxruntime agrees with PyTorch to {difference:.1e}.\n\n{text}"
        card(role, text)
        print(f"{role}: {text}")
        manifest += entry(role, file, onnxruntime.InferenceSession(file), shape) + thresholds
    (HERE / "manifest.toml").write_text(manifest)


if __name__ == "__main__":
    sys.exit(main())
