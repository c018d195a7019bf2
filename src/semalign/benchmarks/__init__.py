"""The benchmarks, one file each: splits, prompts, answers; and how examples become tokens."""
