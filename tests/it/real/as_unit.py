"""Starts what a systemd unit starts, in another root folder, with what the unit allows and no more.

    unshare --mount python3 as_unit.py ROOT UNIT [NAME=VALUE ...]

A folder made by debootstrap has no systemd that runs. This does its part by the same file: User,
WorkingDirectory, UMask, LimitNOFILE, capabilities, NoNewPrivileges; a read-only file system but for
StateDirectory, RuntimeDirectory and a private /tmp; ProtectProc; and as filters of the kernel
RestrictAddressFamilies, MemoryDenyWriteExecute and SystemCallFilter, whose words systemd-analyze
explains. Other lines are left to systemd. Needs root and python3-seccomp.
"""

import ctypes
import errno
import os
import pwd
import resource
import shlex
import socket
import subprocess
import sys

import seccomp

CAPABILITIES = {"CAP_NET_BIND_SERVICE": 10}
PR_SET_KEEPCAPS, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 8, 24, 38, 47
libc = ctypes.CDLL(None, use_errno=True)


def read(path):
    settings, section = {}, ""
    with open(path, encoding="utf-8") as file:
        for line in (line.strip() for line in file):
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and not line.startswith("#"):
                name, value = line.split("=", 1)
                settings.setdefault(name, []).append(value)
    return settings


def call(name, *arguments):
    if getattr(libc, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}{arguments}")


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def build_file_system(root, unit, user):
    """ProtectSystem=strict, PrivateTmp, ProtectProc, StateDirectory, RuntimeDirectory."""
    assert unit["ProtectSystem"] == ["strict"] and unit["PrivateTmp"] == ["yes"]
    mount("--bind", root, root)
    for folder, names in (("var/lib", "StateDirectory"), ("run", "RuntimeDirectory")):
        path = os.path.join(root, folder, unit[names][0])
        os.makedirs(path, exist_ok=True)
        os.chown(path, user.pw_uid, user.pw_gid)
        mount("--bind", path, path)
    for folder in ("tmp", "var/tmp"):
        mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", os.path.join(root, folder))
    process = f"hidepid={unit['ProtectProc'][0]},subset={unit['ProcSubset'][0]}"
    mount("-t", "proc", "-o", process, "proc", os.path.join(root, "proc"))
    mount("-o", "remount,bind,ro", root)


def expand(words):
    """The names of system calls that a line of SystemCallFilter means."""
    names = set()
    for word in words.split():
        if word.startswith("@"):
            said = subprocess.run(
                ["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True
            )
            lines = [line.strip() for line in said.stdout.splitlines()]
            names |= expand(" ".join(line for line in lines[1:] if not line.startswith("#")))
        else:
            names.add(word)
    return names


def build_filters(unit):
    allowed = set()
    for line in unit["SystemCallFilter"]:
        if line.startswith("~"):
            allowed -= expand(line[1:])
        else:
            allowed |= expand(line)
    calls = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in allowed:
        try:
            calls.add_rule(seccomp.ALLOW, name)
        except (RuntimeError, ValueError):
            pass  # a call that this machine does not have
    rest = seccomp.SyscallFilter(seccomp.ALLOW)
    assert unit["MemoryDenyWriteExecute"] == ["yes"]
    both, execute = 6, 4
    rest.add_rule(seccomp.ERRNO(errno.EPERM), "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, both, both))
    rest.add_rule(
        seccomp.ERRNO(errno.EPERM), "mprotect", seccomp.Arg(2, seccomp.MASKED_EQ, execute, execute)
    )
    families = {int(getattr(socket, name)) for name in unit["RestrictAddressFamilies"][0].split()}
    for family in set(range(46)) - families:
        rest.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", seccomp.Arg(0, seccomp.EQ, family))
    return rest, calls


def become(unit, user):
    """The user, with the capabilities that the unit leaves and gives."""
    bounding = {CAPABILITIES[name] for name in unit["CapabilityBoundingSet"][0].split()}
    ambient = {CAPABILITIES[name] for name in unit["AmbientCapabilities"][0].split()}
    for capability in range(41):
        if capability not in bounding:
            call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0)
    call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    bits = sum(1 << capability for capability in ambient)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    call("capset", header, (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0))
    for capability in ambient:
        call("prctl", PR_CAP_AMBIENT, 2, capability, 0, 0)
    assert unit["NoNewPrivileges"] == ["yes"]
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def main():
    root, unit = sys.argv[1], read(sys.argv[2])
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    environment |= dict(word.split("=", 1) for word in sys.argv[3:])
    filters = build_filters(unit)
    command = shlex.split(unit["ExecStart"][0])
    with open(os.path.join(root, "etc/passwd"), encoding="utf-8") as file:
        lines = [line.strip().split(":") for line in file]
    user = next(line for line in lines if line[0] == unit["User"][0])
    user = pwd.struct_passwd([user[0], user[1], int(user[2]), int(user[3]), *user[4:7]])
    build_file_system(root, unit, user)
    os.chroot(root)
    os.chdir(unit["WorkingDirectory"][0])
    os.umask(int(unit["UMask"][0], 8))
    # systemd may raise the limit of this machine, and the root of a container may not.
    files = min(int(unit["LimitNOFILE"][0]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    become(unit, user)
    for each in filters:
        each.load()
    os.execve(command[0], command, environment)


main()
