"""Curves and scores reach a tracker once, and no tracker can stop a study. The packages themselves may be missing."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from semalign.config.tracking import Tracking
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json, write_jsonl
from semalign.runtime.provenance import Run
from semalign.study.definition import parse_study
from semalign.study.layout import Layout
from semalign.study.stage import track_results
from semalign.study.tracking.sending import send_cells, track_or_warn

STUDY: dict[str, Any] = {
    "study": "s",
    "seeds": [0],
    "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "layers": 3}},
    "pairs": {"p": {"teacher": "big", "student": "small"}},
    "benchmarks": {"facts": {}},
    "methods": {"student": {}, "teacher": {}, "sft": {"layers": "all"}},
}
CURVE = [{"step": 1, "learning_rate": 0.1, "loss": 2.5}, {"step": 2, "learning_rate": 0.05, "loss": 1.5}]
SECRET = "a1b2c3d4" * 5


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Layout]:
    """A study with two finished cells; the teacher's is missing. Trackers may change the environment."""
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    os.environ["WANDB_API_KEY"] = SECRET
    study = Layout(parse_study({**STUDY, "tracking": {"to": "mlflow", "project": "mine"}}))
    for method in ("student", "sft"):
        finish(study, method, 50.0)
    yield study
    os.environ.clear()
    os.environ.update(before)


def finish(layout: Layout, method: str, score: float) -> None:
    folder = Path(layout.root) / f"cells/p/facts/{method}/default/seed0"
    scores = {"score": score, "items": 150, "metric": "accuracy", "teacher_kl": None}
    write_json(folder / "metrics.json", scores)
    if method == "sft":
        write_jsonl(folder / "transfer/history.jsonl", CURVE)
    Run("evaluation").seal(folder, ignore=("transfer",))


