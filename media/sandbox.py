"""Shuts a process in before it touches untrusted media, as far as the kernel can.

Each protection stands alone: one that the kernel or a library does not offer is reported as inactive, the others hold.
Sources: landlock(7), seccomp(2), setrlimit(2), capabilities(7); the list of system calls was found by running every
codec under it.
"""

import contextlib
import ctypes
import dataclasses
import errno
import functools
import glob
import importlib
import os
import pathlib
import pkgutil
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Mapping

# System call numbers of Landlock: the same on every architecture.
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
LANDLOCK_VERSION_FLAG = 1
LANDLOCK_PATH_BENEATH = 1
LANDLOCK_WRITE_FILE, LANDLOCK_READ_FILE, LANDLOCK_READ_DIR, LANDLOCK_IOCTL_DEV = 1 << 1, 1 << 2, 1 << 3, 1 << 15
PR_SET_PDEATHSIG, PR_SET_NAME, PR_GET_NAME, PR_SET_NO_NEW_PRIVS = 1, 15, 16, 38
CAPABILITY_VERSION_3 = 0x20080522
AT_EMPTY_PATH = 0x1000
CLONE_THREAD, CLONE_NEWUSER = 0x10000, 0x10000000
EMPTY_ROOT = "/proc/self/fdinfo"  # holds a note on each open file of the process itself, and takes no new files
F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC = 0, 1, 2, 3, 4, 1030

LATE_MODULES = ("numpy.fft", "numpy.linalg", "numpy.ma", "numpy.random")
ALLOWED_CALLS = """
    read readv pread64 preadv write writev pwrite64 pwritev lseek fstat close dup dup2 dup3 ftruncate fallocate
    fsync fdatasync mmap munmap mremap mprotect madvise brk mincore membarrier msync
    futex futex_waitv set_robust_list get_robust_list rseq set_tid_address arch_prctl
    rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack restart_syscall exit exit_group
    sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min getcpu
    getpid gettid getppid getuid geteuid getgid getegid
    clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrandom
    getrusage getrlimit sysinfo uname poll ppoll select pselect6
""".split()

# Calls that no decoder has a reason to make: whoever makes one is taken over.
FATAL_CALLS = """
    execve execveat fork vfork kill tkill ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd
    pidfd_send_signal socket socketpair connect bind listen accept accept4 sendto sendmsg mount umount2 unshare setns
    pivot_root chroot bpf io_uring_setup io_uring_enter io_uring_register perf_event_open kexec_load init_module
    finit_module setuid setgid setresuid setresgid capset userfaultfd keyctl add_key request_key
""".split()

# Calls that libraries make in passing and survive being refused: glibc looks for character sets and the like.
REFUSED_CALLS = {"open": errno.EACCES, "openat": errno.EACCES, "openat2": errno.EACCES, "ioctl": errno.ENOTTY}
ABSENT_CALLS = {"clone3": errno.ENOSYS, "statx": errno.ENOSYS}  # glibc falls back to calls whose arguments can be seen


# What the driver of a device opens by name while it works, and what it may do there.
DEVICE_PATHS = {
    "/dev/nvidia*": LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE | LANDLOCK_IOCTL_DEV,
    "/proc/driver/nvidia": LANDLOCK_READ_FILE | LANDLOCK_READ_DIR,
}
DEVICE_FILES_MAX = 1024  # a driver opens its device anew for each mapping of memory
# What it calls beyond the others: it opens and controls devices, and asks where it runs and what there is.
DEVICE_CALLS = """
    open openat ioctl newfstatat access faccessat faccessat2 readlink readlinkat getdents64 statfs fstatfs
    eventfd2 pipe2 epoll_create1 epoll_ctl epoll_wait epoll_pwait mlock munlock mbind get_mempolicy sched_setaffinity
""".split()
DEVICE_REFUSED_CALLS = {"socket": errno.EACCES}  # it asks for its daemon, and goes on without one


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """How much a shut-in process may use.

    Attributes:
        memory_bytes: Address space on top of what the process has already.
        allocation_max_bytes: Largest single allocation of the codecs.
        cpu_s: Processor time.
        files_max: Open files.
        file_size_max_bytes: Largest file that it may write.
        device: Whether it works with a device whose driver it has opened before. Such a box is weaker: names of files
            can be looked at and devices opened, and only Landlock keeps all other files shut.
    """

    memory_bytes: int = 1 << 30
    allocation_max_bytes: int = 256 << 20
    cpu_s: int = 24 * 3600
    files_max: int = 64
    file_size_max_bytes: int = 64 << 30
    device: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Protection:
    """A protection and whether it is in force."""

    name: str
    active: bool
    detail: str


