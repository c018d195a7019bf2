"""Artifacts of a study have readable paths, and cells with the same settings share signals."""

from pathlib import Path
from typing import Any

import pytest

from semalign.config.cells import Cell
from semalign.methods.sft import Sft
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.study.definition import parse_study
from semalign.study.layout import Layout
from semalign.study.layout.order import title_of
from semalign.study.preflight import check_study
from semalign.study.variants import dose_variants, variants_of

STUDY: dict[str, Any] = {
    "study": "s",
    "seeds": [0, 1],
    "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
    "pairs": {"p": {"teacher": "big", "student": "small", "benchmarks": ["facts"]}},
    "benchmarks": {"facts": {}, "arithmetic": {}},
    "methods": {"student": {}, "teacher": {}, "semalign": {}, "sft": {}},
    "ablations": {"axes": {"alignment.map": ["random"], "optimisation.batch_size": [8]}},
    "notebooks": ["tables"],
}


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.chdir(tmp_path)
    return Layout(parse_study(STUDY))


def test_the_path_of_a_cell_describes_it(layout: Layout) -> None:
    assert [layout.cell_folder(cell) for cell in layout.cells] == [
        "results/s/cells/p/facts/student/default/seed0",
        "results/s/cells/p/facts/teacher/default/seed0",
        "results/s/cells/p/facts/semalign/default/seed0",
        "results/s/cells/p/facts/semalign/default/seed1",
        "results/s/cells/p/facts/sft/default/seed0",
        "results/s/cells/p/facts/sft/default/seed1",
        "results/s/cells/p/facts/semalign/map~random/seed0",
        "results/s/cells/p/facts/semalign/batch_size~8/seed0",
    ]
    assert layout.models_of("p") == ("big", "small")


def test_variants_share_signals_whose_settings_are_equal(layout: Layout) -> None:
    def names(variant: str) -> list[str]:
        return [layout.stage_name("semalign", variant, s) for s in ("pairing", "activations", "alignment")]

    assert names("default") == ["default", "default", "default"]
    assert names("map~random") == ["default", "default", "map~random"]
    assert names("batch_size~8") == names("default")
    assert layout.upstream("alignment", "map~random") == {
        "attribution": "default",
        "pairing": "default",
        "activations": "default",
    }


def test_a_settings_file_is_only_rewritten_if_its_content_changes(layout: Layout) -> None:
    layout.write_settings()
    root = Path("results/s/settings")
    files = {path: path.stat().st_mtime_ns for path in root.rglob("*.json")}
    assert {str(path.relative_to(root).with_suffix("")) for path in files} == set(layout.settings)
    assert read_json(root / "alignment/map~random.json")["map"] == "random"
    assert read_json(root / "methods/semalign/batch_size~8.json")["optimisation"]["batch_size"] == 8
    edited = {**STUDY, "benchmarks": {"facts": {}, "arithmetic": {"test": 5}}}
    Layout(parse_study(edited)).write_settings()
    rewritten = {path for path, when in files.items() if path.stat().st_mtime_ns != when}
    assert rewritten == {root / "benchmarks/arithmetic.json"}


def test_the_order_of_the_tables_names_every_axis_with_its_default(layout: Layout) -> None:
    order = layout.settings["order"]
    assert order["methods"] == ["student", "teacher", "semalign", "sft"]
    assert (order["student"], order["teacher"]) == ("student", "teacher")
    assert order["axes"]["semalign"]["map"]["values"] == ["random"]
    assert order["axes"]["semalign"]["batch_size"] == {
        "default": str(layout.study.methods["semalign"].optimisation.batch_size),
        "values": ["8"],
    }


def test_the_order_of_the_tables_names_the_rungs_and_the_doses(layout: Layout) -> None:
    assert layout.settings["order"]["doses"] == {}
    assert layout.settings["order"]["ladder"] == {"benchmarks": [], "rungs": []}
    dosed = {
        "ablations": {
            "axes": {"optimisation.learning_rate": [0.1, 0.01], "optimisation.batch_size": [8]},
            "others": {"sft": {"optimisation.epochs": [1]}},
        },
        "analysis": {"ladder": {"rungs": ["student", "sft"]}},
    }
    order = Layout(parse_study(STUDY | dosed)).settings["order"]
    assert order["doses"] == {"semalign": ["learning_rate~0.1", "learning_rate~0.01"], "sft": ["epochs~1"]}
    assert order["ladder"]["rungs"] == ["student", "sft"]


def test_steps_of_another_stage_are_no_dose() -> None:
    axes = {"optimisation.epochs": [1], "solver.steps": [5]}
    study = parse_study(STUDY | {"ablations": {"others": {"sft": axes}}})
    assert list(variants_of(study, "sft")) == ["default", "epochs~1", "steps~5"]
    assert dose_variants(study, "sft") == ["epochs~1"] and dose_variants(study, "semalign") == []


