"""The README's findings, written from the tables: every number and every verdict is computed."""

import shutil
from pathlib import Path

from semalign.report import display, sentences
from semalign.report.marks import check_marks, fill
from semalign.report.reading import read_tables

BEGIN, END = "<!-- findings: written by scripts/write_findings.py -->", "<!-- end of findings -->"


def write_findings(
    study: Path, real: Path, recovered: Path, scored: Path, readme: Path, pictures: Path
) -> None:
    """Replace what stands between the README's two marks, and copy the figures that it shows.

    Results folders of finished runs: `study` the embedded one in full, `real` a real model layer by layer, `recovered`
    a pruned model and its teacher, `scored` a real model on published benchmarks; one of the last two that was not
    run is left out. Raises UserError where the marks are missing.
    """
    check_marks(readme, BEGIN, END)
    parts = [_scores(study), _ablation(study), _mechanism(study), _decomposition(real)]
    further = {recovered: _recovered, scored: _benchmarks}
    parts += [written(folder) for folder, written in further.items() if (folder / "tables").is_dir()]
    text = "\n\n".join(parts)
    pictures.mkdir(parents=True, exist_ok=True)
    for source, name in (
        (study, "scores"),
        (study, "ablation"),
        (study, "geometry"),
        (real, "decomposition"),
    ):
        shutil.copyfile(source / "figures" / f"{name}.png", pictures / f"{name}.png")
    fill(readme, BEGIN, END, text)


def _scores(study: Path) -> str:
    data = read_tables(
        str(study / "tables"),
        ["main", "costs", "contrasts", "comparisons", "agreement", "detectable"],
        optional=["search"],
    )
    main = data["main"]
    method = sentences.method_under_study(main)
    parts = [
        f"**Study {study.name}.** {sentences.teacher_above_student(main)}",
        sentences.compare(main, method),
        sentences.compare(main, method, "best_baseline", data["comparisons"]),
        sentences.agreement(data["agreement"], method),
        sentences.detectable(data["detectable"]),
        f"Mean score in percent over {main['seeds'].max()} seeds, with 95 % intervals over items and seeds; ▲ higher "
        "and ▼ lower than the student by a paired test, corrected over the table. All columns: "
        f"[main.md]({study}/tables/main.md); what each cost: [costs.csv]({study}/tables/costs.csv).",
        display.markdown(display.score_table(main)),
        "**Method against method**, paired over items and seeds and corrected over these tests:",
        sentences.contrasts(data["contrasts"]),
        f"**Equal budgets.** {sentences.search(data['search'])}" if "search" in data else "",
        sentences.gain(data["costs"], data["comparisons"], method),
    ]
    return "\n\n".join(part for part in parts if part)


def _ablation(study: Path) -> str:
    table = read_tables(str(study / "tables"), ["ablations"])["ablations"]
    return (
        f"**Settings, one at a time.** {sentences.ablation(table)}\n\n{sentences.axes_without_effect(table)}\n\n"
        "![Score of every variant beside its default](docs/ablation.png)"
    )


def _mechanism(study: Path) -> str:
    data = read_tables(str(study / "tables"), ["main", "geometry", "seeds", "crossing"])
    method = sentences.method_under_study(data["main"])
    return (
        "**Does getting closer in space make the student more like the teacher?** "
        f"{sentences.closer(data['geometry'], data['seeds'], method)}\n\n{sentences.crossing(data['crossing'])}\n\n"
        "![Cosine to the paper's target against likeness to the teacher, for every variant](docs/geometry.png)"
    )


def _decomposition(real: Path) -> str:
    layers = read_tables(str(real / "tables"), ["decomposition"])["decomposition"]
    model = layers["model"].iloc[0]
    said = " ".join([sentences.decomposition(layers, model), sentences.decomposition_controls(layers, model)])
    picture = (
        "![Cosine between a state and its recomposition, per layer, with controls](docs/decomposition.png)"
    )
    return f"**The paper's Figure 2, on a real model (study {real.name}).** {said}\n\n{picture}"


def _recovered(study: Path) -> str:
    data = read_tables(
        str(study / "tables"), ["main", "bits", "contrasts", "comparisons", "detectable", "search"]
    )
    main = data["main"]
    method = sentences.method_under_study(main)
    parts = [
        f"**A second result, on a real model (study {study.name}).** The student is SmolLM2-135M-Instruct cut down in "
        "depth, feed-forward channels and width and then healed by the whole model; what do the methods recover of the "
        f"rest? {sentences.teacher_above_student(main)}",
        sentences.compare(main, method),
        sentences.compare(main, method, "best_baseline", data["comparisons"]),
        f"Over {main['seeds'].max()} seeds; a score of likelihood is 100 x 2^-bits, averaged over items "
        f"([main.md]({study}/tables/main.md)):",
        display.markdown(display.score_table(main)),
        "Bits a character of the reference answers, lower is better; ▼ and ▲ where the interval of the paired "
        "difference from the student excludes zero, not corrected for several tests:",
        display.markdown(display.bits_table(data["bits"])),
        sentences.contrasts(data["contrasts"]),
        sentences.search(data["search"]),
        f"What it can't say: {sentences.detectable(data['detectable'])} It is one teacher, one cut and one healing by "
        "the same teacher on text of the same kind; scores of likelihood and of single sums say nothing of right "
        "answers, which models of this size do not reach.",
    ]
    return "\n\n".join(part for part in parts if part)


def _benchmarks(study: Path) -> str:
    scores = read_tables(str(study / "tables"), ["benchmarks"])["benchmarks"]
    return (
        f"**Published benchmarks (study {study.name}).** Fixed items of each under two protocols, with intervals over "
        f"items:\n\n{display.markdown(display.benchmark_table(scores))}\n\n{sentences.empty(scores)}\n\n"
        f"{sentences.published(scores)}"
    )
