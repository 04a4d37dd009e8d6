"""Pure projections of events for front ends: no terminal, no clock, no disk."""
