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
