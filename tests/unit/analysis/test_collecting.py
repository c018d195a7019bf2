"""Tables of signals and of training curves from the folders that stages leave."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from semalign.analysis.curves import thin
from semalign.analysis.listing import cell_of, cells_among, defaults_among
from semalign.analysis.options import SignalTables
from semalign.analysis.signals import attribution_table, shares
from semalign.analysis.stage import collect_curves, collect_signals
from semalign.config.statistics import StatisticsSettings
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json, write_jsonl
from semalign.statistics.inputs import read_listing


def attribution(root: Path, scores: list[list[float]], ranking: list[int], name: str = "default") -> Path:
    folder = root / "signals" / "p" / "facts" / "attribution" / name
    folder.mkdir(parents=True)
    write_json(
        folder / "attribution.json", {"scores": scores, "ranking": ranking, "teacher_passes": len(scores)}
    )
    return folder


def alignment(root: Path, name: str, teacher: int | None) -> Path:
    """An alignment that leaves out some rows of the teacher's head and two more of the student's."""
    folder = root / "signals/p/facts/alignment" / name
    counts = (
        None
        if teacher is None
        else {
            role: {"head": {"used": 1, "left_out": number}, "embedding": {"used": 1, "left_out": 0}}
            for role, number in (("teacher", teacher), ("student", teacher + 2))
        }
    )
    write_json(folder / "alignment.json", {"rows": counts})
    return folder


def pairing(root: Path, rows: list[tuple[int, int, int, int, int, float]], name: str = "default") -> Path:
    folder = root / "signals" / "p" / "facts" / "pairing" / name
    folder.mkdir(parents=True)
    keys = ("student", "teacher", "critical", "below", "above", "weight")
    write_json(folder / "pairing.json", {"pairs": [dict(zip(keys, row, strict=True)) for row in rows]})
    return folder


def cell(root: Path, method: str, history: list[dict[str, float]], seed: int = 0) -> Path:
    folder = root / "cells" / "p" / "facts" / method / "default" / f"seed{seed}"
    (folder / "transfer").mkdir(parents=True)
    write_jsonl(folder / "transfer" / "history.jsonl", history)
    return folder


def test_shares_are_taken_an_example_at_a_time(tmp_path: Path) -> None:
    """Examples with large and small scores count equally; signs do not matter; an example of zeros is left out."""
    folder = attribution(tmp_path, [[300, -100], [1, 3], [0, 0]], [2, 1])
    table = attribution_table([folder], StatisticsSettings())
    assert table.share.tolist() == [0.5, 0.5] and table.examples.tolist() == [2, 2]
    assert table[["pair", "benchmark", "name"]].iloc[0].tolist() == ["p", "facts", "default"]
    assert table.critical.tolist() == [0, 1] and table.layer.tolist() == [1, 2]


def test_the_interval_of_a_share_covers_its_mean(tmp_path: Path) -> None:
    """About 95 of 100 intervals cover the true share, and bounds are within 0 to 1."""
    rng, settings = np.random.default_rng(0), StatisticsSettings(resamples=400)
    covered = []
    for draw in range(200):
        sizes = rng.beta(4, 6, size=(24, 1))
        folder = attribution(tmp_path, np.hstack([sizes, 1 - sizes]).tolist(), [2, 1], f"draw{draw}")
        row = attribution_table([folder], settings).iloc[0]
        covered.append(row.share_low <= 0.4 <= row.share_high)
    assert 0.89 <= np.mean(covered) <= 0.99


def test_an_interval_shrinks_with_the_examples_and_stays_within_bounds() -> None:
    scores = np.abs(np.random.default_rng(1).standard_normal((50, 3)))
    assert shares(scores).sum(axis=1) == pytest.approx(1)
    assert shares(scores) == pytest.approx(np.array([row / sum(row) for row in scores]))


def test_an_attribution_without_any_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found only scores of zero"):
        attribution_table([attribution(tmp_path, [[0.0, 0.0]], [1, 2])], StatisticsSettings())


def test_tables_of_signals(pico_pair: tuple[Path, Path], tmp_path: Path) -> None:
    folders = [
        pairing(tmp_path, [(1, 1, 2, 1, 2, 1 / 3), (3, 4, 4, 3, 4, 1.0)]),
        pairing(tmp_path, [(3, 4, 4, 4, 4, 0.0)], "rule~last"),
    ]
    scored = [attribution(tmp_path, [[1, 2, 3, 4]], [4, 3, 2, 1])]
    aligned = [
        alignment(tmp_path, "map~procrustes", None),
        alignment(tmp_path, "map~dual", 5),
        alignment(tmp_path, "default", 7),
    ]
    out = tmp_path / "attribution.csv", tmp_path / "pairing.csv"
    collect_signals(SignalTables(*out), scored, folders, [("p", *pico_pair)], aligned)
    lines = out[1].read_text(encoding="utf-8").splitlines()
    assert lines == [
        "pair,benchmark,name,student_layer,teacher_layer,critical,below,above,weight,teacher_layers,student_layers,shared_tokens,student_tokens,teacher_left_out,student_left_out",
        "p,facts,default,1,1,2,1,2,0.333333,4,3,259,259,7,9",
        "p,facts,default,3,4,4,3,4,1,4,3,259,259,7,9",
        "p,facts,rule~last,3,4,4,4,4,0,4,3,259,259,7,9",
    ]
    collect_signals(SignalTables(*out), scored, folders, [("p", *pico_pair)])
    assert pd.read_csv(out[1]).student_left_out.isna().all()  # no alignment, nothing left out
    table = pd.read_csv(out[0])
    assert table.share.tolist() == [0.1, 0.2, 0.3, 0.4] and table.critical.tolist() == [0, 0, 0, 1]
    with pytest.raises(UserError, match="pair 'p'"):
        collect_signals(SignalTables(*out), pairing=folders, pair=[("q", *pico_pair)])


def test_a_study_without_signals_has_empty_tables(tmp_path: Path) -> None:
    out = tmp_path / "attribution.csv", tmp_path / "pairing.csv"
    collect_signals(SignalTables(*out))
    assert [len(pd.read_csv(path)) for path in out] == [0, 0]


def test_every_term_of_every_logged_step_is_a_row(tmp_path: Path) -> None:
    history = [
        {"step": 1, "learning_rate": 0.1, "layer": 2.0, "label": 1e-9},
        {"step": 5, "learning_rate": 0.1, "layer": 1.5},
    ]
    cells = [cell(tmp_path, "semalign", history, seed=2), cell(tmp_path, "student", [])]
    collect_curves([str(cell) for cell in cells], tmp_path / "curves.csv")
    assert (tmp_path / "curves.csv").read_text(encoding="utf-8").splitlines() == [
        "pair,benchmark,method,variant,seed,step,term,loss",
        "p,facts,semalign,default,2,1,layer,2",
        "p,facts,semalign,default,2,1,label,1e-09",
        "p,facts,semalign,default,2,5,layer,1.5",
    ]


def test_long_curves_are_means_over_runs_of_equal_length() -> None:
    history = [{"step": step, "learning_rate": 1.0, "loss": float(step)} for step in range(1, 501)]
    points = thin(history, 100)
    assert len(points) == 100
    assert points[0] == (3, "loss", 3.0) and points[-1] == (498, "loss", 498.0)  # steps 1-5, steps 496-500
    assert np.mean([loss for _, _, loss in points]) == pytest.approx(250.5)
    assert thin(history[:60]) == [(step, "loss", float(step)) for step in range(1, 61)]
    assert len(thin(history[:130])) == 60 and thin([]) == []


def test_a_term_is_averaged_where_it_was_logged() -> None:
    history = [{"step": 1, "a": 1.0}, {"step": 2, "a": 3.0, "b": 5.0}, {"step": 3, "b": None}]
    assert thin(history, 1) == [(2, "a", 2.0), (2, "b", 5.0)]


def test_folders_say_whose_they_are(tmp_path: Path) -> None:
    folders = [Path("r/cells/p/facts/sft/default/seed3"), Path("r/cells/q/facts/sft/default/seed3")]
    assert cell_of(folders[0]).path == "p/facts/sft/default/seed3"
    assert list(cells_among(folders, "q", "facts")) == [folders[1]]
    variant = Path("r/cells/p/facts/sft/axis~1/seed3")
    assert defaults_among([variant, *folders]) == folders
    write_json(tmp_path / "cells.json", [str(folder) for folder in folders])
    assert read_listing([str(tmp_path / "cells.json")]) == folders == read_listing(list(map(str, folders)))
    with pytest.raises(UserError, match="not the folder of a cell"):
        cell_of(tmp_path)
    with pytest.raises(UserError, match="not a folder of attribution"):
        attribution_table([tmp_path], StatisticsSettings())
    write_json(tmp_path / "cells.json", {"a": 1})
    with pytest.raises(UserError, match="expected a list of folders"):
        read_listing([str(tmp_path / "cells.json")])
    with pytest.raises(UserError, match="no such file"):
        read_listing([str(tmp_path / "absent.json")])


def test_the_layout_lists_every_signal_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from semalign.study.definition import parse_study
    from semalign.study.layout import Layout

    monkeypatch.chdir(tmp_path)
    study = {
        "study": "s",
        "seeds": [0, 1],
        "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
        "pairs": {"p": {"teacher": "big", "student": "small"}},
        "benchmarks": {"facts": {}, "arithmetic": {}},
        "methods": {"student": {}, "teacher": {}, "semalign": {}, "sft": {}},
        "ablations": {"axes": {"pairing.pairs": [2], "alignment.map": ["random"]}},
    }
    layout = Layout(parse_study(study))
    roots = [f"results/s/signals/p/{benchmark}" for benchmark in ("facts", "arithmetic")]
    assert layout.signal_folders("attribution") == [f"{root}/attribution/default" for root in roots]
    assert sorted(layout.signal_folders("pairing")) == sorted(
        f"{root}/pairing/{name}" for root in roots for name in ("default", "pairs~2")
    )
    assert layout.signal_folders("logits") == []
    bare = Layout(parse_study({**study, "methods": {"student": {}, "teacher": {}}, "ablations": {}}))
    assert bare.signal_folders("attribution") == []
    # analyses read the default settings of the alignment even where no method does
    assert {"attribution/default", "pairing/default", "alignment/default"} <= set(bare.settings)
