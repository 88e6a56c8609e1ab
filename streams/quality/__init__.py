"""Filters: which ticks are believed. Compiled with the fold, before it."""
