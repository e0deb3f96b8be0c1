"""Tasks that tests run in the pool's children."""

import ctypes
import fcntl
import os
import resource
import signal
import socket
import threading
import time
from typing import Any

import av
import numpy as np

from media import errors, pool, sandbox, sink, source


def start_thread() -> None:
    """Does what preloading must not."""
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def echo(request: Any, files: pool.Files, report: pool.Report) -> Any:
    """Gives back the request."""
    return request


def arrays(request: Any, files: pool.Files, report: pool.Report) -> tuple[dict, dict[str, np.ndarray]]:
    """Gives arrays of several types and shapes."""
    return {"count": 3}, {
        "matrix": np.arange(6, dtype=np.int32).reshape(2, 3),
        "empty": np.zeros((0, 4), np.float32),
        "flags": np.array([True, False]),
    }


def copy(request: Any, files: pool.Files, report: pool.Report) -> int:
    """Copies an input to an output, and says how much."""
    return files.outputs["out"].write(files.inputs["in"].read())


def count(request: int, files: pool.Files, report: pool.Report) -> int:
    """Reports as often as asked."""
    for number in range(request):
        report({"number": number})
    return request


def sleep(request: float, files: pool.Files, report: pool.Report) -> int:
    """Says its process number, then sleeps."""
    report({"pid": os.getpid()})
    time.sleep(request)
    return os.getpid()


def spin(request: Any, files: pool.Files, report: pool.Report) -> None:
    """Computes for ever."""
    while True:
        pass


def crash(request: Any, files: pool.Files, report: pool.Report) -> None:
    """Reads where nothing is."""
    ctypes.string_at(8)


def abort(request: Any, files: pool.Files, report: pool.Report) -> None:
    """Gives up as C libraries do."""
    os.abort()


def fail(request: Any, files: pool.Files, report: pool.Report) -> None:
    """Has a bug."""
    raise KeyError("not one of ours")


def refuse(request: Any, files: pool.Files, report: pool.Report) -> None:
    """Raises one of our own errors."""
    raise errors.Refused("too long", reason="TOO_LONG", metadata={"limit": "3"})


def allocate(request: int, files: pool.Files, report: pool.Report) -> int:
    """Takes as many bytes of memory."""
    return len(bytearray(request))


def lie(request: str, files: pool.Files, report: pool.Report) -> None:
    """Sends the service something else than an answer, as a child that was taken over would."""
    answer = next(fd for fd in range(3, 64) if _is_pipe(fd))
    os.write(answer, bytes.fromhex(request))
    os._exit(0)


def _is_pipe(descriptor: int) -> bool:
    try:
        return (os.fstat(descriptor).st_mode & 0o170000) == 0o010000
    except OSError:
        return False


def environment(request: Any, files: pool.Files, report: pool.Report) -> dict[str, str]:
    """The variables of the child."""
    return dict(os.environ)


def descriptors(request: Any, files: pool.Files, report: pool.Report) -> list[int]:
    """Descriptors that are open in the child."""
    return [descriptor for descriptor in range(64) if _is_open(descriptor)]


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def overwrite(request: Any, files: pool.Files, report: pool.Report) -> str:
    """Tries to write an input."""
    try:
        os.write(files.inputs["in"].fileno(), b"x")
    except OSError as error:
        return type(error).__name__
    return "written"


def fill(request: int, files: pool.Files, report: pool.Report) -> str:
    """Writes as many bytes."""
    try:
        for _ in range(request >> 20):
            files.outputs["out"].write(b"x" * (1 << 20))
        files.outputs["out"].flush()
    except OSError as error:
        os.ftruncate(files.outputs["out"].fileno(), 0)
        return str(error.errno)
    return "written"


def look(request: dict[str, Any], files: pool.Files, report: pool.Report) -> dict[str, Any]:
    """Opens a source and decodes all of it, or as many frames as asked; says what came of it."""
    try:
        return {**_seen(request, files), "memory_peak_bytes": _memory_peak_bytes()}
    except errors.MediaError as error:
        return {"error": type(error).__name__, "reason": error.reason, "memory_peak_bytes": _memory_peak_bytes()}


def _seen(request: dict[str, Any], files: pool.Files) -> dict[str, Any]:
    with source.open_source(files.inputs["source"], threads=request.get("threads", 1)) as opened:
        frames = samples = 0
        for stream, packet in opened.packets(*filter(None, (opened.video, opened.audio))):
            for frame in opened.decode(stream, packet):
                frames += isinstance(frame, av.VideoFrame)
                samples += getattr(frame, "samples", 0)
            if frames >= request.get("frames_max", 1_000_000):
                break
        if not frames and not samples:
            raise errors.Unreadable("nothing in it can be decoded", reason="NO_FRAMES")
        return {"format": opened.container.format.name, "frames": frames, "samples": samples, "faults": opened.faults}


def _memory_peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def look_unguarded(request: Any, files: pool.Files, report: pool.Report) -> int:
    """Opens a source with PyAV's defaults, and counts the packets it gives."""
    with av.open(files.inputs["source"]) as container:
        return sum(packet.size > 0 for packet in container.demux())


