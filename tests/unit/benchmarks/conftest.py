"""A tiny mirror of the published benchmarks, with splits that it can fill."""

from pathlib import Path

import pytest
from fabricated_mirror import SMALL, write_fabricated

from semalign.benchmarks.registry import PUBLISHED


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SEMALIGN_MIRROR", raising=False)
    for name in PUBLISHED:
        monkeypatch.setattr(f"semalign.benchmarks.{name}.SIZES", SMALL)
    return write_fabricated(tmp_path / "mirror")
