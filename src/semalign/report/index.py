"""The page of a study: what came out, where everything is, and how it was made."""

import base64
import html
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from semalign.config.cells import DEFAULT
from semalign.report import display, sentences
from semalign.report.changes import changed_items
from semalign.report.figures.inline import SCREEN_DPI
from semalign.report.figures.registry import draw
from semalign.report.figures.style import DPI, save
from semalign.report.html_page import Link, fill
from semalign.report.names import spell, titled
from semalign.report.reading import Tables, read_tables
from semalign.report.summary import summarize
from semalign.report.words import wholes
from semalign.runtime.commit import CHANGED, current_commit
from semalign.runtime.files import read_json
from semalign.runtime.machine import versions

# content of each table
CONTENTS = {
    "main": "score of each method, tests against the student and the best baseline, likeness to the teacher, costs",
    "scores": "the same scores, one row per method and one column per benchmark",
    "ablations": "scores of each variant of a method and the test against its default",
    "parts": "scores on each part of a mixture",
    "agreement": "likeness of the answers to the teacher's: KL divergence and top-1 agreement",
    "bits": "bits per character of the reference answers",
    "free_text": "exact match, lenient match and token F1 of generated text",
    "changes": "items of generated text that changed most, with the student's and the adapter's text",
    "seeds": "scores, costs and likeness to the teacher of each seed",
    "comparisons": "all paired tests against the student and the baselines",
    "contrasts": "all named comparisons of two methods",
    "detectable": "the smallest differences that the tests can be expected to detect",
    "costs": "time, floating-point operations and memory of one training, and what the teacher's signals cost",
    "study_costs": "what each method costs in a study with a search and several seeds, with shared signals",
    "ladder": "methods that differ in one thing, each tested against the one below it",
    "dose": "how far each training lowered its layer loss, and what that did to scores and likeness to the teacher",
    "search": "learning rates and other settings that were tried, their validation scores, and the choice",
    "lengths": "examples that are too long for a model's context: left out, or with a prompt that was cut",
    "ranking": "methods and seeds by their scores on the validation split, their costs, and the one to ship",
    "benchmarks": "scores of models as they are, and published scores",
    "decomposition": "how well a layer's states are rebuilt from the LM head's token vectors",
    "head": "what is left of the next token after such a rebuilding",
    "similarity": "similarity (CKA) of each pair of layers",
    "crossing": "next tokens that the teacher's states give in the student's space",
    "displacement": "where training and targets move a layer's states, compared with a reference method",
    "geometry": "how near each student's states come to their targets",
    "curves": "training losses by step",
    "attribution": "share of each teacher layer in a task",
    "pairing": "which teacher layer each student layer is paired with",
}
READ = (
    "main",
    "benchmarks",
    "head",
    "costs",
    "free_text",
    "bits",
    "agreement",
    "changes",
    "search",
    "ranking",
)
FORMATS = (("CSV", ".csv"), ("Markdown", ".md"), ("LaTeX", ".tex"))


class Listed(Protocol):
    """Paths of what the page links to, and the names of the config files."""

    @property
    def tables(self) -> Sequence[Path]: ...
    @property
    def pages(self) -> Sequence[Path]: ...
    @property
    def figures(self) -> Sequence[Path]: ...
    @property
    def config(self) -> Sequence[str]: ...


def build(facts: Mapping[str, Any], cells: Sequence[str], out: Path, listed: Listed) -> tuple[str, str]:
    """The page as HTML and its verdict as Markdown.

    `facts` are the names and sources that the config gives (`study`, `seeds`, `pairs`, `models`, `benchmarks`,
    `notebooks`), `cells` the folders of the cells. Links are relative to the folder of `out`.
    """
    root = out.parent
    verdict = summarize(root / "tables", facts["study"])
    known = [path.stem for path in listed.tables if path.suffix == ".csv"]
    tables = read_tables(root / "tables", [name for name in READ if name in known])
    with titled(tables.levels.titles):
        page = fill(
            "index",
            title=f"Study {facts['study']}",
            study=facts["study"],
            nav=[("Study", ""), *((page.stem, _link(page, root)) for page in listed.pages)],
            levels=tables.levels,
            verdict=_html(verdict),
            picture=_picture(tables) if "main" in tables else None,
            main=_main(tables),
            ranking=_ranking(tables),
            changes=changed_items(tables),
            pages=[{"title": _title(page), "target": _link(page, root)} for page in listed.pages],
            **_adapters(cells, facts, root),
            tables=_files(listed.tables, root),
            figures=[
                {"name": path.stem, "target": _link(path.with_suffix(""), root)} for path in listed.figures
            ],
            options=f" --configfile {' '.join(listed.config)}" if listed.config else "",
            made=_made(facts, listed.config),
            footer="Files are named relative to the repository root, links relative to this page.",
        )
    return page, verdict


def _html(text: str) -> str:
    from nbconvert.filters.markdown import markdown2html

    return str(markdown2html(text))


