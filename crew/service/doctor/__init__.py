"""What is wrong with a kept run, or with this machine: where, and the mend."""

from crew.service.doctor.checks import Check
from crew.service.doctor.machine import examine_machine
from crew.service.doctor.run import examine_run

__all__ = ["Check", "examine_machine", "examine_run"]
