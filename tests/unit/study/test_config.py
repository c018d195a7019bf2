"""Mistakes in a config are reported before any work, in one line that names them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from semalign.config.cells import variant_name
from semalign.models.loading import read_shape
from semalign.runtime.errors import UserError
from semalign.study.definition import Study, load_study, parse_study
from semalign.study.model_checks import check_models
from semalign.study.preflight import check_study
from semalign.study.variants import cells_of, resolve, signal_name

ROOT = Path(__file__).parents[3]
# nothing that names a benchmark
BARE: dict[str, Any] = {
    "methods": {"student": {}, "teacher": {}},
    "contrasts": [],
    "ablations": {},
    "analysis": {},
    "notebooks": [],
}


def config(**changes: Any) -> dict[str, Any]:
    """The shipped default, with some sections replaced as a whole."""
    data: dict[str, Any] = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    return {**data, **changes}


@pytest.fixture
def study() -> Study:
    return parse_study(config())


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"seedz": [1]}, "seedz: unknown key, expected one of"),
        ({"alignment": {"mapp": "pinv"}}, "alignment.mapp: unknown key, expected one of map, "),
        ({"alignment": {"map": "pinvv"}}, "alignment.map: found 'pinvv', expected one of pinv"),
        ({"seeds": []}, "seeds: found [], expected at least 1 of them"),
        ({"pairing": {"pairs": 0}}, "pairing.pairs: found 0, expected at least 1, or all"),
        ({"pairs": {"tiny": {"teacher": "tacher", "student": "tiny-student"}}}, "pairs.tiny.teacher: found 'tacher', expected one of tiny-teacher, tiny-student"),
        ({"methods": {"student": {}, "semalign": {}}, "analysis": {}, "contrasts": []}, "methods: found no teacher"),
        ({"methods": {"student": {}, "teacher": {}, "semaling": {}}}, "semaling"),
        ({"study": "a/b"}, "study: found the name 'a/b'"),
        ({"benchmarks": {"fact": {}}, "methods": {"student": {}, "teacher": {}, "sft": {}}, "contrasts": [], "ablations": {}, "analysis": {}}, "benchmarks.fact: unknown benchmark, expected one of arithmetic, completion, facts"),
        ({"benchmarks": {"facts": {"train": -1}}}, "benchmarks.facts.train: found -1, expected at least 1"),
        ({"ablations": {"axes": {"alignment.mapp": ["random"]}}}, "ablations.axes.alignment.mapp: unknown key"),
        ({"ablations": {"axes": {"alignment.map": ["rnd"]}}}, "rnd"),
    ],
)  # fmt: skip
def test_a_mistake_is_reported_in_one_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(UserError) as caught:
        check_study(parse_study(config(**changes)))
    assert any(line in told for told in caught.value.lines)
    assert all("\n" not in told for told in caught.value.lines)


def test_a_missing_or_broken_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing\.yaml: no such config file"):
        load_study(tmp_path / "nothing.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(UserError, match=r"broken\.yaml: line 1, column 6: not valid YAML"):
        load_study(tmp_path / "broken.yaml")


def test_a_shallower_teacher_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    pairs = {"odd": {"teacher": "tiny-student", "student": "tiny-teacher"}}
    assert not list(check_models(parse_study(config(pairs=pairs))))
    assert "pairs.odd: the teacher has layers 3, fewer than the student's 4" in caplog.text


def test_a_missing_model_folder_is_reported_before_any_work(tmp_path: Path) -> None:
    models = {**config()["models"], "mine": {"source": "folder", "path": str(tmp_path / "mine")}}
    (line,) = check_models(parse_study(config(models=models)))
    assert line.startswith("models.mine.path: ") and str(tmp_path / "mine") in line


@pytest.mark.parametrize("lost", ["architectures", "vocab_size", "hidden_size", "num_hidden_layers"])
def test_a_missing_key_of_a_model_config_is_reported_in_one_line(lost: str, tmp_path: Path) -> None:
    facts = {
        **{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 8},
        **{"hidden_size": 4, "num_hidden_layers": 2},
    }
    del facts[lost]
    (tmp_path / "config.json").write_text(json.dumps(facts))
    with pytest.raises(UserError, match=rf"config\.json: {lost}: found nothing, expected") as refused:
        read_shape(tmp_path)
    assert "\n" not in str(refused.value)


def test_untrained_methods_have_one_seed_and_ablations_their_own_seeds(study: Study) -> None:
    cells = cells_of(study)
    seeds: dict[tuple[str, str], list[int]] = {}
    for cell in cells:
        if cell.benchmark == "facts":
            seeds.setdefault((cell.method, cell.variant), []).append(cell.seed)
    assert seeds["student", "default"] == study.seeds[:1]
    assert seeds["semalign", "default"] == study.seeds
    assert seeds["semantic-residual", "bases~input-side"] == study.ablations.seeds == [0, 1, 2]
    assert not any(method.startswith("target-") for method, _ in seeds)
    assert len({cell.path for cell in cells}) == len(cells)


def test_a_variant_changes_one_setting_and_names_its_stages() -> None:
    study = parse_study(config(ablations={"method": "semalign", "axes": {"alignment.map": ["random"]}}))
    _, default = resolve(study, "semalign", "default")
    _, random = resolve(study, "semalign", "map~random")
    assert (default.alignment.map, random.alignment.map) == ("pinv", "random")
    assert random.model_copy(update={"alignment": default.alignment}) == default
    assert signal_name(study, random, "activations") == "default"
    assert signal_name(study, random, "alignment") == "map~random"


def test_two_axes_with_the_same_name_are_refused() -> None:
    axes = {"optimisation.examples": [50], "attribution.examples": [8]}
    study = parse_study(config(ablations={"method": "semalign", "axes": axes}))
    with pytest.raises(
        UserError, match=r"optimisation\.examples and attribution\.examples .* axis 'examples'"
    ):
        cells_of(study)


def test_a_method_may_change_its_own_signals() -> None:
    methods = config()["methods"]
    methods["semalign-random-map"] = {"method": "semalign", "signals": {"alignment.map": "random"}}
    study = parse_study(config(methods=methods))
    _, signals = resolve(study, "semalign-random-map", "default")
    assert signal_name(study, signals, "alignment") == "map~random"


def test_variant_names_are_readable_paths() -> None:
    assert variant_name("alignment.map", "input-side") == "map~input-side"
    assert variant_name("pairing.interpolate", False) == "interpolate~false"
    assert variant_name("a.b", "x y/z") == "b~x-y-z"
