"""The tables, end to end on fabricated cells."""

import logging
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from fabricated_cells import CHANCES, ITEMS, ORDER, SETTINGS, read_csv, write_cell, write_study, write_tables

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import MAIN
from semalign.runtime.command import call
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.statistics.tables.cells import read_groups
from semalign.statistics.tables.collect import nested_metrics
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.stage import collect_tables
from semalign.study.definition import load_study
from semalign.study.layout import Layout
from semalign.study.variants import variants_of

SCRIPT = Path(__file__).parents[3] / "scripts" / "collect_tables.py"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    root = tmp_path_factory.mktemp("study")
    cells = write_study(root / "cells")
    write_tables(reversed(cells), ORDER, SETTINGS, root / "tables")
    return cells, root / "tables"


def test_main_has_the_contract_columns_in_config_order(study: tuple[list[Path], Path]) -> None:
    header = (study[1] / "main.csv").read_text().splitlines()[0]
    assert header == (
        "pair,benchmark,method,variant,seeds,items,score,score_low,score_high,vs_student,vs_student_p,"
        "vs_best_baseline,vs_best_baseline_p,gap_closed,gap_closed_low,gap_closed_high,teacher_kl,"
        "teacher_agreement,train_seconds,peak_memory_mb,trainable_parameters,paper"
    )
    table = read_csv(study[1] / "main.csv")
    assert [(row["benchmark"], row["method"]) for row in table] == [
        (benchmark, method) for benchmark in ORDER.benchmarks for method in CHANCES
    ]
    assert {row["variant"] for row in table} == {"default"}


def test_main_figures_are_those_of_the_cells(study: tuple[list[Path], Path]) -> None:
    groups = read_groups(study[0])
    table = read_csv(study[1] / "main.csv")
    means = {
        (key.benchmark, key.method): group.scores.mean for key, group in groups.items() if key[3] == "default"
    }
    for row in table:
        at = (row["benchmark"], row["method"])
        student = means[row["benchmark"], "student"]
        teacher = means[row["benchmark"], "teacher"]
        assert float(row["score"]) == pytest.approx(means[at], abs=1e-4)
        assert float(row["score_low"]) < means[at] < float(row["score_high"])
        if row["method"] in ORDER.references:
            assert row["gap_closed"] == row["vs_best_baseline"] == row["train_seconds"] == ""
            continue
        assert float(row["vs_student"]) == pytest.approx(means[at] - student, abs=1e-4)
        assert float(row["gap_closed"]) == pytest.approx(
            (means[at] - student) / (teacher - student), abs=1e-4
        )
        rivals = [
            means[row["benchmark"], other] for other in ("semalign", "sft", "kd") if other != row["method"]
        ]
        assert float(row["vs_best_baseline"]) == pytest.approx(means[at] - max(rivals), abs=1e-4)
        assert (row["seeds"], row["items"], row["teacher_kl"]) == ("2", "80", "0.7500")
        assert (row["train_seconds"], row["peak_memory_mb"]) == ("10.5000", "101.0000")
        assert (row["trainable_parameters"], row["paper"], row["teacher_agreement"]) == ("1234", "", "")
    assert all(row["vs_student"] == "" for row in table if row["method"] == "student")
    assert all(float(row["vs_student_p"]) < 0.05 for row in table if row["method"] == "teacher")


def test_p_values_are_corrected_over_the_table(study: tuple[list[Path], Path]) -> None:
    table = [row for row in read_csv(study[1] / "comparisons.csv") if row["table"] == "main"]
    raw = np.array([float(row["p"]) for row in table])
    assert len(raw) == 2 * (4 + 3)
    ranks = np.argsort(raw, kind="stable")
    stepped = np.minimum(1, np.maximum.accumulate(raw[ranks] * np.arange(len(raw), 0, -1)))
    np.testing.assert_allclose([float(table[i]["p_holm"]) for i in ranks], stepped, atol=2e-5)
    main = {(row["benchmark"], row["method"]): row for row in read_csv(study[1] / "main.csv")}
    for row in table:
        assert main[row["benchmark"], row["method"]][f"vs_{row['against']}_p"] == row["p_holm"]


