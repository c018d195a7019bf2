"""The scores in Tables 1 and 2 of arXiv 2510.24208 (version 1), for comparison with those of a run.

MMLU and GSM8K: accuracy; HumanEval and MBPP: pass@1; all in percent. The paper gives no intervals, and its
scores can't be reproduced with lm-eval's default prompts (shots and sampling differ).
"""

BENCHMARKS = ("mmlu", "gsm8k", "humaneval", "mbpp")
_STUDENT = (44.20, 16.07, 14.05, 17.80)  # Llama-2-7B-Chat

_TABLES: dict[str, dict[str, tuple[float | None, ...]]] = {
    "llama2-13b-chat-to-llama2-7b-chat": {
        "student": _STUDENT,
        "teacher": (52.90, 20.55, 18.75, 19.20),
        "seeking": (49.60, 28.23, 15.44, 20.60),
        "laten": (44.40, 20.47, 14.63, 18.20),
        "semalign": (50.30, 19.21, 17.34, 18.78),
    },
    "codellama-13b-python-to-llama2-7b-chat": {
        "student": _STUDENT,
        "teacher": (None, None, 47.56, 37.80),
        "seeking": (None, None, 16.05, 21.40),
        "laten": (None, None, 14.02, 17.80),
        "semalign": (None, None, 20.12, 22.35),
    },
    "wizardcoder-13b-python-to-llama2-7b-chat": {
        "student": _STUDENT,
        "teacher": (None, None, 56.71, 41.60),
        "seeking": (None, None, 15.04, 19.80),
        "laten": (None, None, 14.02, 18.60),
        "semalign": (None, None, 19.46, 21.18),
    },
}


def published(pair: str, benchmark: str, method: str) -> float | None:
    """The paper's score in percent, or None if it reports none."""
    row = _TABLES.get(pair, {}).get(method)
    return row[BENCHMARKS.index(benchmark)] if row and benchmark in BENCHMARKS else None
