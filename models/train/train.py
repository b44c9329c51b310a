"""Trains one network: `./dev train embedder`, `detector`, `landmarks`, `liveness` or `covering`. Stop it when you like;
the same command goes on from its last checkpoint."""

import argparse
import os

import torch


def main():
    parser = argparse.ArgumentParser(prog="./dev train", description=__doc__)
    parser.add_argument("network", choices=["embedder", "detector", "landmarks", "liveness", "covering"])
    parser.add_argument("--from", dest="start", metavar="FILE.onnx", help="begin with the weights of an exported network")
    parser.add_argument("--images", type=int, help="pictures to train on, repeats counted")
    parser.add_argument("--minutes", type=float, help="train for so long instead")
    parser.add_argument("--rate", type=float, help="highest rate of learning; a tenth to a half of the usual one after --from")
    parser.add_argument("--people", type=int, default=200_000, help="different people (embedder, covering)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--ring", type=int, default=60_000, help="renders kept in memory, 13 kB each (embedder)")
    parser.add_argument("--every", type=float, default=120, help="seconds between measurements")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) // 2), help="of the renderer")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="of the training, where there is no GPU")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        # The renderer waits when it is ahead, so both may have all cores.
        torch.set_num_threads(options.cores)
    module = __import__(options.network)
    options.images = options.images or module.IMAGES
    module.train(options)


if __name__ == "__main__":
    main()
