#!/usr/bin/env python3
"""The layout of abi.h as text: every struct's size, every field's place, size and type, every number of an enum.

    layout.py print             what the header says now
    layout.py update            writes abi-1.txt and ../include/saddle/abi_layout.h after a change of the header
    layout.py check             both are what the header says, and no release that was frozen is broken
    layout.py freeze RELEASE    frozen/RELEASE.txt: from now on nothing in it may change

--header FILE and --cc COMPILER take others than abi.h and cc. Only Python's standard library is used.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
HEADER = FOLDER.parent / "include/saddle/abi.h"
ASSERTS = FOLDER.parent / "include/saddle/abi_layout.h"
PRESENT = FOLDER / "abi-1.txt"
FROZEN = FOLDER / "frozen"


# ---- Reading the header ----


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def tidy(type_text):
    """One spelling of a type: "const char * name" is "const char* name"."""
    text = " ".join(type_text.split())
    text = re.sub(r"\s*\*\s*", "* ", text)
    return re.sub(r"\*\s+(?=[*,)]|$)", "*", text).strip()


def unnamed(parameters):
    """The types of a parameter list: names mean nothing to the ABI."""
    types = []
    for parameter in parameters.split(","):
        match = re.fullmatch(r"(.+[\s*])(\w+)", parameter.strip(), flags=re.S)
        types.append(tidy(match[1] if match else parameter))
    return ", ".join(types)


def declarations(body):
    """The text between semicolons, where those of nested braces do not count."""
    depth, start = 0, 0
    for place, character in enumerate(body):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == ";" and depth == 0:
            yield body[start:place].strip()
            start = place + 1


def fields(body, prefix=""):
    """(name, type) of each field; those of a union follow it as "union.member"."""
    for text in declarations(body):
        union = re.fullmatch(r"union\s*\{(.*)\}\s*(\w+)", text, flags=re.S)
        function = re.fullmatch(r"(.*?)\(\*(\w+)\)\s*\((.*)\)", text, flags=re.S)
        if union:
            yield prefix + union[2], "union"
            yield from fields(union[1], prefix + union[2] + ".")
        elif function:
            yield prefix + function[2], f"{tidy(function[1])} (*)({unnamed(function[3])})"
        else:
            base, first = re.fullmatch(r"(.*?)(\w+(?:\[\w+\])?(?:\s*,\s*\w+)*)", text, flags=re.S).groups()
            for name in re.split(r"\s*,\s*", first):
                name, bracket, count = name.partition("[")
                yield prefix + name, tidy(base) + bracket + count


def read_header(text):
    text = without_comments(text)
    structs = {}
    for match in re.finditer(r"\bstruct\s+(\w+)\s*\{", text):
        depth, end = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        structs[match[1]] = list(fields(text[match.end() : end - 1]))
    types = {name: tidy(what) for what, name in re.findall(r"\btypedef\s+(\w+)\s+(\w+)\s*;", text)}
    for result, name, parameters in re.findall(r"\btypedef\s+([^;{}]*?)\(\*(\w+)\)\(([^;]*)\)\s*;", text):
        types[name] = f"{tidy(result)} (*)({unnamed(parameters)})"
    enums = [name for body in re.findall(r"\benum\s*\{(.*?)\}", text, flags=re.S) for name in re.findall(r"(\w+)\s*=", body)]
    texts = dict(re.findall(r'#define\s+(SADDLE_(?:ENTRY_NAME|EXTENSION_\w+))\s+"([^"]*)"', text))
    return structs, types, enums, texts


# ---- The layout: {kind: {name: value}} ----


def measure(header, compiler):
    """The compiler says where everything is."""
    structs, types, enums, texts = read_header(header.read_text())
    lines = [f'#include "{header.resolve()}"', "#include <stdio.h>", "int main(void) {"]
    lines.append('printf("%d\\n", (int)SADDLE_ABI_VERSION);')
    lines += [f'printf("%d\\n", (int){name});' for name in enums]
    for name, members in structs.items():
        lines.append(f'printf("%zu\\n", sizeof({name}));')
        for field, _ in members:
            lines.append(f'printf("%zu %zu\\n", offsetof({name}, {field}), sizeof((({name}*)0)->{field}));')
    lines += ["return 0;", "}"]
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "layout.c"), pathlib.Path(folder, "layout")
        source.write_text("\n".join(lines))
        subprocess.run([compiler, "-std=c11", "-o", program, source], check=True)
        numbers = iter(subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines())
    layout = {"version": {"SADDLE_ABI_VERSION": next(numbers)}, "text": texts, "type": types}
    layout["number"] = {name: next(numbers) for name in enums}
    layout["struct"] = {}
    for name, members in structs.items():
        size = next(numbers)
        layout["struct"][name] = (int(size), {})
        for field, what in members:
            offset, size = next(numbers).split()
            layout["struct"][name][1][field] = (int(offset), int(size), what)
    return layout


def write(layout):
    lines = ["# The layout of include/saddle/abi.h on 64-bit platforms. Written by layout.py; not to be edited.",
             "# struct NAME SIZE, then its fields: offset, size, name, type."]  # fmt: skip
    for kind in ("version", "text", "type", "number"):
        lines += [f"{kind} {name} {value}" for name, value in layout[kind].items()]
    for name, (size, members) in layout["struct"].items():
        lines.append(f"struct {name} {size}")
        lines += [f"  {offset:3} {size:3} {field}  {what}" for field, (offset, size, what) in members.items()]
    return "\n".join(lines) + "\n"


def read(text):
    layout = {kind: {} for kind in ("version", "text", "type", "number", "struct")}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line.startswith(" "):
            offset, size, field, what = line.split(maxsplit=3)
            members[field] = (int(offset), int(size), what)
        elif line.startswith("struct "):
            _, name, size = line.split()
            members = {}
            layout["struct"][name] = (int(size), members)
        else:
            kind, name, value = line.split(maxsplit=2)
            layout[kind][name] = value
    return layout


# ---- What may change ----


def broken(frozen, present):
    """One sentence for each thing that a plugin of the frozen layout would trip over."""
    for kind in ("version", "text", "type", "number"):
        for name, value in frozen[kind].items():
            now = present[kind].get(name)
            if now != value:
                yield f"{name} was {value}, and is {'gone' if now is None else now}"
    for name, (size, members) in frozen["struct"].items():
        if name not in present["struct"]:
            yield f"{name} is gone"
            continue
        size_now, members_now = present["struct"][name]
        for field, (offset, length, what) in members.items():
            now = members_now.get(field)
            if now is None:
                yield f"{name}.{field} is gone"
            elif now[:2] != (offset, length):
                yield f"{name}.{field} was {length} bytes at {offset}, and is {now[1]} at {now[0]}"
            elif now[2] != what:
                yield f"{name}.{field} was of type {what}, and is {now[2]}"
        added = {field: place for field, place in members_now.items() if field not in members}
        for field, (offset, _, _) in added.items():
            # Padding at the end counts as part of the old struct: its bytes are garbage in an old binary.
            if field.split(".")[0] not in members and offset < size:
                yield f"{name}.{field} was added at {offset}, inside of the {size} bytes that {name} had"
        can_grow = "struct_size" in members
        if size_now < size or (size_now > size and not can_grow):
            yield f"{name} had {size} bytes, and has {size_now}" + ("" if can_grow else "; it has no struct_size")


def asserts(layout):
    """abi_layout.h: the same for whatever compiler a plugin is made with."""
    lines = [
        "/* The layout of abi.h, asserted field by field: it is the contract, on every 64-bit platform, for ever.",
        " * Written by `plugin-api/layout/layout.py update` whenever abi.h grows; not to be edited. */",
        "#ifndef SADDLE_ABI_LAYOUT_H",
        "#define SADDLE_ABI_LAYOUT_H",
        "",
        "#include <saddle/abi.h>",
        "",
        "#ifdef __cplusplus",
        "#define SADDLE_ASSERT(expression) static_assert(expression, #expression)",
        "#else",
        "#define SADDLE_ASSERT(expression) _Static_assert(expression, #expression)",
        "#endif",
        "#define SADDLE_SIZE(type, size) SADDLE_ASSERT(sizeof(type) == (size))",
        "#define SADDLE_FIELD(type, field, offset, size) \\",
        "  SADDLE_ASSERT(offsetof(type, field) == (offset) && sizeof(((type*)0)->field) == (size))",
        "#define SADDLE_NUMBER(name, value) SADDLE_ASSERT((name) == (value))",
        "",
        "/* clang-format off */",
    ]
    for name, (size, members) in layout["struct"].items():
        lines += ["", f"SADDLE_SIZE({name}, {size});"]
        lines += [f"SADDLE_FIELD({name}, {field}, {o}, {s});" for field, (o, s, _) in members.items()]
    lines += [""] + [f"SADDLE_NUMBER({name}, {value});" for name, value in layout["number"].items()]
    lines += ["", "/* clang-format on */", ""]
    lines += [f"#undef SADDLE_{name}" for name in ("NUMBER", "FIELD", "SIZE", "ASSERT")]
    return "\n".join(lines + ["", "#endif", ""])


# ---- Commands ----


def update(layout):
    PRESENT.write_text(write(layout))
    ASSERTS.write_text(asserts(layout))


def check(layout):
    """Sentences about what is wrong; none when all is well."""
    remedy = "run plugin-api/layout/layout.py update, and read what it changed"
    if not PRESENT.exists() or PRESENT.read_text() != write(layout):
        yield f"{PRESENT.name} is not what abi.h says: {remedy}"
    if not ASSERTS.exists() or ASSERTS.read_text() != asserts(layout):
        yield f"{ASSERTS.name} is not what abi.h says: {remedy}"
    for file in sorted(FROZEN.glob("*.txt")):
        for sentence in broken(read(file.read_text()), layout):
            yield f"frozen/{file.name}: {sentence}"


def freeze(layout, release):
    target = FROZEN / f"{release}.txt"
    if target.exists():
        return [f"{target} exists: what was released is not frozen again"]
    problems = list(check(layout))
    if not problems:
        target.write_text(write(layout))
        print(f"wrote {target}")
    return problems


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("print", "update", "check", "freeze"))
    parser.add_argument("release", nargs="?")
    parser.add_argument("--header", type=pathlib.Path, default=HEADER)
    parser.add_argument("--cc", default="cc")
    options = parser.parse_args(arguments)
    if (options.command == "freeze") != (options.release is not None):
        parser.error("freeze, and only that, takes the name of a release")
    layout = measure(options.header, options.cc)
    if options.command == "print":
        print(write(layout), end="")
    elif options.command == "update":
        update(layout)
    problems = []
    if options.command == "check":
        problems = list(check(layout))
    elif options.command == "freeze":
        problems = freeze(layout, options.release)
    for problem in problems:
        print(f"layout: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
