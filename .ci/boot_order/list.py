"""list.py MAP TRACE…: prints the sections of functions that the traces run, as a linker script that puts them together.

MAP is the linker's (lld), a TRACE has the offset of an instruction in each line, as step.c writes them. First comes what
forked children run until their exec (*.child), then what boots run besides (*.boot), then what the other traces do.
"""

import bisect
import re
import sys

HEAD = """\
/*
 * The functions that a forked child runs before its exec (fork(2) copies no entries of the page tables for code, so that each
 * child has its page faults anew), next to each other; then those that a boot runs besides before it executes the first
 * program, and those of a restart and a stop. A page fault maps 64 KiB of a file, and in the order of the compiler they lay in
 * nearly every such piece of the 5 MB of code. Given to the linker besides its own script (`INSERT`), by .ci/static.
 *
 * Written by .ci/boot-order, which runs each instruction by instruction, and looks the addresses up. Names are without their
 * hashes, so that other compilers match too. What is not found here, or is not in the program any more, costs a page fault or
 * nothing; no name has to be kept up to date for the program to be right.
 */
SECTIONS
{
"""
# A name is cut as soon as no other section begins like it, and some characters later: what differs in its end may be a hash.
SHORTEST, MORE = 40, 8


def sections(path):
    """Returns the sections of code that the map has: start, length, file, name."""
    line = re.compile(r"\s*([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\d+ {8,9}(\S.*):\((\S+)\)$")
    with open(path) as text:
        found = [match.groups() for match in map(line.match, text) if match]
    code = [(int(start, 16), int(length, 16), file, name) for start, length, file, name in found]
    return sorted(entry for entry in code if entry[1] and entry[3].startswith(".text"))


def run_by(trace, code, starts):
    """Returns the sections of a trace, in the order of their first instruction."""
    with open(trace) as text:
        for line in text:
            address = int(line, 16)
            entry = code[bisect.bisect_right(starts, address) - 1]
            if entry[0] <= address < entry[0] + entry[1]:
                yield entry


def common(one, other):
    """Returns how many characters two names begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))


def without_hashes(name, names):
    """Returns a pattern for a section of Rust code that matches no other, whatever the hashes of crates are."""
    at = bisect.bisect_left(names, name)
    neighbours = [names[other] for other in (at - 1, at + 1) if 0 <= other < len(names)]
    keep = max([SHORTEST] + [common(name, other) + MORE for other in neighbours])
    for crate in re.finditer(r"Cs[0-9A-Za-z]+_", name):
        if crate.start() < keep < crate.end():
            keep = crate.end()
    short = name[:keep] + ("*" if keep < len(name) else "")
    return re.sub(r"Cs([0-9A-Za-z]+)_", lambda crate: "Cs" + "?" * len(crate[1]) + "_", short)


def pattern(file, name, names):
    """Returns the line of the linker script for a section."""
    if name.startswith(".text._R"):
        return f"*({without_hashes(name, names)})"
    member = re.search(r"([^/]+\.a)\(([^)]+)\)$", file)
    if member:  # of the C library, where many are called .text
        archive, of = re.sub(r"-[0-9a-f]{16}", "-*", member[1]), re.sub(r"^[0-9a-f]{16}-", "*-", member[2])
        return f"*{archive}:{of}({name})"
    return f"*({name})" if name != ".text" else f"*{file.split('/')[-1]}({name})"


def main(path, traces):
    code = sections(path)
    starts, names = [entry[0] for entry in code], sorted({entry[3] for entry in code})
    done = set()
    print(HEAD, end="")
    for title in ("child", "boot", "run"):
        chosen = [trace for trace in traces if trace.endswith(f".{title}")]
        print(f"  .text.{title} :\n  {{")
        size = 0
        for _, length, file, name in (entry for trace in chosen for entry in run_by(trace, code, starts)):
            line = pattern(file, name, names)
            if line not in done:
                done.add(line)
                size += length
                print(f"    {line}")
        print("  }")
        print(f"{title}: {size} bytes", file=sys.stderr)
    print("}\nINSERT BEFORE .text;")


main(sys.argv[1], sys.argv[2:])
