"""The configs for large models are valid, fit into the memory of their GPUs, and have the paper's hyperparameters."""

from pathlib import Path
from typing import Any

import pytest

from semalign.benchmarks import registry
from semalign.config.extending import extended, read_yaml
from semalign.runtime.errors import UserError
from semalign.study.definition import Study, load_study, parse_study
from semalign.study.layout import Layout
from semalign.study.planning.study import Plan
from semalign.study.planning.work import DEVICES
from semalign.study.variants import at_benchmark

NAMES = ("llama2", "qwen3", "smollm2")
PUBLISHED = ("mmlu", "gsm8k", "humaneval", "mbpp")
HAS_PUBLISHED = hasattr(registry, "PUBLISHED")
# from the paper's table: epochs, learning rate, LaTen's steps
TABLE = {"mmlu": (5, 3e-4, 2), "gsm8k": (5, 3e-4, 4), "humaneval": (3, 3e-5, 3), "mbpp": (5, 3e-4, 8)}


def study_of(name: str) -> Study:
    """Load a config; if the registry has no published benchmarks, embedded ones are used instead."""
    if HAS_PUBLISHED:
        return load_study(f"config/{name}.yaml")
    data = extended(read_yaml(f"config/{name}.yaml"))
    return parse_study({**data, "benchmarks": {key: {} for key in data["benchmarks"]}})


@pytest.mark.parametrize("name", NAMES)
def test_a_config_is_a_valid_extension_of_another(name: str) -> None:
    assert read_yaml(f"config/{name}.yaml")["extends"] in ("config/config.yaml", "config/llama2.yaml")
    study = study_of(name)
    assert study.study == name and list(study.benchmarks) == list(PUBLISHED)
    assert {model.source for model in study.models.values()} == {"hub"}
    assert all(pair.teacher in study.models for pair in study.pairs.values())


@pytest.mark.parametrize("benchmark", PUBLISHED)
def test_the_papers_hyperparameters_hold_on_every_benchmark(benchmark: str) -> None:
    layout = Layout(study_of("llama2"))
    epochs, rate, steps = TABLE[benchmark]
    for method in ("semalign", "seeking", "sft"):
        settings = layout.settings[layout.method_settings(method, "default", benchmark)]
        optimisation = settings["optimisation"]
        assert (optimisation["epochs"], optimisation["learning_rate"]) == (epochs, rate)
        assert optimisation["batch_size"] == 64 and settings["lora"]["rank"] == 16
        assert settings["lora"]["projections"] == ["up", "down", "v", "o"]
        assert "by_benchmark" not in settings
    laten = layout.settings[layout.method_settings("laten", "default", benchmark)]
    assert (laten["optimisation"]["steps"], laten["optimisation"]["learning_rate"]) == (steps, 3e-5)
    assert laten["rate"] == 0.1 and layout.settings["attribution/default"]["examples"] == 16


@pytest.mark.parametrize("name", NAMES)
def test_a_study_fits_into_the_memory_of_its_gpus(name: str) -> None:
    rows = {row.rule: row for row in Plan(study_of(name), DEVICES["a100"]).rows()}
    steering = [row for rule, row in rows.items() if rule.startswith("transfer") and "laten" not in rule]
    assert steering and all(row.peak.total < 24e9 for row in steering)
    reading = [row for rule, row in rows.items() if rule.split("_")[0] in ("attribute", "extract", "signal")]
    assert reading and all(row.peak.total < 40e9 for row in reading)
    assert rows["align_states (no GPU)"].peak.other < 1e9


def test_by_benchmark_changes_only_the_methods_own_settings() -> None:
    data: dict[str, Any] = extended(read_yaml("config/config.yaml"))
    own = {"arithmetic": {"optimisation.epochs": 2, "layer_loss_weight": 0.5}}
    data["methods"]["semalign"] = {"by_benchmark": own}
    layout = Layout(parse_study(data))
    assert layout.method_settings("semalign", "default", "facts") == "methods/semalign/default"
    name = layout.method_settings("semalign", "default", "arithmetic")
    assert name == "methods/semalign/default@arithmetic"
    assert (
        layout.settings[name]["optimisation"]["epochs"] == 2
        and layout.settings[name]["layer_loss_weight"] == 0.5
    )
    trial = layout.method_settings("semalign", "default", "arithmetic", "learning_rate~0.01")
    assert layout.settings[trial]["optimisation"] | {} == {
        **layout.settings[name]["optimisation"],
        "learning_rate": 0.01,
    }
    data["methods"]["semalign"] = {"by_benchmark": {"arithmetic": {"lora.rank": 4}}}
    assert Layout(parse_study(data))
    for wrong, message in (
        (
            {"arithmetic": {"optimisation.epoch": 2}},
            "by_benchmark.arithmetic.optimisation.epoch: unknown key",
        ),
        ({"arithmetic": {"label_loss": "kl"}}, "expected none that changes the method's signals"),
        ({"arithmetic": {"optimisation.learning_rate": 0.1}}, "expected none, since search.learning_rates"),
        ({"nothing": {}}, "methods.semalign.by_benchmark: found 'nothing'"),
    ):
        data["methods"]["semalign"] = {"by_benchmark": wrong}
        with pytest.raises(UserError, match=message):
            Layout(parse_study(data))


def test_a_variant_takes_precedence_over_by_benchmark() -> None:
    data = extended(read_yaml("config/config.yaml"))
    data["methods"]["sft"] = {"by_benchmark": {"facts": {"optimisation.epochs": 2}}}
    settings: Any = at_benchmark(parse_study(data), "sft", {"optimisation.epochs": 7}, "facts")
    assert settings.optimisation.epochs == 7
    assert Path("config/revisions.lock").is_file()
