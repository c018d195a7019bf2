"""Pico models: real architectures, a few thousand parameters, made in a second."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from fabricated_models import write_model, write_tokenizer

if TYPE_CHECKING:
    from fabricated_pairs import Pair


STUDIES = Path(__file__).parent / "workflow"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the studies: they take longest, and a worker of pytest-xdist should not have one left at the end."""
    items.sort(key=lambda item: STUDIES not in item.path.parents)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests of a GPU are skipped where there is none."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device")


def write_llama(folder: Path, *, layers: int, width: int, seed: int) -> Path:
    """A random Llama of pico size with an untied head, with its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=259,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    write_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def pico_pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(teacher, student) folders: 4 layers x 48 and 3 layers x 32, one vocabulary of bytes."""
    root = tmp_path_factory.mktemp("pico")
    return (
        write_llama(root / "teacher", layers=4, width=48, seed=1),
        write_llama(root / "student", layers=3, width=32, seed=2),
    )


@pytest.fixture(scope="session")
def pico_benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed benchmark folder: additions as text, every split a few examples."""
    from semalign.benchmarks.base import Example, write_split
    from semalign.config.base import SPLITS
    from semalign.runtime.provenance import Run

    folder = tmp_path_factory.mktemp("benchmark") / "sums"
    folder.mkdir()
    for offset, split in enumerate(SPLITS):
        pairs = [(offset, other) for other in range(6)]
        write_split(
            folder,
            split,
            [Example(f"sums-{split}-{b}", f"{a}+{b}=", f" {a + b}", target=str(a + b)) for a, b in pairs],
        )
    Run("benchmark").seal(folder)
    return folder


@pytest.fixture(scope="session")
def sealed_pair(pico_pair: tuple[Path, Path]) -> tuple[Path, Path]:
    """The pico pair with the records that stages check."""
    from semalign.runtime.provenance import Run

    for folder in pico_pair:
        Run("model").seal(folder)
    return pico_pair


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make sealed pico models on demand; the same request gives the same folder."""
    root = tmp_path_factory.mktemp("models")

    def make(kind: str, **shape: Any) -> Path:
        name = "-".join([kind, *(f"{key}{value}" for key, value in shape.items())])
        return root / name if (root / name).exists() else write_model(root / name, kind, **shape)

    return make


@pytest.fixture(scope="session")
def signals(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The signals of SemAlign and of distillation on the pico pair. Not to be changed."""
    from fabricated_signals import make_signals

    return make_signals(sealed_pair, pico_benchmark, tmp_path_factory.mktemp("signals"))


@pytest.fixture
def transfer(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, signals: dict[str, Path], tmp_path: Path
) -> Callable[..., Path]:
    """Run one method on the pico pair, return its transfer folder."""
    from fabricated_signals import run_transfer

    def run(settings: Any, seed: int = 0, name: str = "transfer") -> Path:
        needed = {stage: signals[stage] for stage in settings.needs}
        return run_transfer(sealed_pair, pico_benchmark, needed, settings, tmp_path / name, seed)

    return run


@pytest.fixture(scope="session")
def located(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The neurons that LaTen locates in the pico pair. Not to be changed."""
    from fabricated_signals import locate_in

    return locate_in(sealed_pair, pico_benchmark, tmp_path_factory.mktemp("located"))


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory, pico_benchmark: Path) -> "Callable[[str], Pair]":
    """Pairs of every architecture, made on demand."""
    from fabricated_pairs import Pair

    made: dict[str, Pair] = {}

    def get(name: str) -> Pair:
        if name not in made:
            made[name] = Pair(tmp_path_factory.mktemp(name), name, pico_benchmark)
        return made[name]

    return get


@pytest.fixture
def llama(pairs: "Callable[[str], Pair]") -> "Pair":
    """The pair that stands for all where the architecture does not matter."""
    return pairs("llama")
