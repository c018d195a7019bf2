"""Settings of the fuzz tests: the same inputs in every run and about a minute in all, or more with SEMALIGN_FUZZ.

`SEMALIGN_FUZZ=20 pytest tests/fuzz` draws 20 times as many inputs, and other ones in every run.
"""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("SEMALIGN_FUZZ", "1"))
EXAMPLES = 100

settings.register_profile(
    "semalign",
    max_examples=EXAMPLES * TIMES,
    derandomize=TIMES == 1,
    database=None,
    deadline=None,  # no test asserts a wall time
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("semalign")
