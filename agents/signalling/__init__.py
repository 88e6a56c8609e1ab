"""The parts of the ensemble agent's work: who serves which record, what is remembered."""