def test_ablations_repeat_the_default_on_each_axis(study: tuple[list[Path], Path]) -> None:
    table = read_csv(study[1] / "ablations.csv")
    assert list(table[0]) == [*MAIN, "axis", "value", "vs_default", "vs_default_p"]
    assert [(row["benchmark"], row["variant"], row["axis"], row["value"]) for row in table] == [
        (benchmark, variant, "map", value)
        for benchmark in ORDER.benchmarks
        for variant, value in (("default", "pinv"), ("map~random", "random"), ("map~identity", "identity"))
    ]
    assert {row["method"] for row in table} == {"semalign"}
    main = {(row["benchmark"], row["method"]): row for row in read_csv(study[1] / "main.csv")}
    for row in table:
        if row["variant"] == "default":
            assert row["score_low"] == main[row["benchmark"], "semalign"]["score_low"]
    family = [row for row in read_csv(study[1] / "comparisons.csv") if row["table"] == "ablations"]
    assert len(family) == 2 * (3 * 2 + 2)
    scores = {
        (row["benchmark"], row["method"], row["variant"], row["seed"]): float(row["score"])
        for row in seeds_of(study)
    }
    for row in table:
        if row["variant"] == "default":
            assert row["vs_default"] == row["vs_default_p"] == ""
            continue
        at = scores[row["benchmark"], "semalign", row["variant"], "0"]
        default = [scores[row["benchmark"], "semalign", "default", seed] for seed in ("0", "1")]
        assert float(row["vs_default"]) == pytest.approx(at - sum(default) / 2, abs=1e-3)
        assert 0 < float(row["vs_default_p"]) <= 1


def seeds_of(study: tuple[list[Path], Path]) -> list[dict[str, str]]:
    return read_csv(study[1] / "seeds.csv")


def test_seeds_and_detectable(study: tuple[list[Path], Path]) -> None:
    seeds = read_csv(study[1] / "seeds.csv")
    assert len(seeds) == len(study[0])
    by_cell = {tuple(row[name] for name in ("benchmark", "method", "variant", "seed")): row for row in seeds}
    for folder in study[0]:
        _, benchmark, method, variant, seed = folder.parts[-5:]
        score = read_json(folder / "metrics.json")["score"]
        assert float(by_cell[benchmark, method, variant, seed[4:]]["score"]) == pytest.approx(score, abs=1e-4)
    detectable = read_csv(study[1] / "detectable.csv")
    assert [(row["table"], row["benchmark"], row["against"]) for row in detectable][:2] == [
        ("main", "facts", "student"),
        ("main", "facts", "best_baseline"),
    ]
    for row in detectable:
        # With two seeds some differences are never detectable, which gives an empty cell.
        assert 5 < float(row["detectable"] or 99) < 100
        assert float(row["detectable"] or 99) < float(row["detectable_holm"] or "inf")
        assert row["seeds"] == ("2" if row["table"] == "main" else "1")


def test_metrics_are_nested_and_hold_no_timings(study: tuple[list[Path], Path]) -> None:
    metrics = read_json(study[1] / "metrics.json")
    assert list(metrics) == ORDER.benchmarks
    subject = ORDER.contrasts[0][0] if ORDER.contrasts else "semalign"
    assert set(metrics["facts"]) == {"student", "teacher", subject}
    assert set(metrics["facts"][subject]) == {"score", "gap_closed"}
    assert set(metrics["facts"]["student"]) == {"score"}


@pytest.mark.parametrize(("contrasts", "subject"), [([], "sft"), ([("laten", "sft")], "laten")])
def test_metrics_fit_a_screen(contrasts: list[tuple[str, str]], subject: str) -> None:
    methods = ["student", "teacher", "sft", "laten", *(f"m{number}" for number in range(30))]
    benchmarks = [*"abcd", "a/x"]
    order = Order(pairs=["p"], benchmarks=benchmarks, methods=methods, contrasts=contrasts)
    values = {"score": 1.0, "gap_closed": None}
    rows = [{"pair": "p", "benchmark": b, "method": m, **values} for b in benchmarks for m in methods]
    metrics = nested_metrics(rows, order)
    assert list(metrics) == [*"abcd"]
    assert metrics["a"].keys() == {"student", "teacher", subject}


