"""Multiple choice over 57 subjects, scored by log-likelihood (Hendrycks et al. 2021).

Train, extract, align and validation come from its dev and validation questions, as in Seeking's and LaTen's data.
With `auxiliary` the first three come from its auxiliary questions instead, which are optional in a mirror. Test is its
whole test part of 14,042 questions. Dev questions are also the shots of few-shot protocols, so by default a method may
have been trained on a shot; it is never trained on a test question.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import count, groupby
from pathlib import Path

from semalign.benchmarks.base import Example, Prepared
from semalign.benchmarks.contamination import Compared, plain
from semalign.benchmarks.decoding import read_text
from semalign.benchmarks.mirror import existing
from semalign.benchmarks.origin import load
from semalign.benchmarks.real import Sizes, draw
from semalign.benchmarks.registry import published
from semalign.benchmarks.source import Part, Row, Rows, Source
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_text

SIZES: Sizes = {"train": 1000, "extract": 20, "align": 80, "validation": 200}
LETTERS = "ABCD"
AUXILIARY = "auxiliary"
AUXILIARY_FOLDER = "auxiliary_train"


def _read(folder: Path, parts: Iterable[str]) -> Rows:
    return {part: list(_questions(folder, part)) for part in parts}


def _questions(folder: Path, part: str) -> Iterator[Row]:
    """The rows of one part; a subject in any of dev, val and test must be in each of them."""
    if part == AUXILIARY:
        files = sorted((folder / AUXILIARY_FOLDER).glob("*.csv"))
        if not files:
            raise UserError(
                f"{folder / AUXILIARY_FOLDER}: found no CSV file, expected MMLU's auxiliary questions"
            )
        named = [("", path) for path in files]
    else:
        subjects = {path.stem.rpartition("_")[0] for path in folder.glob("*/*_*.csv") if _of_subject(path)}
        named = [(name, folder / part / f"{name}_{part}.csv") for name in sorted(subjects)]
    for subject, path in named:
        yield from read_csv(path, subject)


def _of_subject(path: Path) -> bool:
    return path.stem.endswith(f"_{path.parent.name}")


def read_csv(path: Path, subject: str) -> Iterator[Row]:
    """Read a CSV file without a header: per row a question, four options and a letter.

    A quoted field may hold line breaks. Raises UserError for a missing file or a row of another form.
    """
    text = read_text(existing(path), "CSV rows with a question, four options and a letter")
    rows = csv.reader(io.StringIO(text, newline=""))
    for number in count(1):
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise UserError(f"{path}: row {number}: found no CSV ({error})") from None
        if row is None:
            return
        if len(row) != 6 or row[5].strip() not in tuple(LETTERS):
            found = f"{row[5]!r} as the letter" if len(row) == 6 else f"{len(row)} fields"
            raise UserError(
                f"{path}: row {number}: found {found}, expected a question, four options and a letter A-D"
            )
        yield {
            "subject": subject,
            "question": row[0],
            "options": row[1:5],
            "answer": LETTERS.index(row[5].strip()),
        }


def _write(folder: Path, rows: Rows) -> None:
    for part, questions in rows.items():
        for subject, group in groupby(
            sorted(questions, key=lambda row: row["subject"]), lambda row: row["subject"]
        ):
            at = f"{AUXILIARY_FOLDER}/{part}.csv" if part == AUXILIARY else f"{part}/{subject}_{part}.csv"
            text = io.StringIO(newline="")
            csv.writer(text, lineterminator="\n").writerows(
                [row["question"], *row["options"], LETTERS[row["answer"]]] for row in group
            )
            write_text(folder / at, text.getvalue())


def _convert(part: str, row: Row) -> Row:
    return {
        "subject": "" if part == AUXILIARY else row["subject"],
        "question": row["question"],
        "options": list(row["choices"]),
        "answer": int(row["answer"]),
    }


SOURCE = Source(
    "mmlu",
    "cais/mmlu",
    "c30699e8356da336a370243923dbaf21066bb9fe",
    "MIT, Copyright (c) 2020 Dan Hendrycks",
    "github.com/hendrycks/test (Hendrycks et al. 2021)",
    {"subject": str, "question": str, "options": list, "answer": int},
    {
        "dev": Part(
            "all/dev-00000-of-00001.parquet",
            285,
            "5ef01862593f7d290eec8a1f5229765fddc18d2cd865ab6e8e8da9fdde1ba1d9",
        ),
        "val": Part(
            "all/validation-00000-of-00001.parquet",
            1531,
            "5c7d1aa3624e333255d246c57d341c2aa523ef8db79051f714f654154e5b66bb",
        ),
        "test": Part(
            "all/test-00000-of-00001.parquet",
            14042,
            "cdf5a62ab54b6550988055c13da5518b7249c06d31463504724b49dda8b84de7",
        ),
        AUXILIARY: Part("all/auxiliary_train-00000-of-00001.parquet", 99842, None),
    },
    _read,
    _write,
    _convert,
)


@published("mmlu", title="MMLU", paper="arXiv:2009.03300")
def build(settings: RealBenchmark, mirror: str | None) -> Prepared:
    """Build all splits, with the dev questions as shots; raises UserError if the source is not as expected."""
    parts = [*SOURCE.required, *([AUXILIARY] if settings.auxiliary else [])]
    rows, origin = load(SOURCE, mirror, parts, settings.verify)
    items = {part: list(_numbered(questions, part)) for part, questions in rows.items()}
    pool = [*items["val"], *items["dev"]]
    validation = None
    if settings.auxiliary:
        pool = items[AUXILIARY]
        validation = items["val"]
    drawn = draw(settings, SIZES, pool, items["test"], compared, validation)
    return Prepared(drawn.splits, items["dev"], {"mmlu": origin, **drawn.origin}, drawn.heal)


def _numbered(rows: Iterable[Row], part: str) -> Iterator[Example]:
    for subject, group in groupby(rows, lambda row: row["subject"]):
        for number, row in enumerate(group):
            yield example(row, "-".join(filter(None, [part, subject, f"{number:03}"])))


def example(row: Row, key: str) -> Example:
    """Make one question: below its subject's header, with lettered options, and a letter as the answer."""
    subject = row["subject"].replace("_", " ")
    gold = row["answer"]
    about = f" about {subject}" if subject else ""
    options = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, row["options"], strict=True))
    choices = [f" {letter}" for letter in LETTERS]
    return Example(
        key,
        f"The following are multiple choice questions (with answers){about}.\n\n"
        f"{row['question'].strip()}\n{options}\nAnswer:",
        choices[gold],
        choices=choices,
        gold=gold,
        fields={column: row[column] for column in ("subject", "question", "options")},
    )


def compared(item: Example) -> Compared:
    """Text by which items are compared: the question with its options, in any order."""
    fields = item.fields or {}
    key = " ".join(map(plain, [fields["question"], *sorted(fields["options"])]))
    return Compared((key,), fields["question"])
