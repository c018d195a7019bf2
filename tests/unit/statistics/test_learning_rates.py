"""The choice of a learning rate: an equal search for every method, decided on the validation split."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from semalign.methods.common.costs import search_costs, signal_costs
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl, write_json, write_jsonl, write_text
from semalign.runtime.provenance import Run
from semalign.statistics.choices import Searched
from semalign.statistics.stage import choose_learning_rate
from semalign.statistics.tables.stage import collect_search
from semalign.study.definition import parse_study
from semalign.study.layout import Layout
from semalign.study.searches import rates_of, searched_variant, trials_of

STUDY = {
    "study": "s",
    "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
    "pairs": {"p": {"teacher": "big", "student": "small"}},
    "benchmarks": {"facts": {}, "arithmetic": {}},
    "methods": {"student": {}, "teacher": {}, "semalign": {}, "sft": {}},
    "search": {"learning_rates": [1e-3, 1e-2]},
    "ablations": {"axes": {"alignment.map": ["random"], "optimisation.learning_rate": [0.1]}},
    "notebooks": ["tables"],
}


def write_trial(
    root: Path, rate: float, correct: Sequence[int], seconds: float = 2.0, name: str = "", rank: int = 4
) -> Path:
    """Write one sealed trial with its transfer's record."""
    folder = root / "facts/sft" / (name or f"learning_rate~{rate}+rank~{rank}")
    write_json(root / "settings.json", {"optimisation": {"learning_rate": rate}, "lora": {"rank": rank}})
    (folder / "transfer").mkdir(parents=True)
    Run("transfer", root / "settings.json", 0).seal(folder / "transfer", {"cost": {"train_seconds": seconds}})
    return write_items(folder, correct)


def write_items(folder: Path, correct: Sequence[int]) -> Path:
    """Write the scores of a trial and seal it."""
    write_jsonl(folder / "items.jsonl", ({"id": f"i{i}", "correct": c} for i, c in enumerate(correct)))
    Run("evaluation").seal(folder, ignore=("transfer",))
    return folder


def choose(
    root: Path, trials: list[Path], student: Sequence[int] = (0, 1), keys: Sequence[str] = ()
) -> tuple[dict, list[dict[str, str]]]:
    write_json(root / "search.json", {"keys": ["optimisation.learning_rate", *keys]})
    untouched = root / "facts/student/untouched"
    if not untouched.is_dir():
        write_items(untouched, student)
    choose_learning_rate(
        trials, untouched, root / "search.json", Searched("p", "sft"), "facts", root / "choice"
    )
    write_json(root / "statistics.json", {"resamples": 200})
    collect_search([root / "choice"], root / "statistics.json", root / "search.csv")
    with (root / "search.csv").open() as file:
        return read_json(root / "choice/choice.json"), list(csv.DictReader(file))


def test_the_best_validation_score_is_chosen(tmp_path: Path) -> None:
    given = {1e-3: [1, 1, 0, 0], 1e-2: [1, 1, 1, 0], 3e-2: [0, 1, 0, 0]}
    choice, rows = choose(tmp_path, [write_trial(tmp_path, rate, correct) for rate, correct in given.items()])
    assert choice == {
        "learning_rate": 1e-2,
        "chosen": {"optimisation.learning_rate": 1e-2},
        "score": 75.0,
        "student": 50.0,
        "at_edge": None,
        "trials": 3,
        "seconds": 6.0,
        "flops": None,
    }
    assert [(row["learning_rate"], row["chosen"], row["at_edge"]) for row in rows] == [
        ("0.001", "0", "1"),
        ("0.01", "1", "0"),
        ("0.03", "0", "1"),
    ]
    assert [float(row["score"]) for row in rows] == [50.0, 75.0, 25.0]
    assert [float(row["gain"]) for row in rows] == [0.0, 25.0, -25.0]
    assert all(float(r["score_low"]) <= float(r["score"]) <= float(r["score_high"]) for r in rows)


