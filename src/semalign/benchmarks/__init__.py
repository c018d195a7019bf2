"""The benchmarks, one file each: splits, prompts and answers; and the encoding of examples as tokens."""