def _link(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _title(page: Path) -> str:
    """The title of a page, as its notebook has it."""
    text = page.read_text(encoding="utf-8").partition("<title>")[2].partition("</title>")[0]
    return html.unescape(text) or page.stem


def _picture(tables: Tables) -> dict[str, Any]:
    """The figure of the scores, and its width on a screen in pixels."""
    with tempfile.TemporaryDirectory() as folder:
        content = save(draw("scores", tables), folder, "scores").read_bytes()
    pixels = int.from_bytes(content[16:20], "big")  # the width in a PNG's header
    return {"content": base64.b64encode(content).decode(), "width": round(pixels * SCREEN_DPI / DPI)}


def _main(tables: Tables) -> list[dict[str, str]]:
    """The most important tables in short."""
    made = []
    if "main" in tables:
        whole = Tables({**tables, "main": wholes(tables["main"])}, tables.levels)
        caption = (
            f"In percent with uncorrected {tables.levels.percent} intervals; ▲ higher and ▼ lower than the student "
            "by a corrected paired test."
        )
        made.append(("Scores", caption, display.score_table(whole)))
    if "free_text" in tables and len(tables["free_text"]):
        caption = (
            "A lenient match leaves out case, punctuation, accents, articles and white space; fewer bits per character "
            f"of the references are better. In brackets: change from the student with its uncorrected "
            f"{tables.levels.percent} interval, ▲ above and ▼ below zero."
        )
        made.append(("Free text", caption, display.free_text_table(tables)))
    if "benchmarks" in tables:
        caption = f"Score in percent with {tables.levels.percent} intervals, and published scores."
        made.append(("Models as they are", caption, display.benchmark_table(tables)))
    if "head" in tables and not made:
        caption = "Final states rebuilt from the LM head's token vectors."
        made.append(("Decomposition", caption, display.head_table(tables)))
    return [{"title": title, "caption": caption, "html": _table(frame)} for title, caption, frame in made]


def _ranking(tables: Tables) -> dict[str, str] | None:
    """Which student to use, and the ranking; None without one."""
    if "ranking" not in tables or tables["ranking"].empty:
        return None
    return {"use": _html(sentences.ship(tables)), "table": _table(display.ranking_table(tables))}


def _table(frame: pd.DataFrame, escape: bool = True) -> str:
    table = frame.to_html(index=False, border=0, na_rep="", justify="left", escape=escape)
    return f'<div class="wide">{table}</div>'


def _adapters(cells: Sequence[str], facts: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Where the adapters are (one row per method, one column per benchmark, one link per seed), and how to load one."""
    examples: dict[str, dict[str, str]] = {}
    links: dict[tuple[str, str], dict[str, list[str]]] = {}
    for cell in map(Path, cells):
        benchmark, method, variant, seed = cell.parts[-4:]
        pair, folder = cell.parts[-5], cell / "transfer"
        kind = read_json(folder / "transfer.json")["kind"] if (folder / "transfer.json").is_file() else ""
        if variant != DEFAULT or kind not in ("adapter", "delta"):
            continue
        mark = "*" * (kind == "delta")
        link = f'<a href="{_link(folder, root)}">{seed.removeprefix("seed")}</a>{mark}'
        links.setdefault((pair, method), {}).setdefault(benchmark, []).append(link)
        teacher, student = (
            f"{root.as_posix()}/models/{facts['pairs'][pair][role]}" for role in ("teacher", "student")
        )
        examples.setdefault(kind, {"adapter": folder.as_posix(), "teacher": teacher, "student": student})
    several = len({pair for pair, _ in links}) > 1
    rows = [
        {
            **({"pair": html.escape(spell(pair))} if several else {}),
            "method": html.escape(spell(method)),
            **{
                f"seeds on {html.escape(spell(name))}": " ".join(found)
                for name, found in by_benchmark.items()
            },
        }
        for (pair, method), by_benchmark in links.items()
    ]
    return {
        "adapters": _table(pd.DataFrame(rows).fillna(""), escape=False) if rows else "",
        "example": examples.get("adapter"),
        "deltas": examples.get("delta"),
    }


def _files(tables: Sequence[Path], root: Path) -> list[dict[str, Any]]:
    """Each table with links to its formats."""
    return [
        {
            "name": path.stem,
            "content": CONTENTS.get(path.stem, ""),
            "files": [
                (kind, _link(path.with_suffix(suffix), root))
                for kind, suffix in FORMATS
                if path.with_suffix(suffix).is_file()
            ],
        }
        for path in tables
        if path.suffix == ".csv" and _has_rows(path)
    ]


def _has_rows(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        return sum(1 for _ in zip(file, range(2), strict=False)) > 1


def _made(facts: Mapping[str, Any], config: Sequence[str]) -> list[Link]:
    """How the study was made, without any path of the machine."""
    pairs = [f"{pair}: {each['teacher']} to {each['student']}" for pair, each in facts["pairs"].items()]
    models = [f"{name} ({source})" for name, source in facts["models"].items()]
    packages = [f"{name} {number}" for name, number in versions().items()]
    made = {
        "config": ", ".join(config),
        "seeds": ", ".join(map(str, facts["seeds"])) if pairs else "",
        "pairs (teacher to student)": "; ".join(pairs),
        "models": ", ".join(models),
        "benchmarks": ", ".join(facts["benchmarks"]),
        "commit": (current_commit(Path()) or "").replace(CHANGED, " with local changes"),
        "versions": ", ".join(packages),
    }
    return [(name, value) for name, value in made.items() if value]
