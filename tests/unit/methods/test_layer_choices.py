"""Which layers a method may adapt: any, unless its loss is on the paired ones; the adapter has these and no others."""

from pathlib import Path
from typing import Any, get_args

import pytest
from fabricated_pairs import Pair
from pydantic import ValidationError
from safetensors.torch import load_file

from semalign.config.methods import Adapted, Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.registry import METHODS
from semalign.runtime.files import read_json

SMALL: dict[str, Any] = {
    "optimisation": Optimisation(learning_rate=1e-3, steps=1, batch_size=3),
    "lora": Lora(rank=2, projections=["up", "down"]),
}
ADAPTED = {
    name: METHODS.load(name).settings for name in METHODS if issubclass(METHODS.load(name).settings, Adapted)
}
CHOICES = {name: get_args(settings.model_fields["layers"].annotation) for name, settings in ADAPTED.items()}
FREE = [name for name, choices in CHOICES.items() if "first" in choices]
PAIRED = [name for name in ADAPTED if name not in FREE]


def test_losses_on_paired_layers_narrow_the_choice_and_others_do_not() -> None:
    for name in ("semalign", "distill-hidden", "prox", "self-anchor", "residual-geometry"):
        assert CHOICES[name] == ("paired", "all")
    assert CHOICES["oracle"] == ("paired",)
    assert {"sft", "distill-logits", "semantic-residual", "residual-start"} <= set(FREE)
    assert all(CHOICES[name] == ("paired", "first", "last", "all") for name in FREE)


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("layers", ["first", "last"])
def test_a_loss_on_paired_layers_takes_no_other_choice(name: str, layers: str) -> None:
    settings = ADAPTED[name]
    with pytest.raises(ValidationError, match="layers"):
        settings(layers=layers)
    assert settings(layers="paired").layers == "paired"


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("layers", ["first", "last"])
def test_a_single_layer_is_adapted_without_any_pairing(
    name: str, layers: str, llama: Pair, tmp_path: Path
) -> None:
    steering = {"steering": {"steps": 1, "batch_size": 3}} if name == "residual-start" else {}
    settings = ADAPTED[name].model_validate({"layers": layers, **SMALL, **steering})
    assert "pairing" not in settings.needs
    folder = llama.transfer(settings, tmp_path / "transfer")
    adapted = {
        key.split("layers.")[1].split(".")[0] for key in load_file(folder / "adapter_model.safetensors")
    }
    assert adapted == {"first": {"0"}, "last": {"2"}}[layers]
    modules = read_json(folder / "adapter_config.json")["target_modules"]
    assert {name.split("layers.")[1].split(".")[0] for name in modules} == adapted


def test_paired_layers_are_the_default_except_where_a_paper_adapts_all() -> None:
    chosen = {name: settings().layers for name, settings in ADAPTED.items()}
    assert {name for name, layers in chosen.items() if layers == "all"} == {"pissa", "seeking"}
    assert set(chosen.values()) == {"paired", "all"}
