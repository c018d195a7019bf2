"""Whatever reads a model's tensors reads those that the loaded model runs with, however the folder holds them."""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from edited_models import WEIGHTS, copy_of, edit_json, edit_weights, in_shards, with_stale_shards
from fabricated_gguf import write_gguf
from fabricated_models import ARCHITECTURES, build_model, write_tokenizer

from semalign.config.models import GgufPackage
from semalign.methods.laten.injection import KINDS, TeacherNeurons, module_of
from semalign.models import gguf
from semalign.models.architectures import ARCHITECTURES as ARCHITECTURES_KNOWN
from semalign.models.architectures import Architecture
from semalign.models.checking import check_model
from semalign.models.loading import TensorFolder, load_model, read_head
from semalign.models.naming import own_name
from semalign.models.readout import final_states, head_logits, read_readout, readout_of
from semalign.models.sources import materialise
from semalign.runtime.errors import UserError

SOURCE = Path(__file__).parents[3] / "src/semalign"
SHAPE: dict[str, Any] = {"layers": 2, "width": 32, "seed": 0}


def digest(tensor: torch.Tensor) -> str:
    """Digest of a tensor's values in float32, whatever the precision of its file."""
    return hashlib.sha256(tensor.detach().float().contiguous().numpy().tobytes()).hexdigest()


def names(folder: Path) -> Architecture:
    return TensorFolder(folder).facts


def stored_head(folder: Path) -> Path:
    """Another head in the file than the embedding, in a config that ties them."""
    head = f"{names(folder).head}.weight"
    embedding = f"{names(folder).embedding}.weight"
    return edit_weights(folder, lambda t: {**t, head: t[embedding].flip(0)})


def equal_head(folder: Path) -> Path:
    """The embedding stored twice, as older versions did."""
    head, embedding = f"{names(folder).head}.weight", f"{names(folder).embedding}.weight"
    return edit_weights(folder, lambda t: {**t, head: t[embedding]})


def only_head(folder: Path) -> Path:
    """A tied matrix that is stored under the head's name."""
    head, embedding = f"{names(folder).head}.weight", f"{names(folder).embedding}.weight"
    return edit_weights(folder, lambda t: {head if name == embedding else name: t[name] for name in t})


def renamed_head(folder: Path) -> Path:
    """The head after a prefix, which transformers accepts; and GPT-NeoX's under its name in the library."""
    facts = names(folder)
    prefix = facts.embedding.partition(".")[0]
    other = f"{prefix}.lm_head.weight" if facts.head == "lm_head" else "lm_head.weight"
    return edit_weights(
        folder, lambda t: {other if name == f"{facts.head}.weight" else name: t[name] for name in t}
    )


def bare(folder: Path) -> Path:
    """The names of the decoder alone."""
    prefix = names(folder).embedding.partition(".")[0]
    return edit_weights(folder, lambda t: {name.removeprefix(f"{prefix}."): t[name] for name in t})


def narrowed(dtype: torch.dtype) -> Callable[[Path], Path]:
    return lambda folder: edit_weights(folder, lambda t: {name: t[name].to(dtype) for name in t})


def loaded_as(dtype: str) -> Callable[[Path], Path]:
    """Weights in float32 that the study loads in lower precision."""

    def write(folder: Path) -> Path:
        (folder / "loading.json").write_text(f'{{"dtype": "{dtype}", "device_map": "one"}}')
        return folder

    return write


def both(folder: Path) -> Path:
    """Shards of another save, with their index, next to the single file."""
    other = copy_of(folder, folder.with_name("other"))
    in_shards(edit_weights(other, lambda t: {name: t[name] + 1 for name in t}))
    for path in other.glob("model*"):
        path.rename(folder / path.name)
    return folder


UNTIED: Mapping[str, Callable[[Path], Path]] = {
    "as saved": lambda folder: folder,
    "sharded": in_shards,
    "stale-sharded": with_stale_shards,
    "single and stale index": both,
    "half": narrowed(torch.float16),
    "bfloat16": narrowed(torch.bfloat16),
    "loaded in bfloat16": loaded_as("bfloat16"),
    "renamed head": renamed_head,
}
TIED: Mapping[str, Callable[[Path], Path]] = {
    "as saved": lambda folder: folder,
    "sharded": in_shards,
    "half": narrowed(torch.float16),
    "stored head": stored_head,
    "stored head, half": lambda folder: narrowed(torch.bfloat16)(stored_head(folder)),
    "stored head, shards": lambda folder: in_shards(stored_head(folder)),
    "equal head": equal_head,
    "only the head": only_head,
    "no key": lambda folder: edit_json(folder, tie_word_embeddings=True),
    "bare decoder": bare,
}
CASES = [(tied, name) for tied, group in ((False, UNTIED), (True, TIED)) for name in group]


