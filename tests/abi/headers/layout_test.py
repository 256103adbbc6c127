"""The rules of plugin-api/layout/layout.py, on copies of abi.h that were changed in one place.

usage: layout_test.py PLUGIN_API/layout
"""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, sys.argv.pop(1))
import layout  # noqa: E402  (found through the line above)

HEADER = layout.HEADER.read_text()


def layout_of(text):
    with tempfile.TemporaryDirectory() as folder:
        header = pathlib.Path(folder, "abi.h")
        header.write_text(text)
        return layout.measure(header, "cc")


BEFORE = layout_of(HEADER)


class Rules(unittest.TestCase):
    def after(self, old, new):
        """What the rules say when `old`, which must be there once, is written as `new`."""
        self.assertEqual(HEADER.count(old), 1, old)
        return list(layout.broken(BEFORE, layout_of(HEADER.replace(old, new))))

    def test_nothing_changed(self):
        self.assertEqual(list(layout.broken(BEFORE, BEFORE)), [])

    def test_written_and_read_back(self):
        self.assertEqual(layout.read(layout.write(BEFORE)), BEFORE)

    def test_every_field_of_the_header_is_there(self):
        for name, count in {"saddle_host": 17, "saddle_value": 11, "saddle_model": 4, "saddle_samples": 3}.items():
            self.assertEqual(len(BEFORE["struct"][name][1]), count, name)
        self.assertEqual(BEFORE["struct"]["saddle_dataset_info"][1]["shape"], (16, 32, "int64_t[4]"))
        self.assertEqual(BEFORE["struct"]["saddle_parameter"][1]["b"], (40, 8, "double"))
        self.assertEqual(BEFORE["struct"]["saddle_model"][1]["destroy"], (16, 8, "void (*)(void*)"))

    # ---- allowed ----

    def test_a_field_at_the_end(self):
        self.assertEqual(self.after("} saddle_model;", "  void* later;\n} saddle_model;"), [])

    def test_a_member_of_a_union_that_stays_as_large(self):
        self.assertEqual(self.after("    const saddle_metric* metric;\n", "    const saddle_metric* metric;\n    void* other;\n"), [])

    def test_a_number_a_struct_an_extension_a_type(self):
        self.assertEqual(self.after("SADDLE_CANCELLED = 2 }", "SADDLE_CANCELLED = 2, SADDLE_LATER = 3 }"), [])
        self.assertEqual(self.after("typedef struct saddle_split {", "typedef struct saddle_x { int a; } saddle_x;\ntypedef struct saddle_split {"), [])
        self.assertEqual(self.after("typedef int32_t saddle_status;", 'typedef int32_t saddle_status;\ntypedef int32_t saddle_later;\n#define SADDLE_EXTENSION_LATER "saddle.later/1"'), [])

    def test_a_comment_or_the_name_of_an_argument(self):
        self.assertEqual(self.after("int32_t level, const char* message", "int32_t severity, /* new */ const char* text"), [])

    # ---- refused ----

    def refused(self, sentence, old, new):
        said = self.after(old, new)
        self.assertIn(sentence, said)

    def test_a_field_in_the_middle(self):
        self.refused("saddle_model.forward was 8 bytes at 24, and is 8 at 32",
                     "  saddle_status (*forward)(void* instance,", "  void* early;\n  saddle_status (*forward)(void* instance,")  # fmt: skip

    def test_a_field_gone(self):
        self.refused("saddle_host.log is gone", "void (*log)(int32_t", "void (*journal)(int32_t")

    def test_a_field_of_another_type_and_the_same_size(self):
        self.refused("saddle_split.size was of type int64_t, and is double", "  int64_t size;\n", "  double size;\n")

    def test_another_argument_of_a_function(self):
        self.refused("saddle_host.set_grad_enabled was of type int32_t (*)(int32_t), and is int32_t (*)(int64_t)",
                     "(*set_grad_enabled)(int32_t enabled)", "(*set_grad_enabled)(int64_t enabled)")  # fmt: skip

    def test_fields_exchanged(self):
        said = self.after("  double a, b;\n", "  double b, a;\n")
        self.assertIn("saddle_parameter.a was 8 bytes at 32, and is 8 at 40", said)
        self.assertIn("saddle_parameter.b was 8 bytes at 40, and is 8 at 32", said)

    def test_a_field_in_the_padding_at_the_end(self):
        old = layout_of(HEADER.replace("} saddle_split;", "  uint32_t struct_size;\n} saddle_split;"))
        new = layout_of(HEADER.replace("} saddle_split;", "  uint32_t struct_size;\n  int32_t more;\n} saddle_split;"))
        self.assertEqual(list(layout.broken(old, new)),
                         ["saddle_split.more was added at 20, inside of the 24 bytes that saddle_split had"])  # fmt: skip

    def test_a_field_at_the_end_of_a_struct_without_its_size(self):
        self.refused("saddle_named_tensor had 16 bytes, and has 24; it has no struct_size",
                     "} saddle_named_tensor;", "  int64_t more;\n} saddle_named_tensor;")  # fmt: skip

    def test_a_union_that_grew(self):
        self.refused("saddle_component.as was 8 bytes at 24, and is 16 at 24",
                     "    const saddle_metric* metric;\n", "    const saddle_metric* metric;\n    double pair[2];\n")  # fmt: skip

    def test_a_struct_gone(self):
        said = list(layout.broken(BEFORE, layout_of(HEADER.replace("saddle_split", "saddle_part"))))
        self.assertIn("saddle_split is gone", said)

    def test_a_number_changed_or_gone(self):
        self.refused("SADDLE_FLOAT32 was 3, and is 4", "SADDLE_FLOAT32 = 3", "SADDLE_FLOAT32 = 4")
        self.refused("SADDLE_FLOAT16 was 7, and is gone", "SADDLE_FLOAT16 = 7", "SADDLE_HALF = 7")

    def test_the_entry_an_extension_and_the_version(self):
        self.refused("SADDLE_ENTRY_NAME was saddle_plugin_v1, and is saddle_plugin", '"saddle_plugin_v1"', '"saddle_plugin"')
        self.refused("SADDLE_EXTENSION_FUNCTION was saddle.function/1, and is saddle.function/2",
                     '"saddle.function/1"', '"saddle.function/2"')  # fmt: skip
        self.refused("SADDLE_ABI_VERSION was 1, and is 2", "SADDLE_ABI_VERSION 1", "SADDLE_ABI_VERSION 2")

    def test_a_typedef(self):
        self.refused("saddle_dtype was int32_t, and is int64_t", "typedef int32_t saddle_dtype", "typedef int64_t saddle_dtype")


