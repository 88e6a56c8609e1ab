"""The decision: pure maths from features to a signal."""
