"""Predicted costs agree with the measured file sizes and memory of small runs."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES, build_model
from pruning_cases import batches, pico
from safetensors import safe_open
from tensor_memory import peak_bytes

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import Encoded, collate, encode
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.config.pruning import PrunedModel
from semalign.config.signals import Attribution
from semalign.methods.common.adapters import Training, Work, adapt, train_adapter
from semalign.methods.common.lora import answer_loss
from semalign.methods.semalign import SemAlign
from semalign.models.loading import load_tokenizer
from semalign.models.pruning.recipe import cut
from semalign.models.states import read_states
from semalign.runtime.errors import UserError
from semalign.signals.attribution import score_layers
from semalign.signals.semantics import bases
from semalign.study.planning import artifacts, memory
from semalign.study.planning.shapes import (
    KNOWN,
    ModelShape,
    pruned_shape,
    read_model_shape,
    shape_of,
    shapes_of,
)
from semalign.study.planning.study import Plan, Row
from semalign.study.planning.table import cost_table
from semalign.study.planning.texts import Split, texts_of
from semalign.study.planning.work import DEVICES

FACTOR = 1.6  # maximum ratio of predicted to measured peaks, and of measured to predicted ones
GIGA = 1e9


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_number_of_parameters_is_exact(kind: str, tmp_path: Path) -> None:
    model = build_model(kind, layers=3, width=32, seed=0, feed_forward=88, tied=kind == "gemma3")
    model.save_pretrained(tmp_path)
    assert read_model_shape(tmp_path).parameters == model.num_parameters()


def test_the_table_of_shapes_has_the_published_sizes() -> None:
    sizes = {name.partition("/")[2]: shape.parameters for name, shape in KNOWN.items()}
    assert sizes["Llama-2-7b-chat-hf"] == 6_738_415_616
    assert sizes["Llama-2-13b-chat-hf"] == 13_015_864_320
    assert sizes["SmolLM2-360M-Instruct"] == 361_821_120
    assert sizes["SmolLM2-135M-Instruct"] == 134_515_008


def train_facts(folder: Path, benchmark: Path) -> Split:
    tokenizer = load_tokenizer(folder)
    encoded = [encode(example, tokenizer) for example in read_split(benchmark, "train")]
    positions = sum(len(item.input_ids) - item.answer_start for item in encoded)
    return Split(len(encoded), 0, positions / len(encoded), max(len(item.input_ids) for item in encoded))


def test_stored_bytes_are_predicted_exactly(
    sealed_pair: tuple[Path, Path], pico_benchmark: Path, signals: dict[str, Path], transfer: Any
) -> None:
    teacher, student = map(read_model_shape, sealed_pair)
    train = train_facts(sealed_pair[0], pico_benchmark)

    def size(stage: str, *names: str) -> int:
        return sum((signals[stage] / name).stat().st_size for name in names)

    with safe_open(signals["activations"] / "activations.safetensors", "pt") as file:
        layers = [int(name.removeprefix("layer.")) for name in file.keys() if name != "offsets"]  # noqa: SIM118
    assert size("activations", "activations.safetensors") == artifacts.activations_bytes(
        teacher, train, layers
    )
    with safe_open(signals["alignment"] / "targets.safetensors", "pt") as file:
        paired = [int(name.removeprefix("layer.")) for name in file.keys() if name != "offsets"]  # noqa: SIM118
    stored = size("alignment", "targets.safetensors", "map.safetensors")
    assert stored == artifacts.alignment_bytes(teacher, student, train, paired)
    assert size("logits", "logits.safetensors") == artifacts.logits_bytes(train, 5)
    lora = Lora(rank=2, alpha=2)
    out = transfer(SemAlign(lora=lora, optimisation=Optimisation(steps=1, batch_size=4)))
    tensors = artifacts.adapter_bytes(student, 1, lora.rank, lora.projections)
    file_size = (out / "adapter_model.safetensors").stat().st_size
    assert tensors < file_size < tensors + 2500  # and a header


def examples(count: int = 4, length: int = 160) -> list[Encoded]:
    generator = torch.Generator().manual_seed(0)
    return [
        Encoded(torch.randint(3, 259, (length,), generator=generator).tolist(), 120) for _ in range(count)
    ]


@pytest.fixture(
    params=[("llama", "float32"), ("llama", "bfloat16"), ("qwen3", "float32"), ("neox", "float32")]
)
def measured(request: Any, tmp_path: Path) -> tuple[Callable[[], Any], ModelShape, str]:
    """A function that builds a model, its shape and kind; large enough for fixed costs not to matter."""
    kind, dtype = request.param

    def make() -> Any:
        model = build_model(kind, layers=6, width=128, seed=0, feed_forward=352, vocabulary=512)
        return model.to(getattr(torch, dtype)).eval().requires_grad_(False)

    make().save_pretrained(tmp_path)
    return make, read_model_shape(tmp_path, dtype), kind


def check(measured: int, predicted: memory.Peak) -> None:
    ratio = (predicted.total - predicted.weights) / measured
    assert 1 / FACTOR < ratio < FACTOR, f"predicted {ratio:.2f} of the measured {measured}"


def test_peaks_are_predicted_within_a_factor(measured: Any) -> None:
    make, shape, kind = measured
    model, texts = make(), examples()
    peak = peak_bytes(lambda: score_layers(model, [collate(texts[:1], 0)], Attribution()))
    check(peak, memory.attribution(shape, 160))
    peak = peak_bytes(lambda: read_states(model, texts, [3, 4], "mlp", 4, 0))
    check(peak, memory.reading(shape, 4 * 160, 2))
    projections = ["up", "down", "o"] if kind == "neox" else ["up", "down", "v", "o"]
    for layers in ([3], [1, 2, 3, 4, 5, 6]):
        adapted = adapt(make(), layers, Lora(rank=4, alpha=4, projections=projections), 0)
        work = Work(adapted.base_model.model, texts, 0)
        training = Training(Optimisation(steps=1, batch_size=4), 0)
        peak = peak_bytes(partial(train_adapter, work, answer_loss, training))
        above = 6 - layers[0] + 1
        check(peak, memory.training(shape, 640, 160, len(layers), above, 4, projections))


def test_the_papers_pair_fits_into_the_memory_of_its_gpus() -> None:
    teacher, student = KNOWN["meta-llama/Llama-2-13b-chat-hf"], KNOWN["meta-llama/Llama-2-7b-chat-hf"]
    projections = ["up", "down", "v", "o"]
    texts = {name: texts_of(name, None) for name in ("mmlu", "gsm8k", "humaneval", "mbpp")}
    for benchmark in texts.values():
        train, extract = benchmark.splits["train"], benchmark.splits["extract"]
        steering = memory.training(
            student, 2 * train.longest, round(2 * train.answer), 1, 32, 16, projections
        )
        assert steering.total < 24 * GIGA
        assert memory.reading(teacher, 8 * train.longest, 2).total < 40 * GIGA
        assert memory.attribution(teacher, extract.longest).total < 40 * GIGA
        assert memory.sensitivity(teacher, extract.longest).total < 40 * GIGA
    assert memory.bases(teacher, student).other < 1 * GIGA


def test_the_chunk_size_is_that_of_the_bases() -> None:
    assert memory.CHUNK == bases.CHUNK


def test_a_plan_has_one_row_per_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    from semalign.study.definition import load_study

    rows = Plan(load_study("config/config.yaml"), DEVICES["cpu"]).rows()
    jobs = {row.rule: row.jobs for row in rows}
    # 7 methods and 4 variants of 3 seeds, student and teacher on 4 benchmarks; 9 rungs on one of them
    assert jobs["score cells"] == 4 * (7 * 3 + 2 + 4 * 3) + 9 * 3 == 167
    assert jobs["attribute_layers"] == 4 and jobs["transfer_knowledge: sft"] == 4 * (3 + 3)
    assert jobs["transfer_knowledge: target-oracle"] == 3
    text = cost_table(rows)
    assert text.splitlines()[0].startswith("rule") and text.splitlines()[-1].startswith("all")
    assert len({len(line) for line in text.splitlines()}) == 1
    assert "GPU hours" in text and "prepare_model (pretrain" in text and "download" not in text


def test_every_registered_method_can_be_planned() -> None:
    from semalign.methods.registry import METHODS
    from semalign.study.definition import parse_study

    models = {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}}
    pairs = {"p": {"teacher": "big", "student": "small"}}
    data = {"study": "s", "seeds": [0], "models": models, "pairs": pairs, "benchmarks": {"facts": {}}}
    trained = [name for name in METHODS if name not in ("student", "teacher")]
    for name in trained:
        # an oracle reads the student of `distill-logits`
        methods: dict[str, Any] = {"student": {}, "teacher": {}, "distill-logits": {}, name: {}}
        rows = Plan(parse_study({**data, "methods": methods}), DEVICES["cpu"]).rows()
        (row,) = (row for row in rows if row.rule == f"transfer_knowledge: {name}")
        assert row.jobs == 1 and row.hours > 0


def test_total_hours_are_those_of_the_device() -> None:
    def row(rule: str, hours: float) -> Row:
        return Row(rule, 1, hours, 0, memory.Peak(1))

    rows = [row("reads", 2), row("maps (no GPU)", 5)]
    on_gpu, on_cores = cost_table(rows), cost_table(rows, on_gpu=False)
    assert on_gpu.splitlines()[-1].split()[:3] == ["all", "2", "2.0"] and "(5.0 CPU)" in on_gpu
    assert on_cores.splitlines()[-1].split()[:3] == ["all", "2", "7.0"] and "GPU hours" not in on_cores


def test_the_embedded_study_on_a_core_is_predicted_within_a_factor() -> None:
    """The study takes 8.9 minutes on two cores; without 98 seconds of pretraining that is 0.27 hours on one."""
    from semalign.study.definition import load_study

    hours = sum(row.hours for row in Plan(load_study("config/config.yaml"), DEVICES["cpu"]).rows())
    assert 0.27 / 1.5 < hours < 0.27 * 1.5


def test_a_pruned_model_is_planned_from_its_teacher(tmp_path: Path) -> None:
    from semalign.config.models import CutModel, GgufPackage

    def pruned(teacher: str, **sizes: int) -> CutModel:
        return CutModel.model_validate(
            {"source": "pruned", "teacher": teacher, "text": [{"path": "a.txt"}], **sizes}
        )

    whole = GgufPackage(source="gguf-package")
    models = {
        "twice": pruned("once", layers=12),
        "once": pruned("whole", feed_forward=1024),
        "whole": whole,
    }
    shapes = shapes_of(models | {"narrow": pruned("whole", width=432)}, tmp_path)
    assert list(shapes) == ["twice", "once", "whole", "narrow"]
    twice, narrow = shapes["twice"], shapes["narrow"]
    assert (twice.layers, twice.feed_forward, twice.width, twice.tied) == (12, 1024, 576, True)
    assert (narrow.layers, narrow.width, narrow.head_dim, narrow.tied) == (30, 432, 64, False)


def test_the_number_of_parameters_of_a_pruned_model_is_exact(tmp_path: Path) -> None:
    teacher = pico()
    teacher.config.save_pretrained(tmp_path)
    sizes = PrunedModel.model_validate(
        {"teacher": "t", "layers": 3, "feed_forward": 20, "width": 12, "text": [{"path": "a.txt"}]}
    )
    student = cut(sizes, teacher, batches()).model
    assert pruned_shape(sizes, read_model_shape(tmp_path)).parameters == student.num_parameters()


def test_answers_that_are_read_are_not_planned_as_generated() -> None:
    from semalign.config.benchmarks import RealBenchmark

    read = texts_of("mbpp-likelihood", RealBenchmark(benchmark="mbpp", test=100))
    assert (read.choices, read.new_tokens, read.samples, read.splits["test"].examples) == (1, 0, 1, 100)
    mixed = texts_of("mixture", None, [read, texts_of("gsm8k-steps", RealBenchmark(benchmark="gsm8k"))])
    assert (mixed.choices, mixed.new_tokens) == (1, 0)
    assert texts_of("mixture", None, [read, texts_of("gsm8k", None)]).choices == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file, expected a Hugging Face model folder"),
        ("[]", "found no sizes of a language model"),
        ("{", "found no sizes of a language model"),
        ("{}", "found no num_attention_heads, expected the sizes"),
        ('{"num_attention_heads": "x"}', "found no sizes of a language model"),
    ],
)
def test_a_folder_without_sizes_is_reported_in_one_line(
    content: str | None, message: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(UserError, match=rf"config\.json: {message}"):
        read_model_shape(tmp_path)


def test_an_unknown_shape_is_reported_in_one_line() -> None:
    from semalign.config.models import HubModel

    with pytest.raises(
        UserError, match=r"found no config\.json, expected its shape .* run `snakemake --cores 4 retrieve"
    ):
        shape_of(HubModel(source="hub", repository="org/name", revision="v1"))
