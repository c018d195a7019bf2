"""A token opens gated models; it must not reach a log, a result or an artifact."""

import logging
import os
import re

VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN")
HIDDEN = "***"
_LOOKS_LIKE_ONE = re.compile(r"\bhf_[A-Za-z0-9]{16,}")


def masked(text: str) -> str:
    """The text without the tokens of this environment and without anything that looks like one of the hub's."""
    for variable in VARIABLES:
        if token := os.environ.get(variable, "").strip():
            text = text.replace(token, HIDDEN)
    return _LOOKS_LIKE_ONE.sub(HIDDEN, text)


class MaskedFormatter(logging.Formatter):
    """Log lines and their tracebacks without tokens."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def log_masked(level: int) -> None:
    """Send log lines to standard error, bare and masked, unless a handler is there already."""
    if logging.root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(MaskedFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=level)
