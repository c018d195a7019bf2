"""Studies whose methods, benchmarks, searches and analyses name each other at random: a sound plan or clear lines."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from outcomes import accepted
from test_fuzz_configs import prepared

from semalign.config.benchmarks import Derived
from semalign.study.definition import Study
from semalign.study.layout import Layout
from semalign.study.searches import further_trials, grid_of, trials_of
from semalign.study.variants import cells_of, variants_of

BASE: dict[str, Any] = yaml.safe_load(Path("tests/fuzz/targets.yaml").read_text())
LONGEST = 255  # bytes of a file's name

names = st.sampled_from([*BASE["methods"], "nobody", "mean"])
benchmarks = st.sampled_from([*BASE["benchmarks"], "nothing", "mean"])
rates = st.one_of(st.sampled_from([1.0, 0.5, 1e-3, 1e-2, 3e-2, 1e-300, 5e-324]), st.floats(1e-12, 1.0))
grids = st.lists(rates, max_size=5)
titles = st.one_of(
    st.none(), st.text(max_size=62), st.sampled_from(["Student", "SFT", "$x$", "a|b", "<b>", "Residual"])
)
values = {
    "lora.rank": st.integers(0, 9),
    "rho": st.floats(0, 2),
    "optimisation.epochs": st.integers(0, 3),
    "optimisation.steps": st.one_of(st.none(), st.integers(0, 3)),
    "lora.projections": st.lists(st.sampled_from(["up", "down", "x"]), max_size=2),
    "optimisation.learning_rate": rates,
    "layers": st.sampled_from(["first", "last", "paired", "all"]),
    "residual.bases": st.sampled_from(["random", "pinv", "rows"]),
    "title": titles,
}
keys = st.sampled_from(sorted(values))
searches = st.dictionaries(keys, st.none(), max_size=2).flatmap(
    lambda chosen: st.fixed_dictionaries({key: st.lists(values[key], max_size=3) for key in chosen})
)
derived = st.fixed_dictionaries(
    {"of": benchmarks},
    optional={
        "corrupted": st.one_of(st.sampled_from([0, 1, 1.5, 1e-9]), st.floats(0, 1)),
        "answered_by": st.sampled_from(["big", "small", "other", "nobody"]),
        "seed": st.integers(-1, 2),
    },
)
changes: dict[str, Any] = {
    "learning_rates": grids,
    "search": searches,
    "searched": st.booleans(),
    "rung": st.booleans(),
    "benchmarks": st.lists(benchmarks, max_size=3),
    "title": titles,
    "layers": values["layers"],
    "rho": values["rho"],
    "by_benchmark": st.dictionaries(
        benchmarks, st.dictionaries(keys, st.integers(0, 3), max_size=1), max_size=1
    ),
    "signals": st.dictionaries(
        st.sampled_from(["oracle.of", "oracle.seed"]), names | st.integers(0, 3), max_size=1
    ),
}
kinds = sorted({settings.get("method", name) for name, settings in BASE["methods"].items()})


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """The base with some methods changed or added, and other names in what refers to them."""
    config = copy.deepcopy(BASE)
    for _ in range(draw(st.integers(0, 2))):
        key = draw(st.sampled_from(sorted(changes)))
        name = draw(st.sampled_from([*config["methods"], "extra"]))
        section = config["methods"].setdefault(name, {"method": draw(st.sampled_from(kinds))})
        section[key] = draw(changes[key])
    analysis = config["analysis"]
    parts: dict[str, Any] = {
        "search": lambda: config["search"].update(learning_rates=draw(grids), widen=draw(st.integers(0, 10))),
        "contrasts": lambda: config.update(
            contrasts=draw(st.lists(st.tuples(names, names).map(list), max_size=2))
        ),
        "ladder": lambda: analysis["ladder"].update(
            rungs=draw(st.lists(names, max_size=4)), benchmarks=draw(st.lists(benchmarks, max_size=2))
        ),
        "displacement": lambda: analysis["displacement"].update(
            benchmark=draw(benchmarks), reference=draw(names)
        ),
        "oracle": lambda: config["oracle"].update(of=draw(names), seed=draw(st.integers(0, 3))),
        "axes": lambda: config["ablations"].update(method=draw(names), axes=draw(searches)),
        "derived": lambda: config["benchmarks"].update(
            {draw(st.sampled_from(["wrong", "mean", "new"])): draw(derived)}
        ),
        "parts": lambda: config["benchmarks"]["both"].update(parts=draw(st.lists(benchmarks, max_size=3))),
    }
    for part in draw(st.lists(st.sampled_from(sorted(parts)), max_size=2)):
        parts[part]()
    return config


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("targets")


def test_the_base_of_these_tests_is_good() -> None:
    assert_sound(prepared(Path("tests/fuzz/targets.yaml")))


@given(config=configs())
def test_a_study_of_random_names_has_a_sound_plan_or_clear_lines(
    folder: Path, config: dict[str, Any]
) -> None:
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    if study := accepted(lambda: prepared(path)):
        assert_sound(study)


def assert_sound(study: Study) -> None:
    """Assert what a run takes for granted: equal budgets, names that differ, and nothing that refers to nothing."""
    layout = Layout(study)
    cells = cells_of(study)
    assert len({cell.path.lower() for cell in cells}) == len(cells)
    assert all(
        len(part.encode()) <= LONGEST for name in layout.settings for part in f"{name}.json".split("/")
    )
    for method in study.methods:
        for variant in variants_of(study, method):
            assert_fair(study, method, variant)
    there = {(cell.benchmark, cell.method) for cell in cells}
    for one, other in study.contrasts:
        assert any((name, one) in there and (name, other) in there for name in study.benchmarks)
    for name in study.analysis.ladder.rungs:
        assert any((at, name) in there for at in study.analysis.ladder.benchmarks or study.benchmarks)
    own = study.analysis.displacement
    assert not own.benchmark or (own.benchmark, own.reference) in there
    for section in study.benchmarks.values():
        if isinstance(section, Derived):
            assert not isinstance(study.benchmarks[section.of], Derived)
    titles = [layout.settings["order"]["titles"][name] for name in study.methods]
    assert len(set(titles)) == len(titles) and all(title.isprintable() for title in titles)


def assert_fair(study: Study, method: str, variant: str) -> None:
    """Assert that a search has the budget of all others, and goes on within the range of learning rates."""
    trials = trials_of(study, method, variant)
    fixed = set(grid_of(study, method)) - set(grid_of(study, method, variant))
    assert not trials or fixed or len(trials) == len(study.search.learning_rates)
    for further in further_trials(study, method, variant).values():
        assert not set(further) & set(trials)
        assert all(0 < changes["optimisation.learning_rate"] <= 1 for changes in further.values())
