"""LaTen's location stage: number of neurons, token that is read, stored files, and refused pairs."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import write_model
from safetensors.torch import load_file

from semalign.benchmarks.base import Example, read_split
from semalign.config.signals import Location
from semalign.models.architectures import ARCHITECTURES, Architecture
from semalign.models.loading import load_tokenizer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import check
from semalign.signals.location.examples import counts_at, draw_final, located_tokens
from semalign.signals.location.neurons import Counts
from semalign.signals.location.stage import locate_neurons
from semalign.signals.location.stored import Locations


def test_a_rate_is_taken_as_written() -> None:
    assert counts_at(0.1, Counts(11008, 4096, 4096)) == Counts(1100, 409, 409)  # the paper's 7B
    assert counts_at(0.29, Counts(100, 100, 100)).ffn == 29  # 0.29 * 100 is 28.999... in floating point
    with pytest.raises(
        UserError, match=r"location\.rate: found 0\.1, which selects 1 of 10 .* 0 of 4 value rows"
    ):
        counts_at(0.1, Counts(10, 10, 4))


@pytest.mark.parametrize(
    ("answer", "carrier"), [(" 17 - 7 = 10.", "0"), (' "x" ).\n', "x"), (" [1, 2]", "2"), (" fish", "h")]
)
def test_the_token_before_the_answers_end_is_located(pico_pair, answer: str, carrier: str) -> None:
    tokenizer = load_tokenizer(pico_pair[0])
    tokens = located_tokens(Example("a", "Question", answer), tokenizer)
    assert tokenizer.decode(tokens[-1:]) == carrier
    assert tokenizer.decode(tokens[:8]) == "Question"


def test_an_answer_of_ends_alone_is_refused(pico_pair) -> None:
    with pytest.raises(UserError, match="example a: found no token in the answer ' ]'"):
        located_tokens(Example("a", "Question", " ]"), load_tokenizer(pico_pair[0]))


def test_a_fused_feed_forward_network_is_refused_in_one_line(
    sealed_pair, tmp_path: Path, pico_benchmark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Architecture(projections={"o": "a", "down": "b"}, fused={"gate": ("c", 0), "up": ("c", 1)})
    monkeypatch.setitem(ARCHITECTURES, "LlamaForCausalLM", facts)
    with pytest.raises(
        UserError, match=r"model .*: found an architecture whose gate and up are one matrix \(c\)"
    ):
        run_stage(sealed_pair, pico_benchmark, tmp_path / "location")


def run_stage(pair: tuple[Path, Path], benchmark: Path, out: Path, **settings: Any) -> Path:
    write_json(out.parent / "location.json", Location(**settings).model_dump())
    locate_neurons(*pair, benchmark, out.parent / "location.json", out)
    return out


def test_the_stage_stores_integers_of_both_models(sealed_pair, pico_benchmark: Path, tmp_path: Path) -> None:
    folder = run_stage(sealed_pair, pico_benchmark, tmp_path / "a")
    report = read_json(folder / "location.json")
    train = read_split(pico_benchmark, "train")
    assert report["teacher_passes"] == 7
    assert report["examples"][-1] == draw_final(train, 42).id
    locations = Locations.read(folder)
    assert locations.extracts == 6
    for parts, width in ((locations.parts["teacher"], 48), (locations.parts["student"], 32)):
        assert {name: tuple(part.shape) for name, part in parts.items()} == {
            "attention_layers": (7, 3),
            "ffn_layers": (7, 3),
            "ffn": (7, 3, 6),
            "o": (7, 3, 3),
            "v": (7, 3, 1),
        }
        assert int(parts["ffn"].max()) < 2 * width
    assert locations.parts["student"]["ffn_layers"].tolist() == [[0, 1, 2]] * 7
    assert all(
        not tensor.is_floating_point() for tensor in load_file(folder / "location.safetensors").values()
    )
    check(folder)
    again = run_stage(sealed_pair, pico_benchmark, tmp_path / "b")
    for name in ("location.safetensors", "location.json"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_the_released_reading_finds_others(sealed_pair, pico_benchmark: Path, tmp_path: Path) -> None:
    ours = Locations.read(run_stage(sealed_pair, pico_benchmark, tmp_path / "a"))
    released = Locations.read(run_stage(sealed_pair, pico_benchmark, tmp_path / "b", as_released=True))
    assert not torch.equal(ours.parts["teacher"]["o"], released.parts["teacher"]["o"])


def test_a_shallower_or_narrower_teacher_is_refused(
    sealed_pair, pico_benchmark: Path, tmp_path: Path
) -> None:
    teacher, student = sealed_pair
    with pytest.raises(UserError, match=r"found 3 layers in student, expected .* teacher with 4"):
        run_stage((student, teacher), pico_benchmark, tmp_path / "a")
    narrow = write_model(tmp_path / "narrow", "llama", layers=3, width=32, seed=0, feed_forward=40)
    with pytest.raises(UserError, match="found 40 ffn neurons per layer in narrow, expected at least the 64"):
        run_stage((narrow, student), pico_benchmark, tmp_path / "b", rate=1.0)