def test_equals_are_settled_for_the_lower_rate_and_have_intervals(tmp_path: Path) -> None:
    choice, rows = choose(tmp_path, [write_trial(tmp_path, rate, [0, 0, 0]) for rate in (1e-2, 1e-3)])
    assert (choice["learning_rate"], choice["at_edge"]) == (1e-3, "lowest")
    assert all(float(row["score_high"]) > 50 for row in rows)


def test_other_settings_are_chosen_with_the_rate(tmp_path: Path) -> None:
    right = {
        (1e-3, 4): [1, 0, 0, 0],
        (1e-3, 8): [1, 1, 1, 0],
        (1e-2, 4): [1, 1, 1, 0],
        (1e-2, 8): [0, 0, 0, 0],
    }
    trials = [write_trial(tmp_path, rate, correct, rank=rank) for (rate, rank), correct in right.items()]
    choice, rows = choose(tmp_path, trials, keys=["lora.rank"])
    assert choice["chosen"] == {"optimisation.learning_rate": 1e-3, "lora.rank": 8}
    assert (choice["at_edge"], choice["trials"]) == ("lowest", 4)
    assert [(row["settings"], row["chosen"]) for row in rows] == [
        ("rank = 4", "0"),
        ("rank = 8", "1"),
        ("rank = 4", "0"),
        ("rank = 8", "0"),
    ]
    even = [write_trial(tmp_path / "even", 1e-3, [1, 0], rank=rank) for rank in (8, 4)]
    choice, _ = choose(tmp_path / "even", even, keys=["lora.rank"])
    assert (choice["chosen"]["lora.rank"], choice["at_edge"]) == (8, None)  # the one that comes first


def test_the_same_rate_twice_is_refused(tmp_path: Path) -> None:
    trials = [write_trial(tmp_path, 1e-3, [1, 0], name=name) for name in ("a", "b")]
    with pytest.raises(UserError, match="equal settings"):
        choose(tmp_path, trials)


def test_every_trained_method_has_as_many_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = parse_study(STUDY)
    assert {name: rates_of(study, name) for name in study.methods} == {
        "student": [],
        "teacher": [],
        "semalign": [1e-3, 1e-2],
        "sft": [1e-3, 1e-2],
    }
    layout = Layout(study)
    assert layout.searched() == [
        ("p", benchmark, method, "default")
        for benchmark in ("facts", "arithmetic")
        for method in ("semalign", "sft")
    ]
    assert len(layout.trial_folders("p", "facts", "sft", "default")) == 2
    for trial, changes in trials_of(study, "sft").items():
        made = layout.settings[f"trials/sft/default/{trial}"]
        assert made["optimisation"]["learning_rate"] == changes["optimisation.learning_rate"]
    assert layout.settings["validation"]["split"] == "validation"
    assert layout.settings["evaluation"]["split"] == "test"
    assert layout.lists(Path(layout.trial_folders("p", "facts", "sft", "default")[0]) / "run.json")
    assert not layout.lists(Path("results/s/search/p/facts/sft/default/learning_rate~0.5/run.json"))
    assert not layout.lists(Path("results/s/search/p/facts/gone/default/learning_rate~0.5/run.json"))
    assert layout.lists(Path("results/s/choices/p/facts/sft/default/run.json"))
    assert not layout.lists(Path("results/s/choices/p/facts/student/default/run.json"))
    assert layout.lists(Path(layout.untouched("p", "facts")) / "run.json")
    assert not layout.lists(Path("results/s/search/p/gone/student/default/untouched/run.json"))


def test_an_ablation_of_the_rate_sets_its_own_and_its_default_is_the_searched_one() -> None:
    study = parse_study(STUDY)
    assert searched_variant(study, "semalign", "map~random") == "default"
    assert searched_variant(study, "semalign", "learning_rate~0.1") is None
    assert searched_variant(study, "student", "default") is None
    assert Layout(study).settings["order"]["axes"]["semalign"]["learning_rate"]["default"] == "searched"


