"""The student that an oracle reads: what is refused, and which cell of the study it is."""

from pathlib import Path
from typing import Any

import pytest

from semalign.config.signals import STAGES, Signals, stages_before
from semalign.runtime.errors import UserError
from semalign.study.definition import parse_study
from semalign.study.layout import Layout
from semalign.study.oracles import problems_of, student_of
from semalign.study.variants import resolve, signal_name

BASE: dict[str, Any] = {
    "study": "s",
    "seeds": [0, 1],
    "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
    "pairs": {"p": {"teacher": "big", "student": "small"}},
    "benchmarks": {"facts": {}, "completion": {}},
    "methods": {"student": {}, "teacher": {}, "sft": {}, "distill-logits": {}, "oracle": {}},
    "notebooks": ["tables"],
}


def with_oracle(**settings: Any) -> dict[str, Any]:
    """The study with other settings of the section `oracle`."""
    return {**BASE, "oracle": settings}


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"of": "distil-logits"},
            "oracle.of: found 'distil-logits', expected one of sft, distill-logits (did you mean distill-logits?)",
        ),
        ({"of": "oracle"}, "oracle.of: found 'oracle', expected one of sft, distill-logits"),
        ({"of": "student"}, "oracle.of: found 'student', expected one of sft, distill-logits"),
        ({"of": "seeking"}, "oracle.of: found 'seeking', expected one of sft, distill-logits"),
        ({"seed": 1}, "oracle.seed: found 1, expected none of the study's seeds [0, 1]"),
        ({"of": "sft"}, None),
    ],
    ids=["misspelt", "itself an oracle", "untrained", "absent", "seed of the study", "good"],
)
def test_an_oracle_that_cannot_be_read_is_refused(settings: dict[str, Any], line: str | None) -> None:
    found = list(problems_of(parse_study(with_oracle(**settings)), "oracle"))
    assert found == ([line] if line else [])


def test_another_oracle_is_no_student_of_an_oracle() -> None:
    second = {"method": "oracle", "signals": {"oracle.of": "oracle"}}
    study = parse_study({**BASE, "methods": {**BASE["methods"], "second": second}})
    assert list(problems_of(study, "oracle")) == []
    [line] = problems_of(study, "second")
    assert line.startswith(
        "methods.second.signals.oracle.of: found 'oracle', expected one of sft, distill-logits"
    )


@pytest.mark.parametrize(
    ("own", "good"), [(["completion"], False), (["facts"], True), (["facts", "completion"], True)]
)
def test_the_student_that_an_oracle_reads_is_trained_on_its_benchmarks(own: list[str], good: bool) -> None:
    methods = {
        **BASE["methods"],
        "distill-logits": {"benchmarks": own},
        "oracle": {"benchmarks": ["facts"]},
    }
    found = list(problems_of(parse_study({**BASE, "methods": methods}), "oracle"))
    expected = (
        "oracle.of: found 'distill-logits', expected a method that is trained on all "
        "benchmarks of methods.oracle"
    )
    assert found == ([] if good else [f"methods.oracle.signals.{expected}"])


def test_the_seeds_of_ablations_are_seeds_of_the_study() -> None:
    study = parse_study({**with_oracle(seed=7), "ablations": {"seeds": [7]}})
    [line] = problems_of(study, "oracle")
    assert line == "oracle.seed: found 7, expected none of the study's seeds [0, 1, 7]"


def test_variants_are_looked_at_and_other_methods_are_not() -> None:
    study = parse_study({**BASE, "ablations": {"others": {"oracle": {"oracle.of": ["sft", "stf"]}}}})
    [line] = problems_of(study, "oracle")
    assert "found 'stf'" in line
    assert list(problems_of(study, "sft")) == []


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.chdir(tmp_path)
    ablated = {"others": {"oracle": {"oracle.of": ["sft"]}}}
    return Layout(parse_study({**with_oracle(seed=9), "ablations": ablated}))


@pytest.mark.parametrize(
    ("record", "belongs"),
    [
        ("cells/p/facts/distill-logits/default/seed9/transfer/run.json", True),
        ("cells/p/completion/sft/default/seed9/transfer/run.json", True),
        ("cells/p/facts/distill-logits/default/seed8/transfer/run.json", False),
        ("cells/p/facts/distill-logits/rank~4/seed9/transfer/run.json", False),
        ("cells/p/facts/oracle/default/seed9/transfer/run.json", False),
        ("signals/p/facts/oracle/default/run.json", True),
        ("signals/p/arithmetic/oracle/default/run.json", False),
    ],
)
def test_the_students_that_oracles_read_belong_to_the_study(
    layout: Layout, record: str, belongs: bool
) -> None:
    assert layout.lists(Path(layout.root) / record) is belongs


def test_the_students_that_oracles_read_are_not_scored(layout: Layout) -> None:
    read = student_of("p", "facts", layout.settings["oracle/default"])
    assert read.path == "p/facts/distill-logits/default/seed9"
    assert read not in layout.cells
    assert layout.cell_folder(read) not in layout.settings["cells"]
    assert student_of("p", "facts", layout.settings["oracle/of~sft"]).method == "sft"


def test_without_an_oracle_no_further_student_belongs() -> None:
    methods = {name: {} for name in BASE["methods"] if name != "oracle"}
    layout = Layout(parse_study({**BASE, "methods": methods}))
    assert not layout.lists(Path(layout.root) / "cells/p/facts/distill-logits/default/seed1000/run.json")


def test_no_two_settings_that_a_stage_depends_on_have_the_same_name_in_its_folders() -> None:
    """A change of one key changes the folder's name in a way that tells which stage's key it is."""
    plain = parse_study(BASE)
    for stage in STAGES:
        names: dict[str, str] = {}
        for section in (*stages_before(stage), stage):
            for key in type(getattr(Signals(), section)).model_fields:
                # `value` is the same for every key, so that names differ only if the names of their keys do
                changed = getattr(plain.signals, section).model_copy(update={key: "value"})
                signals = plain.signals.model_copy(update={section: changed})
                name = signal_name(plain, signals, stage)
                assert name.endswith("~value"), name
                assert names.setdefault(name, f"{section}.{key}") == f"{section}.{key}", (stage, name)


def test_folders_of_the_residual_tell_its_own_batch_size_from_that_of_the_states() -> None:
    methods = {
        name: {"method": "semantic-residual", "signals": {key: 8}}
        for name, key in {"one": "states.batch_size", "two": "residual.batch_size"}.items()
    }
    study = parse_study({**BASE, "methods": {**BASE["methods"], **methods}})
    names = [signal_name(study, resolve(study, name, "default")[1], "residual") for name in methods]
    assert names == ["states-batch_size~8", "batch_size~8"]


def test_the_section_is_only_looked_at_for_methods_that_read_it() -> None:
    """The section `oracle` may have any value in a study without the method."""
    methods = {name: {} for name in BASE["methods"] if name != "oracle"}
    study = parse_study({**with_oracle(of="nothing", seed=0), "methods": methods})
    assert [line for method in study.methods for line in problems_of(study, method)] == []
    misspelt = {**BASE["methods"], "oracle": {"signals": {"oracle.off": 1}}}
    with pytest.raises(UserError, match="unknown key, expected one of of, seed, batch_size"):
        resolve(parse_study({**BASE, "methods": misspelt}), "oracle", "default")
