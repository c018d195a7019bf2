"""Every command and every piece of code on a page of the documentation runs, on miniature settings."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from page_blocks import MINI, PAGES, ROOT, Block, blocks_of, is_study, miniature
from projects import call, copy_project

RUN = {
    page: [block for block in blocks_of(page) if block.kind in ("run", "file")]
    for page in PAGES
    if page.is_file()
}
SHELL = """
set -euo pipefail
dry() { command "$@" --dry-run; }
mini() {
  case " $* " in
    *" --configfile "*) command snakemake "$@" ;;
    *) command snakemake "$@" --configfile MINI ;;
  esac
}
""".replace("MINI", MINI)
MODES = {
    "": 'make() { dry make "$@"; }',
    "dry": 'make() { dry make "$@"; }; snakemake() { dry snakemake --quiet all "$@"; }',
    "mini": 'make() { dry make "$@"; }; snakemake() { mini "$@"; }',
}
# the names of the pages' studies, pairs and folders -> those of the miniature study
MINIATURE = (
    (r"\bconfig/config\.yaml", MINI),
    (r"\bresults/tiny\b", "results/mini"),
    (r"(cells|signals|search|choices)/tiny/", r"\1/mini/"),
    (r"\btiny-(teacher|student)\b", r"\1"),
)

# commands that ended well; a page that writes no file does not repeat those of an earlier page
DONE: set[Block] = set()
# the files that a page writes -> the copy of the project in which it ran, for the next page that writes the same
COPIES: dict[tuple[tuple[str, str], ...], Path] = {}


def title(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.study
@pytest.mark.parametrize("page", [page for page, blocks in RUN.items() if blocks], ids=title)
def test_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path, finished: Path) -> None:
    models = finished / "results/mini/models"
    files = tuple((block.value, content(block, models)) for block in RUN[page] if block.kind == "file")
    folder = COPIES.get(files) if files else None
    if folder is None:
        folder = tmp_path / "project"
        make_copy(folder, finished if any(block.value == "mini" for block in RUN[page]) else None)
    for block in RUN[page]:
        same = replace(block, line=0)
        if block.kind == "file":
            (folder / block.value).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.value).write_text(content(block, models))
        elif files or same not in DONE:
            run(block, page, folder, models)
            DONE.add(same)
    COPIES[files] = folder


def make_copy(folder: Path, finished: Path | None) -> None:
    """A copy of the project, or of the finished miniature study, with a user's own data."""
    if finished:
        shutil.copytree(finished, folder, symlinks=True)
    else:
        copy_project(folder)
    shutil.copy2(ROOT / "Makefile", folder)
    for name in ("sums.jsonl", "train.jsonl"):
        write_sums(folder / name)


def write_sums(path: Path) -> None:
    """A user's own benchmark: sums of two digits."""
    rows = ({"prompt": f"{a}+{b}=", "answer": str(a + b)} for a in range(8) for b in range(8))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def with_models(text: str, models: Path) -> str:
    """The text with the folders of the miniature study's models."""
    return text.replace("/models/big", str(models / "teacher")).replace(
        "/models/small", str(models / "student")
    )


def content(block: Block, models: Path) -> str:
    """What is written for a block: its text, or its study in miniature."""
    text = with_models(block.text, models)
    if block.language == "yaml" and is_study(text):
        return yaml.safe_dump(miniature(yaml.safe_load(text)))
    return text


def run(block: Block, page: Path, folder: Path, models: Path) -> None:
    """Run a block in a copy of the project; it must end well."""
    text = with_models(block.text, models)
    if block.value == "mini":
        for pattern, replacement in MINIATURE:
            text = re.sub(pattern, replacement, text)
    shell = SHELL + MODES[block.value] + "\n"
    command = ("python", "-c", text) if block.language == "python" else ("bash", "-c", shell + text)
    ended = call(folder, *command)
    assert ended.returncode == 0, (
        f"{title(page)}, line {block.line}:\n{text}\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
    )
