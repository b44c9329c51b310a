"""The networks. Dense convolutions with batch norm and ReLU: nothing that an inference engine finds hard,
and the export folds batch norm away. No network has more than 2 million parameters (8 MB)."""

from torch import nn


def conv(inside, outside, stride=1, active=True):
    """3x3 convolution, batch norm, and (as a rule) ReLU."""
    layers = [nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside)]
    if active:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Residual(nn.Module):
    """Two convolutions added to their input."""

    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(conv(channels, channels), conv(channels, channels, active=False))

    def forward(self, x):
        return x + self.body(x)


def trunk(inside, widths, blocks):
    """Halves the picture for each width, then adds so many residual blocks."""
    layers = []
    for width, number in zip(widths, blocks):
        layers.append(conv(inside, width, 2))
        layers += [Residual(width) for _ in range(number)]
        inside = width
    return nn.Sequential(*layers)


class Embedder(nn.Module):
    """1x112x112 grey face to 128 numbers, not normalised. 1.7 M parameters, 250 M multiplications."""

    side = 112

    def __init__(self):
        super().__init__()
        self.trunk = trunk(1, (32, 64, 128, 192), (0, 1, 2, 1))
        # One filter a channel over the whole 7x7, so that places on the face weigh differently.
        self.whole = nn.Sequential(nn.Conv2d(192, 192, 7, groups=192, bias=False), nn.BatchNorm2d(192))
        self.last = nn.Sequential(nn.Conv2d(192, 128, 1, bias=False), nn.BatchNorm2d(128))

    def forward(self, x):
        return self.last(self.whole(self.trunk(x))).flatten(1)


# Side of a detector's cell, and the unit in which it and the landmarks' network give places, in pixels.
CELL = 16
UNIT = 32.0


class Detector(nn.Module):
    """3x240x320 frame to 15 numbers for each cell: whether a face's middle lies in it, the distances of
    the box's sides, and five landmarks. 0.6 M parameters, 370 M multiplications."""

    def __init__(self):
        super().__init__()
        self.trunk = trunk(3, (16, 32, 64, 96), (0, 1, 1, 3))
        self.head = nn.Conv2d(96, 15, 1)
        # Faces are rare: begin by denying them.
        nn.init.constant_(self.head.bias[:1], -4.0)

    def forward(self, x):
        return self.head(self.trunk(x))


class Liveness(nn.Module):
    """3x80x80 face with its surroundings to one logit: above 0 is a live person. 0.35 M parameters."""

    def __init__(self):
        super().__init__()
        self.trunk = trunk(3, (24, 48, 64, 96), (0, 1, 1, 1))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 1))

    def forward(self, x):
        return self.head(self.trunk(x))


class Covering(nn.Module):
    """1x112x112 grey face, aligned, to three logits: mask, dark glasses, closed eyes. 0.2 M parameters,
    18 M multiplications."""

    def __init__(self):
        super().__init__()
        self.trunk = trunk(1, (12, 24, 48, 64), (0, 0, 1, 1))
        # Each place on the face has a say of its own: eyes and mouth are always at the same places.
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64 * 7 * 7, 3))

    def forward(self, x):
        return self.head(self.trunk(x))


class Landmarks(nn.Module):
    """1x112x112 grey face, roughly aligned, to how far the five landmarks are from the template's places, in
    units of 32 pixels. 0.4 M parameters, 33 M multiplications."""

    def __init__(self):
        super().__init__()
        self.trunk = trunk(1, (16, 32, 64, 96), (0, 0, 1, 1))
        # Each place on the face has a say of its own in where each landmark is.
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(96 * 7 * 7, 10))

    def forward(self, x):
        return self.head(self.trunk(x))
