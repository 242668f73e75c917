"""What the operating system tells of this machine: its processor, memory and caches.

Read from Linux's /proc and /sys; elsewhere Python's own, coarser answers.
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from dcplan.measure.types import Device

KIB = 2**10
CACHE_BYTES = 32 * 2**20
"""Where nobody tells the size of the last cache."""
MOST_CACHE_BYTES = 256 * 2**20
"""Virtual machines tell of the whole socket's cache, of which they have a part."""
MEMORY_BYTES = 4 * 2**30
"""Where nobody tells how much memory is free."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
CGROUP = Path("/sys/fs/cgroup")


def processor(threads: int | None = None) -> Device:
    """This machine's processor as a device; ``threads`` as the software tells them."""
    return Device(
        name=cpu_name(),
        kind="cpu",
        count=1,
        memory_bytes=free_bytes(),
        cache_bytes=cache_bytes(),
        threads=threads or usable_threads(),
    )


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """The processor's model name."""
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", _read(cpuinfo), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine() or "CPU"


def free_bytes(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int:
    """Memory that can be had without swapping, within the container's limit where there is one."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _read(meminfo), re.MULTILINE)
    free = int(found[1]) * KIB if found else MEMORY_BYTES
    limit, used = _read(cgroup / "memory.max").strip(), _read(cgroup / "memory.current").strip()
    if limit.isdigit() and used.isdigit():
        free = min(free, max(0, int(limit) - int(used)))
    return free


def cache_bytes(caches: Path = CACHES) -> int:
    """The largest cache of the first core."""
    found = [re.fullmatch(r"(\d+)K", _read(path).strip()) for path in caches.glob("index*/size")]
    sizes = [int(match[1]) * KIB for match in found if match]
    return min(max(sizes, default=CACHE_BYTES), MOST_CACHE_BYTES)


def usable_threads() -> int:
    """Threads that numpy's library uses: what the environment says, else the cores it may run on."""
    for name in THREAD_VARIABLES:
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(path: Path) -> str:
    """A small file's text, nothing where it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
