"""From a config to artifacts: definition, variants, searches, layout, preflight checks, verification, cost planning."""
