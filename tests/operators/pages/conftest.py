"""An original that pages must not leak, and that the review shows."""

from pathlib import Path

import pytest

from tests.operators.pages.shown import video


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An original of 31 frames, the first of them context."""
    path = tmp_path_factory.mktemp("secret-place") / "jane-doe.mp4"
    path.write_bytes(video(90, 31))
    return path
