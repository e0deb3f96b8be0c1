"""Runs the box of the media workers as a container would hold it, and prints which protections are in force.

python contained.py PROFILE: without any capability, under a seccomp profile in Docker's format, or under none.
"""

import asyncio
import ctypes
import json
import platform
import sys

import pyseccomp

from media import pool

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS = 24, 28, 38
NOROOT_LOCKED = 0b11  # the user 0 gains nothing by an exec, for good
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITIES_MAX = 64  # more than any kernel has; what it does not know it refuses
ACTIONS = {"SCMP_ACT_ALLOW": pyseccomp.ALLOW}
OPERATORS = {"SCMP_CMP_EQ": pyseccomp.EQ, "SCMP_CMP_LT": pyseccomp.LT, "SCMP_CMP_MASKED_EQ": pyseccomp.MASKED_EQ}


def argument(rule: dict) -> pyseccomp.Arg:
    """One comparison of a rule."""
    values = (rule["value"], rule.get("valueTwo", 0)) if rule["op"] == "SCMP_CMP_MASKED_EQ" else (rule["value"],)
    return pyseccomp.Arg(rule["index"], OPERATORS[rule["op"]], *values)


def applies(rule: dict) -> bool:
    """Whether a rule is for this machine and for a process without capabilities, by Docker's reading."""
    here = ARCHITECTURES[platform.machine()]
    wanted, unwanted = rule.get("includes", {}), rule.get("excludes", {})
    if "caps" in wanted or here in unwanted.get("arches", ()):
        return False
    return here in wanted.get("arches", (here,))


def load(path: str) -> None:
    """Puts this process, and all it starts, under a profile."""
    with open(path, encoding="utf-8") as file:
        profile = json.load(file)
    calls = pyseccomp.SyscallFilter(pyseccomp.ERRNO(profile["defaultErrnoRet"]))
    for rule in filter(applies, profile["syscalls"]):
        action = ACTIONS.get(rule["action"]) or pyseccomp.ERRNO(rule["errnoRet"])
        for name in rule["names"]:
            try:
                calls.add_rule(action, name, *map(argument, rule.get("args", ())))
            except (ValueError, OSError):
                continue  # a call of another architecture, or newer than the library: it stays forbidden
    calls.load()


async def main() -> None:
    """Starts a pool and says how its children are shut in."""
    async with pool.Pool(pool.PoolSettings(workers=1)) as workers:
        print(json.dumps({one.name: one.detail if one.active else None for one in workers.protections()}))


def give_up_rights() -> None:
    """Leaves no capability, now or after any exec: to the kernel, root is then a user like any other."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_SECUREBITS, NOROOT_LOCKED, 0, 0, 0)
    for capability in range(CAPABILITIES_MAX):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header, none = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    if libc.capset(header, none) or libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "the rights stay")


if __name__ == "__main__":
    give_up_rights()
    if sys.argv[1:]:
        load(sys.argv[1])
    asyncio.run(main())
