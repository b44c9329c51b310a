"""Trains the embedding network by contrast: among the faces of a batch, each must be nearest to the
other views of the same person, the card's photograph always among them."""

import numpy as np
import torch
import torch.nn.functional as F

from common import HOLD_OUT, Device, Ring, Run, answers, records
from nets import Embedder

LAYOUT = np.dtype([("person", "<u4"), ("live", "u1"), ("pixels", "u1", (112, 112))])
# What the renderer writes of a person at once, the card's first; and how many of them a batch takes.
VIEWS, TAKEN = 8, 4
PERSON = np.dtype([("views", LAYOUT, (VIEWS,))])
# How often a view is drawn before newer ones take its place.
USES = 2.0
# Vectors of earlier batches that those of a batch must differ from.
REMEMBERED = 4096
# Sharpness of the contrast: cosines are multiplied by it.
SCALE = 20.0
RATES = (1e-1, 1e-2, 1e-3, 1e-4)
# Pictures that one training sees as a rule.
IMAGES = 200_000


class Memory:
    """Vectors of the latest batches. The network moves slowly, so that they are strangers as good as those
    of the batch itself, and hundreds of times as many."""

    def __init__(self, device: Device):
        self.vectors = torch.zeros(0, 128, device=device.name)
        self.people = torch.zeros(0, dtype=torch.int64, device=device.name)

    def add(self, vectors: torch.Tensor, people: torch.Tensor):
        self.vectors = torch.cat([vectors.detach(), self.vectors])[:REMEMBERED]
        self.people = torch.cat([people, self.people])[:REMEMBERED]


def contrast(vectors: torch.Tensor, people: torch.Tensor, memory: Memory) -> torch.Tensor:
    """Mean negative log probability of each view's fellows among all other views and the memory's strangers."""
    vectors = F.normalize(vectors.float())
    alone = torch.eye(len(people), dtype=torch.bool, device=people.device)
    cosines = (SCALE * vectors @ vectors.T).masked_fill(alone, -1e4)
    fellows = ((people[:, None] == people[None, :]) & ~alone).float()
    known = people[:, None] == memory.people[None, :]
    strangers = (SCALE * vectors @ memory.vectors.T).masked_fill(known, -1e4)
    logs = F.log_softmax(torch.cat([cosines, strangers], dim=1), dim=1)[:, : len(people)]
    memory.add(vectors, people)
    return -((logs * fellows).sum(1) / fellows.sum(1)).mean()


def embed(net, device: Device, pixels: np.ndarray) -> np.ndarray:
    return F.normalize(answers(net, device, pixels)).cpu().numpy()


def hold_out(people: int, views: int, first: int = HOLD_OUT) -> np.ndarray:
    """People that training never sees: a card photograph and live views of each."""
    arguments = ["embedder", "--once", "--seed", "77", "--first", str(first)]
    return records([*arguments, "--people", str(people), "--views", str(views)], LAYOUT)


def scores(vectors: np.ndarray, data: np.ndarray):
    """Cosines of each card photograph to all live views: of the same person, and of others."""
    live = data["live"] == 1
    cosines = vectors[~live] @ vectors[live].T
    same = data["person"][~live][:, None] == data["person"][live][None, :]
    return cosines[same], cosines[~same]


def rates(genuine: np.ndarray, impostor: np.ndarray) -> dict[float, tuple[float, float]]:
    """False-match rate to threshold and false-non-match rate."""
    falling = np.sort(impostor)[::-1]
    result = {}
    for rate in RATES:
        threshold = float(falling[int(rate * len(falling))])
        result[rate] = (threshold, float((genuine <= threshold).mean()))
    return result


def vary(pictures: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Brightness, contrast and covered places: cheap variety for renders drawn twice."""
    n = len(pictures)
    uniform = lambda low, high: torch.from_numpy(random.uniform(low, high, (n, 1, 1, 1)).astype("f4"))
    pictures = pictures * uniform(0.7, 1.3).to(pictures.device) + uniform(-0.25, 0.25).to(pictures.device)
    for i in np.flatnonzero(random.random(n) < 0.12):
        y, x = random.integers(0, 96, 2)
        h, w = random.integers(8, 44, 2)
        pictures[i, :, y : y + h, x : x + w] = random.uniform(-1, 1)
    return pictures


def draw(ring: Ring, random: np.random.Generator, number: int) -> np.ndarray:
    """Views of so many people: the card's and others by chance; some people as their mirror images."""
    views = ring.draw(random, number)["views"]
    rows = [np.append(0, 1 + random.permutation(VIEWS - 1)[: TAKEN - 1]) for _ in range(number)]
    views = np.take_along_axis(views, np.stack(rows), axis=1)
    mirrored = random.random(number) < 0.5
    views["pixels"][mirrored] = views["pixels"][mirrored][..., ::-1]
    return views.reshape(-1)


def train(options):
    device = Device()
    torch.manual_seed(options.seed)
    run = Run("embedder", device, Embedder(), 2e-3, options)
    random = np.random.default_rng([options.seed, run.seen])
    data = hold_out(400, 4)
    arguments = ["embedder", "--seed", str(options.seed + run.seen), "--people", str(options.people)]
    arguments += ["--views", str(VIEWS), "--threads", str(options.threads)]
    ring = Ring(arguments, PERSON, options.ring // VIEWS, min(options.ring // VIEWS, 1_000), USES * VIEWS / TAKEN)
    run.begin(device.pictures(draw(ring, random, 128)["pixels"]))
    memory = Memory(device)

    def one_batch(run):
        run.net.train()
        batch = draw(ring, random, options.batch // TAKEN)
        people = torch.from_numpy(batch["person"].astype(np.int64)).to(device.name)
        pictures = vary(device.pictures(batch["pixels"]), random)
        with device.auto():
            vectors = run.net(pictures)
        loss = contrast(vectors, people, memory)
        run.step(loss, options.batch)
        return float(loss.detach())

    def measure(net):
        found = rates(*scores(embed(net, device, data["pixels"]), data))
        return {f"FNMR@{rate:g}": miss for rate, (_, miss) in found.items()} | {"people": ring.rendered}

    run.loop(one_batch, measure)
    ring.close()
