"""The catalogue of incremental indicators: pure, compiled steps over flat float64 state."""
