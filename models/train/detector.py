"""Trains the detector: one prediction for each cell of 16x16 pixels, without anchors."""

import numpy as np
import torch
import torch.nn.functional as F

from common import HOLD_OUT, Device, Ring, Run, records
from nets import CELL, UNIT, Detector

WIDTH, HEIGHT, FACES = 320, 240, 3
# A face is a box and five landmarks, in pixels.
LAYOUT = np.dtype([("count", "<u4"), ("faces", "<f4", (FACES, 14)), ("pixels", "u1", (HEIGHT, WIDTH, 3))])
IMAGES = 60_000
# How often a frame is drawn, each time changed, before newer ones take its place.
USES = 4.0


class Change:
    """How the pictures of a batch are zoomed, moved, mirrored and coloured, and their faces with them."""

    def __init__(self, random: np.random.Generator, number: int):
        uniform = lambda low, high: random.uniform(low, high, number).astype("f4")
        self.zoom = uniform(0.75, 1.35)
        self.x = (1 - self.zoom) * WIDTH * uniform(0.2, 0.8)
        self.y = (1 - self.zoom) * HEIGHT * uniform(0.2, 0.8)
        self.mirrored = random.random(number) < 0.5
        self.colours = random.uniform(0.75, 1.25, (number, 3, 1, 1)).astype("f4")

    def faces(self, number: int, faces: np.ndarray) -> np.ndarray:
        """The faces of one picture afterwards."""
        faces = faces * self.zoom[number]
        faces[:, 0::2] += self.x[number]
        faces[:, 1::2] += self.y[number]
        if self.mirrored[number]:
            faces[:, 0::2] = WIDTH - faces[:, 0::2]
            # Left and right change places: the box's sides, the eyes, the corners of the mouth.
            faces = faces[:, [2, 1, 0, 3, 6, 7, 4, 5, 8, 9, 12, 13, 10, 11]]
        return faces

    def pictures(self, pictures: torch.Tensor) -> torch.Tensor:
        """The pictures afterwards; beyond the edge its pixels go on."""
        sign = np.where(self.mirrored, -1, 1)
        # From places after to places before, both -1..1 over the picture.
        maps = np.zeros((len(pictures), 2, 3), "f4")
        maps[:, 0, 0] = sign / self.zoom
        maps[:, 1, 1] = 1 / self.zoom
        maps[:, 0, 2] = ((WIDTH / 2 - self.x) / self.zoom - WIDTH / 2) / (WIDTH / 2)
        maps[:, 1, 2] = ((HEIGHT / 2 - self.y) / self.zoom - HEIGHT / 2) / (HEIGHT / 2)
        places = F.affine_grid(torch.from_numpy(maps), pictures.shape, align_corners=False).to(pictures.device)
        moved = F.grid_sample(pictures, places, padding_mode="border", align_corners=False)
        return (moved * torch.from_numpy(self.colours).to(pictures.device)).contiguous(
            memory_format=torch.channels_last
        )


