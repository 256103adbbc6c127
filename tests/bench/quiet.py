"""Whether a measurement had the machine to itself: how many cores other processes used meanwhile."""

import os
import time

TICKS = os.sysconf("SC_CLK_TCK")


def _used_by_all():
    with open("/proc/stat") as stat:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def _used_by(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Watch:
    """From its making to others(): cores that neither this process nor `pid` used, stolen ones included."""

    def __init__(self, pid):
        self.pid = pid
        self.start = time.perf_counter()
        self.foreign = self._foreign()

    def _foreign(self):
        own = sum(os.times()[:2])
        return _used_by_all() - _used_by(self.pid) - own

    def others(self):
        return max(0.0, (self._foreign() - self.foreign) / (time.perf_counter() - self.start))