@pytest.mark.parametrize("kind", ARCHITECTURES)
@pytest.mark.parametrize(
    ("tied", "case"), CASES, ids=[f"{'tied' if t else 'untied'}: {name}" for t, name in CASES]
)
def test_all_readers_agree_with_the_loaded_model(kind: str, tied: bool, case: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    build_model(kind, **SHAPE, tied=tied).save_pretrained(folder)
    write_tokenizer(folder)
    (TIED if tied else UNTIED)[case](folder)
    check_model(folder)
    compare(folder)


@pytest.mark.parametrize("tied", [False, True])
def test_all_readers_agree_on_a_gguf_file(
    tied: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gguf(tmp_path / "pico.gguf", tied=tied)
    monkeypatch.setattr(gguf, "package_folder", lambda package: tmp_path)
    materialise(GgufPackage(source="gguf-package", package="pico", file="pico.gguf"), tmp_path / "out")
    check_model(tmp_path / "out")
    compare(tmp_path / "out")


def compare(folder: Path) -> None:
    """Compare what maps, readouts, location, LaTen and evaluation read with the parameters of the loaded model."""
    model, tensors, head = load_model(folder), TensorFolder(folder), read_head(folder)
    facts = tensors.facts
    own_head, own_embedding = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    # maps, and the KL divergence of the evaluation
    assert digest(head.weight) == digest(own_head)
    assert digest(head.input_embedding) == digest(own_embedding)
    norm = model.get_submodule(facts.final_norm)
    assert digest(head.norm_gain) == digest(norm.weight.float() + facts.gain_offset)
    # stored states, the lens of the location
    readout, own = read_readout(folder), readout_of(model)
    assert digest(readout.weight) == digest(own.weight)
    assert {n: digest(p) for n, p in readout.norm.named_parameters()} == {
        n: digest(p) for n, p in norm.named_parameters()
    }
    # every tensor that is read alone
    held = {own_name(facts, name): tensor for name, tensor in model.state_dict().items()}
    for name in tensors.weights.tensors:
        assert digest(tensors.read(name)) == digest(held[name]), name
    assert held.keys() - tensors.weights.tensors.keys() <= {
        f"{facts.head}.weight",
        f"{facts.embedding}.weight",
    }
    compare_neurons(folder, model)
    compare_logits(model, readout)
    # the config says afterwards what is so
    assert model.config.tie_word_embeddings == (own_head is own_embedding)


def compare_neurons(folder: Path, model: Any) -> None:
    """LaTen's slices of the teacher."""
    some = torch.tensor([[[0, 3]]])
    last = model.config.num_hidden_layers - 1
    layers = torch.tensor([[last]])
    parts = {"ffn_layers": layers, "attention_layers": layers, "ffn": some, "v": some, "o": some}
    neurons = TeacherNeurons(folder, parts)
    for kind in KINDS:
        weight = model.get_submodule(module_of(neurons.facts, kind, last)).weight
        rows = weight.index_select(KINDS[kind].dim, some[0, 0])
        assert digest(neurons.read(kind, 0)[0]) == digest(rows.T if KINDS[kind].dim else rows)


def compare_logits(model: Any, readout: Any) -> None:
    """The logits of stored states are the model's."""
    from semalign.benchmarks.encoding import Encoded, collate

    batch = collate([Encoded([1, 5, 6, 7, 2], 2)], 0)
    with torch.no_grad():
        states = final_states(model, batch)
        found, expected = readout.of_final(states.float()), head_logits(model, states)
    tolerance = 1e-5 if model.dtype == torch.float32 else 2e-2
    torch.testing.assert_close(found, expected.float(), atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_model_with_a_stored_head_runs_with_it(kind: str, tmp_path: Path) -> None:
    build_model(kind, **SHAPE, tied=True).save_pretrained(tmp_path)
    stored_head(tmp_path)
    model = load_model(tmp_path)
    assert model.config.tie_word_embeddings is False
    assert torch.equal(model.get_output_embeddings().weight, model.get_input_embeddings().weight.flip(0))


def test_an_untied_model_without_a_head_is_refused_by_every_reader(tmp_path: Path) -> None:
    build_model("llama", **SHAPE).save_pretrained(tmp_path)
    edit_weights(tmp_path, lambda t: {name: t[name] for name in t if name != "lm_head.weight"})
    for read in (load_model, read_head, read_readout, TensorFolder):
        with pytest.raises(UserError, match=rf"{WEIGHTS}: found no lm_head\.weight"):
            read(tmp_path)


@pytest.mark.parametrize(
    ("name", "config", "entry"),
    [
        (
            "Olmo2ForCausalLM",
            "Olmo2Config",
            Architecture(attention="post_attention_layernorm", mlp="post_feedforward_layernorm"),
        ),
        (
            "Gemma2ForCausalLM",
            "Gemma2Config",
            Architecture(
                attention="post_attention_layernorm", mlp="post_feedforward_layernorm", gain_offset=1.0
            ),
        ),
    ],
)
@pytest.mark.parametrize("tied", [None, False, True])
def test_a_new_architecture_needs_one_entry_only(
    name: str,
    config: str,
    entry: Architecture,
    tied: bool | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import transformers as hf

    monkeypatch.setitem(ARCHITECTURES_KNOWN, name, entry)
    shape = {"vocab_size": 259, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    ties = {} if tied is None else {"tie_word_embeddings": tied}
    settings = getattr(hf, config)(
        **shape, **ties, num_attention_heads=4, num_key_value_heads=2, pad_token_id=0
    )
    getattr(hf, name)(settings).save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    if tied is None:
        edit_json(tmp_path, tie_word_embeddings=...)
    for file in ("config.json", "generation_config.json"):
        edit_json(tmp_path, file, eos_token_id=2, bos_token_id=1)
    check_model(tmp_path)
    compare(tmp_path)
    edit_weights(tmp_path, lambda t: {key: t[key] for key in t if "layers.1.mlp.up" not in key})
    with pytest.raises(UserError, match=r"found no .*up_proj"):
        check_model(tmp_path)


def test_there_is_one_loader_of_models_and_one_reader_of_their_files() -> None:
    loaders = re.compile(r"AutoModelForCausalLM\.from_pretrained|safe_open\(")
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if loaders.search(path.read_text(encoding="utf-8"))
    }
    # reference.py reads its own file
    assert found == {
        "models/loading.py",
        "models/values.py",
        "models/gguf.py",
        "evaluation/reference.py",
    }
