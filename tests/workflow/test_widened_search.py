"""A study whose grids are too low: its searches go on beyond them, in folders that look like any other trial."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from projects import call, planned, run_project, snakemake

pytestmark = pytest.mark.study

WIDENED = ("--configfile", "tests/workflow/widened.yaml")
ROOT = Path("results/widened")
SEARCH = ROOT / "search/mini/facts"


@pytest.fixture(scope="module")
def widened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after a run of the study. Only the last test changes it."""
    return run_project(tmp_path_factory.mktemp("widened"), *WIDENED)


@pytest.fixture
def content(widened: Path) -> Callable[[str], dict[str, Any]]:
    return lambda name: dict(json.loads((widened / ROOT / name).read_text()))


def test_the_choice_lies_beyond_the_grid(widened: Path, content: Callable[[str], dict[str, Any]]) -> None:
    choice = content("choices/mini/facts/sft/default/choice.json")
    assert choice["learning_rate"] > 1e-3 and choice["at_edge"] is None
    assert choice["score"] > choice["student"]
    table = pd.read_csv(widened / ROOT / "tables/search.csv")
    own = table[table["method"] == "sft"]
    assert len(own) == choice["trials"] > 4
    assert own["widened"].tolist() == (own["learning_rate"] > 1e-3).astype(int).tolist()
    assert own.loc[own["chosen"] == 1, "learning_rate"].tolist() == [choice["learning_rate"]]
    assert own["student"].nunique() == 1
    assert set(table["method"]) == {"sft", "sft-ranks"}


def test_a_further_trial_is_what_an_ordinary_one_would_be(
    widened: Path, content: Callable[[str], dict[str, Any]]
) -> None:
    rate = content("choices/mini/facts/sft/default/choice.json")["learning_rate"]
    trial = f"search/mini/facts/sft/default/learning_rate~{rate}"
    made, plain = (
        content(f"{folder}/transfer/run.json") for folder in (trial, "cells/mini/facts/sft/default/seed0")
    )
    # the cell has the chosen rate and the same seed, and was trained in a job of its own
    weights = "adapter_model.safetensors"
    assert made["outputs"][weights] == plain["outputs"][weights]
    assert made["settings_file"] == f"{ROOT}/settings/trials/sft/default/learning_rate~{rate}.json"
    ordinary = content("search/mini/facts/sft/default/learning_rate~0.001/run.json")
    assert content(f"{trial}/run.json").keys() == ordinary.keys()


def test_other_settings_are_chosen_in_as_many_trials_and_used(
    content: Callable[[str], dict[str, Any]],
) -> None:
    choice = content("choices/mini/facts/sft-ranks/default/choice.json")
    assert choice["chosen"].keys() == {"optimisation.learning_rate", "lora.rank"}
    cells = "cells/mini/facts/sft-ranks"
    assert (
        content(f"{cells}/default/seed0/transfer/adapter_config.json")["r"] == choice["chosen"]["lora.rank"]
    )
    # an ablated rank is the variant's own, while its learning rate is that of the default
    assert content(f"{cells}/rank~4/seed0/transfer/adapter_config.json")["r"] == 4
    used = content(f"{cells}/rank~4/seed0/transfer/run.json")
    assert used["chosen"] == {"optimisation.learning_rate": choice["learning_rate"]}


def test_a_fixed_rate_is_used_and_said(widened: Path, content: Callable[[str], dict[str, Any]]) -> None:
    metrics = content("cells/mini/facts/sft-fixed/default/seed0/metrics.json")
    assert (metrics["learning_rate"], metrics["searched"], metrics["search_seconds"]) == (0.01, 0, 0.0)
    assert not (widened / SEARCH / "sft-fixed").exists()
    costs = pd.read_csv(widened / ROOT / "tables/costs.csv").set_index("method")
    assert costs.loc["sft-fixed", "searched"] == 0 and costs.loc["sft", "searched"] == 1


def test_the_results_match_their_records_and_a_second_run_does_nothing(widened: Path) -> None:
    verified = call(widened, "python", "scripts/verify_results.py", "--config", WIDENED[1])
    assert verified.returncode == 0, verified.stderr
    assert "Nothing to be done" in snakemake(widened, *WIDENED).stderr


def test_a_choice_that_is_lost_is_made_again_from_the_trials_that_are_there(
    widened: Path, content: Callable[[str], dict[str, Any]]
) -> None:
    name = "choices/mini/facts/sft/default/choice.json"
    choice = content(name)
    answers = widened / SEARCH / f"sft/default/learning_rate~{choice['learning_rate']}/answers"
    transfer = answers.with_name("transfer") / "run.json"
    before = transfer.stat().st_mtime_ns
    shutil.rmtree(answers)
    shutil.rmtree((widened / ROOT / name).parent)
    assert planned(snakemake(widened, f"{ROOT}/{name}", *WIDENED, "--dry-run")) == {"widen_search": 1}
    ended = snakemake(widened, f"{ROOT}/{name}", *WIDENED)
    assert ended.returncode == 0, ended.stderr
    assert transfer.stat().st_mtime_ns == before and (answers / "run.json").is_file()
    assert content(name) == choice