def encode(request: dict[str, Any], files: pool.Files, report: pool.Report) -> None:
    """Writes a clip of picture and sound with as many threads."""
    with sink.open_sink(files.outputs["clip"], "mp4", {"movflags": "+faststart"}) as container:
        video = container.add_stream(request["codec"], rate=25)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        video.codec_context.thread_count = request["threads"]
        audio = container.add_stream("aac", rate=48_000, layout="stereo")
        for index in range(25):
            picture = np.full((240, 320, 3), index * 9, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for index in range(40):
            sound = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            sound.sample_rate, sound.pts = 48_000, index * 1024
            container.mux(audio.encode(sound))
        container.mux(video.encode(None))
        container.mux(audio.encode(None))


def open_pretended_device() -> None:
    """Has the box of this child take /dev/random for the device."""
    sandbox.DEVICE_PATHS = {"/dev/rando*": sandbox.DEVICE_PATHS["/dev/nvidia*"]}


def lose_landlock() -> None:
    """Has this child find a kernel without Landlock."""

    def absent(paths: dict[str, int]) -> str:
        raise OSError("not on this kernel")

    sandbox._landlock = absent


def use_devices(request: list[str], files: pool.Files, report: pool.Report) -> dict[str, str]:
    """Opens files, and asks each how much entropy there is, which only /dev/random knows."""
    return {path: _used(path) for path in request}


def _used(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(descriptor, 0x80045200, b"1234")
    except OSError as error:
        return type(error).__name__
    return "controlled"


# --- ways out -------------------------------------------------------------------------------------------------------

_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: Any) -> Any:
    """A function of the C library, with its failure as an exception."""
    result = getattr(_LIBC, name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def _fork() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    return child


ESCAPES = {
    "open_file": lambda parent: os.open("/etc/hostname", os.O_RDONLY),
    "open_own_memory": lambda parent: os.open("/proc/self/mem", os.O_RDONLY),
    "open_parent_environment": lambda parent: os.open(f"/proc/{parent}/environ", os.O_RDONLY),
    "write_file": lambda parent: os.open("/tmp/escaped", os.O_WRONLY | os.O_CREAT),
    "list_folder": lambda parent: os.listdir("/etc"),
    "stat_name": lambda parent: os.stat("/etc/hostname"),
    "stat_name_as_descriptor": lambda parent: _call(
        "syscall", 262, -100, b"/etc/hostname", ctypes.create_string_buffer(256), 0x1000
    ),
    "access_name": lambda parent: 1 / os.access("/etc/hostname", os.R_OK),
    "unlink": lambda parent: os.unlink("/tmp/escaped"),
    "rename": lambda parent: os.rename("/tmp/escaped", "/tmp/escaped2"),
    "symlink": lambda parent: os.symlink("/etc", "/tmp/escaped"),
    "make_folder": lambda parent: os.mkdir("/tmp/escaped"),
    "chmod": lambda parent: os.chmod("/tmp", 0o777),
    "tcp": lambda parent: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "udp": lambda parent: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "unix_socket": lambda parent: socket.socketpair(),
    "exec": lambda parent: os.execv("/bin/true", ["true"]),
    "fork": lambda parent: _fork(),
    "kill_parent": lambda parent: os.kill(parent, 0),
    "signal_parent_thread": lambda parent: _call("syscall", 234, parent, parent, 0),
    "signal_parent_by_file": lambda parent: _call("fcntl", 0, 8, parent),
    "trace_parent": lambda parent: _call("ptrace", 16, parent, 0, 0),
    "read_parent_memory": lambda parent: _call("process_vm_readv", parent, 0, 0, 0, 0, 0),
    "take_parent_file": lambda parent: os.pidfd_open(parent),
    "limit_parent": lambda parent: resource.prlimit(parent, resource.RLIMIT_CPU, (1, 1)),
    "raise_own_limit": lambda parent: resource.setrlimit(resource.RLIMIT_CPU, (1 << 40, 1 << 40)),
    "cut_tie_to_parent": lambda parent: _call("prctl", 1, 0, 0, 0, 0),
    "mount": lambda parent: _call("mount", b"none", b"/tmp", b"tmpfs", 0, 0),
    "namespace": lambda parent: _call("unshare", 0x10000000),
    "chroot": lambda parent: os.chroot("/tmp"),
    "io_uring": lambda parent: _call("syscall", 425, 1, 0),
    "bpf": lambda parent: _call("syscall", 321, 0, 0, 0),
    "become_other_user": lambda parent: os.setuid(1),
    "memory_file": lambda parent: os.memfd_create("x"),
    "take_all_memory": lambda parent: bytearray(8 << 30),
    "take_much_at_once_in_codec": lambda parent: _codec_allocation(512 << 20),
}


def _codec_allocation(size_bytes: int) -> int:
    """Has the codecs' own allocator make a picture."""
    return av.VideoFrame(20_000, size_bytes // 80_000, "rgba").width


def escape(request: str, files: pool.Files, report: pool.Report) -> str:
    """Tries one way out; says whether it worked."""
    try:
        ESCAPES[request](os.getppid())
    except (OSError, MemoryError, ValueError, ZeroDivisionError) as error:
        return f"blocked: {type(error).__name__}"
    return "escaped"


def ignore_signals(request: Any, files: pool.Files, report: pool.Report) -> None:
    """Tries not to be killed."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    report({"pid": os.getpid()})
    while True:
        time.sleep(1)
