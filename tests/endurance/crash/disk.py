"""Small disks of their own, which can be full or refuse writers."""

import atexit
import errno
import os
import pathlib
import subprocess

from lib import process

_disks: list["Disk"] = []


@atexit.register
def _unmount_all():
    for disk in _disks:
        disk.close()


def _run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, (
        f"{' '.join(map(str, words))}: {done.stderr.strip()}; this part has to mount a small disk: run it as root, "
        "where mounting is allowed"
    )


class Disk:
    """In memory (tmpfs); with `device` ext4 in a file, which can fail as a disk does."""

    def __init__(self, megabytes: int, device: bool = False):
        self.path, self.device = process.temporary() / "disk", device
        self.path.mkdir()
        self.image = self.path.with_name("image")
        if device:
            with self.image.open("wb") as image:
                image.truncate(megabytes << 20)
            _run("mkfs.ext4", "-q", self.image)
        self.size = megabytes
        self.mount()
        _disks.append(self)

    def mount(self):
        if self.device:
            _run("mount", "-o", "loop,errors=remount-ro", self.image, self.path)
        else:
            _run("mount", "-t", "tmpfs", "-o", f"size={self.size}m", "tmpfs", self.path)

    def unmount(self):
        _run("umount", self.path)

    def close(self):
        subprocess.run(["umount", "--lazy", str(self.path)], capture_output=True)

    def fill(self, leave: int = 0):
        """Until nothing can be written, or so many bytes."""
        self.free()
        with (self.path / "filler").open("wb", buffering=0) as filler:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        filler.write(b"\0" * size)
                except OSError as error:
                    assert error.errno == errno.ENOSPC, error
            if leave:
                filler.truncate(max(0, filler.tell() - leave))

    def free(self):
        (self.path / "filler").unlink(missing_ok=True)

    def read_only(self, on: bool):
        """Refuses writers, of which there are none."""
        _run("mount", "-o", f"remount,{'ro' if on else 'rw'}", self.path)

    def fail(self):
        """The system finds an error and takes no more writes, whoever has files open; until it is mounted again."""
        device = pathlib.Path(os.popen(f"findmnt --noheadings --output SOURCE {self.path}").read().strip()).name
        (pathlib.Path("/sys/fs/ext4") / device / "trigger_fs_error").write_text("1")
