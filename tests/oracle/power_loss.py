#!/usr/bin/env python3
"""What a disk holds when the power goes: replays what `strace` saw a process do to its files.

A kill does not test a sync: what a killed process wrote is still in the kernel. Here only what was synced is there:

- the content of a file, as it was at its last fsync or fdatasync that had returned;
- the name of a file or a folder, or that it is gone, once the folder that it is in was synced since. Folders that were
  there before the log begins are of somebody who synced nothing. A second state for each moment keeps names that
  were not synced, as a disk may; the content stays what was synced.

    strace -f -y -xx -s 10000000 -e trace=openat,write,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,renameat,renameat2,\
unlink,unlinkat,mkdir,mkdirat -o LOG PROGRAM
    power_loss.py LOG FOLDER STATES MOST

A state is made for the moments at which the process had just told something on its standard output, and at which a sync
had just returned, at most MOST of them. For each, one line: {"state": FOLDER, "told": [lines], "names": "synced"|"kept"}.
"""

import json
import os
import re
import sys

CALL = re.compile(r"^(\d+) +(\w+)\((.*?)(?:\) += (-?\d+|\?)(.*)| <unfinished \.\.\.>)$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*?)\) += (-?\d+|\?)(.*)$")
FD = re.compile(r"^(\d+|AT_FDCWD)<([^>]*)>")
TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def plain(text):
    return bytes.fromhex(text.replace("\\x", ""))


def path_of(argument):
    found = FD.match(argument)
    return plain(found[2]).decode() if found and found[2].startswith("\\x") else None


class Disk:
    def __init__(self, root):
        self.root = root
        self.names = {}  # as the process sees them: path -> file
        self.synced_names = {}
        self.moment = 1
        self.made = {}  # when a folder was made, and when it was synced last
        self.synced_at = {}
        self.place = {}  # where the next plain write goes, by path

    def inside(self, path):
        return path is not None and path.startswith(self.root + "/")

    def open(self, path, flags):
        if not self.inside(path):
            return
        if path not in self.names and "O_CREAT" in flags:
            self.names[path] = {"now": bytearray(), "synced": b""}
        if path in self.names and "O_TRUNC" in flags:
            self.names[path]["now"] = bytearray()
        self.place[path] = None if "O_APPEND" in flags else 0

    def write(self, path, data, at=None):
        file = self.names.get(path)
        if file is None:
            return
        content = file["now"]
        if at is None:
            at = self.place.get(path)
            at = len(content) if at is None else at
            if self.place.get(path) is not None:
                self.place[path] = at + len(data)
        if len(content) < at:
            content.extend(bytes(at - len(content)))
        content[at : at + len(data)] = data

    def cut(self, path, length):
        file = self.names.get(path)
        if file is not None:
            del file["now"][length:]
            file["now"].extend(bytes(length - len(file["now"])))

    def sync(self, path, content):
        """What was there when the sync began is there for good."""
        if path in self.names and content is not None:
            self.names[path]["synced"] = content
        elif path == self.root or self.inside(path):
            self.moment += 1
            self.synced_at[path] = self.moment
            here = lambda name: os.path.dirname(name) == path
            kept = {name: file for name, file in self.synced_names.items() if not here(name)}
            kept.update({name: file for name, file in self.names.items() if here(name)})
            self.synced_names = kept

    def make(self, path):
        self.moment += 1
        self.made[path] = self.moment

    def reached(self, path):
        """Whether every folder on the way to the file is there for good."""
        folder = os.path.dirname(path)
        while folder != self.root:
            above = os.path.dirname(folder)
            if self.synced_at.get(above, 0) <= self.made.get(folder, 0):
                return False
            folder = above
        return True

    def state(self, folder, names, all_folders):
        for path, file in names.items():
            if not all_folders and not self.reached(path):
                continue
            target = folder + path[len(self.root) :]
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as out:
                out.write(file["synced"])


def calls(log):
    """Each call when it returns, with what it was about when it began."""
    begun = {}
    with open(log, encoding="ascii") as lines:
        for line in lines:
            line = line.rstrip("\n")
            found = CALL.match(line)
            if found and found[4] is None:
                begun[found[1]] = found[3]
                yield found[2], found[3], None, found[1]
            elif found:
                yield found[2], found[3], None, found[1]
                yield found[2], found[3], found[4] + found[5], found[1]
            else:
                found = RESUMED.match(line)
                if found:
                    yield found[2], begun.pop(found[1], "") + found[3], found[4] + found[5], found[1]


def moments(log, root):
    disk, told, syncing = Disk(root), [], {}
    for name, arguments, result, process in calls(log):
        texts = [plain(text) for text in TEXT.findall(arguments)]
        path = path_of(arguments)
        if result is None:
            # It begins: a sync covers what was written by now.
            if name in ("fsync", "fdatasync"):
                file = disk.names.get(path)
                syncing[process] = bytes(file["now"]) if file else None
            elif name == "write" and arguments.startswith("1<") and texts:
                told += texts[0].decode(errors="replace").splitlines()
                yield disk, told
            continue
        if result.startswith(("-", "?")):
            continue
        if name == "openat":
            opened = re.search(r"<((?:\\x[0-9a-f]{2})+)>", result)
            disk.open(plain(opened[1]).decode() if opened else None, arguments)
        elif name == "write" and texts:
            disk.write(path, texts[0][: int(result.split("<")[0])])
        elif name == "pwrite64" and texts:
            disk.write(path, texts[0], int(arguments.rsplit(",", 1)[1]))
        elif name == "lseek" and path in disk.place:
            disk.place[path] = int(result)
        elif name == "ftruncate":
            disk.cut(path, int(arguments.rsplit(",", 1)[1]))
        elif name in ("fsync", "fdatasync"):
            disk.sync(path, syncing.pop(process, None))
            yield disk, told
        elif name.startswith("rename") and len(texts) == 2:
            old, new = (text.decode() for text in texts)
            if old in disk.names:
                disk.names[new] = disk.names.pop(old)
        elif name.startswith("mkdir") and texts:
            disk.make(texts[0].decode())
        elif name.startswith("unlink") and texts:
            disk.names.pop(texts[0].decode(), None)


def main():
    log, root, states, most = sys.argv[1:]
    root = os.path.realpath(root)
    count = sum(1 for _ in moments(log, root))
    every = max(1, -(-count // int(most)))
    for number, (disk, told) in enumerate(moments(log, root)):
        if number % every and number != count - 1:
            continue
        for names in ("synced", "kept"):
            if names == "kept" and disk.names == disk.synced_names:
                continue
            folder = os.path.join(states, f"{number:06}-{names}")
            os.makedirs(folder)
            kept = names == "kept"
            disk.state(folder, disk.names if kept else disk.synced_names, kept)
            print(json.dumps({"state": folder, "told": told, "names": names}), flush=True)


if __name__ == "__main__":
    main()
