"""Peak memory of one side, measured in a separate process and without the memory of its inputs.

On the CPU it is the peak of the resident memory while the side runs, minus what was resident before (Linux).
On a GPU it is the peak of torch's allocator. A tiny case runs first, so that library pages that are loaded at their
first use count for neither side.
"""

import ctypes
import gc
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.registry import load_subject

logger = logging.getLogger("semalign")

MEGA = 1e6


def peak_of(subject: str, suite: str, case: str, side: str, device: str, threads: int) -> float | None:
    """Peak MB of `ours` or `theirs` of one case, measured in another process; None if that failed."""
    order = [sys.executable, "-m", "bench.memory", subject, suite, case, side, device, str(threads)]
    environment = {**os.environ, "MALLOC_ARENA_MAX": "2"}
    result = subprocess.run(order, capture_output=True, text=True, check=False, env=environment)
    if result.returncode:
        why = result.stderr.strip().splitlines()[-1:] or [f"exit status {result.returncode}"]
        logger.warning("memory of %s, %s, %s: not measured (%s)", subject, case, side, why[0])
        return None
    peak: float = json.loads(result.stdout.splitlines()[-1])["peak_mb"]
    return peak


def main() -> None:
    """Run in the other process: set up the case, run one side once, print the peak."""
    import torch

    name, suite, case_name, side, device, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    subject = load_subject(name)
    case = next(case for case in subject.cases[suite] if case.name == case_name)
    getattr(subject.build(subject.cases["quick"][0].size, device), side)()
    work = getattr(subject.build(case.size, device), side)
    print(json.dumps({"peak_mb": round(peak_while(work, device) / MEGA, 3)}))


def peak_while(work: Callable[[], Any], device: str) -> int:
    """Peak memory of this process while `work` runs, minus the memory in use before, in bytes."""
    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    before = _forget_peak()
    work()
    return _status("VmHWM") - before


def _forget_peak() -> int:
    """Reset the peak to what is resident now; returns that in bytes.

    Memory that the set-up freed is first returned to the system (glibc), because the work could reuse it without
    raising the peak.
    """
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _status(key: str) -> int:
    """A size from this process's status, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    main()
