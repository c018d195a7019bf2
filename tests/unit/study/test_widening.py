"""A search goes on beyond its grid: which trial is next, when it ends, and what a killed job finds again."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semalign.runtime.files import read_json, read_jsonl, write_json, write_jsonl
from semalign.runtime.provenance import Run
from semalign.statistics.choices import Searched
from semalign.statistics.learning_rates import Trial
from semalign.statistics.scores import Scores
from semalign.study.widening import stage
from semalign.study.widening.next_trial import next_trial
from semalign.study.widening.stage import Beyond, Materials

RATE = "optimisation.learning_rate"
FURTHER = {"lowest": [1e-4, 1e-5], "highest": [0.1, 1.0]}


def tried(scores: dict[float, float], rank: int = 4) -> list[Trial]:
    return [
        Trial(rate, Scores(np.array([[score]]), (0,)), 1.0, {"lora.rank": rank})
        for rate, score in scores.items()
    ]


def further(ranks: Sequence[int] = (4,)) -> dict[str, dict[Path, Any]]:
    return {
        end: {
            Path(f"{rate}-{rank}.json"): {"optimisation": {"learning_rate": rate}, "lora": {"rank": rank}}
            for rate in rates
            for rank in ranks
        }
        for end, rates in FURTHER.items()
    }


@pytest.mark.parametrize(
    ("scores", "following"),
    [
        ({1e-3: 10, 5e-3: 30, 1e-2: 20}, None),  # inside
        ({1e-3: 10, 1e-2: 20}, "0.1-4.json"),
        ({1e-3: 10, 1e-2: 20, 0.1: 30}, "1.0-4.json"),
        ({1e-3: 10, 1e-2: 20, 0.1: 5}, None),
        ({1e-3: 10, 1e-2: 20, 0.1: 30, 1.0: 40}, None),  # the bound
        ({1e-3: 20, 1e-2: 10}, "0.0001-4.json"),
        ({1e-3: 20, 1e-2: 20, 0.1: 10}, "0.0001-4.json"),  # of equal scores the lower rate is the best
        ({1e-4: 20, 1e-3: 20, 1e-2: 10}, "1e-05-4.json"),
        ({1e-5: 20, 1e-4: 20, 1e-3: 20, 1e-2: 10}, None),
        ({1e-3: 20, 5e-3: 30, 1e-2: 30}, None),
        ({1e-3: 20, 1e-2: 20}, "0.1-4.json"),  # all equal: up first
        ({1e-3: 20, 1e-2: 20, 0.1: 20, 1.0: 20}, "0.0001-4.json"),  # then down
        ({1e-3: 20}, None),
    ],
)
def test_the_next_rate_lies_beyond_the_end_at_which_the_best_is(
    scores: dict[float, float], following: str | None
) -> None:
    path = next_trial(tried(scores), further())
    assert (path and path.name) == following


def test_only_the_best_combination_of_other_settings_goes_on() -> None:
    both = [*tried({1e-3: 10, 1e-2: 20}), *tried({1e-3: 10, 1e-2: 25}, rank=8)]
    assert next_trial(both, further((4, 8))) == Path("0.1-8.json")
    both = [*tried({1e-3: 10, 1e-2: 20, 0.1: 15}), *tried({1e-3: 18, 1e-2: 10}, rank=8)]
    assert next_trial(both, further((4, 8))) is None


def write_scores(folder: Path, right: int) -> None:
    write_jsonl(folder / "items.jsonl", ({"id": f"i{i}", "correct": int(i < right)} for i in range(10)))


class Stages:
    """Stand-ins for the stages of a trial, which note what they made; `right` says how many of 10 items are right."""

    def __init__(self, right: Callable[[float], int]) -> None:
        self.right = right
        self.made: list[str] = []
        self.fails_at = ""

    def transfer(
        self,
        student: Path,
        teacher: Path,
        benchmark: Path,
        settings: Path,
        attempt: Any,
        out: Path,
        signals: Sequence[Path],
    ) -> None:
        assert not signals and str(attempt.checkpoint).startswith("checkpoints")
        run = Run("transfer", settings, attempt.seed)
        run.modules.append("semalign.methods.sft")
        run.read_all(student=student, teacher=teacher, benchmark=benchmark)
        self._seal(run, out, {"cost": {"train_seconds": 2.0}})

    def answer(self, scored: Any, benchmark: Path, settings: Path, seed: int, out: Path) -> None:
        run = Run("answers", settings, seed)
        models = {"student": scored.student, "teacher": scored.teacher}
        run.read_all(**models, transfer=scored.transfer, benchmark=benchmark)
        self._seal(run, out, {})

    def judge(
        self, answers: Path, benchmark: Path, settings: Path, seed: int, out: Path, transfer: Path
    ) -> None:
        run = Run("evaluation", settings, seed)
        run.read_all(answers=answers, transfer=transfer, benchmark=benchmark)
        write_scores(
            out, self.right(read_json(transfer / "run.json")["settings"]["optimisation"]["learning_rate"])
        )
        self._seal(run, out, {}, ("answers", "transfer"))

    def _seal(self, run: Run, out: Path, extra: dict[str, Any], ignore: tuple[str, ...] = ()) -> None:
        name = f"{run.stage} {(out.parent if run.stage != 'evaluation' else out).name}"
        if name == self.fails_at:
            raise KeyboardInterrupt
        self.made.append(name)
        out.mkdir(parents=True, exist_ok=True)
        if run.stage != "evaluation":
            write_json(out / "data.json", [run.settings, run.inputs])
        run.seal(out, extra, ignore)


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    """Higher rates are better up to 0.1, where 7 of 10 items are right."""
    own = Stages(lambda rate: {0.1: 7, 1.0: 1}.get(rate, 3))
    monkeypatch.setattr(stage, "transfer_knowledge", own.transfer)
    monkeypatch.setattr(stage, "generate_answers", own.answer)
    monkeypatch.setattr(stage, "judge_answers", own.judge)
    return own


@pytest.fixture
def widen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stages: Stages) -> Callable[[], dict[str, Any]]:
    """Widen a search over 0.001 and 0.01, whose scores are equal, and return the choice."""
    monkeypatch.chdir(tmp_path)
    for name in ("big", "small", "facts"):
        Path(name).mkdir()
        Path(name, "data").write_text(name)
        Run("model").seal(Path(name))
    for name in ("answering", "judging"):
        write_json(f"{name}.json", {"split": "validation"})
    write_json("search.json", {"keys": [RATE]})
    files = {
        end: [Path(f"settings/learning_rate~{rate}@facts.json") for rate in FURTHER[end]] for end in FURTHER
    }
    grid = [Path(f"settings/learning_rate~{rate}.json") for rate in (1e-3, 1e-2)]
    for path in (*grid, *files["lowest"], *files["highest"]):
        rate = float(path.stem.partition("@")[0].partition("~")[2])
        write_json(path, {"method": "sft", "optimisation": {"learning_rate": rate}})
    materials = Materials(
        Path("small"),
        Path("big"),
        Path("facts"),
        Path("answering.json"),
        Path("judging.json"),
        0,
    )
    for path in grid:
        stage._make_trial(materials, path, Path("search") / path.stem, Path("checkpoints"))
    untouched = Path("search/untouched")
    write_scores(untouched, 3)
    Run("evaluation").seal(untouched)
    stages.made.clear()
    within = [Path("search") / path.stem for path in grid]

    def run() -> dict[str, Any]:
        stage.widen_search(
            within,
            untouched,
            Path("search.json"),
            Searched("p", "sft"),
            materials,
            Beyond(Path("search"), Path("checkpoints"), **files),
            Path("choice"),
        )
        return dict(read_json("choice/choice.json"))

    return run


def test_a_grid_that_is_too_low_is_left_behind(widen: Callable[[], dict[str, Any]], stages: Stages) -> None:
    choice = widen()
    assert (choice["learning_rate"], choice["at_edge"], choice["trials"]) == (0.1, None, 4)
    assert (choice["score"], choice["student"], choice["seconds"]) == (70.0, 30.0, 8.0)
    rows = read_jsonl("choice/trials.jsonl")
    assert [(row["learning_rate"], row["widened"]) for row in rows] == [
        (0.001, False),
        (0.01, False),
        (0.1, True),
        (1.0, True),
    ]
    assert {row["benchmark"] for row in rows} == {"facts"}
    assert read_json("choice/run.json")["inputs"]["learning_rate~1.0"]["path"] == "search/learning_rate~1.0"
    assert [name for name in stages.made if name.startswith("transfer")] == [
        "transfer learning_rate~0.1",
        "transfer learning_rate~1.0",
    ]


def test_a_search_that_stays_at_its_edge_ends_at_the_bound(
    widen: Callable[[], dict[str, Any]], stages: Stages
) -> None:
    stages.right = lambda rate: 3
    choice = widen()
    assert (choice["learning_rate"], choice["at_edge"], choice["trials"]) == (1e-5, "lowest", 6)
    assert choice["score"] == choice["student"]


def test_a_killed_job_goes_on_where_it_was(widen: Callable[[], dict[str, Any]], stages: Stages) -> None:
    stages.fails_at = "answers learning_rate~1.0"
    with pytest.raises(KeyboardInterrupt):
        widen()
    assert not Path("choice").exists()
    stages.fails_at = ""
    stages.made.clear()
    whole = widen()
    assert stages.made == ["answers learning_rate~1.0", "evaluation learning_rate~1.0"]
    stages.made.clear()
    assert widen() == whole and stages.made == []


def test_a_trial_that_was_made_from_something_else_is_made_again(
    widen: Callable[[], dict[str, Any]], stages: Stages
) -> None:
    widen()
    path = Path("settings/learning_rate~1.0@facts.json")
    write_json(path, json.loads(path.read_text()) | {"lora": {"rank": 2}})
    stages.made.clear()
    widen()
    assert stages.made == [f"{name} learning_rate~1.0" for name in ("transfer", "answers", "evaluation")]
    Path("search/learning_rate~0.1/items.jsonl").write_text("")
    stages.made.clear()
    widen()
    assert stages.made == ["evaluation learning_rate~0.1"]


def test_trials_that_the_search_no_longer_reaches_are_removed(
    widen: Callable[[], dict[str, Any]], stages: Stages
) -> None:
    stages.right = lambda rate: 3
    widen()
    left = {path.name for path in Path("search").iterdir()}
    assert {"learning_rate~1e-05", "learning_rate~0.1", "learning_rate~1.0"} <= left
    write_json("judging.json", {"split": "validation", "sandbox": "other"})
    stages.right = lambda rate: {0.1: 2}.get(rate, 3) if rate > 1e-3 else 1
    # the trials within the grid stay as they were: 3 of 10 for both
    assert widen()["learning_rate"] == 1e-3
    assert {path.name for path in Path("search").iterdir()} == {
        *("untouched", "learning_rate~0.001", "learning_rate~0.01"),
        *("learning_rate~0.1", "learning_rate~0.0001"),
    }
