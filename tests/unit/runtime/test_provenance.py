"""Records of artifacts are checked when they are read, contain no host names, and reveal stale artifacts."""

from pathlib import Path

import pytest

from semalign.report.reading import read_table
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run, check, digest
from semalign.study.definition import parse_study
from semalign.study.layout import Layout
from semalign.study.verification import prune, verify

STUDY = {
    "study": "s",
    "models": {"m": {"source": "tiny"}},
    "analysis": {"decomposition": {"models": ["m"], "prompts": "humaneval"}},
}


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A study of one model, made with the current settings."""
    monkeypatch.chdir(tmp_path)
    layout = Layout(parse_study(STUDY))
    layout.write_settings()
    return layout


def make_model(layout: Layout, text: str = "weights") -> Path:
    folder = Path(layout.root) / "models/m"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights").write_text(text)
    Run("model", Path(layout.root) / "settings/models/m.json").seal(folder)
    return folder


def make_from(layout: Layout, source: Path) -> Path:
    folder = Path(layout.root) / "analysis/x"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "states").write_text("states")
    run = Run("activations")
    run.read("teacher", source)
    run.seal(folder)
    return folder


def test_a_record_describes_its_artifact_without_host_names(layout: Layout, tmp_path: Path) -> None:
    record = check(make_model(layout))
    assert record["settings"]["layers"] == 4
    assert record["outputs"].keys() == {"weights"}
    assert {"versions", "hardware", "wall_seconds", "peak_memory_mb"} <= record.keys()
    assert str(tmp_path) not in (Path(layout.root) / "models/m/run.json").read_text()


def test_a_changed_missing_or_unrecorded_artifact_is_refused(layout: Layout) -> None:
    folder = make_model(layout)
    (folder / "weights").write_text("weightz")
    with pytest.raises(UserError, match="weights: does not match its provenance"):
        check(folder)
    (folder / "weights").unlink()
    with pytest.raises(UserError, match="found nothing"):
        Run("next").read("model", folder)
    (folder / "run.json").unlink()
    with pytest.raises(UserError, match=r"run\.json: no such file"):
        digest(folder)


def test_only_what_a_stage_made_is_to_be_deleted(layout: Layout, tmp_path: Path) -> None:
    folder = make_model(layout)
    (folder / "weights").write_text("weightz")
    with pytest.raises(UserError, match=r"; delete results/s/models/m/run\.json and start the run again$"):
        check(folder)
    moved = folder.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"; run the stage that wrote it again$"):
        check(moved)


def test_a_users_own_folder_is_said_to_lack_its_preparation(layout: Layout, tmp_path: Path) -> None:
    for place in (tmp_path / "teacher", tmp_path / "results/teacher"):
        place.mkdir()
        (place / "config.json").write_text("{}")
        with pytest.raises(UserError) as refused:
            Run("next").read("teacher", place)
        assert str(refused.value).endswith(
            "teacher: found a model folder without run.json, expected one that scripts/prepare_model.py made"
        )
    (tmp_path / "data").mkdir()
    (tmp_path / "data/rows.jsonl").touch()
    with pytest.raises(UserError, match=r"expected splits that scripts/prepare_benchmark\.py made"):
        digest(tmp_path / "data")
    with pytest.raises(UserError, match="nowhere: no such file or folder; expected the output of an earlier"):
        digest(tmp_path / "nowhere")


def test_a_linked_model_that_changed_is_prepared_again_by_another_run(layout: Layout, tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_text("weights")
    folder = Path(layout.root) / "models/m"
    folder.mkdir(parents=True)
    (folder / weights.name).symlink_to(weights)
    for source, said in (
        ("folder", "the model folder that it links to changed"),
        ("hub", "delete results/s/"),
    ):
        weights.write_text("weights")
        Run("model").seal(folder, {"origin": {"source": source}})
        weights.write_text("retrained")
        with pytest.raises(UserError, match=said):
            check(folder)


def test_a_file_with_a_record_is_compared_with_it_wherever_the_results_are(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Path(layout.root) / "tables/main.csv"
    table.parent.mkdir()
    table.write_text("score\n1\n")
    Run("tables").note(Path(layout.root) / "records/tables.json", [table])
    (Path(layout.root) / "records/damaged.json").write_text("[")
    assert digest(table)
    (table.parent / "own.csv").write_text("a user's file without a record")
    assert digest(table.parent / "own.csv")
    table.write_text("score\n2\n")
    with pytest.raises(
        UserError, match=r"main\.csv: does not match .*; delete results/s/tables/main\.csv and start"
    ):
        digest(table)
    moved = (tmp_path / "results").rename(tmp_path / "stored")
    with pytest.raises(UserError, match=r"stored/s/tables/main\.csv: does not match"):
        read_table(moved / "s/tables", "main")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file, expected JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[]", "found list, expected an object with settings"),
    ],
)
def test_settings_that_are_missing_or_malformed_are_one_line(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        Run("stage", path)
    path.write_text('{"a": 1}')
    with pytest.raises(UserError, match="found no key 'method', expected one \\(found a\\)"):
        Run("stage", path).settings["method"]


def test_matching_artifacts_verify(layout: Layout) -> None:
    make_from(layout, make_model(layout))
    assert verify(layout) == 2


def test_an_artifact_of_other_settings_is_pruned_with_those_made_from_it(layout: Layout) -> None:
    model = make_model(layout)
    follower = make_from(layout, model)
    edited = Layout(parse_study({**STUDY, "models": {"m": {"source": "tiny", "layers": 5}}}))
    with pytest.raises(UserError, match=r"made with other settings than the config's \(models/m\)"):
        verify(edited)
    assert prune(edited) == [model / "run.json", follower / "run.json"]
    assert not model.exists() and not follower.exists()


def test_an_artifact_made_from_another_input_is_detected_and_pruned(layout: Layout) -> None:
    follower = make_from(layout, make_model(layout))
    make_model(layout, "other weights")
    with pytest.raises(UserError, match="made from another teacher"):
        verify(layout)
    assert prune(layout) == [follower / "run.json"]
    assert verify(layout) == 1


def test_a_run_is_identified_by_settings_seed_and_inputs(layout: Layout) -> None:
    model, settings = make_model(layout), Path(layout.root) / "settings/models/m.json"

    def identity(seed: int) -> str:
        run = Run("transfer", settings, seed)
        run.read("student", model)
        return run.identity()

    first = identity(0)
    assert first == identity(0) != identity(1)
    make_model(layout, "other weights")
    assert identity(0) != first


def test_settings_are_only_rewritten_if_they_change(layout: Layout) -> None:
    path = Path(layout.root) / "settings/models/m.json"
    before = path.stat().st_mtime_ns
    layout.write_settings()
    assert path.stat().st_mtime_ns == before
    write_json(path, {})
    layout.write_settings()
    assert read_json(path)["layers"] == 4
    path.write_text("{")
    layout.write_settings()
    assert read_json(path)["layers"] == 4
