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
import importlib
import os
import pathlib
import pkgutil
import resource
import signal
import sys
from collections.abc import Callable

# System call numbers of Landlock: the same on every architecture.
LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF = 444, 446
LANDLOCK_VERSION_FLAG = 1
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


@dataclasses.dataclass(frozen=True, slots=True)
class Box:
    """How much a shut-in process may use.

    Attributes:
        memory_bytes: Address space on top of what the process has already.
        allocation_max_bytes: Largest single allocation of the codecs.
        cpu_s: Processor time.
        files_max: Open files.
        file_size_max_bytes: Largest file that it may write.
    """

    memory_bytes: int = 1 << 30
    allocation_max_bytes: int = 256 << 20
    cpu_s: int = 24 * 3600
    files_max: int = 64
    file_size_max_bytes: int = 64 << 30


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
        ("empty-root", _enter_empty_root),
        ("capabilities", _drop_capabilities),
        ("parent-death", die_with_parent),  # after the last change of rights, which would undo it
        ("landlock", _landlock),
        ("seccomp", _seccomp),
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
    resource.setrlimit(resource.RLIMIT_NOFILE, (box.files_max, box.files_max))
    resource.setrlimit(resource.RLIMIT_CPU, (box.cpu_s, box.cpu_s + 1))
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
    size_max_bytes = pages * resource.getpagesize() + box.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (size_max_bytes, size_max_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (box.file_size_max_bytes, box.file_size_max_bytes))
    return f"{box.memory_bytes >> 20} MiB of memory, {box.cpu_s} s of processor time, {box.files_max} files"


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


# What each version of the interface can forbid: bits for files, network and scopes, then the size of the struct.
_LANDLOCK = {
    1: (13, 0, 0, 8),
    2: (14, 0, 0, 8),
    3: (15, 0, 0, 8),
    4: (15, 2, 0, 16),
    5: (16, 2, 0, 16),
    6: (16, 2, 2, 24),
}


def _landlock() -> str:
    libc = _libc()
    version = _checked(libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION_FLAG), "landlock")
    *bits, size_bytes = _LANDLOCK[min(version, max(_LANDLOCK))]
    # All that can be forbidden is, and no rule allows anything again.
    rules = _Ruleset(*((1 << count) - 1 for count in bits))
    descriptor = _checked(libc.syscall(LANDLOCK_CREATE_RULESET, ctypes.byref(rules), size_bytes, 0), "landlock")
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _checked(libc.syscall(LANDLOCK_RESTRICT_SELF, descriptor, 0), "landlock")
    os.close(descriptor)
    return f"version {version}: no files, no network, no foreign processes"


def _seccomp() -> str:
    import pyseccomp

    equal, masked = pyseccomp.EQ, pyseccomp.MASKED_EQ
    calls = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    fixed = [(pyseccomp.ALLOW, ALLOWED_CALLS), (pyseccomp.KILL_PROCESS, FATAL_CALLS)]
    fixed += [(pyseccomp.ERRNO(code), [name]) for name, code in (REFUSED_CALLS | ABSENT_CALLS).items()]
    for action, names in fixed:
        for name in names:
            _add(calls, action, name)
    for command in (F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC):  # F_SETOWN would signal others
        calls.add_rule(pyseccomp.ALLOW, "fcntl", pyseccomp.Arg(1, equal, command))
    for option in (PR_SET_NAME, PR_GET_NAME):  # encoders name their threads; nobody takes back the tie to the parent
        calls.add_rule(pyseccomp.ALLOW, "prctl", pyseccomp.Arg(0, equal, option))
    # Reading one's own limits is fine, setting any or looking at another process is not.
    calls.add_rule(pyseccomp.ALLOW, "prlimit64", pyseccomp.Arg(0, equal, 0), pyseccomp.Arg(2, equal, 0))
    # Looking at an open file is fine, looking at a name is not.
    calls.add_rule(pyseccomp.ALLOW, "newfstatat", pyseccomp.Arg(3, masked, AT_EMPTY_PATH, AT_EMPTY_PATH))
    calls.add_rule(pyseccomp.ERRNO(errno.EACCES), "newfstatat", pyseccomp.Arg(3, masked, AT_EMPTY_PATH, 0))
    # Threads are fine, processes are not.
    calls.add_rule(pyseccomp.ALLOW, "clone", pyseccomp.Arg(0, masked, CLONE_THREAD, CLONE_THREAD))
    calls.add_rule(pyseccomp.ALLOW, "tgkill", pyseccomp.Arg(0, equal, os.getpid()))  # abort() signals itself
    calls.load()
    return f"{len(ALLOWED_CALLS)} system calls allowed"


def _add(calls: object, action: object, name: str) -> None:
    try:
        calls.add_rule(action, name)  # type: ignore[attr-defined]
    except ValueError:
        return  # the architecture has no call of this name: nothing to rule