@pytest.mark.parametrize(
    ("record", "belongs"),
    [
        ("cells/p/facts/sft/default/seed1/run.json", True),
        ("cells/p/facts/sft/default/seed1/transfer/run.json", True),
        ("cells/p/facts/sft/default/seed2/run.json", False),
        ("cells/p/arithmetic/sft/default/seed0/run.json", False),
        ("signals/p/facts/reference/run.json", True),
        ("signals/p/arithmetic/reference/run.json", False),
        ("signals/q/facts/alignment/default/run.json", False),
        ("models/big/run.json", True),
        ("records/tables.json", True),
        ("records/notebooks/tables.json", True),
        ("records/notebooks/figures.json", False),
    ],
)
def test_artifacts_of_the_study_are_recognised(layout: Layout, record: str, belongs: bool) -> None:
    assert layout.lists(Path(layout.root) / record) is belongs


def test_the_same_config_gives_the_same_layout(layout: Layout) -> None:
    again = Layout(parse_study(STUDY))
    assert again.settings == layout.settings
    assert again.cells == layout.cells
    assert isinstance(again.cells[0], Cell)


def test_methods_and_benchmarks_have_printed_titles(layout: Layout) -> None:
    titles = layout.settings["order"]["titles"]
    assert titles["semalign"] == "SemAlign" and titles["facts"] == "Facts"
    assert title_of("sft-all-layers", "sft") == "SFT, all layers"
    assert title_of("mine", "sft") == "mine"


def test_a_method_can_have_a_title_and_benchmarks_of_its_own() -> None:
    methods = {**STUDY["methods"], "sft": {"title": "Fine-tuning", "benchmarks": ["facts"]}}
    pairs = {"p": {"teacher": "big", "student": "small"}}
    search = {"learning_rates": [1e-3, 1e-2]}
    layout = Layout(parse_study({**STUDY, "methods": methods, "pairs": pairs, "search": search}))
    assert layout.settings["order"]["titles"]["sft"] == "Fine-tuning"
    assert {cell.benchmark for cell in layout.cells if cell.method == "sft"} == {"facts"}
    assert {cell.benchmark for cell in layout.cells if cell.method == "semalign"} == set(STUDY["benchmarks"])
    assert {search[1] for search in layout.searched() if search[2] == "sft"} == {"facts"}
    assert not {"title", "benchmarks"} & set(layout.settings["methods/sft/default"])


def test_the_controls_follow_from_the_config() -> None:
    methods: dict[str, Any] = {name: {} for name in ("student", "teacher", "semalign", "self-anchor")}
    methods["drawn"] = {"method": "semalign", "signals": {"alignment.map": "random"}}
    methods["mixed"] = {"method": "semalign", "signals": {"alignment.shuffled": True}}
    order = Layout(parse_study(STUDY | {"methods": methods, "contrasts": []})).settings["order"]
    assert order["controls"] == ["self-anchor", "drawn", "mixed"]


def test_a_method_that_needs_an_unknown_signal_is_refused(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sft, "needs", ("logit",))
    with pytest.raises(UserError, match=r"methods\.sft: needs signal 'logit', expected one of attribution"):
        check_study(layout.study)


def test_an_embedded_benchmark_without_a_task_is_refused(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semalign.study.preflight.task_names", lambda: ["completion"])
    with pytest.raises(UserError, match=r"benchmarks\.facts: found no task file"):
        check_study(layout.study)


def test_the_decomposition_uses_the_confidence_level_of_the_study(tmp_path: Path) -> None:
    study = parse_study({**STUDY, "statistics": {"confidence": 0.99}})
    assert Layout(study).settings["analysis/decomposition"]["confidence"] == 0.99


def test_targets_are_listed_for_those_who_steer_towards_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    methods = STUDY["methods"] | {
        "labels": {"method": "semalign", "layer_loss_weight": 0},
        "residual-geometry": {},
        "semantic-residual": {"rho": 0.1},
        "last": {"method": "semantic-residual", "layers": "last"},
        "oracle": {},
    }
    methods |= {"distill-logits": {}}
    displacement = {"benchmark": "facts", "reference": "distill-logits"}
    layout = Layout(parse_study(STUDY | {"methods": methods, "analysis": {"displacement": displacement}}))
    root = "results/s/signals/p/facts"
    listed = [tuple(entry.values()) for entry in layout.settings["targets/p"]]
    assert listed == [
        ("semalign", "default", "alignment", f"{root}/alignment/default", None),
        ("semantic-residual", "default", "residual", f"{root}/residual/default", 0.1),
        ("oracle", "default", "oracle", f"{root}/oracle/default", None),
        ("semalign", "map~random", "alignment", f"{root}/alignment/map~random", None),
        ("semalign", "batch_size~8", "alignment", f"{root}/alignment/default", None),
    ]
    assert not [name for name in Layout(parse_study(STUDY)).settings if name.startswith("targets/")]
    methods["pullback"] = {"scale": 2.0, "interface": "mlp"}
    methods["semantic-residual"] = {"interface": "mlp", "by_benchmark": {"facts": {"rho": 0.2}}}
    layout = Layout(parse_study(STUDY | {"methods": methods, "analysis": {"displacement": displacement}}))
    own = {entry["method"]: entry for entry in layout.settings["targets/p"]}
    assert [own["pullback"].get(key) for key in ("rho", "interface", "scale")] == [None, "mlp", 2.0]
    residual = own["semantic-residual"]
    assert (residual["rho"], residual["interface"]) == (0.2, "mlp") and "scale" not in residual
