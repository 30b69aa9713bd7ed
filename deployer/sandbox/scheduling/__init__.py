"""What the account does without being asked: tasks at their minute, programs that are kept running."""

from deployer.sandbox.scheduling.always_on import ALWAYS_ON, Programs
from deployer.sandbox.scheduling.clock import Clock
from deployer.sandbox.scheduling.runs import TASK, Runs, log_path
from deployer.sandbox.scheduling.timetable import Timetable

__all__ = ["ALWAYS_ON", "TASK", "Clock", "Programs", "Runs", "Timetable", "log_path"]
