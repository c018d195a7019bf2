"""From a config to artifacts: definition, variants, layout, preflight, verification, planning."""
