"""Kills PID and prints when its threads' pidfds, its /proc flags and its own pidfd told so."""
import ctypes
import os
import select
import signal
import sys
import time

PIDFD_OPEN, PIDFD_THREAD, PF_EXITING = 434, os.O_EXCL, 4
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


def pidfd(task, flags):
    fd = libc.syscall(PIDFD_OPEN, task, flags)
    if fd < 0:
        sys.exit(f"pidfd_open({task}, {flags}): {os.strerror(ctypes.get_errno())}")
    return fd


def exiting():
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return fields[0] in "ZX" or int(fields[6]) & PF_EXITING != 0


resident = int(open(f"/proc/{pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20
threads = [int(t) for t in os.listdir(f"/proc/{pid}/task") if int(t) != pid][:4]
poll = select.poll()
own = pidfd(pid, 0)
for fd in [own] + [pidfd(t, PIDFD_THREAD) for t in threads]:
    poll.register(fd, select.POLLIN)
assert not poll.poll(0) and not exiting()
begin = time.monotonic()
os.kill(pid, signal.SIGKILL)
first = whole = flag = None
while whole is None and time.monotonic() - begin < 10:
    for fd, _ in poll.poll(10_000):
        now = (time.monotonic() - begin) * 1000
        poll.unregister(fd)
        if fd == own:
            whole = now
        elif first is None:
            first = now
            # A thread may be gone before the leader carries the flag: one look is not enough.
            while not exiting() and time.monotonic() - begin < 1:
                time.sleep(0.0001)
            flag = (time.monotonic() - begin) * 1000
if first is None or whole is None or flag > 1000:
    sys.exit(f"thread pidfd {first}, exiting flag then {flag}, process pidfd {whole}")
if first > whole:
    sys.exit(f"thread pidfd {first:.1f} ms after the process's own {whole:.1f} ms")
print(f"{resident} MB: thread pidfd {first:.1f} ms, exiting flag read {flag:.1f} ms, process pidfd {whole:.1f} ms")
