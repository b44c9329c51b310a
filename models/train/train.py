"""Trains one network: `./dev train embedder`, `detector` or `liveness`. Stop it when you like; the same
command goes on from its last checkpoint."""

import argparse
import os

import torch


def main():
    parser = argparse.ArgumentParser(prog="./dev train", description=__doc__)
    parser.add_argument("network", choices=["embedder", "detector", "liveness"])
    parser.add_argument("--images", type=int, help="pictures to train on, repeats counted")
    parser.add_argument("--people", type=int, default=200_000, help="different people (embedder)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--ring", type=int, default=60_000, help="renders kept in memory, 13 kB each (embedder)")
    parser.add_argument("--every", type=float, default=120, help="seconds between measurements")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="of the renderer")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - options.threads))
    module = __import__(options.network)
    options.images = options.images or module.IMAGES
    module.train(options)


if __name__ == "__main__":
    main()
