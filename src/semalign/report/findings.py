"""The README's findings, written from the tables: every number and every verdict is computed."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from semalign.report import display, sentences
from semalign.report.reading import Tables, read_tables
from semalign.runtime.tables_text import markdown

BEGIN = "<!-- findings: written by scripts/write_findings.py -->"
END = "<!-- end of findings -->"


class Studies(NamedTuple):
    """Results folders of finished runs.

    `full` is the embedded study in full, `real` a real model layer by layer, `recovered` a pruned model and its
    teacher, `scored` a real model on published benchmarks; one of the last two that was not run is left out.
    """

    full: Path
    real: Path
    recovered: Path
    scored: Path


def findings(studies: Studies) -> str:
    """The text between the README's two marks."""
    parts = [
        *_scores(studies.full),
        *_ablation(studies.full),
        *_mechanism(studies.full),
        *_decomposition(studies.real),
    ]
    if (studies.recovered / "tables").is_dir():
        parts += _recovered(studies.recovered)
    if (studies.scored / "tables").is_dir():
        parts += _benchmarks(studies.scored)
    return "\n\n".join(part for part in parts if part)


def copy_figures(studies: Studies, folder: Path) -> None:
    """Copy the figures that the findings show."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("scores", "ablation", "geometry"):
        shutil.copyfile(studies.full / f"figures/{name}.png", folder / f"{name}.png")
    shutil.copyfile(studies.real / "figures/decomposition.png", folder / "decomposition.png")


def _read(study: Path, *names: str, optional: tuple[str, ...] = ()) -> Tables:
    return read_tables(study / "tables", names, optional)


def _in_rows(table: pd.DataFrame) -> str:
    """A table as Markdown: names to the left, numbers to the right."""
    words = ("pair", "method", "model", "benchmark", "protocol", "isolation")
    return markdown(table, [column not in words for column in table.columns])


def _scores(study: Path) -> list[str]:
    data = _read(
        study,
        "main",
        "costs",
        "contrasts",
        "comparisons",
        "agreement",
        "detectable",
        optional=("search",),
    )
    main, levels = data["main"], data.levels
    method = sentences.method_under_study(main)
    tables = study / "tables"
    return [
        f"**Study {study.name}.** {sentences.teacher_above_student(main, levels)}",
        sentences.compare(main, method, levels=levels),
        sentences.compare(main, method, "best_baseline", data["comparisons"], levels=levels),
        sentences.agreement(data["agreement"], method),
        sentences.detectable(data["detectable"]),
        f"Mean score in percent over {main['seeds'].max()} seeds, with {levels.percent} intervals over items and "
        "seeds; ▲ higher and ▼ lower than the student by a paired test, corrected over the table. All columns: "
        f"[main.md]({tables}/main.md); what each cost: [costs.csv]({tables}/costs.csv).",
        _in_rows(display.score_table(main, levels)),
        "**Method against method**, paired over items and seeds and corrected over these tests:",
        sentences.contrasts(data["contrasts"], levels),
        f"**Equal budgets.** {sentences.search(data['search'])}" if "search" in data else "",
        sentences.gain(data["costs"], data["comparisons"], method),
    ]


def _ablation(study: Path) -> list[str]:
    data = _read(study, "ablations")
    table = data["ablations"]
    return [
        f"**Settings, one at a time.** {sentences.ablation(table, data.levels)}",
        sentences.axes_without_effect(table, data.levels),
        "![Score of every variant beside its default](docs/ablation.png)",
    ]


def _mechanism(study: Path) -> list[str]:
    data = _read(study, "main", "geometry", "seeds", "crossing")
    method = sentences.method_under_study(data["main"])
    closer = sentences.closer(data["geometry"], data["seeds"], method, data.levels)
    return [
        f"**Does getting closer in space make the student more like the teacher?** {closer}",
        sentences.crossing(data["crossing"]),
        "![Cosine to the paper's target against likeness to the teacher, for every variant](docs/geometry.png)",
    ]


def _decomposition(real: Path) -> list[str]:
    layers = _read(real, "decomposition")["decomposition"]
    model = layers["model"].iloc[0]
    return [
        f"**The paper's Figure 2, on a real model (study {real.name}).** {sentences.decomposition(layers, model)} "
        f"{sentences.decomposition_controls(layers, model)}",
        "![Cosine between a state and its recomposition, per layer, with controls](docs/decomposition.png)",
    ]


def _recovered(study: Path) -> list[str]:
    data = _read(study, "main", "bits", "contrasts", "comparisons", "detectable", "search")
    main, levels = data["main"], data.levels
    method = sentences.method_under_study(main)
    return [
        f"**A second result, on a real model (study {study.name}).** The student is SmolLM2-135M-Instruct cut down in "
        "depth, feed-forward channels and width and then healed by the whole model; what do the methods recover of the "
        f"rest? {sentences.teacher_above_student(main, levels)}",
        sentences.compare(main, method, levels=levels),
        sentences.compare(main, method, "best_baseline", data["comparisons"], levels=levels),
        f"Over {main['seeds'].max()} seeds; a score of likelihood is 100 x 2^-bits, averaged over items "
        f"([main.md]({study}/tables/main.md)):",
        _in_rows(display.score_table(main, levels)),
        "Bits a character of the reference answers, lower is better; ▼ and ▲ where the interval of the paired "
        "difference from the student excludes zero, not corrected for several tests:",
        _in_rows(display.bits_table(data["bits"])),
        sentences.contrasts(data["contrasts"], levels),
        sentences.search(data["search"]),
        f"What it can't say: {sentences.detectable(data['detectable'])} It is one teacher, one cut and one healing by "
        "the same teacher on text of the same kind; scores of likelihood and of single sums say nothing of right "
        "answers, which models of this size do not reach.",
    ]


def _benchmarks(study: Path) -> list[str]:
    scores = _read(study, "benchmarks")["benchmarks"]
    return [
        f"**Published benchmarks (study {study.name}).** Fixed items of each under two protocols, with intervals over "
        "items:",
        _in_rows(display.benchmark_table(scores)),
        sentences.empty(scores),
        sentences.published(scores),
    ]
