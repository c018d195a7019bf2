"""A tokenizer cuts texts as its tokenizer.json says, whatever class the folder names, and always alike."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edited_models import edit_json
from fabricated_models import ARCHITECTURES, build_model, write_tokenizer
from tokenizers import Tokenizer

from semalign.benchmarks.fitting import Reader
from semalign.models.checking import check_model
from semalign.models.inspection import problems_of
from semalign.models.loading import load_tokenizer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json

TEXT = "Hello world, it's 12345!\n\n x ünï 码"
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}
CLASSES = (
    "GPT2Tokenizer",
    "GPT2TokenizerFast",
    "GPTNeoXTokenizer",
    "Qwen2Tokenizer",
    "LlamaTokenizer",
    "GemmaTokenizer",
)
Rules = dict[str, Any]
RULES: dict[str, Rules] = {
    "digits": {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [DIGITS, BYTES]}},
    "whole lines": {"pre_tokenizer": {**BYTES, "use_regex": False}},
    "lower case": {"normalizer": {"type": "Lowercase"}},
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small Llama."""
    build_model("llama", layers=1, width=16, seed=0).save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    return tmp_path


def edit_tokenizer(folder: Path, **changes: Any) -> dict[str, Any]:
    """Give the tokenizer some merges in place of its last bytes, and other rules."""
    content: dict[str, Any] = read_json(folder / "tokenizer.json")
    merges = [["1", "2"], ["12", "3"], ["l", "l"], ["Ġ", "w"], [",", "Ġ"]]
    vocabulary = {token: at for token, at in content["model"]["vocab"].items() if at < 240}
    vocabulary |= {"".join(pair): 240 + at for at, pair in enumerate(merges)}
    content["model"] |= {"vocab": vocabulary, "merges": merges}
    write_json(folder / "tokenizer.json", content | changes)
    return content


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize("kind", ["llama", "qwen2", "neox"])
def test_the_rules_are_those_of_the_file(kind: str, rules: Rules, name: str, tmp_path: Path) -> None:
    build_model(kind, layers=1, width=16, seed=0).save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    edit_tokenizer(tmp_path, **rules)
    edit_json(tmp_path, "tokenizer_config.json", tokenizer_class=name)
    expected = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(TEXT, add_special_tokens=False)
    for tokenizer in (load_tokenizer(tmp_path), Reader.of(tmp_path).tokenizer):
        assert tokenizer(TEXT, add_special_tokens=False)["input_ids"] == expected.ids
        assert tokenizer.convert_tokens_to_ids(["<s>", "</s>", "<pad>"]) == [1, 2, 0]
        assert tokenizer.eos_token_id == 2
    check_model(tmp_path)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_limits_of_length_in_the_file_cut_no_text(kind: str, tmp_path: Path) -> None:
    build_model(kind, layers=1, width=16, seed=0).save_pretrained(tmp_path)
    write_tokenizer(tmp_path)
    truncation = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    edit_json(tmp_path, "tokenizer.json", truncation=truncation)
    edit_json(tmp_path, "tokenizer_config.json", model_max_length=4)
    check_model(tmp_path)
    assert len(load_tokenizer(tmp_path)("a" * 50)["input_ids"]) == 50


def dropped(folder: Path) -> Any:
    content = edit_tokenizer(folder)
    return edit_json(folder, "tokenizer.json", model={**content["model"], "dropout": 0.5})


def contradicting(folder: Path) -> Any:
    return write_json(
        folder / "special_tokens_map.json", {"eos_token": {"content": "<s>"}, "bos_token": "<s>"}
    )


def without_file(folder: Path) -> Any:
    content = read_json(folder / "tokenizer.json")
    write_json(folder / "vocab.json", content["model"]["vocab"])
    (folder / "merges.txt").write_text("")
    (folder / "tokenizer.json").unlink()


WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "chance": (dropped, "model.dropout: found 0.5, expected null"),
    "two ends": (
        contradicting,
        "eos_token: found '<s>', but tokenizer_config.json says '</s>'; expected the same",
    ),
    "older files": (without_file, "AutoTokenizer.from_pretrained(...).save_pretrained(...) writes it"),
    "length as text": (
        lambda folder: edit_json(folder, "tokenizer_config.json", model_max_length="long"),
        'model_max_length: found "long", expected a number above 0',
    ),
    "an end of another model": (
        lambda folder: edit_json(folder, "generation_config.json", eos_token_id=[2, 700]),
        "eos_token_id: found [2, 700], expected an id below 259",
    ),
}


@pytest.mark.parametrize(("edit", "expected"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_before_any_work(
    edit: Callable[[Path], Any], expected: str, model: Path
) -> None:
    assert problems_of(model) == []
    edit(model)
    (line,) = problems_of(model)
    assert expected in line


def test_equal_tokens_in_both_files_are_in_order(model: Path) -> None:
    write_json(model / "special_tokens_map.json", {"eos_token": {"content": "</s>"}, "bos_token": "<s>"})
    check_model(model)
    assert load_tokenizer(model).eos_token == "</s>"


def test_a_tokenizer_that_follows_other_rules_is_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoTokenizer

    edit_tokenizer(model, **RULES["digits"])
    edit_json(model, "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
    monkeypatch.setattr("semalign.models.loading.read_tokenizer", AutoTokenizer.from_pretrained)
    with pytest.raises(UserError, match=r"GPT2Tokenizer.*PreTrainedTokenizerFast"):
        check_model(model)


@pytest.mark.parametrize("setting", [True, False])
def test_a_setting_of_bos_that_has_no_effect_is_told(
    setting: bool, model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edit_json(model, "tokenizer_config.json", add_bos_token=setting)
    check_model(model)
    assert ("add_bos_token is true, but no text begins with bos" in caplog.text) == setting
