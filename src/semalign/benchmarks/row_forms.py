"""The forms that a row of a user's own file may have, and how each becomes a prompt and an answer."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from semalign.benchmarks.lines import Row

SCORING = ("choices", "gold", "target", "tests", "entry_point", "prefix")  # what a row of any form may have
TYPES: dict[str, tuple[type, ...]] = {
    "id": (str, int),
    "prompt": (str,),
    "answer": (str,),
    "completion": (str,),
    "messages": (list,),
    "instruction": (str,),
    "input": (str,),
    "output": (str,),
    "choices": (list,),
    "gold": (int,),
    "target": (str,),
    "tests": (list,),
    "entry_point": (str,),
    "prefix": (str,),
}
SYNONYMS = {  # keys of other formats -> the key here
    "prompt": ("question", "input", "query", "text", "context", "problem"),
    "answer": ("output", "response", "completion", "solution", "answers", "reference", "canonical_solution"),
    "completion": ("output", "response", "solution", "answer"),
    "output": ("response", "completion", "answer"),
    "messages": ("conversations", "conversation", "chat", "dialogue", "dialog"),
    "choices": ("options", "endings", "alternatives"),
    "gold": ("label", "answer_index", "correct", "answer_idx", "index"),
    "tests": ("test", "test_list", "unit_tests", "asserts"),
    "entry_point": ("function", "function_name", "func"),
    "prefix": ("code", "setup"),
}
TURN = ("role", "content")  # keys of a chat's turns
ALIKE = 0.8  # likeness from which an unknown key is taken for a misspelling


@dataclass(frozen=True)
class Form:
    """The keys that hold a row's question and its answer; `optional` keys may be absent."""

    question: tuple[str, ...]
    answer: str
    optional: tuple[str, ...] = ()

    @property
    def needed(self) -> tuple[str, ...]:
        """The keys that every row of the form has."""
        return tuple(dict.fromkeys((*self.question, self.answer)))

    @property
    def words(self) -> str:
        """The form's name in messages."""
        return " and ".join(self.needed)

    @property
    def read(self) -> tuple[str, ...]:
        """All keys of a row that are read."""
        scoring = ("target",) if self is CHAT else SCORING
        return ("id", *self.needed, *self.optional, *scoring)


PLAIN = Form(("prompt",), "answer")
COMPLETION = Form(("prompt",), "completion")
CHAT = Form(("messages",), "messages")
ALPACA = Form(("instruction",), "output", ("input",))
FORMS = (PLAIN, COMPLETION, CHAT, ALPACA)


def form_of(row: Row) -> Form:
    """The form of a row: the first one whose keys it has, or else the one that it is likeliest meant to be."""
    whole = next((form for form in FORMS if all(key in row for key in form.needed)), None)
    if whole:
        return whole
    if "instruction" in row and "prompt" not in row:
        return ALPACA
    if any(name in row for name in SYNONYMS["messages"]) and not {"prompt", "answer"} & set(row):
        return CHAT
    return COMPLETION if "completion" in row else PLAIN


def ignored(form: Form, rows: Sequence[Row]) -> list[str]:
    """The columns that nothing reads, in the order in which they are met; of chats, also the keys of their turns."""
    names = [str(key) for row in rows for key in row if key not in form.read]
    if form is CHAT:
        turns = (turn for row in rows for turn in row["messages"])
        names += [
            f"messages[].{key}"
            for turn in turns
            for key, value in turn.items()
            if key not in TURN and value is not None
        ]
    return list(dict.fromkeys(names))


def misspelt(form: Form, key: str) -> str | None:
    """The key that says how a row is scored and that an unknown key is likely meant to be."""
    plain = key.strip().lower()
    expected = [name for name in form.read if name in SCORING]
    near = difflib.get_close_matches(plain, expected, 1, ALIKE)
    return near[0] if near else None


def in_place_of(key: str, row: Row) -> str | None:
    """The key of a row that likely holds what is missing under `key`."""
    names = {str(name).strip().lower(): str(name) for name in row}
    found = next((names[other] for other in SYNONYMS.get(key, ()) if other in names), None)
    unread = [name for name in names if name not in TYPES or names[name] != name]
    near = difflib.get_close_matches(key, unread, 1)
    return found or (names[near[0]] if near else None)


def plain_texts(form: Form, row: Mapping[str, Any]) -> tuple[str, str]:
    """The prompt and the answer of a row that is no chat."""
    if form is not ALPACA:
        return row["prompt"], row[form.answer]
    given = f"### Input:\n{row['input']}\n\n" if (row.get("input") or "").strip() else ""
    return f"### Instruction:\n{row['instruction']}\n\n{given}### Response:\n", row["output"]


def as_messages(form: Form, row: Mapping[str, Any]) -> list[dict[str, str]]:
    """The row as the turns of a chat; texts that are no turns yet lose the white space around them."""
    if form is CHAT:
        return [{key: turn[key] for key in TURN} for turn in row["messages"]]
    parts = (row[key].strip() for key in (*form.question, *form.optional) if row.get(key))
    question = "\n\n".join(filter(None, parts))
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": row[form.answer].strip()},
    ]
