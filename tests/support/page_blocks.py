"""The code blocks of the documentation's pages, and what the comment above each says of its test.

A block of `sh`, `python` or `yaml` has one of these comments on the line above it, which a rendered page does not show:

    <!-- run -->              the test runs it as it is, in a copy of the project
    <!-- run: dry -->         the same, with --dry-run for every snakemake and make
    <!-- run: mini -->        the test runs it on the finished miniature study in place of the page's study
    <!-- file: PATH -->       the test writes it to that file of the copy, for the blocks below it on the page
    <!-- not run: REASON -->  what the test machine lacks

A block of `yaml` needs none: it is checked as a study, or as a part of one.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semalign.config.extending import merged, read_yaml

ROOT = Path(__file__).parents[2]
# generated from tables and code: they hold no blocks
PAGES = [
    *(
        ROOT / name
        for name in (
            "README.md",
            "CONTRIBUTING.md",
            "config/README.md",
            "data/README.md",
            "results/README.md",
        )
    ),
    *sorted(path for path in ROOT.glob("docs/**/*.md")),
]
BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<mark>[^\n]*?) -->\n)?^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n"
    r"(?P<text>.*?)^(?P=indent)```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
CHECKED = ("sh", "python", "yaml")
# shown only
SHOWN = ("text", "json", "bibtex", "jsonl")
REASONS = (
    "a GPU",
    "the hub",
    "internet",
    "a cluster",
    "conda",
    "a DVC remote",
    "hours",
    "the installation",
    "your shell",
    "not a study",
    "part of a file",
    "a finished study",
)
STUDY_KEYS = ("study", "extends")
MINI = "tests/workflow/mini.yaml"
SIZES = {"train": 16, "extract": 4, "align": 4, "validation": 4, "test": 8}


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, the comment above it, its text and the line where it begins."""

    language: str
    mark: str
    text: str
    line: int

    @property
    def kind(self) -> str:
        """run, file, not run, or an empty text."""
        return self.mark.partition(":")[0].strip()

    @property
    def value(self) -> str:
        """What follows the colon of the comment."""
        return self.mark.partition(":")[2].strip()


def blocks_of(path: Path) -> list[Block]:
    """The fenced blocks of a page, from top to bottom."""
    page = path.read_text(encoding="utf-8")
    return [
        Block(
            match["language"],
            (match["mark"] or "").strip(),
            _without_indent(match["text"], len(match["indent"])),
            page.count("\n", 0, match.start("language")) + 1,
        )
        for match in BLOCK.finditer(page)
    ]


def fault(block: Block) -> str | None:
    """What is wrong with a block's language or comment; None if nothing is."""
    if block.language in SHOWN:
        return None
    if block.language not in CHECKED:
        return f"language {block.language!r}: expected one of {', '.join((*CHECKED, *SHOWN))}"
    if block.kind == "not run":
        known = any(block.value.startswith(("needs " + reason, reason)) for reason in REASONS)
        return None if known else f"not run: {block.value!r}: expected a reason such as 'needs a GPU'"
    if block.kind == "run" and block.value in ("", "dry", "mini") and block.language != "yaml":
        return None
    if block.kind == "file" and block.value:
        return None
    if block.language == "yaml" and not block.mark:
        return None
    return f"comment {block.mark!r}: expected <!-- run -->, <!-- file: PATH --> or <!-- not run: REASON -->"


def is_study(text: str) -> bool:
    """Whether a text is a whole study, and not a part of one or something else."""
    return re.search(rf"^({'|'.join(STUDY_KEYS)}):", text, re.MULTILINE) is not None


def miniature(study: dict[str, Any]) -> dict[str, Any]:
    """A page's study with everything that costs time made small; its names stay.

    Published benchmarks become sums in a file. Training has one epoch, one seed and no search, and an ablated number of
    examples is one that there is. A study that extends another one extends the miniature study, and is it if it was the
    default study; one that extends a preset has its keys.
    """
    small: dict[str, Any] = _with_preset(study)
    study = dict(small)
    small["search"] = {"learning_rates": []}
    if "extends" in study:
        small |= {"extends": MINI, "study": "mini" if study["study"] == "tiny" else study["study"]}
    else:
        small |= {"seeds": [0], "statistics": {"resamples": 200}}
        small["benchmarks"] = {
            name: {"path": (given or {}).get("path", "sums.jsonl"), **SIZES}
            for name, given in study["benchmarks"].items()
        }
        small["evaluation"] = {"max_new_tokens": dict.fromkeys(study["benchmarks"], 8)}
    if "optimisation.examples" in (axes := (study.get("ablations") or {}).get("axes", {})):
        small["ablations"] = study["ablations"] | {"axes": axes | {"optimisation.examples": [8, 16]}}
    small["methods"] = {name: _short(name, given or {}) for name, given in study.get("methods", {}).items()}
    return small


def _with_preset(study: dict[str, Any]) -> dict[str, Any]:
    base = str(study.get("extends", ""))
    if not base.startswith("config/presets/"):
        return dict(study)
    own = {key: value for key, value in study.items() if key != "extends"}
    return merged(read_yaml(ROOT / base), own)


def _short(name: str, given: dict[str, Any]) -> dict[str, Any]:
    if given.get("method", name) in ("student", "teacher", "laten"):
        return given
    return given | {"optimisation": {"epochs": 1, "batch_size": 8}}


def _without_indent(text: str, width: int) -> str:
    return "".join(line[min(width, len(line) - len(line.lstrip(" "))) :] for line in text.splitlines(True))
