"""A mirror: one folder with the published benchmarks' files, for machines without internet.

It has one folder per benchmark, in the format of the benchmark's first publication:
gsm8k/{train,test}.jsonl, humaneval/HumanEval.jsonl.gz, mbpp/mbpp.jsonl, mmlu/{dev,val,test}/<subject>_<part>.csv.
If such a folder has a file SHA256SUMS, the other files are compared with it.
"""

import gzip
import hashlib
import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from semalign.benchmarks.decoding import decode, read_bytes, read_text, user_path
from semalign.benchmarks.lines import parse_lines
from semalign.benchmarks.source import Row, Rows, Source, checksum
from semalign.runtime.errors import UserError

VARIABLE = "SEMALIGN_MIRROR"
SUMS = "SHA256SUMS"
EXPECTED_SUMS = "checksums as `sha256sum` writes them"
SUM = re.compile(r"\\?(?P<digest>[0-9A-Fa-f]{64})\s+\*?(?P<name>\S.*)")
GZIP = b"\x1f\x8b"
HEXADECIMAL = re.compile("[0-9A-Fa-f]{8,}")
DATA = (".csv", ".jsonl", ".gz")
HELP = (
    f"run `semalign-data prepare FOLDER` on a machine with internet, then name it in `mirror:` or {VARIABLE}"
)


def mirror_folder(setting: str | None) -> Path | None:
    """The mirror that the config or the environment names; None if neither does.

    Raises UserError if there is no such folder.
    """
    name = setting or os.environ.get(VARIABLE)
    if not name:
        return None
    folder = user_path(name)
    if not folder.is_dir():
        key = "config: mirror" if setting else VARIABLE
        found = f"found the file {folder}" if folder.exists() else f"no folder {folder}"
        raise UserError(f"{key}: {found}, expected a mirror of the benchmarks; {HELP}")
    return folder


def folder_of(name: str, mirror: Path) -> Path:
    """The folder of one benchmark in a mirror; raises UserError if it is missing."""
    if not (mirror / name).is_dir():
        raise UserError(f"mirror {mirror}: no folder {name}; {HELP}")
    return mirror / name


def read_mirror(source: Source, mirror: Path, parts: Iterable[str]) -> Rows:
    """Read rows from a mirror; raises UserError for a missing or damaged file."""
    folder = folder_of(source.name, mirror)
    check_sums(folder)
    return source.read(folder, parts)


def write_mirror(source: Source, rows: Rows, mirror: Path) -> None:
    """Write one benchmark's folder of a mirror, with checksums, and a README with its licence and origin."""
    from semalign.runtime.files import replace_folder, write_text

    with replace_folder(mirror / source.name) as folder:
        source.write(folder, rows)
        write_text(folder / "README.md", describe(source, rows))
        names = sorted(path.relative_to(folder).as_posix() for path in data_files(folder))
        write_text(folder / SUMS, "".join(f"{_digest(folder / name)}  {name}\n" for name in names))


def describe(source: Source, rows: Rows) -> str:
    """The README of one benchmark's folder."""
    lines = [f"| {name} | {len(part):,} | {checksum(part)} |" for name, part in rows.items()]
    return "\n".join(
        [
            f"# {source.name}",
            "",
            f"From {source.repository} on the hub, revision {source.revision}; origin: {source.origin}",
            f"Licence: {source.licence}",
            "",
            "| part | rows | checksum of the rows |",
            "|---|---|---|",
            *lines,
            "",
        ]
    )


def check_sums(folder: Path) -> None:
    """Compare a folder's data files with its SHA256SUMS, if it has that file.

    Raises UserError naming the first file that is missing or differs, or the first line that is no checksum.
    """
    sums = folder / SUMS
    if not os.path.lexists(sums):
        return
    for number, line in enumerate(read_text(sums, EXPECTED_SUMS).splitlines(), 1):
        if not line.strip():
            continue
        expected, name = _sum(line, f"{sums}: line {number}")
        if not name.endswith(DATA):
            continue
        path = existing(folder / name)
        actual = _digest(path)
        if actual != expected:
            raise UserError(
                f"{path}: found checksum {actual[:12]}, expected {expected[:12]} ({SUMS}); the file is damaged"
            )


def _sum(line: str, where: str) -> tuple[str, str]:
    """Digest and file name of a line of SHA256SUMS."""
    match = SUM.fullmatch(line.rstrip())
    if match:
        return match["digest"].lower(), match["name"]
    word = line.split(maxsplit=1)[0]
    found = f"{len(word)} hexadecimal digits" if HEXADECIMAL.fullmatch(word) else repr(line[:40])
    raise UserError(
        f"{where}: found {found}, expected 64 hexadecimal digits and a file name, as `sha256sum` writes them"
    )


def existing(path: Path) -> Path:
    """Return the path; raises UserError if the mirror has no such file."""
    if path.is_dir():
        raise UserError(f"{path}: found a folder, expected a file of the mirror; {HELP}")
    if not path.is_file():
        raise UserError(f"{path}: no such file in the mirror; {HELP}")
    return path


def read_gzip(path: Path, expected: str) -> str:
    """The text in a gzip file; raises UserError, in one line, if it is damaged, cut off, or not UTF-8."""
    expected = f"gzip-compressed data with {expected}"
    data = read_bytes(existing(path), expected)
    if not data.startswith(GZIP):
        decode(data, path, expected)
        raise UserError(f"{path}: found text, expected {expected}")
    try:
        return decode(gzip.decompress(data), path, expected)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a whole gzip file ({error}); {HELP}") from None


def read_lines(path: Path) -> list[Row]:
    """Read a file with one JSON object per line; raises UserError if a line is something else."""
    return parse_lines(read_text(existing(path), "one JSON object per line"), path)


def data_files(folder: Path) -> Iterator[Path]:
    """The data files below a benchmark's folder."""
    return (path for path in folder.rglob("*") if path.is_file() and path.name.endswith(DATA))


def converted(source: Source, rows: Rows) -> Rows:
    """Rows after a round trip through a mirror, so that hub and mirror give exactly the same."""
    with tempfile.TemporaryDirectory() as name:
        write_mirror(source, rows, Path(name))
        return read_mirror(source, Path(name), list(rows))


def _digest(path: Path) -> str:
    return hashlib.sha256(read_bytes(path, "a data file")).hexdigest()
