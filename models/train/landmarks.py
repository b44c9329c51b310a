"""Trains the network that makes landmarks exact: in a face aligned by a detector's landmarks it finds how
far each of the five is off. The crops of a render are moved, turned and scaled as detectors are wrong."""

import numpy as np
import torch
import torch.nn.functional as F

from common import HOLD_OUT, Device, Ring, Run, records
from nets import UNIT, Landmarks

# A render's side, and the side and the place in it of a crop that is aligned exactly.
RENDER, SIDE, MARGIN = 176, 112, 32
LAYOUT = np.dtype([("label", "<u4"), ("five", "<f4", (5, 2)), ("pixels", "u1", (RENDER, RENDER))])
# The ArcFace template: eyes, nose, corners of the mouth, counted from the first pixel's centre.
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], "f4"
)
IMAGES = 400_000
# How often a render is drawn, each time with other errors, before newer ones take its place.
USES = 12.0


class Crops:
    """Where crops lie in their renders: x and y of a pixel's centre go through a turn, a scale and a move.
    `errors` scales all that a detector does wrong."""

    def __init__(self, random: np.random.Generator, number: int, errors: float | np.ndarray = 1.0):
        # Some detections are worse than others.
        wide = errors * np.where(random.random(number) < 0.2, 2.0, 1.0)
        angle = 0.07 * wide * random.standard_normal(number)
        scale = np.exp(0.09 * wide * random.standard_normal(number))
        # About the middle of the crop, for turning about a corner would move it away.
        middle = (SIDE - 1) / 2
        move = 4.5 * wide[:, None] * random.standard_normal((number, 2)) + middle + MARGIN
        c, s = scale * np.cos(angle), scale * np.sin(angle)
        self.turn = np.stack([np.stack([c, -s], 1), np.stack([s, c], 1)], 1).astype("f4")
        self.move = (move - self.turn.sum(2) * middle).astype("f4")

    def into(self, points: np.ndarray) -> np.ndarray:
        """Places of the crops, from places of the renders (both from the first pixel's centre)."""
        return np.einsum("nij,nkj->nki", np.linalg.inv(self.turn), points - self.move[:, None])

    def back(self, points: np.ndarray) -> np.ndarray:
        """Places of the renders, from places of the crops."""
        return np.einsum("nij,nkj->nki", self.turn, points) + self.move[:, None]

    def cut(self, pictures: torch.Tensor) -> torch.Tensor:
        """The crops of pictures; beyond the edge its pixels go on."""
        # The same map between -1..1 over the crop and -1..1 over the render.
        middle = self.turn.sum(2) * (SIDE - 1) / 2 + self.move
        maps = np.concatenate([self.turn * SIDE / RENDER, ((middle + 0.5) * 2 / RENDER - 1)[..., None]], 2)
        maps = torch.from_numpy(maps.astype("f4"))
        places = F.affine_grid(maps, [len(pictures), 1, SIDE, SIDE], align_corners=False).to(pictures.device)
        return F.grid_sample(pictures, places, padding_mode="border", align_corners=False)

    @staticmethod
    def through(landmarks: np.ndarray) -> "Crops":
        """Crops aligned by these landmarks of the renders, as the pipeline aligns them."""
        self = Crops.__new__(Crops)
        middle, aim = landmarks.mean(1, keepdims=True), TEMPLATE.mean(0)
        f, t = landmarks - middle, TEMPLATE - aim
        size = (f**2).sum((1, 2))
        a = (f * t).sum((1, 2)) / size
        b = (f[..., 0] * t[:, 1] - f[..., 1] * t[:, 0]).sum(1) / size
        turn = np.linalg.inv(np.stack([np.stack([a, -b], 1), np.stack([b, a], 1)], 1))
        self.turn = turn.astype("f4")
        self.move = (middle[:, 0] - turn @ aim).astype("f4")
        return self


def hold_out(number: int) -> np.ndarray:
    return records(["landmarks", "--once", "--seed", "80", "--first", str(HOLD_OUT), "--people", str(number)], LAYOUT)


def truth(data: np.ndarray) -> np.ndarray:
    """The landmarks in their renders; the renderer counts from the first pixel's corner."""
    return data["five"] - 0.5


def found(net, device: Device, pictures: torch.Tensor, crops: Crops) -> np.ndarray:
    """What the network finds in the crops, as places of the renders."""
    parts = []
    with torch.no_grad(), device.auto():
        for part in crops.cut(pictures).split(256):
            parts.append(net(part).float().cpu().numpy())
    return crops.back(np.concatenate(parts).reshape(-1, 5, 2) * UNIT + TEMPLATE)


def rates(net, device: Device, data: np.ndarray, passes: int = 2) -> dict[str, float]:
    """Mean error of the landmarks over the distance of the eyes in the aligned face: before, and after each
    pass; medians, and after the last what one face in twenty exceeds."""
    crops = Crops(np.random.default_rng(9), len(data))
    pictures, wanted = device.pictures(data["pixels"]), truth(data)
    eyes = np.hypot(*(TEMPLATE[1] - TEMPLATE[0]))
    error = lambda places: np.linalg.norm(places - wanted, axis=2).mean(1) / eyes
    place = crops.back(np.broadcast_to(TEMPLATE, wanted.shape))
    result = {"before": np.median(error(place))}
    for number in range(1, passes + 1):
        place = found(net, device, pictures, crops)
        result[f"pass_{number}"] = np.median(error(place))
        crops = Crops.through(place)
    return result | {"worst_twentieth": np.quantile(error(place), 0.95)}


def train(options):
    device = Device()
    torch.manual_seed(options.seed)
    run = Run("landmarks", device, Landmarks(), 2e-3, options)
    random = np.random.default_rng([options.seed, run.seen])
    data = hold_out(400)
    arguments = ["landmarks", "--seed", str(options.seed + run.seen), "--threads", str(options.threads)]
    ring = Ring(arguments, LAYOUT, options.ring // 3, 500, USES)

    def draw(number: int):
        batch = ring.draw(random, number)
        # A second pass sees smaller errors.
        errors = np.where(random.random(number) < 0.3, 0.3, 1.0)
        crops = Crops(random, number, errors)
        pictures = crops.cut(device.pictures(batch["pixels"]))
        wanted = (crops.into(truth(batch)) - TEMPLATE).astype("f4")
        mirrored = random.random(number) < 0.5
        pictures = torch.where(torch.from_numpy(mirrored).to(device.name)[:, None, None, None], pictures.flip(3), pictures)
        # Left and right change places: the eyes, the corners of the mouth.
        other = (wanted + TEMPLATE)[:, [1, 0, 2, 4, 3]]
        other[..., 0] = SIDE - 1 - other[..., 0]
        wanted[mirrored] = (other - TEMPLATE)[mirrored]
        light = random.uniform(0.75, 1.25, (2, number, 1, 1, 1)).astype("f4")
        light = torch.from_numpy(light).to(device.name)
        return pictures * light[0] + (light[1] - 1), torch.from_numpy(wanted.reshape(number, 10) / UNIT).to(device.name)

    run.begin(draw(128)[0])

    def one_batch(run):
        run.net.train()
        pictures, wanted = draw(options.batch)
        with device.auto():
            places = run.net(pictures.contiguous(memory_format=torch.channels_last))
        loss = F.smooth_l1_loss(places.float(), wanted, beta=0.02)
        run.step(10 * loss, options.batch)
        return float(loss.detach())

    def measure(net):
        return rates(net, device, data) | {"rendered": ring.rendered}

    run.loop(one_batch, measure)
    ring.close()