class Commands(unittest.TestCase):
    """check and freeze, in a folder of their own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name in ("PRESENT", "ASSERTS", "FROZEN"):
            self.addCleanup(setattr, layout, name, getattr(layout, name))
        layout.PRESENT = pathlib.Path(folder.name, "abi-1.txt")
        layout.ASSERTS = pathlib.Path(folder.name, "abi_layout.h")
        layout.FROZEN = pathlib.Path(folder.name, "frozen")
        layout.FROZEN.mkdir()

    def test_a_stale_file_is_named(self):
        self.assertEqual(len(list(layout.check(BEFORE))), 2)
        layout.update(BEFORE)
        self.assertEqual(list(layout.check(BEFORE)), [])
        grown = layout_of(HEADER.replace("} saddle_model;", "  void* later;\n} saddle_model;"))
        said = list(layout.check(grown))
        self.assertEqual([s.split()[0] for s in said], ["abi-1.txt", "abi_layout.h"])

    def test_a_release_is_frozen_once_and_held(self):
        self.assertEqual(len(layout.freeze(BEFORE, "1.0")), 2)  # not before the files are fresh
        layout.update(BEFORE)
        self.assertEqual(layout.freeze(BEFORE, "1.0"), [])
        self.assertIn("exists", layout.freeze(BEFORE, "1.0")[0])
        moved = layout_of(HEADER.replace("SADDLE_FLOAT16 = 7", "SADDLE_FLOAT16 = 8"))
        layout.update(moved)
        self.assertEqual(list(layout.check(moved)), ["frozen/1.0.txt: SADDLE_FLOAT16 was 7, and is 8"])


if __name__ == "__main__":
    unittest.main()