def test_variants_may_be_searched_like_their_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = parse_study({**STUDY, "ablations": {**STUDY["ablations"], "search": True}})
    layout = Layout(study)
    assert searched_variant(study, "semalign", "map~random") == "map~random"
    assert searched_variant(study, "semalign", "learning_rate~0.1") is None
    assert len(layout.searched()) == 2 * 3
    folders = layout.trial_folders("p", "facts", "semalign", "map~random")
    assert folders == [
        f"results/s/search/p/facts/semalign/map~random/learning_rate~{rate}" for rate in (0.001, 0.01)
    ]
    made = layout.settings["trials/semalign/map~random/learning_rate~0.01"]
    assert made["optimisation"]["learning_rate"] == 0.01
    assert layout.lists(Path(folders[0]) / "run.json")
    assert not layout.lists(
        Path("results/s/search/p/facts/semalign/learning_rate~0.1/learning_rate~0.01/run.json")
    )


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        (
            {"sft": {"learning_rates": [1e-3]}},
            r"methods\.sft\.learning_rates: found 1 of them, expected 2",
        ),
        (
            {"sft": {"optimisation": {"learning_rate": 0.01}}},
            r"methods\.sft\.optimisation\.learning_rate: found 0\.01, expected none",
        ),
    ],
)
def test_unequal_budgets_are_refused(methods: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_study({**STUDY, "methods": {**STUDY["methods"], **methods}})


def test_a_method_may_have_rates_of_its_own_scale() -> None:
    methods = {**STUDY["methods"], "sft": {"learning_rates": [1e-5, 1e-4]}}
    assert rates_of(parse_study({**STUDY, "methods": methods}), "sft") == [1e-5, 1e-4]


def test_costs_count_every_stage_behind_a_signal_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path("results/s/signals/p/facts")
    for stage, above in {"attribution": [], "pairing": ["attribution"], "alignment": ["pairing"]}.items():
        folder = root / stage / "default"
        write_text(folder / "data.bin", "x" * 1_000_000)
        run = Run(stage)
        for name in above:
            run.read(name, root / name / "default")
        run.seal(folder)
    found = signal_costs([root / "pairing/default", root / "alignment/default"])
    records = [read_json(path) for path in root.rglob("run.json")]
    assert found["signal_seconds"] == pytest.approx(sum(r["wall_seconds"] for r in records), abs=0.01)
    assert found["signal_mb"] == 3.0
    assert found["signal_memory_mb"] == max(record["peak_memory_mb"] for record in records)
    nothing = {"signal_seconds": 0, "signal_flops": 0, "signal_memory_mb": 0.0, "signal_mb": 0.0}
    assert signal_costs([]) == nothing
    assert search_costs(None) == {"search_seconds": 0.0, "search_flops": 0, "trials": 0}


def with_nats(folder: Path, nats: float) -> Path:
    """The trial with references of this log-likelihood, ten characters each."""
    rows = read_jsonl(folder / "items.jsonl")
    more = {"reference_nats": nats, "reference_characters": 10}
    write_jsonl(folder / "items.jsonl", (row | more for row in rows))
    Run("evaluation").seal(folder, ignore=("transfer",))
    return folder


def test_equal_scores_are_told_apart_by_the_likelihood_of_the_references(tmp_path: Path) -> None:
    nats = {1e-3: -30.0, 1e-2: -10.0, 3e-2: -20.0}
    trials = [with_nats(write_trial(tmp_path, rate, [0, 0]), value) for rate, value in nats.items()]
    assert choose(tmp_path, trials)[0]["learning_rate"] == 1e-2
    better = with_nats(write_trial(tmp_path, 0.1, [1, 0]), -99.0)  # the score comes first
    assert choose(tmp_path, [*trials, better])[0]["learning_rate"] == 0.1
    unknown = write_trial(tmp_path, 3e-4, [0, 0])  # has no likelihood: rates decide
    assert choose(tmp_path, [*trials, unknown])[0]["learning_rate"] == 3e-4
