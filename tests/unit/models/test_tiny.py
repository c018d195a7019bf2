"""The embedded family: corpus, tokenizer, pretraining."""

import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from semalign.benchmarks.encoding import encode
from semalign.benchmarks.registry import BENCHMARKS, build_benchmark
from semalign.benchmarks.tiny import arithmetic, facts, programs
from semalign.benchmarks.tiny.corpus import draw_corpus
from semalign.benchmarks.tiny.document import Document, is_reserved
from semalign.config.tiny import TinyBenchmark, TinyModel
from semalign.models.tiny.pretraining import POSITIONS, build_model, create_model, weigh, weighted_loss
from semalign.models.tiny.tokenizer import VOCABULARY, build_tokenizer

PICO = TinyModel(layers=2, width=16, feed_forward=32, heads=2, examples=160, seed=3)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_corpus_depends_on_its_settings_only() -> None:
    corpus = draw_corpus(300, 0.5, 0.1, seed=1)
    assert draw_corpus(300, 0.5, 0.1, seed=1) == corpus
    assert draw_corpus(300, 0.5, 0.1, seed=2) != corpus


def test_benchmark_phrasing_is_the_share_asked_for() -> None:
    def share(phrasing: float) -> float:
        texts = [document.text for document in draw_corpus(2000, phrasing, 0.0, seed=0)]
        return sum(t.startswith(("Question: ", "def ", "Write a function ")) for t in texts) / len(texts)

    assert share(0.0) == 0.0
    assert share(0.03) == pytest.approx(0.03, abs=0.015)
    assert share(1.0) == 1.0


def test_what_the_benchmarks_keep_is_not_in_the_corpus() -> None:
    prompts = {
        item.prompt
        for kind in BENCHMARKS
        for split in ("validation", "test")
        for item in build_benchmark(kind, TinyBenchmark())[split]  # type: ignore[index]
    }
    corpus = draw_corpus(20_000, 1.0, 0.0, seed=0)
    assert not prompts & {document.parts[0] for document in corpus}
    assert all(not is_reserved(document.parts[0]) for document in corpus if "####" in document.text)


def test_kept_programs_are_not_in_the_corpus_in_any_phrasing() -> None:
    draw = random.Random(0)
    open_keys = {programs.draw_program(draw, False, 0.3).key for _ in range(3000)}
    kept_keys = {programs.draw_program(draw, True, 0.3).key for _ in range(1000)}
    assert not open_keys & kept_keys
    texts = {f"# function {key.partition(' ')[0]}" for key in kept_keys}
    told = {document.parts[0].partition("\n")[0] for document in draw_corpus(5000, 0.0, 0.0, seed=0)}
    assert any(line.startswith(tuple(texts)) for line in told)  # the names do occur
    shorthands = {
        f"# function {program.name}: {program.shorthand}"
        for program in (programs.draw_program(draw, True, 0.3) for _ in range(1000))
    }
    assert not shorthands & told


def test_every_program_does_what_its_code_says() -> None:
    draw = random.Random(1)
    for _ in range(300):
        program = programs.draw_program(draw, draw.random() < 0.5, 0.5)
        tests = programs.tests_of(program, draw)
        assert tests and all(test.startswith("assert ") for test in tests)
        exec("\n".join([program.signature + program.body, *tests]), {})


def test_a_word_has_one_value_of_each_attribute() -> None:
    assert len({(fact.word, fact.attribute) for fact in facts.world()}) == 3 * facts.WORDS
    assert not set(facts.asked_facts(True)) & set(facts.asked_facts(False))


def test_drilled_sums_are_right() -> None:
    document = arithmetic.drill_document(random.Random(0))
    for sum_, result in zip(document.parts[::2], document.parts[1::2], strict=True):
        assert eval(sum_.strip(" =")) == int(result.strip(" ."))


def test_tokenizer_has_words_and_numbers_as_units() -> None:
    tokenizer = build_tokenizer()
    assert len(tokenizer) == VOCABULARY
    for unit in [*(fact.word for fact in facts.world()), *map(str, range(64))]:
        assert len(tokenizer(f" {unit}", add_special_tokens=False)["input_ids"]) == 1
    text = 'def f(x):\n    """Ünknown 123."""'
    assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text


