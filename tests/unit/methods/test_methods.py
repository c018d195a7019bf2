"""Methods through their interface on a pico pair: what they write, what is trained, what is refused."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.adapters import adapt
from semalign.methods.registry import METHODS
from semalign.methods.semalign import SemAlign
from semalign.methods.sft import Sft
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.models.readout import answer_logits
from semalign.models.transfers import load_student
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import check
from semalign.signals.semantics.bases import output_bases

FAST = Optimisation(learning_rate=1e-2, epochs=3, batch_size=4)


def test_targets_are_the_formula_with_explicit_coefficients(sealed_pair, signals) -> None:
    teacher, student = sealed_pair
    bases = [output_bases(read_head(folder)) for folder in (teacher, student)]
    s_teacher, s_student = (torch.cat(list(b.chunks())) for b in bases)
    states = load_file(signals["activations"] / "activations.safetensors")
    (pair,) = read_json(signals["alignment"] / "alignment.json")["pairs"]
    mixed = (1 - pair["weight"]) * states[f"layer.{pair['below']}"].double() + pair["weight"] * states[
        f"layer.{pair['above']}"
    ].double()
    coefficients = (mixed / mixed.norm(dim=-1, keepdim=True)) @ s_teacher.T
    targets = load_file(signals["alignment"] / "targets.safetensors")[f"layer.{pair['student']}"]
    torch.testing.assert_close(targets.double(), coefficients @ s_student, atol=1e-5, rtol=1e-5)


def test_semalign_lowers_its_loss_and_moves_only_the_paired_layer(transfer, sealed_pair, signals) -> None:
    folder = transfer(SemAlign(optimisation=FAST, lora=Lora(rank=4)))
    history = read_jsonl(folder / "history.jsonl")
    assert {"layer", "label"} <= set(history[0])
    assert history[-1]["layer"] + history[-1]["label"] < history[0]["layer"] + history[0]["label"]
    (pair,) = read_json(signals["alignment"] / "alignment.json")["pairs"]
    before = dict(load_model(sealed_pair[1]).named_parameters())
    after = dict(load_student(sealed_pair[1], sealed_pair[0], folder).named_parameters())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    layer = f"model.layers.{pair['student'] - 1}"
    parts = ("self_attn.v_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj")
    assert moved == {f"{layer}.{part}.weight" for part in parts}


def test_the_adapter_is_in_plain_peft_format(transfer, sealed_pair) -> None:
    folder = transfer(Sft(optimisation=FAST, lora=Lora(rank=4)))
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["base_model_name_or_path"]) == (4, "student")
    from peft import PeftModel

    base = load_model(sealed_pair[1])
    adapted = PeftModel.from_pretrained(base, str(folder))
    merged = load_student(sealed_pair[1], sealed_pair[0], folder)
    tokens = torch.tensor([[1, 40, 50, 60]])
    torch.testing.assert_close(adapted(tokens).logits, merged(tokens).logits, atol=1e-4, rtol=1e-4)


def test_small_updates_survive_beside_weights_in_half_precision(transfer, sealed_pair) -> None:
    from peft import PeftModel

    short = FAST.model_copy(update={"learning_rate": 1e-4})
    folder = transfer(Sft(layers="all", optimisation=short, lora=Lora(rank=4)))
    before = dict(load_model(sealed_pair[1], dtype=torch.bfloat16).named_parameters())
    scored = load_student(sealed_pair[1], sealed_pair[0], folder, dtype=torch.bfloat16)
    held = dict(scored.named_parameters())
    factors = load_file(folder / "adapter_model.safetensors")
    for name, stored in factors.items():
        name = name.removeprefix("base_model.model.").replace(".weight", ".default.weight")
        torch.testing.assert_close(held.pop(name), stored, rtol=0, atol=0)
    assert all(torch.equal(held[name], before[name.replace(".base_layer", "")]) for name in held)
    assert scored(torch.tensor([[1, 40, 50, 60]])).logits.dtype == torch.bfloat16
    # merging instead would round many of the changes away
    base = load_model(sealed_pair[1], dtype=torch.bfloat16)
    merged = dict(PeftModel.from_pretrained(base, str(folder)).merge_and_unload().named_parameters())
    name = "model.layers.0.mlp.up_proj.weight"
    assert (merged[name] == before[name]).float().mean() > 0.3


def test_sft_of_all_layers_lowers_cross_entropy(transfer) -> None:
    folder = transfer(Sft(layers="all", optimisation=FAST, lora=Lora(rank=4)))
    history = read_jsonl(folder / "history.jsonl")
    assert history[-1]["cross_entropy"] < history[0]["cross_entropy"]
    assert check(folder)["cost"]["teacher_passes"] == 0


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(transfer) -> None:
    settings = SemAlign(optimisation=FAST, lora=Lora(rank=4))
    first, again, other = (
        (transfer(settings, seed, name) / "adapter_model.safetensors").read_bytes()
        for seed, name in ((0, "a"), (0, "b"), (1, "c"))
    )
    assert first == again
    assert first != other


def test_untouched_methods_evaluate_the_named_model(transfer, sealed_pair) -> None:
    from semalign.methods.untouched import Student, Teacher

    for settings, base in ((Student(), sealed_pair[1]), (Teacher(), sealed_pair[0])):
        model = load_student(sealed_pair[1], sealed_pair[0], transfer(settings, name=settings.method))
        assert torch.equal(model.lm_head.weight, load_model(base).lm_head.weight)


def test_targets_of_other_examples_are_refused(signals, sealed_pair, pico_benchmark, tmp_path: Path) -> None:
    from semalign.methods.semalign.steering import Targets

    tokenizer = load_tokenizer(sealed_pair[1])
    encoded = [encode(example, tokenizer) for example in read_split(pico_benchmark, "train")]
    tensors, path = load_file(signals["alignment"] / "targets.safetensors"), tmp_path / "targets.safetensors"
    offsets = tensors["offsets"]
    moved = torch.cat([offsets[:2], offsets[2:] + 1])
    for wrong in (offsets[:-1], moved):
        save_file({**tensors, "offsets": wrong}, path)
        with pytest.raises(UserError, match="tokenise alike"):
            Targets(path, encoded)


def test_answer_logits_are_the_full_logits_at_answers(sealed_pair, pico_benchmark: Path) -> None:
    model, tokenizer = load_model(sealed_pair[1]), load_tokenizer(sealed_pair[1])
    batch = collate([encode(e, tokenizer) for e in read_split(pico_benchmark, "train")], 0)
    full = model(batch.input_ids, attention_mask=batch.attention_mask).logits[batch.supervised]
    torch.testing.assert_close(answer_logits(model, batch), full)
    adapted = adapt(model, [1], Lora(rank=2), seed=0).base_model.model
    torch.testing.assert_close(answer_logits(adapted, batch), full)  # LoRA starts at zero


def test_every_registered_method_loads_and_an_unknown_one_is_refused() -> None:
    assert all(callable(METHODS.load(name)) for name in METHODS)
    with pytest.raises(UserError, match=r"method: found 'semaling', expected one of .*semalign"):
        METHODS.load("semaling")


def test_a_tampered_artifact_is_refused(signals, sealed_pair, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "pairing"
    shutil.copytree(signals["pairing"], copy)
    (copy / "pairing.json").write_text("{}")
    with pytest.raises(UserError, match=r"pairing\.json: does not match its provenance"):
        check(copy)
