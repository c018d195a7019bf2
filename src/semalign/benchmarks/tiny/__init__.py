"""The generated corpus from which the embedded benchmarks are drawn."""