def prepare() -> None:
    """Loads what `enter` and the codecs need while files can still be opened.

    PyAV and NumPy import some of their modules only when they are first used, which is too late inside.
    """
    _libc()
    for name in LATE_MODULES:
        importlib.import_module(name)
    with contextlib.suppress(ImportError, RuntimeError, OSError):  # `enter` reports what is missing
        importlib.import_module("pyseccomp")
    package = importlib.import_module("av")
    for module in pkgutil.walk_packages(package.__path__, "av."):
        if "__main__" not in module.name and "datasets" not in module.name:
            importlib.import_module(module.name)


def enter(box: Box) -> list[Protection]:
    """Shuts the calling process in, for ever.

    The caller must have opened all it needs and imported all it runs.

    Returns:
        The protections, and which of them are in force.
    """
    steps: tuple[tuple[str, Callable[[], str]], ...] = (
        ("allocation", functools.partial(_limit_allocations, box.allocation_max_bytes)),
        ("rlimits", functools.partial(_limit_resources, box)),
        ("empty-root", _keep_root if box.device else _enter_empty_root),
        ("capabilities", _drop_capabilities),
        ("parent-death", die_with_parent),  # after the last change of rights, which would undo it
        ("landlock", functools.partial(_landlock, DEVICE_PATHS if box.device else {})),
        ("seccomp", functools.partial(_seccomp, device=box.device)),
    )
    return [_attempt(name, step) for name, step in steps]


def _attempt(name: str, step: Callable[[], str]) -> Protection:
    try:
        return Protection(name, True, step())
    except (OSError, ImportError, RuntimeError) as error:
        return Protection(name, False, str(error) or type(error).__name__)


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def die_with_parent() -> str:
    """Has the kernel kill the calling process when the thread that started it ends."""
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, "only on Linux")
    _checked(_libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    return "killed when the parent dies"


def _limit_allocations(size_max_bytes: int) -> str:
    # PyAV has no call for this; the library it loaded does.
    import av

    folder = pathlib.Path(av.__file__).parent.parent
    libraries = [*folder.glob("av.libs/libavutil*"), *folder.glob("av/.dylibs/libavutil*")]
    if not libraries:
        raise OSError(errno.ENOENT, "PyAV was built without libraries of its own")
    ctypes.CDLL(str(libraries[0])).av_max_alloc(ctypes.c_size_t(size_max_bytes))
    return f"{size_max_bytes >> 20} MiB at once"


def _limit_resources(box: Box) -> str:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    files_max = DEVICE_FILES_MAX if box.device else box.files_max
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    resource.setrlimit(resource.RLIMIT_CPU, (box.cpu_s, box.cpu_s + 1))
    sizes = [int(pages) * resource.getpagesize() for pages in pathlib.Path("/proc/self/statm").read_text().split()]
    # A driver reserves as much address space as there is memory, here and on the device: what can be written counts.
    kind, used_bytes = (resource.RLIMIT_DATA, sizes[5]) if box.device else (resource.RLIMIT_AS, sizes[0])
    resource.setrlimit(kind, (used_bytes + box.memory_bytes,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (box.file_size_max_bytes, box.file_size_max_bytes))
    what = "data" if box.device else "memory"
    return f"{box.memory_bytes >> 20} MiB of {what}, {box.cpu_s} s of processor time, {files_max} files"


def _keep_root() -> str:
    raise OSError(errno.ENOTSUP, "the driver of the device opens its files by name")


def _enter_empty_root() -> str:
    """Leaves no name to look up: the system call filter sees that a name is looked at, but not which."""
    try:
        os.chroot(EMPTY_ROOT)
    except PermissionError:
        # Whoever is not root may still do so in a user namespace of one's own, where the system offers these.
        _checked(_libc().unshare(CLONE_NEWUSER), "unshare")
        os.chroot(EMPTY_ROOT)
    os.chdir("/")
    return "no names of files at all"


def _drop_capabilities() -> str:
    # A service that runs as root would otherwise hand its children the right to raise their own limits.
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    _checked(_libc().capset(header, none), "capset")
    return "no rights beyond those of the user"


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


# What each version of the interface can forbid: bits for files, network and scopes, then the size of the struct.
_LANDLOCK = {
    1: (13, 0, 0, 8),
    2: (14, 0, 0, 8),
    3: (15, 0, 0, 8),
    4: (15, 2, 0, 16),
    5: (16, 2, 0, 16),
    6: (16, 2, 2, 24),
}


def _landlock(paths: Mapping[str, int]) -> str:
    libc = _libc()
    version = _checked(libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION_FLAG), "landlock")
    *bits, size_bytes = _LANDLOCK[min(version, max(_LANDLOCK))]
    # All that can be forbidden is, and no rule allows anything again but the paths.
    rules = _Ruleset(*((1 << count) - 1 for count in bits))
    descriptor = _checked(libc.syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(rules), size_bytes, 0), "landlock")
    opened = [_allow(descriptor, path, paths[pattern] & rules.files) for pattern, path in _matching(paths)]
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _checked(libc.syscall(LANDLOCK_RESTRICT_SELF, descriptor, 0), "landlock")
    os.close(descriptor)
    files = f"no files but {len(opened)} of the device" if paths else "no files"
    return f"version {version}: {files}, no network, no foreign processes"


