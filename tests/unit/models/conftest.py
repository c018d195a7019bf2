"""A good model folder, and copies of it to change."""

from pathlib import Path

import pytest
from edited_models import copy_of
from fabricated_models import build_model, write_tokenizer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama without any problem."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    build_model("llama", layers=3, width=32, seed=0).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return copy_of(whole, tmp_path / "model")
