"""Seeking's extraction stage: windows, layers, factors and refused pairs."""

from pathlib import Path

import pytest
import torch
from fabricated_models import ARCHITECTURES
from slow_references import brute_force, sensitivities

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.signals import Extraction
from semalign.models.anatomy import adapted_modules
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import check
from semalign.signals.extraction.factors import read_factors
from semalign.signals.extraction.matrices import matrices_of
from semalign.signals.extraction.search import most_sensitive
from semalign.signals.extraction.stage import extract_windows
from semalign.training.low_rank import principal_factors

NO_TOKENS = torch.empty(0, dtype=torch.long)
ATTENTION = ["q", "k", "v", "o"]
EVERYTHING = [*ATTENTION, "gate", "up", "down"]
# projections that a student of each architecture can adapt
OWN = dict.fromkeys(ARCHITECTURES, EVERYTHING) | {"neox": ["o", "up", "down"]}


@pytest.fixture
def extract(pico_benchmark: Path, tmp_path: Path):
    """Run the stage and return its folder."""

    def run(
        teacher: Path, student: Path, projections: list[str], rank: int = 4, name: str = "out", **control
    ) -> Path:
        write_json(
            tmp_path / "s.json", Extraction(rank=rank, projections=projections, **control).model_dump()
        )
        extract_windows(teacher, student, pico_benchmark, tmp_path / "s.json", tmp_path / name)
        return tmp_path / name

    return run


LARGE = {"layers": 4, "width": 32, "seed": 1}
SMALL = {"layers": 2, "width": 16, "seed": 2}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_every_architecture_gives_factors_of_its_windows(models, extract, kind: str) -> None:
    teacher, student = models(kind, **LARGE), models(kind, **SMALL)
    folder = extract(teacher, student, OWN[kind])
    found, factors = read_json(folder / "extraction.json"), read_factors(folder)
    large, small = load_model(teacher), load_model(student)
    assert set(factors) == set(adapted_modules(small, [1, 2], OWN[kind]))
    assert found["layers"] == sorted(found["layers"])
    assert found["layers"] == most_sensitive(found["scores"], 2)
    for name, (b, a) in factors.items():
        window = found["windows"][name]
        assert list(small.get_submodule(name).weight.shape) == window["shape"] == [len(b), a.shape[1]]
        row, column, (height, width) = window["row"], window["column"], window["shape"]
        source = large.get_submodule(window["teacher"]).weight[row : row + height, column : column + width]
        best = principal_factors(source, 4)
        assert torch.equal(b, best.b)
        assert torch.equal(a, best.a)
        place = found["layers"][int(name.split("layers.")[1].split(".")[0])]
        assert f"layers.{place - 1}." in window["teacher"]
    assert found["teacher_passes"] % 6 == 0
    assert check(folder)["stage"] == "extraction"


def test_a_kept_layer_goes_to_the_student_layer_of_its_rank_in_depth(models, extract, monkeypatch) -> None:
    teacher, student = models("llama", **LARGE), models("llama", **SMALL)
    monkeypatch.setattr("semalign.signals.extraction.search.most_sensitive", lambda *_: [2, 4])
    folder = extract(teacher, student, ["up"])
    model, factors = load_model(teacher), read_factors(folder)
    for name, window in read_json(folder / "extraction.json")["windows"].items():
        place = {"model.layers.0.mlp.up_proj": 1, "model.layers.1.mlp.up_proj": 3}[name]
        source = model.get_submodule(f"model.layers.{place}.mlp.up_proj").weight
        cut = source[window["row"] : window["row"] + 32, window["column"] : window["column"] + 16]
        assert torch.equal(factors[name].b, principal_factors(cut, 4).b)
        assert window["layer"] == place + 1


