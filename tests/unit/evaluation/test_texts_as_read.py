"""What a model's tokenizer makes of texts is compared with the texts."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checked_texts import PLAIN, check

from semalign.benchmarks.base import Example
from semalign.benchmarks.fitting import Reader
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import Run

Edit = Callable[[dict[str, Any]], Any]
COLLAPSING = {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}
LINES = [Example("lines", "Is it\nso?", " yes\n  it is"), *PLAIN]


def begun(content: dict[str, Any]) -> None:
    """Let a tokenizer put <pad> before a text."""
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<pad>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"<pad>": {"id": "<pad>", "ids": [0], "tokens": ["<pad>"]}},
    }


@pytest.fixture
def edited(sealed_pair: tuple[Path, Path], tmp_path: Path) -> Callable[[Edit], Path]:
    """A function that copies the student with another tokenizer.json."""

    def make(edit: Edit) -> Path:
        folder = shutil.copytree(sealed_pair[1], tmp_path / "edited")
        content = json.loads((folder / "tokenizer.json").read_text())
        edit(content)
        (folder / "tokenizer.json").write_text(json.dumps(content))
        Run("model").seal(folder)
        return folder

    return make


def warned(caplog: pytest.LogCaptureFixture, folder: Path, model: Path, rows: list[Example]) -> list[str]:
    with caplog.at_level(logging.WARNING, "semalign"):
        check(folder, [model], rows)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (
            lambda content: content.update(normalizer=COLLAPSING),
            "train: the tokenizer changes the prompt of example lines: 'Is it\\nso?' is read as 'Is it so?' (5 of 23",
        ),
        (
            lambda content: content.update(normalizer={"type": "Lowercase"}),
            "train: the tokenizer changes the prompt of example lines: 'Is it\\nso?' is read as 'is it\\nso?'",
        ),
        (begun, "the tokenizer puts '<pad>' around a text; only bos and eos are put around an example"),
    ],
)
def test_a_text_that_is_read_as_another_one(
    edited: Callable[[Edit], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, edit: Edit, part: str
) -> None:
    rows = [Example("lines", "Is it\nso?", " yes"), *PLAIN]
    found = warned(caplog, tmp_path, edited(edit), rows)
    assert any(part.split(" (5 of")[0] in line and line.endswith("(for the model)") for line in found), found


def test_an_answer_that_is_read_as_another_one(
    edited: Callable[[Edit], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = edited(
        lambda content: content.update(normalizer={"type": "Strip", "strip_left": True, "strip_right": True})
    )
    [line] = warned(caplog, tmp_path, model, PLAIN)
    assert "the answer of example row-0: ' 0 and' is read as '0 and'" in line


@pytest.mark.parametrize("normalizer", [None, {"type": "NFC"}])
def test_texts_that_are_read_as_written(
    edited: Callable[[Edit], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, normalizer: Any
) -> None:
    rows = [Example("wide", "Été — 你好?\n", "cafe\u0301  x"), Example("chat", "<s>Q", " a</s>"), *LINES]
    model = edited(lambda content: content.update(normalizer=normalizer))
    assert warned(caplog, tmp_path, model, rows) == []


@pytest.mark.parametrize("mark", ["[INST]", "<|eot_id|>", "<start_of_turn>", "<<SYS>>"])
def test_marks_of_another_chat_inside_a_text(
    sealed_pair: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, mark: str
) -> None:
    rows = [Example("odd", f"Say {mark} so", " a"), *PLAIN]
    [line] = warned(caplog, tmp_path, sealed_pair[1], rows)
    assert f"example odd has {mark!r}, which is no special token of the model" in line


def test_marks_of_the_model_s_own_template(
    sealed_pair: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = shutil.copytree(sealed_pair[1], tmp_path / "own")
    (model / "chat_template.jinja").write_text("[INST] {{ messages }} [/INST]")
    Run("model").seal(model)
    assert warned(caplog, tmp_path, model, [Example("odd", "[INST] Q [/INST]", " a"), *PLAIN]) == []


def test_a_token_without_an_embedding_is_named(edited: Callable[[Edit], Path], tmp_path: Path) -> None:
    token = {"id": 5000, "content": "Picture", "special": True, "lstrip": False, "rstrip": False}
    model = edited(
        lambda content: content["added_tokens"].append({**token, "single_word": False, "normalized": False})
    )
    with pytest.raises(
        UserError, match=r"example odd has the token 'Picture'.*expected ids below.*remove it"
    ):
        check(tmp_path, [model], [Example("odd", "Picture?", " a"), *PLAIN])


def test_a_tokenizer_that_cuts_at_random_is_refused(edited: Callable[[Edit], Path]) -> None:
    with pytest.raises(
        UserError, match=r"model\.dropout: found 0\.3, with which every text is cut at random"
    ):
        Reader.of(edited(lambda content: content["model"].update(dropout=0.3)))


@pytest.mark.parametrize(
    ("row", "part"),
    [
        (Example("odd", "Q:", " </s>", target="</s>"), "answer: found nothing but special tokens"),
        (Example("odd", "Q:", " a", target="</s>"), "target: found nothing but special tokens"),
        (
            Example("odd", "Q:", " a", choices=[" a", " </s>"], gold=0),
            "choices[1]: found nothing but special",
        ),
    ],
)
def test_texts_of_special_tokens_only(
    sealed_pair: tuple[Path, Path], tmp_path: Path, row: Example, part: str
) -> None:
    with pytest.raises(UserError) as caught:
        check(tmp_path, sealed_pair, [row, row])
    assert any(part in line for line in caught.value.lines), caught.value.lines
