"""A sandbox for programs that a model wrote; the verdict is made outside the processes that run them."""

from semalign.config.sandbox import SandboxLimits as Limits
from semalign.evaluation.sandbox.judge import Program, run_many, run_program
from semalign.evaluation.sandbox.verdict import Status, Verdict

__all__ = ["Limits", "Program", "Status", "Verdict", "run_many", "run_program"]
