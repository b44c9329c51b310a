"""Trains the network that tells whether a face can be seen: it finds masks, dark glasses and closed eyes in
an aligned face."""

import numpy as np
import torch
import torch.nn.functional as F

from common import HOLD_OUT, Device, Ring, Run, answers, records
from nets import Covering

LAYOUT = np.dtype([("label", "<u4"), ("pixels", "u1", (112, 112))])
# The network's outputs in their order, as the manifest names them: bits of a label, from the lowest.
COVERS = ["mask", "dark-glasses", "closed-eyes"]
# What must not be taken for them, by its bit.
ALIKE = {"ordinary glasses": 3, "beards": 4, "dark skin": 5, "smiles": 6}
# Views of a person, and how many views a training sees as a rule.
VIEWS = 4
IMAGES = 160_000
# How often a view is drawn before newer ones take its place.
USES = 10.0
# Where thresholds lie: of faces that nothing hides each output refuses at most so many, and of those that are
# hidden it misses about so many. Who is told wrongly can do nothing about it, so no threshold is lower.
REFUSED, MISSED = 0.002, 0.02


def bit(data: np.ndarray, number: int) -> np.ndarray:
    return (data["label"] >> number) & 1 == 1


def clear(data: np.ndarray) -> np.ndarray:
    """Which faces nothing hides."""
    return data["label"] & 7 == 0


def hold_out(people: int, first: int = HOLD_OUT) -> np.ndarray:
    """Views of people that training never sees."""
    arguments = ["covering", "--once", "--seed", "81", "--first", str(first)]
    return records([*arguments, "--people", str(people), "--views", str(VIEWS)], LAYOUT)


def logits(net, device: Device, data: np.ndarray) -> np.ndarray:
    return answers(net, device, data["pixels"]).cpu().numpy()


def thresholds(logits: np.ndarray, data: np.ndarray) -> np.ndarray:
    """From these logits on a face is refused."""
    least = np.quantile(logits[clear(data)], 1 - REFUSED, axis=0)
    hidden = [np.quantile(logits[bit(data, number), number], MISSED) for number in range(len(COVERS))]
    return np.maximum(least, hidden)


def rates(logits: np.ndarray, data: np.ndarray, thresholds: np.ndarray) -> dict[str, float]:
    """Clear faces that any output refuses, and what is found of each that hides a face."""
    over = logits >= thresholds
    result = {"refused": over[clear(data)].any(1).mean()}
    for number, name in enumerate(COVERS):
        result[f"found_{name}"] = over[bit(data, number), number].mean()
    return result


def train(options):
    device = Device()
    torch.manual_seed(options.seed)
    run = Run("covering", device, Covering(), 2e-3, options)
    random = np.random.default_rng([options.seed, run.seen])
    data = hold_out(500)
    arguments = ["covering", "--seed", str(options.seed + run.seen), "--people", str(options.people)]
    arguments += ["--views", str(VIEWS), "--threads", str(options.threads)]
    ring = Ring(arguments, LAYOUT, options.ring, 2000, USES)
    run.begin(device.pictures(ring.draw(random, 128)["pixels"]))

    def one_batch(run):
        run.net.train()
        batch = ring.draw(random, options.batch)
        pictures = device.pictures(batch["pixels"])
        each = lambda values: torch.from_numpy(values).to(device.name)[:, None, None, None]
        pictures = torch.where(each(random.random(len(batch)) < 0.5), pictures.flip(3), pictures)
        light = random.uniform(0.75, 1.25, (2, len(batch))).astype("f4")
        pictures = pictures * each(light[0]) + each(light[1] - 1)
        wanted = np.stack([bit(batch, number) for number in range(len(COVERS))], axis=1).astype("f4")
        with device.auto():
            found = run.net(pictures.contiguous(memory_format=torch.channels_last))
        loss = F.binary_cross_entropy_with_logits(found.float(), torch.from_numpy(wanted).to(device.name))
        run.step(loss, len(batch))
        return float(loss.detach())

    def measure(net):
        found = logits(net, device, data)
        return rates(found, data, thresholds(found, data)) | {"rendered": ring.rendered}

    run.loop(one_batch, measure)
    ring.close()
