"""What jobs.export gives back beside released clips' pictures, and in which form: a part of the policy."""

from fractions import Fraction
from typing import Literal

from pydantic import Field

from schemas.config import Settings


class Images(Settings):
    """Of folders of pictures.

    rate        frames a second where no timestamps file lies beside them
    unreleased  what jobs.export gives in place of a picture that was not released: `omit` it, or a `gray` one
    """

    rate: float = Field(default=10.0, gt=0, le=1000)
    unreleased: Literal["omit", "gray"] = "omit"

    @property
    def exact_rate(self) -> Fraction:
        """As it is written, to a millionth."""
        return Fraction(str(self.rate)).limit_denominator(10**6)


class Videos(Settings):
    """Of videos, given back whole.

    names       what a video is called: the source's `key`, as in OUT, or its own name (`source`), which may tell of it
    unreleased  what stands for frames that were not released: `gray` ones at their times; `cut`: the frame before
                them is shown until the next that was released; `stop`: the video ends there
    """

    names: Literal["key", "source"] = "key"
    unreleased: Literal["gray", "cut", "stop"] = "gray"


class Episodes(Settings):
    """What jobs.export gives back of a dataset of episodes, such as LeRobot's.

    cameras     video keys; others are neither planned nor given back. Empty: all
    unreleased  an episode of which any clip of any of these was not released: `omit` it, or every picture of it `black`
    keep        features that are given back beside numbers, truth values and vectors of up to 1024 of them. Single
                pictures never are
    """

    cameras: list[str] = Field(default_factory=list)
    unreleased: Literal["omit", "black"] = "omit"
    keep: list[str] = Field(default_factory=list)


class Bags(Settings):
    """What jobs.export gives back of the pictures in a recording such as MCAP's or rosbag2's.

    cameras     topics; other topics of pictures are neither planned nor given back. Empty: all
    unreleased  what is given in place of a message whose picture was not released: `omit` it, or a `black` picture
    """

    cameras: list[str] = Field(default_factory=list)
    unreleased: Literal["omit", "black"] = "omit"


class OtherStreams(Settings):
    """What jobs.export gives back of a recording beside pictures: what is named here, and nothing else. It is
    given back as it is: nobody looks into it.

    topics       whose messages, with their schemas. Those of pictures never are
    frame_ids    names of coordinate frames that may stand in the headers of pictures; others become empty
    attachments  names of files in it. Pictures and videos never are
    metadata     names of metadata records
    """

    topics: list[str] = Field(default_factory=list)
    frame_ids: list[str] = Field(default_factory=list)
    attachments: list[str] = Field(default_factory=list)
    metadata: list[str] = Field(default_factory=list)
