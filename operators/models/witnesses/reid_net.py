"""The small network that tells people apart by their looks: a picture of one person in, a unit vector out."""

import torch
from torch import nn

WIDTHS = 32, 64, 96, 128


class AppearanceNet(nn.Module):
    """float [N,3,96,48] in 0 to 1, surroundings gray -> float [N,64] of length 1.

    Colour and pattern at some place of the body are what tells; so the last map is kept as four strips from head to
    feet, not averaged over the whole.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in WIDTHS:
            layers += [
                nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
                nn.Conv2d(width, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            before = width
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d((4, 1)))
        self.head = nn.Linear(4 * before, 64)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Unit vectors; the dot product of two is how alike they are."""
        return nn.functional.normalize(self.head(self.body(pictures - 0.5).flatten(1)), dim=1)
