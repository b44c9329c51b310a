"""Trains the passive liveness network: live people against prints, screens and paper masks."""

import numpy as np
import torch
import torch.nn.functional as F

from common import HOLD_OUT, Device, Ring, Run, answers, records
from nets import Liveness

LAYOUT = np.dtype([("species", "<u4"), ("pixels", "u1", (80, 80, 3))])
SPECIES = ["live", "printed", "replayed", "paper_mask"]
IMAGES = 100_000
# How often a view is drawn before newer ones take its place.
USES = 3.0


def logits(net, device: Device, data: np.ndarray) -> np.ndarray:
    return answers(net, device, data["pixels"])[:, 0].cpu().numpy()


def hold_out(number: int) -> np.ndarray:
    return records(["liveness", "--once", "--seed", "79", "--first", str(HOLD_OUT), "--people", str(number)], LAYOUT)


def rates(logits: np.ndarray, species: np.ndarray, threshold: float = 0.0) -> dict[str, float]:
    """Live people taken for attacks (BPCER), and attacks of each species taken for live (APCER)."""
    live = species == 0
    result = {"BPCER": float((logits[live] <= threshold).mean())}
    for number, name in enumerate(SPECIES[1:], 1):
        result[f"APCER_{name}"] = float((logits[species == number] > threshold).mean())
    return result


def train(options):
    device = Device()
    torch.manual_seed(options.seed)
    run = Run("liveness", device, Liveness(), 2e-3, options)
    random = np.random.default_rng([options.seed, run.seen])
    data = hold_out(1000)
    arguments = ["liveness", "--seed", str(options.seed + run.seen), "--threads", str(options.threads)]
    ring = Ring(arguments, LAYOUT, options.ring, 1500, USES)
    run.begin(device.pictures(ring.draw(random, 128)["pixels"]))

    def one_batch(run):
        run.net.train()
        batch = ring.draw(random, options.batch)
        pictures = device.pictures(batch["pixels"])
        mirrored = torch.from_numpy(random.random(len(batch)) < 0.5).to(device.name)
        pictures = torch.where(mirrored[:, None, None, None], pictures.flip(3), pictures)
        light = random.uniform(0.75, 1.25, (len(batch), 1, 1, 1)).astype("f4")
        pictures = pictures * torch.from_numpy(light).to(device.name)
        is_live = torch.from_numpy((batch["species"] == 0).astype("f4")).to(device.name)
        with device.auto():
            found = run.net(pictures)
        loss = F.binary_cross_entropy_with_logits(found.float()[:, 0], is_live)
        run.step(loss, options.batch)
        return float(loss.detach())

    def measure(net):
        return rates(logits(net, device, data), data["species"]) | {"rendered": ring.rendered}

    run.loop(one_batch, measure)
    ring.close()
