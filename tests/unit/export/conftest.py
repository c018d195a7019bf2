"""Studies to export from, in a working directory of their own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from exported_study import STUDY, make_study

from semalign.export.choice import Picked
from semalign.export.folders import Naming
from semalign.export.stage import Forms, export_adapter

REPOSITORY, COMMIT = "acme/small", "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def home(pico_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which a study of a hub's model ran, as working directory; the study is in results/s."""
    root, before = tmp_path_factory.mktemp("home"), Path.cwd()
    os.chdir(root)
    origin = {"source": "hub", "repository": REPOSITORY, "revision": "v1", "commit": COMMIT}
    make_study(pico_pair, origin, {"repository": REPOSITORY, "revision": "v1"})
    yield root
    os.chdir(before)


@pytest.fixture(scope="module")
def export(home: Path) -> Callable[..., Path]:
    """Export a cell of the study once; return its folder."""

    def make(method: str, form: str = "", **options: Any) -> Path:
        forms = Forms(**{key: value for key, value in options.items() if key in ("merged", "gguf")})
        naming = Naming(
            **{key: value for key, value in options.items() if key in ("base", "licence", "config")}
        )
        out = (
            home
            / "-".join(["exported", method, *(f"{key}~{value}" for key, value in options.items())])
            / method
        )
        if not out.exists():
            export_adapter(STUDY, Picked(method=method, seed=0), naming, forms, out=out)
        return out.with_name(method + form)

    return make
