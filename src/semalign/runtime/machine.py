"""Facts about this machine and process for records: versions, hardware, peak memory; no names of the host."""

import importlib.metadata
import os
import platform
import resource
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("semalign", "torch", "transformers", "peft", "lm-eval", "snakemake", "numpy", "pandas", "scipy")


def versions() -> dict[str, str]:
    """Return the versions of the packages that can change a result."""
    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def hardware() -> dict[str, Any]:
    """Return processor, cores, memory and GPU of this machine, without its name."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mb": pages >> 20,
        "accelerator": _accelerator(),
    }


def peak_memory_mb() -> float:
    """Return the peak resident memory of this process in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def accelerator_memory() -> dict[str, Any]:
    """Return the measured peak memory, summed over all GPUs of this process; empty if it used none."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return {}
    gpus = range(torch.cuda.device_count())
    peak = sum(torch.cuda.max_memory_allocated(gpu) for gpu in gpus)
    return {"device_memory": {"peak_mb": round(peak / 1e6, 1), "gpus": len(gpus)}}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _accelerator() -> str | None:
    """Return the name of the GPU; torch is not imported for it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name())
