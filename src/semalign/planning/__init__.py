"""What a study costs before it runs: GPU hours, disk and peak memory a rule, from shapes and token counts alone."""
