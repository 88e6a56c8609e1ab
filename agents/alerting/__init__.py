"""Alerts of the worker: which records cause one, and what keeps one cause from speaking twice."""