def test_renderings(study: tuple[list[Path], Path]) -> None:
    text = (study[1] / "main.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 10
    assert len({line.count("|") for line in table}) == 1
    assert not re.search(r"\| Pair +\|", text) and "Paper" not in text
    assert "sft)" in text and "Holm-corrected over the 14 tests" in text and "Smallest detectable" in text
    tex = (study[1] / "main.tex").read_text()
    body = tex[tex.index(r"\toprule") :]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    columns = len(tex.split(r"\begin{tabular}{")[1].split("}")[0])
    assert {line.count(" & ") + 1 for line in lines} == {columns}
    assert body.count(r"\midrule") == 2 and body.rstrip().endswith(r"\end{tabular}")


@pytest.mark.slow
def test_same_cells_same_bytes(study: tuple[list[Path], Path], tmp_path: Path) -> None:
    write_tables(study[0], ORDER, SETTINGS, tmp_path)
    names = sorted(path.name for path in study[1].iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    assert set(names) == {
        *("main.csv", "ablations.csv", "parts.csv", "seeds.csv", "comparisons.csv", "detectable.csv"),
        *(
            "agreement.csv",
            "bits.csv",
            "free_text.csv",
            "changes.csv",
            "contrasts.csv",
            "costs.csv",
            "study_costs.csv",
            "ladder.csv",
            "dose.csv",
        ),
        *("main.md", "main.tex", "metrics.json", "levels.json", "scores.csv", "scores.md", "scores.tex"),
    }
    for name in names:
        assert (tmp_path / name).read_bytes() == (study[1] / name).read_bytes()


@pytest.mark.slow
def test_several_pairs_paper_figures_and_a_weak_teacher(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pairs = ["llama2-13b-chat-to-llama2-7b-chat", "other"]
    half = [1, 0] * 20
    cells = [
        write_cell(tmp_path, f"{pair}/gsm8k/{method}/default/seed0", half)
        for pair in pairs
        for method in ("student", "teacher", "seeking")
    ]
    order = Order(pairs=pairs, benchmarks=["gsm8k"], methods=["student", "teacher", "seeking"])
    with caplog.at_level(logging.WARNING, logger="semalign"):
        write_tables(cells, order, SETTINGS, tmp_path / "tables")
    assert "the teacher (50.00) is not better than the student (50.00)" in caplog.text
    table = read_csv(tmp_path / "tables" / "main.csv")
    assert [row["paper"] for row in table] == ["16.0700", "20.5500", "28.2300", "", "", ""]
    assert all(row["gap_closed"] == row["vs_best_baseline"] == "" for row in table)
    assert list(read_json(tmp_path / "tables" / "metrics.json")) == pairs
    assert (tmp_path / "tables" / "ablations.csv").read_text().count("\n") == 1
    text = (tmp_path / "tables" / "main.md").read_text()
    assert re.search(r"\| Pair +\|", text) and "Paper" in text
    aliased = Order(**{**order.model_dump(), "paper_pairs": {"other": pairs[0]}})
    write_tables(cells, aliased, SETTINGS, tmp_path / "tables")
    assert read_csv(tmp_path / "tables" / "main.csv")[4]["paper"] == "20.5500"


def test_baselines_can_be_named_and_ties_follow_the_config(tmp_path: Path) -> None:
    values = {"student": [0, 0, 0, 1], "semalign": [0, 1, 0, 1], "kd": [1, 1, 0, 0], "sft": [1, 1, 0, 0]}
    values["label-only"] = [1, 1, 1, 1]
    cells = [
        write_cell(tmp_path, f"p/b/{method}/default/seed0", [*map(float, correct * 5)], ids=None)
        for method, correct in values.items()
    ]
    order = Order(pairs=["p"], benchmarks=["b"], methods=list(values), baselines=["sft", "kd"])
    write_tables(cells, order, SETTINGS, tmp_path / "tables")
    found = read_csv(tmp_path / "tables" / "comparisons.csv")
    named = {row["method"]: row["baseline"] for row in found if row["against"] == "best_baseline"}
    assert named == {"semalign": "kd", "kd": "sft", "sft": "kd", "label-only": "kd"}


@pytest.mark.slow
def test_too_few_resamples_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cells = write_study(tmp_path / "cells")
    with caplog.at_level(logging.WARNING, logger="semalign"):
        write_tables(cells, ORDER, StatisticsSettings(resamples=100), tmp_path / "tables")
    assert "14 tests with 100 resamples" in caplog.text


def test_the_config_gives_an_order() -> None:
    study = load_study(SCRIPT.parents[1] / "config" / "config.yaml")
    order = Order.model_validate(Layout(study).settings["order"])
    assert order.methods[:2] == ["student", "teacher"]
    axes = order.axes[study.ablations.method]
    names = {f"{axis}~{value}" for axis, known in axes.items() for value in known.values}
    assert names == {variant for method in study.methods for variant in variants_of(study, method)} - {
        "default"
    }


def run_stage(arguments: list[str]) -> None:
    """Run the stage with a script's options, in this process (a new one takes seconds to import the statistics)."""
    with suppress(SystemExit):  # exit status of a command line that succeeded
        call(collect_tables, arguments)


@pytest.mark.slow
def test_script(study: tuple[list[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script writes the same files, and names a user's error."""
    monkeypatch.chdir(tmp_path)
    write_json("cells.json", [str(path) for path in study[0]])
    write_json("order.json", ORDER.model_dump())
    write_json("settings.json", SETTINGS.model_dump())
    common = ("--order", "order.json", "--out", "tables")
    run_stage(["--cells", "cells.json", "--settings", "settings.json", *common])
    for path in study[1].iterdir():
        assert (tmp_path / "tables" / path.name).read_bytes() == path.read_bytes()
    write_json("settings.json", {"resample": 5})
    with pytest.raises(UserError, match=r"^settings.json: resample: "):
        run_stage(["--cells", "cells.json", "--settings", "settings.json", *common])
    with pytest.raises(UserError, match=r"no.json: no such file"):
        run_stage(["--cells", "nowhere", "--order", "no.json", "--out", "tables"])
    write_json("cells.json", {"a": 1})
    with pytest.raises(UserError, match=r"cells.json: found something else, expected a list of folders"):
        run_stage(["--cells", "cells.json", *common])


@pytest.mark.slow
def test_script_fails_in_one_line(tmp_path: Path) -> None:
    write_json(tmp_path / "order.json", ORDER.model_dump())
    folder = write_cell(tmp_path, "tiny/facts/sft/default/seed0", [1, 0])
    (folder / "run.json").unlink()
    command = [
        sys.executable,
        str(SCRIPT),
        "--cells",
        str(folder),
        "--order",
        "order.json",
        "--out",
        "tables",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: ") and "run.json: no such file" in done.stderr
    assert not (tmp_path / "tables").exists()


def test_a_row_a_method_says_what_it_cost(study: tuple[list[Path], Path]) -> None:
    rows_ = {(row["benchmark"], row["method"]): row for row in read_csv(study[1] / "costs.csv")}
    row = rows_["facts", "semalign"]
    assert (row["train_seconds"], row["train_seconds_low"], row["train_seconds_high"]) == (
        *("10.5000", "10.0000", "11.0000"),
    )
    assert (row["learning_rate"], row["search_seconds"], row["teacher_passes"]) == (
        "0.0003",
        "30.0000",
        "216",
    )
    assert rows_["facts", "student"]["train_seconds"] == ""
    assert len(rows_) == len(ORDER.benchmarks) * len(ORDER.methods)


def test_operations_of_training_search_and_signals(study: tuple[list[Path], Path]) -> None:
    rows_ = {(row["benchmark"], row["method"]): row for row in read_csv(study[1] / "costs.csv")}
    row = rows_["facts", "semalign"]
    names = ("train_flops", "search_flops", "signal_flops", "trials")
    assert [row[name] for name in names] == ["1500", "3000", "500", "3"]
    assert [rows_["facts", "student"][name] for name in names] == [""] * 4
    seeds = [row for row in read_csv(study[1] / "seeds.csv") if row["method"] == "semalign"]
    assert seeds[0]["train_flops"] == "1000"


def test_a_study_shares_signals_between_searches_and_seeds(study: tuple[list[Path], Path]) -> None:
    rows_ = {(row["benchmark"], row["method"]): row for row in read_csv(study[1] / "study_costs.csv")}
    row = rows_["facts", "semalign"]
    assert [row[name] for name in ("trials", "seeds", "seed_flops")] == ["3", "2", "3000"]
    assert row["study_flops"] == str(500 + 3000 + 3000)
    assert row["grid_flops"] == str(500 + 25 * 1500)
    assert float(row["study_seconds"]) == 4 + 30 + (10 + 11)
    assert float(row["grid_seconds"]) == 4 + 25 * 10.5
    assert ("facts", "student") not in rows_


def test_a_study_without_counted_operations_leaves_them_open(tmp_path: Path) -> None:
    cells = [
        write_cell(tmp_path, f"tiny/facts/{method}/default/seed0", [1, 0], trainable_parameters=trained)
        for method, trained in (("student", 0), ("semalign", 1), ("sft", 1))
    ]
    write_tables(cells, ORDER, SETTINGS, tmp_path / "tables")
    (row, _) = read_csv(tmp_path / "tables/study_costs.csv")
    assert (row["method"], row["study_flops"], row["grid_seconds"], row["trials"]) == ("semalign", "", "", "")
    (contrast,) = read_csv(tmp_path / "tables/contrasts.csv")
    assert contrast["flops_ratio"] == contrast["seconds_ratio"] == ""


def test_contrasts_say_how_the_compute_of_both_sides_compares(study: tuple[list[Path], Path]) -> None:
    found = {(r["benchmark"], r["method"], r["other"]): r for r in read_csv(study[1] / "contrasts.csv")}
    for benchmark in (*ORDER.benchmarks, "mean"):
        row = found[benchmark, "semalign", "sft"]
        assert float(row["flops_ratio"]) == pytest.approx((1500 + 500) / 1500, abs=1e-4)
        assert float(row["train_flops_ratio"]) == 1
        assert float(row["seconds_ratio"]) == pytest.approx((10.5 + 4) / 10.5, abs=1e-4)
        assert float(found[benchmark, "sft", "kd"]["flops_ratio"]) == 0.5


def test_against_a_model_that_is_not_trained_there_is_no_ratio_of_costs(tmp_path: Path) -> None:
    costs = {"train_seconds": 2.0, "signal_seconds": 1.0, "train_flops": 10, "signal_flops": 5}
    cells = [
        write_cell(tmp_path, f"tiny/facts/{method}/default/seed0", [1, 0], **costs)
        for method in ("student", "sft", "kd")
    ]
    order = ORDER.model_copy(update={"contrasts": [["sft", "student"], ["sft", "kd"]]})
    write_tables(cells, order, SETTINGS, tmp_path / "tables")
    untrained, trained = read_csv(tmp_path / "tables/contrasts.csv")
    names = ("seconds_ratio", "flops_ratio", "train_flops_ratio")
    assert [untrained[name] for name in names] == ["", "", ""]
    assert [float(trained[name]) for name in names] == [1, 1, 1]


def test_contrasts_are_paired_over_items_seeds_and_benchmarks(study: tuple[list[Path], Path]) -> None:
    found = {(r["benchmark"], r["method"], r["other"]): r for r in read_csv(study[1] / "contrasts.csv")}
    scores = {(r["benchmark"], r["method"]): float(r["score"]) for r in read_csv(study[1] / "main.csv")}
    assert len(found) == 2 * 3
    singles = []
    for benchmark in ORDER.benchmarks:
        row = found[benchmark, "semalign", "sft"]
        singles.append(scores[benchmark, "semalign"] - scores[benchmark, "sft"])
        assert float(row["difference"]) == pytest.approx(singles[-1], abs=2e-4)
    over = found["mean", "semalign", "sft"]
    assert float(over["difference"]) == pytest.approx(sum(singles) / 2, abs=2e-4)
    assert int(over["items"]) == 2 * ITEMS
    width = float(over["difference_high"]) - float(over["difference_low"])
    one = found["facts", "semalign", "sft"]
    assert width < float(one["difference_high"]) - float(one["difference_low"])
    assert all(float(row["p_holm"]) >= float(row["p"]) for row in found.values())


def test_benchmarks_weigh_alike_in_a_contrast_whatever_their_size() -> None:
    from semalign.statistics.scores import Scores
    from semalign.statistics.tables.contrasts import _joined

    small, large = Scores(np.full((1, 10), 100.0), (0,)), Scores(np.zeros((1, 90)), (0,))
    assert _joined([small, large]).mean == pytest.approx(50.0)


def test_items_that_benchmarks_share_are_once_in_the_mean_of_a_contrast() -> None:
    from semalign.statistics.tables.contrasts import _apart

    order = Order(
        pairs=["p"],
        benchmarks=["wrong", "a", "b", "c1", "c2"],
        methods=["m"],
        derived={"wrong": "a", "c1": "c", "c2": "c"},
    )
    assert _apart(order.benchmarks, order) == ["a", "b", "c1"]
    assert _apart(["wrong", "b"], order) == ["wrong", "b"]
    assert _apart(["a", "b"], Order(pairs=["p"], benchmarks=["a", "b"], methods=["m"])) == ["a", "b"]
