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


def title(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.study
@pytest.mark.parametrize("page", [page for page, blocks in RUN.items() if blocks], ids=title)
def test_a_page_runs_from_top_to_bottom(page: Path, tmp_path: Path, finished: Path) -> None:
    folder = tmp_path / "project"
    if any(block.value == "mini" for block in RUN[page]):
        shutil.copytree(finished, folder, symlinks=True)
    else:
        copy_project(folder)
    shutil.copy2(ROOT / "Makefile", folder)
    write_sums(folder / "sums.jsonl")
    writes = any(block.kind == "file" for block in RUN[page])
    for block in RUN[page]:
        same = replace(block, line=0)
        if writes or same not in DONE:
            step(block, page, folder, finished / "results/mini/models")
            DONE.add(same)


def write_sums(path: Path) -> None:
    """A user's own benchmark: forty sums."""
    rows = ({"prompt": f"{a}+{b}=", "answer": str(a + b)} for a in range(8) for b in range(8))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def step(block: Block, page: Path, folder: Path, models: Path) -> None:
    """Write the block's file, or run the block."""
    text = block.text.replace("/models/big", str(models / "teacher")).replace(
        "/models/small", str(models / "student")
    )
    if block.kind == "file":
        (folder / block.value).parent.mkdir(parents=True, exist_ok=True)
        if block.language == "yaml" and is_study(text):
            text = yaml.safe_dump(miniature(yaml.safe_load(text)))
        (folder / block.value).write_text(text)
        return
    if block.value == "mini":
        for pattern, replacement in MINIATURE:
            text = re.sub(pattern, replacement, text)
    command = (
        ("python", "-c", text)
        if block.language == "python"
        else ("bash", "-c", SHELL + MODES[block.value] + "\n" + text)
    )
    ended = call(folder, *command)
    assert ended.returncode == 0, (
        f"{title(page)}, line {block.line}:\n{text}\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
    )
