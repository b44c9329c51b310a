"""Reduces the ICT-FaceKit head to what the renderer carries: face, head, neck, mouth and eyes.

    python reduce.py ict-facekit-fp16.npz ../render/assets/head.bin

Offsets are stored as signed bytes with one scale a mode; expressions of the two sides are joined, for
the renderer weighs left and right by itself. Layout, little endian: four u32 (vertices, triangles,
identity modes, expression modes), f32 positions in cm, u16 triangles, u8 parts, f32 scales, i8 offsets
(mode by mode, vertex by vertex, x y z). The same bytes come out of the same archive.
"""

import sys

import numpy as np

# Ranges of vertices that are kept, and the part each is: 0 face, 1 head and neck, 2 mouth,
# 3 eye sockets, 4 left and 5 right eyeball (the person's left, +x).
KEPT = [(0, 9409, 0), (9409, 11248, 1), (11248, 13294, 2), (13294, 14062, 3), (22221, 23021, 4), (23791, 24591, 5)]

# Expression modes of the file, each a sum of blend shapes. The order is that of `Expression` in Rust.
EXPRESSIONS = [
    ["eyeBlink_L", "eyeBlink_R"],
    ["eyeLookDown_L", "eyeLookDown_R"],
    ["eyeLookUp_L", "eyeLookUp_R"],
    ["eyeLookOut_L", "eyeLookIn_R"],
    ["eyeLookIn_L", "eyeLookOut_R"],
    ["eyeSquint_L", "eyeSquint_R"],
    ["eyeWide_L", "eyeWide_R"],
    ["browDown_L", "browDown_R"],
    ["browInnerUp_L", "browInnerUp_R"],
    ["browOuterUp_L", "browOuterUp_R"],
    ["cheekPuff_L", "cheekPuff_R"],
    ["cheekSquint_L", "cheekSquint_R"],
    ["jawOpen"],
    ["jawLeft"],
    ["jawRight"],
    ["mouthSmile_L", "mouthSmile_R"],
    ["mouthFrown_L", "mouthFrown_R"],
    ["mouthPucker"],
    ["mouthFunnel"],
    ["mouthPress_L", "mouthPress_R"],
    ["mouthStretch_L", "mouthStretch_R"],
    ["mouthUpperUp_L", "mouthUpperUp_R"],
    ["mouthLowerDown_L", "mouthLowerDown_R"],
    ["noseSneer_L", "noseSneer_R"],
]


def main(source: str, target: str) -> None:
    data = np.load(source)
    kept = np.concatenate([np.arange(start, end) for start, end, _ in KEPT])
    parts = np.concatenate([np.full(end - start, part, np.uint8) for start, end, part in KEPT])
    number = np.full(len(data["V"]), -1, np.int64)
    number[kept] = np.arange(len(kept))
    triangles = number[data["F"]]
    triangles = triangles[(triangles >= 0).all(1)].astype("<u2")

    names = [str(name) for name in data["en"]]
    shapes = data["E"].astype(np.float32)[:, kept]
    expressions = [sum(shapes[names.index(name)] for name in group) for group in EXPRESSIONS]
    modes = np.concatenate([data["I"].astype(np.float32)[:, kept], np.stack(expressions)])
    scales = np.abs(modes).max((1, 2)) / 127
    offsets = np.round(modes / scales[:, None, None]).astype(np.int8)

    with open(target, "wb") as out:
        counts = [len(kept), len(triangles), len(data["I"]), len(EXPRESSIONS)]
        out.write(np.array(counts, "<u4").tobytes())
        out.write(data["V"][kept].astype("<f4").tobytes())
        out.write(triangles.tobytes())
        out.write(parts.tobytes())
        out.write(scales.astype("<f4").tobytes())
        out.write(offsets.tobytes())
    print(*counts, "vertices, triangles, identity modes, expression modes")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