def test_the_windows_are_the_best_of_the_whole_s(models, extract, pico_benchmark: Path) -> None:
    teacher, student = models("llama", **LARGE), models("llama", **SMALL)
    folder = extract(teacher, student, EVERYTHING)
    model, tokenizer = load_model(teacher), load_tokenizer(teacher)
    examples = read_split(pico_benchmark, "extract")
    s = sensitivities(model, [collate([encode(e, tokenizer)], 0) for e in examples])
    for window in read_json(folder / "extraction.json")["windows"].values():
        best = brute_force(s[f"{window['teacher']}.weight"].numpy(), tuple(window["shape"]))[1]
        assert (window["row"], window["column"]) == best


def test_fused_matrices_of_a_teacher_are_split_head_by_head(models, extract) -> None:
    teacher, student = models("neox", **LARGE), models("llama", **SMALL)
    model = load_model(teacher)
    fused = model.get_parameter("gpt_neox.layers.0.attention.query_key_value.weight")
    for place, name in enumerate("qkv"):
        (matrix, *_) = matrices_of(model, [name], NO_TOKENS)
        heads = [fused[24 * h + 8 * place : 24 * h + 8 * place + 8] for h in range(4)]
        assert torch.equal(matrix.of(model), torch.cat(heads))
    # the stage takes the value's window from the fused matrix
    window = read_json(extract(teacher, student, ATTENTION) / "extraction.json")["windows"]
    assert window["model.layers.0.self_attn.v_proj"]["teacher"].endswith("attention.query_key_value")
    assert window["model.layers.0.self_attn.v_proj"]["shape"] == [8, 16]


def test_the_split_value_is_what_attention_reads(models) -> None:
    model = load_model(models("neox", **LARGE))
    (value, *_) = matrices_of(model, ["v"], NO_TOKENS)
    attention = model.get_submodule("gpt_neox.layers.0.attention")
    rows = torch.zeros(96, dtype=torch.bool)
    tagged = torch.arange(96.0).repeat(32, 1).T  # every row of the fused matrix holds its own index
    rows[value.view(tagged)[:, 0].long()] = True
    with torch.no_grad():
        attention.query_key_value.weight[rows] = 0.0
        attention.query_key_value.bias[rows] = 0.0
    outputs = []
    attention.dense.register_forward_pre_hook(lambda _m, args: outputs.append(args[0]))
    with torch.no_grad():
        model(torch.tensor([[5, 6, 7]]))
    assert outputs[0].abs().max() == 0.0


def test_a_fused_projection_of_a_student_is_refused(models, extract) -> None:
    with pytest.raises(UserError, match=r"projection 'v' can't be adapted in GPTNeoXForCausalLM"):
        extract(models("llama", **LARGE), models("neox", **SMALL), ["up", "v"])
    with pytest.raises(UserError, match=r"projection 'gate' can't be adapted in GPTNeoXForCausalLM"):
        extract(models("neox", **LARGE), models("llama", **SMALL), ["gate"])


@pytest.mark.parametrize(
    ("teacher", "student", "message"),
    [
        ({"layers": 2}, {"layers": 3}, "layers: found 2, expected at least the student's 3"),
        (
            {"width": 16},
            {"width": 32, "feed_forward": 32},
            r"hidden width \(of up\): found 16, .* student's 32",
        ),
        (
            {"feed_forward": 30},
            {"feed_forward": 48},
            r"feed-forward width \(of up\): found 30, .* student's 48",
        ),
    ],
)
def test_a_teacher_that_is_smaller_somewhere_is_refused(models, extract, teacher, student, message) -> None:
    with pytest.raises(UserError, match=f"the teacher's {message}"):
        extract(models("llama", **LARGE | teacher), models("llama", **SMALL | student), ["up", "down"])


def test_narrower_attention_is_refused_though_the_hidden_state_is_wider(models, extract) -> None:
    # Qwen3's heads are twice as wide as Llama's here: 64 query rows at width 32, compared with 40 at width 40
    teacher, student = models("llama", **LARGE | {"width": 40}), models("qwen3", **SMALL | {"width": 32})
    with pytest.raises(
        UserError, match=r"query width \(of q\): found 40, expected at least the student's 64"
    ):
        extract(teacher, student, ["q"])


