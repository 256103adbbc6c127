#include "extractor.hpp"
using namespace saddle;
using namespace saddle::features;

// Inception-v3 (Szegedy et al. 2015, arXiv:1512.00567) as the FID is defined by: the graph of TensorFlow's
// inception-2015-12-05 with 1,008 classes. It differs from the paper's in three places: average pools leave
// the padding out, the last block pools by maximum, and bytes become (x - 128) / 128. Tensors are named as
// in pt_inception-2015-12-05-6726825d.pth and in torchvision's inception_v3_google-0cc3c7bd.pth.
struct InceptionV3 {
  static Description describe() {
    return {.name = "inception_v3",
            .doc =
                "Inception-v3 as a feature extractor; with the weights of inception-2015-12-05 it gives the "
                "features of the FID (Heusel et al. 2017) and, from logits_unbiased, the Inception score "
                "(Salimans "
                "et al. 2016). features: 2,048 numbers; features_64, _192, _768: earlier maps, averaged over "
                "their places. `./saddle fetch inception_v3 FILE.pth` converts the weights.",
            .params = {
                weights_param("this network"), size_param(299),
                resize_param("legacy",
                             "legacy is that of TensorFlow's FID and of torch-fidelity, clean that of "
                             "clean-fid, bilinear that of pytorch-fid"),
                param("variant", "fid")
                    .one_of({"fid", "torchvision"})
                    .doc("fid: 1,008 classes, average pools without the padding, a maximum pool in the last "
                         "block; torchvision: 1,000 classes and the paper's pools (its weights give other "
                         "numbers: never mix the two)"),
                param("input", "tensorflow")
                    .one_of({"tensorflow", "unit"})
                    .doc("of fid: (bytes - 128) / 128, as the graph has it, or bytes / 127.5 - 1, as "
                         "pytorch-fid does; torchvision has the latter always")}};
  }
};

struct Convolution {
  Convolution(const Pretrained& tensor, const std::string& name, int64_t in, int64_t out, IntList kernel,
              IntList padding = {0, 0}, int64_t step = 1)
      : pad(padding),
        stride(step),
        weight(tensor(name + ".conv.weight", {out, in, kernel.data()[0], kernel.data()[1]},
                      std::sqrt(2.0 / static_cast<double>(in * kernel.data()[0] * kernel.data()[1])))),
        norm(tensor, name + ".bn", out, 1e-3) {}
  Tensor operator()(const Call& call, const Tensor& x) const {
    return relu(norm(call, conv2d(x, call[weight], {}, {.stride = stride, .padding = pad})));
  }
  IntList pad;
  int64_t stride;
  BufferId weight;
  FrozenNorm norm;
};

// One branch of a block: convolutions in a row.
struct Chain {
  Chain(std::vector<Convolution> list) : layers(std::move(list)) {}
  Tensor operator()(const Call& call, Tensor x) const {
    for (const Convolution& layer : layers) x = layer(call, x);
    return x;
  }
  std::vector<Convolution> layers;
};

// The tensors of one block, and how it pools.
struct Scope {
  const Pretrained& tensor;
  std::string block;
  bool fid;

  Convolution one(const std::string& name, int64_t in, int64_t out) const {
    return {tensor, block + name, in, out, {1, 1}};
  }
  Convolution square(const std::string& name, int64_t in, int64_t out, int64_t kernel) const {
    return {tensor, block + name, in, out, {kernel, kernel}, {kernel / 2, kernel / 2}};
  }
  Convolution wide(const std::string& name, int64_t in, int64_t out, int64_t kernel) const {
    return {tensor, block + name, in, out, {1, kernel}, {0, kernel / 2}};
  }
  Convolution tall(const std::string& name, int64_t in, int64_t out, int64_t kernel) const {
    return {tensor, block + name, in, out, {kernel, 1}, {kernel / 2, 0}};
  }
  Convolution halving(const std::string& name, int64_t in, int64_t out) const {
    return {tensor, block + name, in, out, {3, 3}, {0, 0}, 2};
  }
};

Tensor average3(const Tensor& x, bool fid) {
  return avg_pool2d(x, 3, {.stride = 1, .padding = 1, .count_include_pad = !fid});
}
Tensor halved(const Tensor& x) { return max_pool2d(x, 3, {.stride = 2}); }

struct BlockA {
  BlockA(const Scope& s, int64_t in, int64_t pooled)
      : fid(s.fid),
        a(s.one("branch1x1", in, 64)),
        b({s.one("branch5x5_1", in, 48), s.square("branch5x5_2", 48, 64, 5)}),
        c({s.one("branch3x3dbl_1", in, 64), s.square("branch3x3dbl_2", 64, 96, 3),
           s.square("branch3x3dbl_3", 96, 96, 3)}),
        pool(s.one("branch_pool", in, pooled)) {}
  Tensor operator()(const Call& k, const Tensor& x) const {
    return side_by_side(a(k, x), b(k, x), c(k, x), pool(k, average3(x, fid)));
  }
  bool fid;
  Convolution a;
  Chain b, c;
  Convolution pool;
};

struct BlockB {
  BlockB(const Scope& s, int64_t in)
      : a(s.halving("branch3x3", in, 384)),
        b({s.one("branch3x3dbl_1", in, 64), s.square("branch3x3dbl_2", 64, 96, 3),
           s.halving("branch3x3dbl_3", 96, 96)}) {}
  Tensor operator()(const Call& k, const Tensor& x) const {
    return side_by_side(a(k, x), b(k, x), halved(x));
  }
  Convolution a;
  Chain b;
};

