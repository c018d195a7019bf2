"""Masking of access tokens for gated models and trackers, which must not reach a log, a result or an artifact."""

import logging
import os
import re

VARIABLES = (
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN"),
    *("WANDB_API_KEY", "MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "TRACKIO_WRITE_TOKEN"),
)
HIDDEN = "***"
_LOOKS_LIKE_ONE = re.compile(r"\bhf_[A-Za-z0-9]{16,}")


def masked(text: str) -> str:
    """Return the text with tokens replaced: those in the environment, and anything that looks like one."""
    for variable in VARIABLES:
        if token := os.environ.get(variable, "").strip():
            text = text.replace(token, HIDDEN)
    return _LOOKS_LIKE_ONE.sub(HIDDEN, text)


class MaskedFormatter(logging.Formatter):
    """Formatter that masks tokens in log lines and tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def log_masked(level: int) -> None:
    """Log bare, masked messages to standard error, unless the root logger has a handler already."""
    if logging.root.handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(MaskedFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=level)
