"""From a config to artifacts: definition, variants, layout, preflight checks, verification, cost planning."""
