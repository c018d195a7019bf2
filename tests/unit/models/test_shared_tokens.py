"""Vocabularies of one family: padding rows and added tokens are matched by token string, and the report counts them."""

from pathlib import Path

from fabricated_analyses import pairing_table
from fabricated_models import write_model

from semalign.models.vocabulary import common_tokens, count_shared
from semalign.report.levels import STANDARD
from semalign.report.reading import Tables
from semalign.report.sentences import pairing
from semalign.runtime.files import read_json, write_json


def add_token(folder: Path, text: str, number: int) -> None:
    """Give the tokenizer one more token, as WizardCoder has one more than Llama 2."""
    facts = read_json(folder / "tokenizer.json")
    added = {"id": number, "content": text, "single_word": False, "lstrip": False, "rstrip": False}
    facts["added_tokens"].append({**added, "normalized": False, "special": True})
    write_json(folder / "tokenizer.json", facts)


def test_padding_rows_and_added_tokens_are_left_out(tmp_path: Path) -> None:
    student = write_model(
        tmp_path / "student", "llama", layers=1, width=16, seed=0, vocabulary=272
    )  # 13 padding rows
    teacher = write_model(tmp_path / "teacher", "llama", layers=1, width=32, seed=1, vocabulary=260)
    add_token(teacher, "<own>", 259)
    assert count_shared(teacher, student) == (259, 272)
    assert [len(ids) for ids in common_tokens(teacher, student)] == [259, 259]
    add_token(student, "<far>", 300)  # a token that the head has no row for
    add_token(teacher, "<far>", 301)
    assert count_shared(teacher, student) == (259, 272)


def test_the_report_says_how_many() -> None:
    table = pairing_table(("facts",)).assign(shared_tokens=32000, student_tokens=32000)
    text = pairing(Tables({"pairing": table}, STANDARD))
    assert text.endswith("share 32,000 of the student's 32,000 tokens, matched by token string.")
    counted = table.assign(teacher_left_out=6242, student_left_out=0)
    text = pairing(Tables({"pairing": counted}, STANDARD))
    assert "6,242 rows of the teacher's LM head and 0 of the student's were never trained" in text
    for unknown in (0, None):
        counted = table.assign(teacher_left_out=unknown, student_left_out=unknown)
        assert "never trained" not in pairing(Tables({"pairing": counted}, STANDARD))
    without = Tables({"pairing": table.drop(columns="shared_tokens")}, STANDARD)
    assert "token string" not in pairing(without)
