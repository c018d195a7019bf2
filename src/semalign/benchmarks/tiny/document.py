"""The documents of the corpus, and the reserved problems, which the corpus never shows."""

import hashlib
from dataclasses import dataclass

RESERVED_SHARE = 0.2


@dataclass(frozen=True)
class Document:
    """A text in alternating parts: prompt, answer, prompt, answer, ..."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.parts)


def is_reserved(key: str) -> bool:
    """Whether the problem named by `key` is reserved for validation and test.

    A digest of the key selects a fifth of all problems. So the corpus can leave out every problem that a benchmark may
    ask, without knowing the benchmark's sizes or seed.
    """
    digest = hashlib.sha256(key.encode()).digest()
    return int.from_bytes(digest[:8], "big") < RESERVED_SHARE * 2**64
