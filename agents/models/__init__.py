"""Which trained ensemble serves which record, and how that is changed while ticks flow."""
