"""Methods that come from no paper."""
