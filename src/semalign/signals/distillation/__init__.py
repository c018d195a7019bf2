"""Teacher signals of the distillation baselines: distributions, final states and the most relevant units."""
