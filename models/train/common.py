"""What the three trainings share: the device, the renderer's stream, checkpoints, averaged weights."""

import copy
import hashlib
import os
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

import warm

# Hold-out people begin here; training people lie far below.
HOLD_OUT = 10_000_000


def cache() -> Path:
    """Where checkpoints and rendered hold-outs lie, outside the repository."""
    base = os.environ.get("SHIKAKU_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "shikaku"
    )
    folder = Path(base) / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Device:
    """A GPU when there is one, else the CPU; half precision where the hardware multiplies it."""

    def __init__(self):
        self.name = "cuda" if torch.cuda.is_available() else "cpu"
        self.half = self.name == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()

    def auto(self):
        return torch.autocast(self.name, torch.bfloat16, enabled=self.half)

    def pictures(self, array: np.ndarray) -> torch.Tensor:
        """Bytes of N pictures of rows (and channels) to what networks take: -1..1, channels first."""
        tensor = torch.from_numpy(array).to(self.name, non_blocking=True)
        tensor = tensor.unsqueeze(1) if tensor.dim() == 3 else tensor.permute(0, 3, 1, 2)
        tensor = tensor.to(torch.float32).sub_(127.5).div_(127.5)
        return tensor.contiguous(memory_format=torch.channels_last)


def answers(net: torch.nn.Module, device: Device, pixels: np.ndarray) -> torch.Tensor:
    """What a network answers for pictures, some at a time."""
    with torch.no_grad(), device.auto():
        parts = np.array_split(pixels, max(1, len(pixels) // 256))
        return torch.cat([net(device.pictures(part)) for part in parts]).float()


def render(arguments: list[str]) -> subprocess.Popen:
    """The renderer with its records on a pipe."""
    program = os.environ["SHIKAKU_RENDER"]
    return subprocess.Popen([program, "stream", *arguments], stdout=subprocess.PIPE, bufsize=1 << 20)


def records(arguments: list[str], layout: np.dtype) -> np.ndarray:
    """All records of a stream that ends; kept in the cache, for hold-outs do not change."""
    name = "-".join(part.strip("-") for part in arguments)
    build = int(os.stat(os.environ["SHIKAKU_RENDER"]).st_mtime)
    file = cache() / f"{name}.{build}.npy"
    if not file.exists():
        data = render(arguments).communicate()[0]
        for old in cache().glob(f"{name}.*.npy"):
            old.unlink()
        np.save(file, np.frombuffer(data, layout))
    return np.load(file)


class Ring:
    """The latest renders. A thread fills it from the renderer while training draws from it. After the
    `least` that training begins with, so many are rendered as drawing each `uses` times needs: the
    renderer waits when it is ahead and leaves its cores to the training."""

    def __init__(self, arguments: list[str], layout: np.dtype, capacity: int, least: int, uses: float):
        self.items = np.zeros(capacity, layout)
        self.rendered = self.drawn = 0
        self.least, self.uses = least, uses
        self.process = render(arguments)
        threading.Thread(target=self._fill, daemon=True).start()
        bar = tqdm(total=least, desc="rendering the first pictures", unit="")
        while self.rendered < least:
            if self.process.poll() is not None:
                raise SystemExit("the renderer ended; see its message above")
            time.sleep(0.2)
            bar.update(min(self.rendered, least) - bar.n)
        bar.close()

    def _fill(self):
        layout = self.items.dtype
        while data := self.process.stdout.read(layout.itemsize):
            if len(data) < layout.itemsize:
                return
            while self.rendered > self.least + self.drawn / self.uses:
                time.sleep(0.05)
            self.items[self.rendered % len(self.items)] = np.frombuffer(data, layout)[0]
            self.rendered += 1

    def draw(self, random: np.random.Generator, number: int) -> np.ndarray:
        self.drawn += number
        return self.items[random.integers(0, min(self.rendered, len(self.items)), number)]

    def close(self):
        self.process.terminate()


class Run:
    """A training that can be stopped and taken up again: its parts, their averaged twin, its progress."""

    def __init__(self, name: str, device: Device, net: torch.nn.Module, rate: float, options):
        self.file = cache() / f"{name}.pt"
        self.options = options
        self.device = device
        self.net = net.to(device.name).to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).eval()
        self.rate = options.rate or rate
        self.optimiser = torch.optim.AdamW(self.net.parameters(), self.rate, weight_decay=0.02)
        self.seen = 0
        self.seconds = 0.0
        self.figures = {}
        # The beginning of the hash of the file that it began with, if it did not begin from nothing.
        self.start = ""
        if self.file.exists():
            state = torch.load(self.file, map_location=device.name, weights_only=True)
            self.net.load_state_dict(state["net"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.seen, self.seconds, self.figures = state["seen"], state["seconds"], state["figures"]
            self.start = state["start"]
            print(f"goes on after {self.seen} pictures, {self.seconds / 60:.0f} minutes")
            if options.start:
                raise SystemExit(f"{self.file} goes on by itself: remove it to begin with {options.start}")

    def begin(self, pictures: torch.Tensor):
        """Takes the weights that `--from` names, when this is no training taken up again."""
        if self.options.start and not self.seen:
            warm.adopt(self.net, self.options.start, pictures)
            self.average.load_state_dict(self.net.state_dict())
            self.start = hashlib.sha256(Path(self.options.start).read_bytes()).hexdigest()[:8]

    def part(self) -> float:
        """How much of the training is done, 0 to 1: of its pictures, or of its minutes where those are given."""
        if self.options.minutes:
            return min(self.seconds / (60 * self.options.minutes), 1.0)
        return min(self.seen / self.options.images, 1.0)

    def step(self, loss: torch.Tensor, number: int):
        """One step down the loss of `number` pictures; the rate warms up and sinks to nothing at the end."""
        part = self.part()
        rate = self.rate * min(self.seen / 20_000 + 0.02, 1.0) * (0.5 + 0.5 * np.cos(np.pi * part) + 0.01)
        for group in self.optimiser.param_groups:
            group["lr"] = float(rate)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.seen += number
        # Young averages forget quickly, old ones slowly.
        keep = min(0.998, 1 - 20 * number / (self.seen + 20 * number))
        with torch.no_grad():
            for mean, value in zip(self.average.state_dict().values(), self.net.state_dict().values()):
                if value.dtype.is_floating_point:
                    mean.lerp_(value, 1 - keep)
                else:
                    mean.copy_(value)

    def save(self):
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "seen": self.seen,
            "seconds": self.seconds,
            "figures": self.figures,
            "start": self.start,
        }
        fresh = self.file.with_suffix(".new")
        torch.save(state, fresh)
        fresh.replace(self.file)

    def loop(self, one_batch, measure):
        """Trains to the end; measures and saves now and then."""
        total = None if self.options.minutes else self.options.images
        bar = tqdm(total=total, initial=self.seen, unit=" pictures", smoothing=0.05, mininterval=5)
        last = begun = time.monotonic()
        before = self.seconds
        while self.part() < 1:
            seen = self.seen
            loss = one_batch(self)
            bar.update(self.seen - seen)
            now = time.monotonic()
            self.seconds = before + now - begun
            if now - last > self.options.every or self.part() >= 1:
                last = now
                self.figures = {key: float(value) for key, value in measure(self.average).items()}
                self.save()
                text = " ".join(f"{key} {value:.4f}" for key, value in self.figures.items())
                tqdm.write(f"{self.seen} pictures, {self.seconds / 60:.1f} min, loss {loss:.3f}, hold-out: {text}")
        bar.close()