def cells(batch: np.ndarray, change: Change):
    """What each cell should say: face or not, whether to ask it for places, and the places."""
    rows, columns = HEIGHT // CELL, WIDTH // CELL
    wanted = np.zeros((len(batch), 15, rows, columns), "f4")
    silent = np.zeros((len(batch), rows, columns), bool)
    y, x = np.mgrid[0:rows, 0:columns] * CELL + CELL / 2
    for i, (count, faces) in enumerate(zip(batch["count"], batch["faces"])):
        for face in change.faces(i, faces[: int(count)]):
            middle = (face[:2] + face[2:4]) / 2
            size = max(face[2] - face[0], face[3] - face[1])
            near = np.hypot(x - middle[0], y - middle[1])
            # Neighbours of the middle may say what they like about it, but should know the places.
            close = near < max(0.2 * size, CELL * 0.8)
            silent[i] |= close
            if not (0 <= middle[0] < WIDTH and 0 <= middle[1] < HEIGHT):
                continue
            column, row = int(middle[0] // CELL), int(middle[1] // CELL)
            close[row, column] = True
            sides = [x - face[0], y - face[1], face[2] - x, face[3] - y]
            points = [face[4 + k] - (x, y)[k % 2] for k in range(10)]
            wanted[i, 1:, close] = (np.stack(sides + points) / UNIT)[:, close].T
            wanted[i, 0, row, column] = 1
    return wanted, silent


def loss_of(net, device: Device, batch: np.ndarray, random: np.random.Generator):
    change = Change(random, len(batch))
    wanted, silent = (torch.from_numpy(a).to(device.name) for a in cells(batch, change))
    pictures = change.pictures(device.pictures(batch["pixels"]))
    with device.auto():
        found = net(pictures)
    found = found.float()
    is_face = wanted[:, 0] > 0
    weights = torch.where(is_face, 4.0, torch.where(silent, 0.0, 1.0))
    # Focal: cells that are clear already count little.
    entropy = F.binary_cross_entropy_with_logits(found[:, 0], wanted[:, 0], reduction="none")
    sure = torch.exp(-entropy)
    number = is_face.sum().clamp(min=1)
    presence = (weights * (1 - sure) ** 2 * entropy).sum() / number
    asked = (wanted[:, 1:] != 0).any(1, keepdim=True).expand(-1, 14, -1, -1)
    places = F.smooth_l1_loss(found[:, 1:][asked], wanted[:, 1:][asked], beta=0.03)
    return presence + 20.0 * places


def decode(cells: np.ndarray, least: float) -> list[tuple[float, np.ndarray]]:
    """Faces of one picture: probability, and box and landmarks in pixels; the best of those that overlap."""
    sure = 1 / (1 + np.exp(-cells[0]))
    faces = []
    for row, column in zip(*np.nonzero(sure >= least)):
        x, y = column * CELL + CELL / 2, row * CELL + CELL / 2
        v = cells[1:, row, column] * UNIT
        box = [x - v[0], y - v[1], x + v[2], y + v[3]]
        faces.append((float(sure[row, column]), np.concatenate([box, v[4:] + np.tile([x, y], 5)])))
    faces.sort(key=lambda face: -face[0])
    kept = []
    for face in faces:
        if all(overlap(face[1], other[1]) < 0.4 for other in kept):
            kept.append(face)
    return kept


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    area = lambda f: max(0.0, f[2] - f[0]) * max(0.0, f[3] - f[1])
    return wide * high / max(area(a) + area(b) - wide * high, 1e-6)


def hold_out(frames: int) -> np.ndarray:
    return records(["detector", "--once", "--seed", "78", "--first", str(HOLD_OUT), "--people", str(frames)], LAYOUT)


def rates(net, device: Device, data: np.ndarray) -> dict[str, float]:
    """Faces missed, false faces a frame, and the landmarks' mean error over the distance of the eyes."""
    missed = false = total = 0
    errors = []
    for part in np.array_split(data, max(1, len(data) // 50)):
        with torch.no_grad(), device.auto():
            found = net(device.pictures(part["pixels"])).float().cpu().numpy()
        for one, record in zip(found, part):
            faces = decode(one, 0.5)
            for face in record["faces"][: int(record["count"])]:
                total += 1
                match = [f for f in faces if overlap(f[1], face) > 0.5]
                missed += not match
                if match:
                    eyes = np.hypot(*(face[4:6] - face[6:8])) + 1e-6
                    error = (match[0][1][4:] - face[4:]).reshape(5, 2)
                    errors.append(np.hypot(*error.T).mean() / max(eyes, 1))
            real = record["faces"][: int(record["count"])]
            false += sum(all(overlap(f[1], face) <= 0.5 for face in real) for f in faces)
    return {
        "missed": missed / max(total, 1),
        "false_per_frame": false / len(data),
        "landmark_error": float(np.median(errors)) if errors else 1.0,
    }


def train(options):
    device = Device()
    torch.manual_seed(options.seed)
    run = Run("detector", device, Detector(), 2e-3, options)
    random = np.random.default_rng([options.seed, run.seen])
    data = hold_out(300)
    arguments = ["detector", "--seed", str(options.seed + run.seen), "--threads", str(options.threads)]
    ring = Ring(arguments, LAYOUT, options.ring // 10, 300, USES)
    run.begin(device.pictures(ring.draw(random, 32)["pixels"]))
    number = max(1, options.batch // 8)

    def one_batch(run):
        run.net.train()
        loss = loss_of(run.net, device, ring.draw(random, number), random)
        run.step(loss, number)
        return float(loss.detach())

    def measure(net):
        return rates(net, device, data) | {"rendered": ring.rendered}

    run.loop(one_batch, measure)
    ring.close()
