"""The generated corpus behind the embedded benchmarks."""