struct BlockC {
  BlockC(const Scope& s, int64_t w)
      : fid(s.fid),
        a(s.one("branch1x1", 768, 192)),
        b({s.one("branch7x7_1", 768, w), s.wide("branch7x7_2", w, w, 7), s.tall("branch7x7_3", w, 192, 7)}),
        c({s.one("branch7x7dbl_1", 768, w), s.tall("branch7x7dbl_2", w, w, 7),
           s.wide("branch7x7dbl_3", w, w, 7), s.tall("branch7x7dbl_4", w, w, 7),
           s.wide("branch7x7dbl_5", w, 192, 7)}),
        pool(s.one("branch_pool", 768, 192)) {}
  Tensor operator()(const Call& k, const Tensor& x) const {
    return side_by_side(a(k, x), b(k, x), c(k, x), pool(k, average3(x, fid)));
  }
  bool fid;
  Convolution a;
  Chain b, c;
  Convolution pool;
};

struct BlockD {
  explicit BlockD(const Scope& s)
      : a({s.one("branch3x3_1", 768, 192), s.halving("branch3x3_2", 192, 320)}),
        b({s.one("branch7x7x3_1", 768, 192), s.wide("branch7x7x3_2", 192, 192, 7),
           s.tall("branch7x7x3_3", 192, 192, 7), s.halving("branch7x7x3_4", 192, 192)}) {}
  Tensor operator()(const Call& k, const Tensor& x) const {
    return side_by_side(a(k, x), b(k, x), halved(x));
  }
  Chain a, b;
};

struct BlockE {
  BlockE(const Scope& s, int64_t in, bool by_maximum)
      : fid(s.fid),
        maximum(by_maximum),
        a(s.one("branch1x1", in, 320)),
        b(s.one("branch3x3_1", in, 384)),
        b_wide(s.wide("branch3x3_2a", 384, 384, 3)),
        b_tall(s.tall("branch3x3_2b", 384, 384, 3)),
        c({s.one("branch3x3dbl_1", in, 448), s.square("branch3x3dbl_2", 448, 384, 3)}),
        c_wide(s.wide("branch3x3dbl_3a", 384, 384, 3)),
        c_tall(s.tall("branch3x3dbl_3b", 384, 384, 3)),
        pool(s.one("branch_pool", in, 192)) {}
  Tensor operator()(const Call& k, const Tensor& x) const {
    const Tensor y = b(k, x), z = c(k, x);
    const Tensor p = maximum ? max_pool2d(x, 3, {.stride = 1, .padding = 1}) : average3(x, fid);
    return side_by_side(a(k, x), b_wide(k, y), b_tall(k, y), c_wide(k, z), c_tall(k, z), pool(k, p));
  }
  bool fid, maximum;
  Convolution a, b, b_wide, b_tall;
  Chain c;
  Convolution c_wide, c_tall, pool;
};

struct Features {
  static Role role() {
    return {"features",
            {"image"},
            {"features", "logits", "logits_unbiased", "features_64", "features_192", "features_768"}};
  }

  explicit Features(const Builder& b)
      : tensor((check_pictures(b, 75), Pretrained(b, "inception_v3"))),
        fid(b.get<std::string>("variant") == "fid"),
        unit(!fid || b.get<std::string>("input") == "unit"),
        first({{tensor, "Conv2d_1a_3x3", 3, 32, {3, 3}, {0, 0}, 2},
               {tensor, "Conv2d_2a_3x3", 32, 32, {3, 3}},
               {tensor, "Conv2d_2b_3x3", 32, 64, {3, 3}, {1, 1}}}),
        second({{tensor, "Conv2d_3b_1x1", 64, 80, {1, 1}}, {tensor, "Conv2d_4a_3x3", 80, 192, {3, 3}}}),
        b5{{scope("5b"), 192, 32}, {scope("5c"), 256, 64}, {scope("5d"), 288, 64}},
        a6(scope("6a"), 288),
        b6{{scope("6b"), 128}, {scope("6c"), 160}, {scope("6d"), 160}, {scope("6e"), 192}},
        a7(scope("7a")),
        b7(scope("7b"), 1280, false),
        c7(scope("7c"), 2048, fid),
        classes(tensor, "fc", 2048, fid ? 1008 : 1000) {}

  Outputs forward(const Call& call) const {
    const Tensor image = colours(call);
    Tensor x = unit ? image : normalised(image, 128, 128);
    const Tensor at64 = x = halved(first(call, x));
    const Tensor at192 = x = halved(second(call, x));
    for (const BlockA& block : b5) x = block(call, x);
    x = a6(call, x);
    for (const BlockC& block : b6) x = block(call, x);
    const Tensor at768 = x;
    const Tensor features = pooled(c7(call, b7(call, a7(call, x))));
    const Tensor unbiased = linear(features, call[classes.weight], {});
    return {{"features", features},          {"logits", unbiased + call[classes.bias]},
            {"logits_unbiased", unbiased},   {"features_64", pooled(at64)},
            {"features_192", pooled(at192)}, {"features_768", pooled(at768)}};
  }

  Scope scope(const char* block) const { return {tensor, std::string("Mixed_") + block + ".", fid}; }

  Pretrained tensor;
  bool fid, unit;
  Chain first, second;
  std::vector<BlockA> b5;
  BlockB a6;
  std::vector<BlockC> b6;
  BlockD a7;
  BlockE b7, c7;
  Dense classes;
};
SADDLE_MODEL(InceptionV3, Features)