class FakeMlflow:
    """The part of MLflow that is used; keeps what it was told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fails: Exception | None = None) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self.uri: str | None = None
        self.fails = fails
        module, entities = ModuleType("mlflow"), ModuleType("mlflow.entities")
        module.MlflowClient = self.client  # type: ignore[attr-defined]
        entities.Metric = lambda key, value, _time, step: (key, value, step)  # type: ignore[attr-defined]
        entities.Param = lambda key, value: (key, value)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "mlflow", module)
        monkeypatch.setitem(sys.modules, "mlflow.entities", entities)

    def client(self, uri: str | None) -> "FakeMlflow":
        self.uri = uri
        return self

    def get_experiment_by_name(self, name: str) -> None:
        if self.fails:
            raise self.fails

    def create_experiment(self, name: str, artifact_location: str | None) -> str:
        return name

    def create_run(self, experiment: str, run_name: str) -> Any:
        self.runs[run_name] = {"experiment": experiment, "metrics": [], "params": []}
        return SimpleNamespace(info=SimpleNamespace(run_id=run_name))

    def log_batch(self, run: str, **given: Any) -> None:
        for kind, values in given.items():
            self.runs[run][kind] += values

    def set_terminated(self, run: str) -> None:
        self.runs[run]["ended"] = True


def test_curves_and_scores_are_sent_cell_by_cell(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = FakeMlflow(monkeypatch)
    assert track_or_warn(layout) == "tracking: sent 2 cells to mlflow"
    assert sorted(mlflow.runs) == ["p/facts/sft/default/seed0", "p/facts/student/default/seed0"]
    sft = mlflow.runs["p/facts/sft/default/seed0"]
    assert sft["experiment"] == "mine" and sft["ended"]
    assert sft["metrics"] == [
        *(("train/learning_rate", 0.1, 1), ("train/loss", 2.5, 1)),
        *(("train/learning_rate", 0.05, 2), ("train/loss", 1.5, 2)),
        *(("test/score", 50.0, 0), ("test/items", 150, 0)),
    ]
    facts = {
        "study": "s",
        "pair": "p",
        "benchmark": "facts",
        "method": "sft",
        "variant": "default",
        "seed": "0",
    }
    assert dict(sft["params"]) == facts
    assert mlflow.uri == f"sqlite:///{Path('results/s/tracking').absolute()}/mlflow.db"


def test_a_cell_is_sent_once_and_again_after_it_was_made_again(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeMlflow(monkeypatch)
    assert track_or_warn(layout) and track_or_warn(layout) == ""
    finish(layout, "sft", 60.0)
    again = FakeMlflow(monkeypatch)
    assert track_or_warn(layout) == "tracking: sent 1 cells to mlflow"
    assert list(again.runs) == ["p/facts/sft/default/seed0"]
    settings = layout.study.tracking
    assert send_cells(layout, settings, again=True) == 2
    assert send_cells(layout, settings.model_copy(update={"offline": False})) == 2 and again.uri is None


def test_a_tracker_that_fails_is_one_warning_without_a_token(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    FakeMlflow(monkeypatch, ConnectionError(f"refused {SECRET}\nTraceback of a client"))
    line = track_or_warn(layout)
    assert line.startswith("warning: tracking: refused ***; the study is complete")
    assert "\n" not in line
    FakeMlflow(monkeypatch)
    assert track_or_warn(layout) == "tracking: sent 2 cells to mlflow"


def test_a_package_that_is_missing_is_named(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match=r"found no working package wandb .*expected one: pip install wandb"):
        send_cells(layout, Tracking(to="wandb"))
    assert not (Path(layout.root) / "tracking/wandb.json").exists()


def test_nothing_is_imported_without_a_tracker(layout: Layout) -> None:
    study = parse_study(STUDY)
    assert track_or_warn(Layout(study)) == ""
    code = (
        "import sys; from semalign.study.tracking.sending import track_or_warn;"
        "print({'trackio', 'mlflow', 'wandb', 'torch', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_results_that_are_there_are_sent_by_hand(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Path("s.yaml").write_text(json.dumps(STUDY))
    with pytest.raises(UserError, match=r"tracking\.to: found none, expected trackio, mlflow or wandb"):
        track_results(Path("s.yaml"))
    mlflow = FakeMlflow(monkeypatch)
    with caplog.at_level(logging.INFO):
        track_results(Path("s.yaml"), to="mlflow")
    assert caplog.messages == ["tracking: sent 2 cells to mlflow"]
    assert {run["experiment"] for run in mlflow.runs.values()} == {"s"}
    FakeMlflow(monkeypatch, OSError("no route"))
    with pytest.raises(UserError, match="tracking: no route"):
        track_results(Path("s.yaml"), to="mlflow", again=True)


@pytest.mark.slow
def test_mlflow_itself_keeps_curve_and_scores(layout: Layout) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("alembic", reason="of mlflow; mlflow-skinny does not have it")
    assert send_cells(layout, Tracking(to="mlflow")) == 2
    client = mlflow.MlflowClient(f"sqlite:///{Path('results/s/tracking').absolute()}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("s").experiment_id])
    (run,) = (run for run in runs if run.data.params["method"] == "sft")
    assert [(one.step, one.value) for one in client.get_metric_history(run.info.run_id, "train/loss")] == [
        (1, 2.5),
        (2, 1.5),
    ]
    assert run.data.metrics["test/score"] == 50.0


@pytest.mark.slow
@pytest.mark.parametrize("tracker", ["trackio", "wandb"])
def test_the_package_itself_writes_offline_and_no_token(layout: Layout, tracker: Any) -> None:
    if find_spec(tracker) is None:  # not importorskip: trackio reads its folder when it is imported
        pytest.skip(f"{tracker} is not installed")
    assert send_cells(layout, Tracking(to=tracker)) == 2
    files = [path for path in Path("results/s/tracking").rglob("*") if path.is_file()]
    stored = b"".join(path.read_bytes() for path in files)
    assert b"train/loss" in stored and b"test/score" in stored
    assert SECRET.encode() not in stored
