"""The sandbox's first program, started by path and without site packages.

Usage: `driver.py <isolation> <socket> <JSON of limits and view>`.
"""

import contextlib
import importlib
import json
import os
import sys
from pathlib import Path

_USUAL = """
    abc array ast base64 bisect calendar cmath collections collections.abc contextlib copy csv
    dataclasses datetime decimal difflib enum fractions functools graphlib hashlib heapq hmac html
    inspect io itertools json locale math numbers operator pprint queue random re secrets statistics
    string struct sys textwrap threading time traceback types typing unicodedata urllib.parse uuid
    warnings weakref zlib zoneinfo bz2 lzma binascii codecs keyword timeit tempfile pathlib shutil
    glob fnmatch platform pickle copyreg sched cmd shlex gzip colorsys ipaddress encodings.ascii
    encodings.latin_1 encodings.utf_16 encodings.utf_32 encodings.utf_8_sig encodings.idna _strptime
"""
"""Modules imported once, here: programs then start faster, and if no file can be opened, no others are available."""


def main() -> None:
    """Enter the sandbox and serve; a failure to enter is reported to the judge in one line."""
    isolation = sys.argv[1]
    descriptor = int(sys.argv[2])
    settings = json.loads(sys.argv[3])
    folder = Path(__file__).resolve().parent
    sys.path.insert(0, str(folder.parent))
    wire, zygote, namespaces, confine = (
        importlib.import_module(f"{folder.name}.{name}")
        for name in ("wire", "zygote", "namespaces", "confine")
    )
    sys.path.pop(0)
    sys.argv[1:] = []
    os.environ.pop("LD_LIBRARY_PATH", None)
    # If the machine runs out of memory, the kernel should kill this process first.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        for name in _USUAL.split():
            importlib.import_module(name)
        if isolation == "namespaces":
            namespaces.enter(settings["view"])
        elif isolation == "seccomp":
            confine.become_nobody()
        zygote.Zygote(descriptor, isolation, settings["limits"]).serve()
    except Exception as error:
        wire.send(descriptor, {"ready": False, "error": f"{type(error).__name__}: {error}"[:300]})


if __name__ == "__main__":
    main()
