"""What a study costs before it runs: hours, disk and peak memory a rule, from shapes and token counts alone."""
