"""Stale artifacts that look current are detected by their records, and removed with everything made from them."""

import logging
import sys
from pathlib import Path

import pytest

from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run, check_record
from semalign.study.definition import parse_study
from semalign.study.layout import Layout
from semalign.study.verification import check_tables, find_stale, prune, verify

STUDY = {
    "study": "s",
    "seeds": [0],
    "models": {"m": {"source": "tiny"}, "n": {"source": "tiny", "seed": 1}},
    "pairs": {"p": {"teacher": "m", "student": "n"}},
    "benchmarks": {"facts": {}},
    "methods": {"student": {}, "teacher": {}},
    "notebooks": ["tables"],
}
ROOT = Path("results/s")


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A study with two cells and a table, made by a script of this test."""
    monkeypatch.chdir(tmp_path)
    for name, text in {"scripts/work.py": "import own.part\n", "src/own/part.py": "x = 1\n"}.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    monkeypatch.setattr(sys, "argv", ["scripts/work.py"])
    layout = Layout(parse_study(STUDY))
    layout.write_settings()
    make(layout)
    return layout


def make(layout: Layout) -> None:
    cells = [Path(layout.cell_folder(cell)) for cell in layout.cells]
    for cell in cells:
        seal(cell / "transfer", Run("transfer", settings_of(cell)))
        run = Run("evaluation", ROOT / "settings/evaluation.json")
        run.read("transfer", cell / "transfer")
        seal(cell, run, ignore=("transfer",))
    table = ROOT / "tables/main.csv"
    table.parent.mkdir(exist_ok=True)
    table.write_text("score\n1\n")
    run = Run("tables")
    for cell in cells:
        run.read(str(cell), cell)
    run.note(ROOT / "records/tables.json", [table])


def settings_of(cell: Path) -> Path:
    method, variant = cell.parts[-3:-1]
    return ROOT / f"settings/methods/{method}/{variant}.json"


def seal(folder: Path, run: Run, ignore: tuple[str, ...] = ()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "output").write_text(folder.name)
    run.seal(folder, ignore=ignore)


def test_matching_artifacts_are_kept(layout: Layout) -> None:
    assert verify(layout) == 5
    assert prune(layout) == []
    assert verify(layout) == 5


def test_an_edit_of_the_code_makes_its_artifacts_stale(layout: Layout) -> None:
    Path("src/own/part.py").write_text("x = 2\n")
    with pytest.raises(
        UserError,
        match=r"made with another version of the code that scripts/work\.py runs \(and 4 more\)",
    ):
        verify(layout)
    assert len(prune(layout)) == 5
    assert not list(ROOT.rglob("run.json")) and not (ROOT / "tables/main.csv").exists()
    make(layout)
    assert verify(layout) == 5


def test_an_adapter_of_a_pair_whose_models_changed_places_is_refused(layout: Layout) -> None:
    cell = ROOT / "cells/p/facts/teacher/default/seed0"
    run = Run("transfer", settings_of(cell))
    for role, name in {"teacher": "n", "student": "m"}.items():
        seal(ROOT / f"models/{name}", Run("model", ROOT / f"settings/models/{name}.json"))
        run.read(role, ROOT / f"models/{name}")
    seal(cell / "transfer", run)
    with pytest.raises(UserError, match="made with n as the teacher, which is m in the config"):
        verify(layout)
    assert cell / "transfer/run.json" in prune(layout)


def test_an_artifact_made_from_a_removed_one_is_removed_too(layout: Layout) -> None:
    """Snakemake would not recreate it, since it ignores missing intermediate files."""
    transfer = ROOT / "cells/p/facts/teacher/default/seed0/transfer"
    (transfer / "output").unlink()
    removed = prune(layout)
    assert removed == [transfer / "run.json", transfer.parent / "run.json", ROOT / "records/tables.json"]
    assert not (ROOT / "tables/main.csv").exists()
    assert (ROOT / "cells/p/facts/student/default/seed0/run.json").is_file()
    with pytest.raises(UserError, match=r"teacher/default/seed0/run\.json: missing"):
        verify(layout)


def test_the_student_that_an_oracle_reads_is_no_foreign_one(layout: Layout) -> None:
    """It is not among the study's cells, and has no scores."""
    methods: dict[str, object] = {"student": {}, "teacher": {}, "sft": {}, "oracle": {}}
    oracle = {"of": "sft", "seed": 9}
    other = Layout(parse_study({**STUDY, "methods": methods, "oracle": oracle}))
    other.write_settings()
    for method, seed in {"sft": 9, "oracle": 9}.items():
        transfer = ROOT / f"cells/p/facts/{method}/default/seed{seed}/transfer"
        seal(transfer, Run("transfer", ROOT / f"settings/methods/{method}/default.json"))
    foreign = ROOT / "cells/p/facts/oracle/default/seed9/transfer/run.json"
    assert find_stale(other) == {foreign: "not part of the config's study"}
    without = Layout(
        parse_study({**STUDY, "methods": {**methods, "oracle": {}}, "oracle": oracle | {"seed": 8}})
    )
    assert ROOT / "cells/p/facts/sft/default/seed9/transfer/run.json" in find_stale(without)