def _matching(patterns: Iterable[str]) -> list[tuple[str, str]]:
    return [(pattern, path) for pattern in patterns for path in sorted(glob.glob(pattern))]


def _allow(rules: int, path: str, allowed: int) -> str:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    rule = _Beneath(allowed, place)
    added = _libc().syscall(LANDLOCK_ADD_RULE, rules, LANDLOCK_PATH_BENEATH, ctypes.byref(rule), 0)
    os.close(place)
    _checked(added, f"landlock of {path}")
    return path


def _seccomp(*, device: bool) -> str:
    import pyseccomp

    equal, masked = pyseccomp.EQ, pyseccomp.MASKED_EQ
    calls = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    allowed = ALLOWED_CALLS + DEVICE_CALLS if device else ALLOWED_CALLS
    refused = REFUSED_CALLS | ABSENT_CALLS | (DEVICE_REFUSED_CALLS if device else {})
    fixed = [(pyseccomp.ALLOW, allowed)]
    fixed += [(pyseccomp.KILL_PROCESS, [name for name in FATAL_CALLS if name not in refused])]
    fixed += [(pyseccomp.ERRNO(code), [name]) for name, code in refused.items() if name not in allowed]
    for action, names in fixed:
        for name in names:
            _add(calls, action, name)
    for command in (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC):  # F_SETOWN would signal others
        calls.add_rule(pyseccomp.ALLOW, "fcntl", pyseccomp.Arg(1, equal, command))
    for option in (PR_SET_NAME, PR_GET_NAME):  # encoders name their threads; nobody takes back the tie to the parent
        calls.add_rule(pyseccomp.ALLOW, "prctl", pyseccomp.Arg(0, equal, option))
    # Reading one's own limits is fine, setting any or looking at another process is not.
    calls.add_rule(pyseccomp.ALLOW, "prlimit64", pyseccomp.Arg(0, equal, 0), pyseccomp.Arg(2, equal, 0))
    if not device:  # looking at an open file is fine, looking at a name is not
        calls.add_rule(pyseccomp.ALLOW, "newfstatat", pyseccomp.Arg(3, masked, AT_EMPTY_PATH, AT_EMPTY_PATH))
        calls.add_rule(pyseccomp.ERRNO(errno.EACCES), "newfstatat", pyseccomp.Arg(3, masked, AT_EMPTY_PATH, 0))
    # Threads are fine, processes are not.
    calls.add_rule(pyseccomp.ALLOW, "clone", pyseccomp.Arg(0, masked, CLONE_THREAD, CLONE_THREAD))
    calls.add_rule(pyseccomp.ALLOW, "tgkill", pyseccomp.Arg(0, equal, os.getpid()))  # abort() signals itself
    calls.load()
    return f"{len(allowed)} system calls allowed"


def _add(calls: object, action: object, name: str) -> None:
    try:
        calls.add_rule(action, name)  # type: ignore[attr-defined]
    except ValueError:
        return  # the architecture has no call of this name: nothing to rule
