"""Says which system calls of a trace a unit does not allow: UNIT TRACE, as strace wrote it."""

import re
import subprocess
import sys
from functools import cache


@cache
def members(name):
    """The calls of a group of systemd's, or the call itself."""
    if not name.startswith("@"):
        return frozenset([name])
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
    lines = [line.strip() for line in text.splitlines()[1:]]
    return frozenset().union(*(members(line) for line in lines if line and not line.startswith("#")))


unit, trace = sys.argv[1:]
allowed = set()
for line in open(unit):
    if line.startswith("SystemCallFilter="):
        words = line.strip().split("=", 1)[1]
        for name in words.lstrip("~").split():
            allowed = allowed - members(name) if words.startswith("~") else allowed | members(name)
# As systemd says of allow lists: these are always in them.
allowed |= {"execve", "exit", "exit_group", "getrlimit", "rt_sigreturn", "sigreturn"} | members("@default")

called = set(re.findall(r"^\d+ +(\w+)\(", open(trace).read(), re.MULTILINE))
assert len(called) > 40, f"a trace of {len(called)} calls is none of a server"
refused = sorted(called - allowed)
assert not refused, f"the unit refuses {', '.join(refused)}"
print(f"{len(called)} calls")
