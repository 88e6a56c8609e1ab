"""What acts: features, ensemble, dead letters, metrics, commands and the wiring."""