def test_stale_scores_of_a_cell_are_removed_without_its_transfer(layout: Layout) -> None:
    cell = ROOT / "cells/p/facts/student/default/seed0"
    (cell / "output").write_text("other")
    prune(layout)
    assert {path.name for path in cell.iterdir()} == {"transfer"}


def test_stale_scores_are_removed_without_their_answers(layout: Layout) -> None:
    """A model that is scored as it is has no transfer, and its answers are expensive to generate."""
    cell = Path(layout.cell_folder(layout.cells[0]))
    for file in (cell / "transfer").iterdir():
        file.unlink()
    (cell / "transfer").rmdir()
    seal(cell / "answers", Run("answers", ROOT / "settings/evaluation.json"))
    (cell / "output").write_text("changed")
    assert cell / "run.json" in prune(layout)
    assert (cell / "answers/run.json").is_file() and not (cell / "run.json").exists()


def test_a_table_that_was_edited_by_hand_is_refused(layout: Layout) -> None:
    (ROOT / "tables/main.csv").write_text("score\n100\n")
    with pytest.raises(UserError, match=r"tables/main\.csv: does not match its provenance"):
        verify(layout)
    assert prune(layout) == [ROOT / "records/tables.json"]


def test_the_line_about_what_differs_has_one_advice(layout: Layout) -> None:
    """To delete a table, as a stage says of its input, would leave the pages that were made from it."""
    (ROOT / "tables/main.csv").write_text("score\n100\n")
    with pytest.raises(UserError) as refused:
        verify(layout)
    (line,) = refused.value.lines
    assert line.endswith("); run the same command with --prune, then snakemake")
    assert "delete" not in line


def test_edited_and_damaged_tables_are_refused_before_a_run_one_line_each(layout: Layout) -> None:
    check_tables(layout)
    other, table = ROOT / "analysis/similarity/p.csv", ROOT / "tables/main.csv"
    other.parent.mkdir(parents=True)
    other.write_text("layer\n")
    Run("similarity").note(ROOT / "records/analysis/similarity/p.json", [other])
    table.write_text("score\n7\n")
    other.write_bytes(b"\xff")
    with pytest.raises(UserError) as refused:
        check_tables(layout)
    first, second = sorted(refused.value.lines)
    assert first.startswith(
        "results/s/analysis/similarity/p.csv: found another content than the one that the study"
    )
    assert "python scripts/verify_results.py --prune --config <config file>, then" in second
    prune(layout)  # as the message says
    check_tables(layout)


def test_artifacts_that_are_no_longer_part_of_the_study_are_refused(layout: Layout) -> None:
    smaller = Layout(
        parse_study({**STUDY, "pairs": {"p": {"teacher": "n", "student": "m"}, **STUDY["pairs"]}})
    )
    assert find_stale(smaller) == {}
    other = Layout(parse_study({**STUDY, "seeds": [1]}))
    assert set(find_stale(other).values()) == {"not part of the config's study"}


def test_a_damaged_record_is_removed_but_no_file_outside_the_results(layout: Layout, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    record = ROOT / "records/tables.json"
    damaged = read_json(record)
    damaged["outputs"] = {str(precious): "0", "results/s/../../precious": "0", "scripts/work.py": "0"}
    write_json(record, damaged)
    for text in ("[]", "{", '{"outputs": 3}'):
        (ROOT / "records/other.json").write_text(text)
        with pytest.raises(UserError, match=r"other\.json: not the record of a stage"):
            check_record(ROOT / "records/other.json")
        assert set(prune(layout)) >= {ROOT / "records/other.json"}
    assert not record.exists()
    assert precious.read_text() == "precious"
    assert Path("scripts/work.py").is_file()


def test_other_package_versions_only_cause_a_warning(
    layout: Layout, caplog: pytest.LogCaptureFixture
) -> None:
    path = ROOT / "cells/p/facts/student/default/seed0/run.json"
    record = read_json(path)
    record["versions"]["torch"] = "1.0"
    write_json(path, record)
    with caplog.at_level(logging.WARNING, logger="semalign"):
        assert verify(layout) == 5
    assert "made with other versions: torch 1.0, now" in caplog.text


def test_an_export_of_a_pair_that_is_no_longer_there_is_refused(layout: Layout) -> None:
    trained = {"methods": {**STUDY["methods"], "sft": {}}}
    for name in ("facts", "sums"):
        card = ROOT / f"export/p/{name}/sft/README.md"
        card.parent.mkdir(parents=True)
        card.write_text("card")
        Run("export").note(ROOT / f"records/export/p/{name}.json", [card])
    own = ROOT / "records/export/p/facts.json"
    stale = find_stale(Layout(parse_study({**STUDY, **trained})))
    assert stale[ROOT / "records/export/p/sums.json"] == "not part of the config's study"
    assert stale.get(own) != "not part of the config's study"
    assert find_stale(layout)[own] == "not part of the config's study"  # it trains no method
