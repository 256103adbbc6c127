#include "files.hpp"
using namespace test;
using Catch::Contains;
using plain_host::Dataset;

namespace {
Bytes picture(size_t i) { return from_base64(reference().at("pictures").at(i).at("file")); }
void write_all(const Folder& folder) {
  folder.write("wnids.txt", "n02\nn01\n");
  folder.write("train/n01/images/n01_0.JPEG", picture(0));
  folder.write("train/n01/images/n01_1.JPEG", picture(1));
  folder.write("train/n02/images/n02_0.JPEG", picture(2));
  folder.write("train/n02/n02_boxes.txt", "n02_0.JPEG\t0\t0\t1\t1\n");
  folder.write("val/images/val_0.JPEG", picture(0));
  folder.write("val/val_annotations.txt", "val_0.JPEG\tn02\t0\t32\t44\t62\n");
}
}  // namespace

TEST_CASE("tiny_imagenet reads its folders and annotations", "[tiny_imagenet]") {
  const Folder folder;
  write_all(folder);
  const Dataset set(plugin("tiny_imagenet"), {{"path", folder.string()}}, {});
  CHECK(set.shape() == std::vector<int64_t>{3, 64, 64});
  CHECK(set.info().classes == 2);
  CHECK(set.facts().at("class_names") == json({"n01", "n02"}));
  CHECK(set.info().splits[0].size == 3);
  CHECK(set.info().splits[1].size == 1);
  std::vector<int64_t> labels, test_labels;
  const auto train = set.read<uint8_t>(0, {0, 1, 2}, &labels);
  CHECK(labels == std::vector<int64_t>{0, 0, 1});
  CHECK(set.read<uint8_t>(1, {0}, &test_labels) ==
        std::vector<uint8_t>(train.begin(), train.begin() + 3 * 64 * 64));
  CHECK(test_labels == std::vector<int64_t>{1});
}

TEST_CASE("what is wrong with tiny_imagenet's folder is said", "[tiny_imagenet]") {
  const Folder folder;
  const json params = {{"path", folder.string()}};
  CHECK_THAT(error("tiny_imagenet", params), Contains("wnids.txt: there is no such file"));
  write_all(folder);
  folder.write("val/val_annotations.txt", "val_0.JPEG\tn09\t0\t32\t44\t62\n");
  CHECK_THAT(error("tiny_imagenet", params), Contains("val_annotations.txt:1: the second column is \"n09\""));
  folder.write("val/val_annotations.txt", "val_7.JPEG\tn01\t0\t32\t44\t62\n");
  CHECK_THAT(error("tiny_imagenet", params), Contains("val_7.JPEG: there is no such file"));
  fs::remove_all(folder.path() / "train" / "n02");
  CHECK_THAT(error("tiny_imagenet", params), Contains("there is no such folder"));
}