def test_tokenizer_splits_prompt_and_answer_where_the_whole_text_would() -> None:
    tokenizer = build_tokenizer()
    for kind in BENCHMARKS:
        for item in build_benchmark(kind, TinyBenchmark(train=30))["train"]:
            whole = tokenizer(item.prompt + item.answer)["input_ids"]
            assert encode(item, tokenizer).input_ids == [*whole, tokenizer.eos_token_id]


@pytest.mark.slow
def test_tokenizer_is_the_same_in_another_process() -> None:
    code = "from semalign.models.tiny.tokenizer import build_tokenizer as b; print(b().backend_tokenizer.to_str())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == build_tokenizer().backend_tokenizer.to_str()


def test_weights_follow_the_parts() -> None:
    tokenizer = build_tokenizer()
    [item] = weigh([Document((" 1 + 2 =", " 3.", " 2 + 2 =", " 4."))], tokenizer, prompt_weight=0.25)
    assert tokenizer.decode(item.input_ids, skip_special_tokens=True) == " 1 + 2 = 3. 2 + 2 = 4."
    assert item.weights == [0.0, *[0.25] * 4, 1.0, 1.0, *[0.25] * 4, 1.0, 1.0, 1.0]


def test_loss_is_the_weighted_mean_over_unpadded_documents() -> None:
    tokenizer = build_tokenizer()
    model = create_model(PICO, tokenizer)
    items = weigh([Document((" 1 + 2 =", " 3.")), Document((" 1 + 2 + 3 + 4 =", " 10."))], tokenizer, 0.1)
    total, weight = 0.0, 0.0
    for item in items:
        logits = model(torch.tensor([item.input_ids])).logits[0].double().log_softmax(-1)
        for position in range(1, len(item.input_ids)):
            total -= item.weights[position] * logits[position - 1, item.input_ids[position]].item()
            weight += item.weights[position]
    tokens = torch.zeros(2, 20, dtype=torch.long)
    weights = torch.zeros(2, 20)
    for row, item in enumerate(items):
        tokens[row, : len(item.input_ids)] = torch.tensor(item.input_ids)
        weights[row, : len(item.weights)] = torch.tensor(item.weights)
    assert weighted_loss(model, tokens, weights).item() == pytest.approx(total / weight, rel=1e-5)


def test_build_writes_a_plain_model_folder_twice_the_same(tmp_path: Path) -> None:
    history = build_model(PICO, tmp_path / "one", tmp_path / "checkpoint")
    build_model(PICO, tmp_path / "two", tmp_path / "checkpoint")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert history[-1]["step"] == 10
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= set(
        digests(tmp_path / "one")
    )
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    assert model.dtype == torch.float32
    assert model.lm_head.weight.data_ptr() != model.model.embed_tokens.weight.data_ptr()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    generation = GenerationConfig.from_pretrained(tmp_path / "one")
    assert (generation.eos_token_id, generation.pad_token_id) == (
        tokenizer.eos_token_id,
        tokenizer.pad_token_id,
    )
    assert tokenizer("a")["input_ids"][0] == tokenizer.bos_token_id == model.config.bos_token_id
    assert model.config.max_position_embeddings == POSITIONS


def test_an_interrupted_build_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from semalign.training import loop as training

    build_model(PICO, tmp_path / "whole", tmp_path / "none")
    update = training._Run.update

    def interrupted(run: training._Run, terms: dict[str, torch.Tensor]) -> float:
        if run.step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(run, terms)

    monkeypatch.setattr(training._Run, "update", interrupted)
    with pytest.raises(SystemExit):
        build_model(PICO, tmp_path / "whole2", tmp_path / "checkpoint")
    assert not (tmp_path / "whole2").exists()
    monkeypatch.undo()
    build_model(PICO, tmp_path / "whole2", tmp_path / "checkpoint")
    assert (
        digests(tmp_path / "whole")["model.safetensors"] == digests(tmp_path / "whole2")["model.safetensors"]
    )


@pytest.mark.parametrize("change", [{"width": 130}, {"heads": 3}, {"drill": 2}, {"layer": 3}])
def test_settings_out_of_range_are_refused(change: dict) -> None:
    with pytest.raises(ValidationError):
        TinyModel(**change)
