"""Files of plain documents: a .txt file is one, a .jsonl file has one per line."""

import logging
from pathlib import Path

from semalign.benchmarks.characters import UNREADABLE, describe
from semalign.benchmarks.decoding import decode, read_bytes, user_path
from semalign.benchmarks.findings import Findings
from semalign.benchmarks.joining import separated
from semalign.benchmarks.lines import Row, kind_of, numbered_rows
from semalign.runtime.errors import UserError

LOGGER = logging.getLogger(__name__)
EXPECTED = "documents as .txt or .jsonl"
SUFFIXES = (".txt", ".jsonl")
CHECKED = 32 * 2**20  # bytes of a file that are checked before any work


def read_documents(path: Path | str) -> list[str]:
    """Read the documents of a file.

    A .txt file is one document, a .jsonl file has one per line (`text`, or `prompt` and `answer`, joined as in a
    benchmark). Empty documents are left out. Raises UserError if the file is missing or of another kind, and for every
    line without a text.
    """
    path = Path(path)
    if path.exists() and not path.is_dir() and path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: found {path.suffix or 'no suffix'}, expected {EXPECTED}")
    return _documents(path, read_bytes(path, EXPECTED))


def problems_of(path: Path | str) -> list[str]:
    """The problems of a file of documents, one line each; of a large file, only the beginning is read."""
    try:
        file = user_path(path)
        if file.is_file() and file.stat().st_size > CHECKED:
            with file.open("rb") as source:
                _documents(file, source.read(CHECKED).rpartition(b"\n")[0])
        else:
            read_documents(file)
    except UserError as error:
        return list(error.lines)
    except OSError as error:
        return [f"{path}: can't be read ({error.strerror}); expected {EXPECTED}"]
    return []


def _documents(path: Path, data: bytes) -> list[str]:
    text = decode(data, path, EXPECTED)
    findings = Findings(path)
    if path.suffix.lower() == ".txt":
        documents = {1: text}
    else:
        rows = numbered_rows(text, findings)
        documents = {line: _text(findings, line, row) for line, row in rows}
    odd = 0
    for line, document in documents.items():
        if found := UNREADABLE.search(document):
            what, advice = describe(found.group())
            findings.add(
                line, "such characters", f"found {what} at character {found.start() + 1:,}; {advice}"
            )
        odd += "\ufffd" in document
    if findings.lines:
        raise UserError(*findings.lines)
    kept = [document for document in documents.values() if document.strip()]
    if not kept:
        raise UserError(f"{path}: found no document, expected at least one")
    if len(kept) < len(documents):
        LOGGER.warning("warning: %s: left out %d empty documents", path, len(documents) - len(kept))
    if odd:
        LOGGER.warning(
            "warning: %s: %d documents hold U+FFFD, the sign of an earlier wrong decoding", path, odd
        )
    return kept


def _text(findings: Findings, line: int, row: Row) -> str:
    keys = ("text",) if "text" in row else ("prompt", "answer")
    for key in keys:
        if key not in row:
            expected = "an object with `text`, or with `prompt` and `answer`"
            findings.add(
                line, f"no {key}", f"found no {key} (keys {', '.join(row) or 'none'}), expected {expected}"
            )
            return ""
        if not isinstance(row[key], str):
            findings.add(
                line, f"{key} of another type", f"{key}: found {kind_of(row[key])}, expected a string"
            )
            return ""
    return row["text"] if "text" in row else row["prompt"] + separated(row["prompt"], row["answer"])
