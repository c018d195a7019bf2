"""Numbers and names as text."""

from semalign.runtime.columns import MAIN
from semalign.statistics.tables.paper import published
from semalign.statistics.tables.render import main_latex, main_markdown
from semalign.statistics.tables.text import csv_text, fixed


def test_numbers_as_text() -> None:
    assert [fixed(value) for value in (None, 3, "a", 1.0, -0.0, -1e-12)] == [
        "",
        "3",
        "a",
        "1.0000",
        "0.0000",
        "0.0000",
    ]
    assert fixed(0.1 + 0.2, 2) == "0.30"
    assert fixed(0.78125 + 1e-14) == fixed(0.78125 - 1e-14)
    assert csv_text(("a", "p"), [{"a": 0.5, "p": 0.00012345, "c": 1}]) == "a,p\n0.5000,0.000123\n"
    small = csv_text(
        ("p", "p_holm", "vs_default_p"), [{"p": 2.3111e-11, "p_holm": 0.0, "vs_default_p": None}]
    )
    assert small == "p,p_holm,vs_default_p\n2.31e-11,0.000000,\n"
    assert csv_text(["p"], [{"p": value} for value in (1e-5, 9.99e-6)]) == "p\n0.000010\n9.99e-06\n"


def test_names_are_escaped() -> None:
    row = dict.fromkeys(MAIN) | {"pair": "a_b", "benchmark": "50%", "method": "x|y~z", "score": 1.0}
    row |= {"seeds": 1, "score_low": 0.0, "score_high": 2.0}
    row |= {"vs_student": 1.0, "vs_student_p": 0.0}
    assert r"50\% & x|y\textasciitilde z & 1 & 1.0 [0.0, 2.0] & +1.0 (p $<$0.001)" in main_latex([row], [])
    assert main_latex([row], ["a_b"]).startswith("% a_b\n")
    assert r"x\|y~z" in main_markdown([row], [])


def test_published_figures() -> None:
    assert published("codellama-13b-python-to-llama2-7b-chat", "mbpp", "semalign") == 22.35
    assert published("wizardcoder-13b-python-to-llama2-7b-chat", "mmlu", "teacher") is None
    assert published("tiny", "facts", "semalign") is None
    assert published("llama2-13b-chat-to-llama2-7b-chat", "mmlu", "sft") is None
