"""What the distillation baselines read off a teacher: its distributions and its most relevant units."""
