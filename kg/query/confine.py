"""What a worker process may not do, set once by itself before it reads what strangers send.

Memory is bounded by the kernel. A connection to another host cannot be opened at all: SERVICE,
LOAD, a remote JSON-LD context, ``owl:imports`` or an address that a validator follows all end in
"permission denied", whatever the guards before them let through.
"""

from __future__ import annotations

import ctypes
import platform
import resource
import struct
import sys
from pathlib import Path
from typing import Final

_MEGABYTE: Final = 1 << 20
_RESERVED: Final = 2048 * _MEGABYTE
"""Address space that allocators and thread stacks reserve without using it."""

_SOCKET_CALLS: Final = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""By machine: the kernel's name of the architecture, and the number of the call ``socket``."""

_NO_NEW_PRIVILEGES: Final = 38
_SET_SECCOMP: Final = 22
_FILTER: Final = 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ARCHITECTURE, _CALL = 4, 0  # offsets in what the filter is given
_REFUSE, _ALLOW = 0x0005000D, 0x7FFF0000  # 0x000D is EACCES


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def limit_memory(megabytes: int) -> None:
    """Bounds what this process may still take, beyond what it has now.

    Writable memory is what counts (RLIMIT_DATA): a thread pool's unused reservations do not.
    Address space (RLIMIT_AS) is bounded too, more widely, for kernels that count only that.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data, space = _held()
    _lower(resource.RLIMIT_DATA, data + megabytes * _MEGABYTE)
    _lower(resource.RLIMIT_AS, space + megabytes * _MEGABYTE + _RESERVED)


def _lower(what: int, amount: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        amount = min(amount, hard)
    resource.setrlimit(what, (amount, amount))


def _held() -> tuple[int, int]:
    """Bytes of writable memory and of address space that this process has."""
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()
    except FileNotFoundError:
        return 0, 0
    return int(pages[5]) * resource.getpagesize(), int(pages[0]) * resource.getpagesize()


def had_more_than(megabytes: int) -> bool:
    """Whether this process has ever had more memory than so much."""
    return _told_peak() > megabytes and _peak() > megabytes


def _told_peak() -> int:
    """The most megabytes that this process has had, or more: on Linux it begins with what the
    parent had when it started this process. Asking takes 1 µs, `_peak` thirty.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> 20 if sys.platform == "darwin" else peak >> 10


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except FileNotFoundError:
        return _told_peak()
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(kilobytes) >> 10


def forbid_sockets() -> bool:
    """Makes every later ``socket()`` of this thread and its threads fail; open ones stay.

    A seccomp filter, for Linux on the machines of the table. False where it cannot be had.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in _SOCKET_CALLS:
        return False
    architecture, call = _SOCKET_CALLS[platform.machine()]
    steps = (
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_IF_EQUAL, 0, 3, architecture),
        (_LOAD, 0, 0, _CALL),
        (_JUMP_IF_EQUAL, 0, 1, call),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) == 0)