def test_a_rank_above_a_side_is_refused_before_the_teacher_is_read(models, extract, monkeypatch) -> None:
    monkeypatch.setattr("semalign.signals.extraction.stage.load_model", None)
    with pytest.raises(
        UserError, match=r"lora.rank: found 9, expected at most 8, .* the student's v \(8 x 16\)"
    ):
        extract(models("llama", **LARGE), models("llama", **SMALL), ["up", "v"], rank=9)


def test_embedding_and_head_are_windowed_over_shared_tokens(models, extract) -> None:
    teacher, student = models("llama", **LARGE, vocabulary=300), models("llama", **SMALL, vocabulary=264)
    folder = extract(teacher, student, ["embedding", "head", "up"])
    factors, found = read_factors(folder), read_json(folder / "extraction.json")["windows"]
    embedding, head = factors["model.embed_tokens"], factors["lm_head"]
    assert (embedding.b.shape, embedding.a.shape) == ((16, 4), (4, 264))
    assert (head.b.shape, head.a.shape) == ((264, 4), (4, 16))
    assert embedding.a[:, 259:].abs().max() == head.b[259:].abs().max() == 0.0  # rows without a token
    model = load_model(teacher)
    first = found["model.embed_tokens"]["row"]
    source = model.get_submodule("model.embed_tokens").weight[:259, first : first + 16].T
    torch.testing.assert_close(embedding.b @ embedding.a[:, :259], torch.mm(*principal_factors(source, 4)))
    first = found["lm_head"]["column"]
    source = model.lm_head.weight[:259, first : first + 16]
    torch.testing.assert_close(head.b[:259] @ head.a, torch.mm(*principal_factors(source, 4)))


def test_tied_embeddings_are_refused_on_either_side(models, extract) -> None:
    tied = {"tied": True}
    for large, small in ((tied, {}), ({}, tied)):
        with pytest.raises(UserError, match=r"projection 'head' can't be adapted in .*tiedTrue.* one matrix"):
            extract(models("llama", **LARGE | large), models("llama", **SMALL | small), ["up", "head"])
    extract(models("llama", **LARGE | tied), models("llama", **SMALL | tied), ["up"])


def test_equal_depth_keeps_every_layer_and_the_same_inputs_give_the_same_bytes(models, extract) -> None:
    student = models("llama", **SMALL)
    first, again = (extract(student, student, EVERYTHING, name=name) for name in ("a", "b"))
    found = read_json(first / "extraction.json")
    assert found["layers"] == [1, 2]
    assert {(w["row"], w["column"]) for w in found["windows"].values()} == {(0, 0)}
    for name in ("factors.safetensors", "extraction.json"):
        assert (first / name).read_bytes() == (again / name).read_bytes()


def test_random_windows_lie_anywhere_in_the_kept_layers(models, extract) -> None:
    teacher, student = models("llama", **LARGE), models("llama", **SMALL)
    sensitive = extract(teacher, student, ["up", "down"], name="sensitive")
    first, again, other = (
        extract(teacher, student, ["up", "down"], name=name, windows="random", seed=seed)
        for name, seed in (("first", 0), ("again", 0), ("other", 1))
    )
    found = {out.name: read_json(out / "extraction.json") for out in (sensitive, first, again, other)}
    assert found["first"] == found["again"]
    assert found["first"]["layers"] == found["sensitive"]["layers"]
    places = {
        name: [(window["row"], window["column"]) for window in facts["windows"].values()]
        for name, facts in found.items()
    }
    assert len({tuple(places[name]) for name in ("sensitive", "first", "other")}) == 3
    bytes_of = [(out / "factors.safetensors").read_bytes() for out in (first, again)]
    assert bytes_of[0] == bytes_of[1]
