"""Whole runs on a virtual clock, under a seeded scheduler, disk, model and person.

A seed is a schedule: it decides the order of tasks, the delays of threads, what the model says,
what people command, where the disk refuses and where the process dies. The same seed gives the
same bytes. After every death the run is resumed, until it ends, and what DESIGN promises of a
run is checked at each death and at the end.
"""
