#!/usr/bin/env python3
"""Writes models_reference.safetensors: outputs and gradients of the bundled models as PyTorch computes them.

usage: models_reference.py            (torch 2.11, CPU; the file is beside this script)

The networks are built from torch.nn as the papers draw them (convolution after upsampling, pooling after
convolution), at small widths, with every weight, bias, gain and running statistic drawn at random. Tensors:
CASE/weight/NAME, CASE/buffer/NAME (before), CASE/input, CASE/OUTPUT (training), CASE/eval/OUTPUT,
CASE/label where there are classes, CASE/after/NAME (buffers after the training pass), CASE/gradient and
CASE/gradient_of/NAME: of the sum of all outputs' squares by the input and by each parameter, in the training pass. The metadata `cases` says what each case is.
"""
import json
import pathlib

import torch

from improved_networks import (
    ImprovedConv, ImprovedConvGenerator, ImprovedMlp, ImprovedMlpGenerator, MinibatchDcgan, MinibatchMlp,
    MinibatchResidual, VirtualDcgan, VirtualMlp,
)
from networks import (
    DcganDiscriminator, DcganGenerator, DeepDiscriminator, DeepGenerator, MlpDiscriminator, MlpGenerator,
    ResidualDiscriminator, ResidualGenerator, SnganDiscriminator, SnganGenerator, Unet,
)
from reference_file import count, record, save_safetensors


def case(model, role, network, config, shape, z=5, classes=0, **facts):
    return {"model": model, "role": role, "network": network, "config": config,
            "facts": {"sample_shape": shape, "latent_size": z, "classes": classes, **facts}}


CASES = {
    "mlp_points_generator": case("mlp", "generator", MlpGenerator(5, [2], False, width=6, depth=2),
                                 {"width": 6, "depth": 2}, [2]),
    "mlp_pictures_generator": case(
        "mlp", "generator", MlpGenerator(5, [1, 4, 3], True, width=6, depth=3, leaky=True, batch_norm=True),
        {"width": 6, "depth": 3, "activation": "leaky_relu", "batch_norm": True}, [1, 4, 3]),
    "mlp_points_discriminator": case("mlp", "discriminator", MlpDiscriminator([2], width=6, depth=1),
                                     {"width": 6, "depth": 1}, [2]),
    "mlp_pictures_discriminator": case(
        "mlp", "discriminator", MlpDiscriminator([2, 4, 4], width=6, depth=2, leaky=True, batch_norm=True),
        {"width": 6, "depth": 2, "activation": "leaky_relu", "batch_norm": True}, [2, 4, 4]),
    "dcgan_8_generator": case("dcgan", "generator", DcganGenerator(5, 1, 1, 3), {"width": 3}, [1, 8, 8]),
    "dcgan_16_generator": case("dcgan", "generator", DcganGenerator(5, 3, 2, 2, slope=0.1, batch_norm=False),
                               {"width": 2, "slope": 0.1, "batch_norm": False}, [3, 16, 16]),
    "dcgan_8_discriminator": case("dcgan", "discriminator", DcganDiscriminator(1, 1, 3), {"width": 3}, [1, 8, 8]),
    "dcgan_16_discriminator": case("dcgan", "discriminator",
                                   DcganDiscriminator(3, 2, 2, slope=0.2, batch_norm=False),
                                   {"width": 2, "slope": 0.2, "batch_norm": False}, [3, 16, 16]),
    "sngan_16_generator": case("sngan", "generator", SnganGenerator(5, 3, 4, 2, 3), {"width": 3}, [3, 16, 16]),
    "sngan_20_generator": case("sngan", "generator", SnganGenerator(5, 1, 5, 2, 3, "bilinear"),
                               {"width": 3, "upsample": "bilinear"}, [1, 20, 20]),
    "sngan_12_discriminator": case("sngan", "discriminator", SnganDiscriminator(1, 1, 3), {"width": 3}, [1, 12, 12]),
    "sngan_32_discriminator": case("sngan", "discriminator", SnganDiscriminator(3, 2, 3), {"width": 3}, [3, 32, 32]),
    # As many input channels as its width: the first shortcut is learned all the same.
    "sngan_8_discriminator": case("sngan", "discriminator", SnganDiscriminator(3, 1, 3), {"width": 3}, [3, 8, 8]),
    "sngan_labels_generator": case("sngan", "generator", ResidualGenerator(5, 3, 4, [3, 3], classes=4),
                                   {"width": 3, "conditional": True}, [3, 8, 8], classes=4),
    "sngan_labels_discriminator": case(
        "sngan", "discriminator", ResidualDiscriminator(3, [(3, True), (3, False), (3, False)], classes=4),
        {"width": 3, "conditional": True}, [3, 8, 8], classes=4),
    "sngan_48_generator": case("sngan", "generator", ResidualGenerator(5, 3, 6, [8, 4, 2, 1]), {"width": 1}, [3, 48, 48]),
    "sngan_48_discriminator": case(
        "sngan", "discriminator",
        ResidualDiscriminator(3, [(1, True), (2, True), (4, True), (8, True), (16, False)], narrow=True),
        {"width": 1}, [3, 48, 48]),
    "sagan_16_generator": case("sagan", "generator", ResidualGenerator(5, 1, 4, [8] * 3, classes=3, attention=0),
                               {"width": 8}, [1, 16, 16], classes=3),
    "sagan_16_discriminator": case(
        "sagan", "discriminator",
        ResidualDiscriminator(1, [(8, True), (8, False), (8, False)], classes=3, attention=0),
        {"width": 8}, [1, 16, 16], classes=3),
    "wgan_gp_8_generator": case("wgan_gp", "generator", ResidualGenerator(5, 1, 4, [3, 3]), {"width": 3}, [1, 8, 8]),
    "wgan_gp_8_discriminator": case(
        "wgan_gp", "discriminator", ResidualDiscriminator(1, [(3, True), (3, False), (3, False)], mean=True),
        {"width": 3}, [1, 8, 8]),
    "biggan_tables_generator": case("biggan", "generator", ResidualGenerator(5, 1, 4, [4, 4], classes=3), {"width": 1},
                                    [1, 8, 8], classes=3),
    "biggan_shared_generator": case(
        "biggan", "generator", ResidualGenerator(6, 3, 4, [8] * 3, classes=3, shared=4, skip_z=True, attention=1),
        {"width": 2, "shared_embedding": 4, "skip_z": True, "attention": 16}, [3, 16, 16], z=6, classes=3),
    "biggan_skip_generator": case("biggan", "generator", ResidualGenerator(6, 1, 4, [4, 4], skip_z=True),
                                  {"width": 1, "conditional": False, "skip_z": True}, [1, 8, 8], z=6),
    "biggan_self_modulated_generator": case(
        "biggan", "generator", ResidualGenerator(5, 1, 4, [4, 4], self_mod=True),
        {"width": 1, "conditional": False, "self_modulation": True}, [1, 8, 8]),
    "biggan_64_generator": case("biggan", "generator", ResidualGenerator(5, 1, 4, [16, 8, 4, 2, 1]),
                                {"width": 1, "conditional": False}, [1, 64, 64]),
    "biggan_16_discriminator": case(
        "biggan", "discriminator",
        ResidualDiscriminator(3, [(8, True), (8, False), (8, False)], classes=3, attention=0),
        {"width": 2, "attention": 8}, [3, 16, 16], classes=3),
    "biggan_64_discriminator": case(
        "biggan", "discriminator",
        ResidualDiscriminator(1, [(1, True), (2, True), (4, True), (8, True), (16, False)]),
        {"width": 1, "conditional": False}, [1, 64, 64]),
    "biggan_deep_16_generator": case("biggan_deep", "generator", DeepGenerator(5, 3, 4, [8] * 3, 3, 4, attention_level=0),
                                     {"width": 2, "shared_embedding": 4, "attention": 8}, [3, 16, 16], classes=3),
    "biggan_deep_64_generator": case("biggan_deep", "generator", DeepGenerator(5, 1, 4, [64, 32, 16, 8, 4], 0, 0, depth=1),
                                     {"width": 4, "conditional": False, "depth": 1}, [1, 64, 64]),
    "biggan_deep_16_discriminator": case("biggan_deep", "discriminator",
                                         DeepDiscriminator(3, [8, 8, 8], 3, attention_level=0),
                                         {"width": 2, "attention": 8}, [3, 16, 16], classes=3),
    "biggan_deep_64_discriminator": case("biggan_deep", "discriminator",
                                         DeepDiscriminator(1, [4, 8, 16, 32, 64, 64], 0),
                                         {"width": 4, "conditional": False}, [1, 64, 64]),
    "unet_16_discriminator": case("unet", "discriminator", Unet(3, 2, 2, classes=3), {"width": 2, "conditional": True},
                                  [3, 16, 16], classes=3),
    "unet_8_discriminator": case("unet", "discriminator", Unet(1, 1, 2), {"width": 2}, [1, 8, 8]),
    "mlp_virtual_generator": case("mlp", "generator", VirtualMlp(5, [2], 6, 2, 4),
                                  {"width": 6, "depth": 2, "virtual_batch_norm": True}, [2], batch=4),
    "dcgan_virtual_generator": case("dcgan", "generator", VirtualDcgan(5, 1, 2, 2, 4),
                                    {"width": 2, "virtual_batch_norm": True}, [1, 16, 16], batch=4),
    "mlp_discrimination": case("mlp", "discriminator", MinibatchMlp([2], 6, 2, 3, 2),
                               {"width": 6, "depth": 2, "minibatch": "discrimination", "minibatch_kernels": 3,
                                "minibatch_size": 2}, [2]),
    "mlp_stddev": case("mlp", "discriminator", MinibatchMlp([2], 6, 2, 0, 0),
                       {"width": 6, "depth": 2, "minibatch": "stddev"}, [2]),
    "dcgan_stddev": case("dcgan", "discriminator", MinibatchDcgan(1, 1, 3), {"width": 3, "minibatch": "stddev"},
                         [1, 8, 8]),
    "sngan_discrimination": case(
        "sngan", "discriminator", MinibatchResidual(1, [(3, True), (3, False), (3, False)], 4, 2),
        {"width": 3, "minibatch": "discrimination", "minibatch_kernels": 4, "minibatch_size": 2}, [1, 8, 8]),
    "improved_mlp_generator": case("improved_gan", "generator", ImprovedMlpGenerator(5, [1, 3, 4], 6), {"width": 6},
                                   [1, 3, 4]),
    "improved_mlp_discriminator": case("improved_gan", "discriminator", ImprovedMlp([1, 3, 4], [8, 4, 2, 2, 2], 3),
                                       {"width": 8, "input_noise": 0, "noise": 0}, [1, 3, 4], classes=3),
    "improved_conv_generator": case("improved_gan", "generator", ImprovedConvGenerator(5, 3, 2, 4),
                                    {"form": "conv", "width": 4}, [3, 16, 16]),
    "improved_conv_8_discriminator": case(
        "improved_gan", "discriminator", ImprovedConv(1, 3, 3, 1),
        {"form": "conv", "width": 3, "input_dropout": 0, "dropout": 0}, [1, 8, 8], classes=3),
    "improved_conv_16_discriminator": case(
        "improved_gan", "discriminator", ImprovedConv(3, 3, 4, 0),
        {"form": "conv", "width": 3, "input_dropout": 0, "dropout": 0}, [3, 16, 16], classes=4),
}


def randomise(network):
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if name.endswith("running_var"):
                tensor.uniform_(0.7, 1.3)
            elif name.endswith(("gain.weight", "bias.weight", "gamma")):
                tensor.normal_(0, 0.1)
            elif tensor.dim() > 1:
                tensor.normal_(0, (1 / tensor[0].numel()) ** 0.5)
            else:
                tensor.normal_(1 if "norm" in name and name.endswith("weight") else 0, 0.3)


def main():
    # The counts that StudioGAN logs (DCGAN) and that follow from the paper's tables (SNGAN), z 128, 3 x 32 x 32.
    assert count(DcganGenerator(128, 3, 3, 64)) == 3812355
    assert count(DcganDiscriminator(3, 3, 64)) == 2931009
    assert count(SnganGenerator(128, 3, 4, 3, 256)) == 4276739
    assert count(SnganDiscriminator(3, 2, 128)) == 1053825
    assert count(ResidualGenerator(128, 3, 4, [256] * 4, classes=10)) == 4304387
    assert count(ResidualGenerator(80, 3, 4, [384] * 4, classes=10, shared=128, skip_z=True, attention=1)) == 9416196
    assert count(DeepGenerator(128, 3, 4, [512] * 4, 10, 128, attention_level=1)) == 7762948
    assert count(DeepDiscriminator(3, [512] * 4, 10, attention_level=0)) == 2908930
    torch.manual_seed(20)
    torch.set_num_threads(1)
    tensors = {}
    for name, c in CASES.items():
        network = c.pop("network")
        randomise(network)
        record(tensors, name, c, network)
    here = pathlib.Path(__file__).resolve()
    save_safetensors(here.with_suffix(".safetensors"), tensors,
                     {"torch": torch.__version__.split("+")[0], "cases": json.dumps(CASES)})


if __name__ == "__main__":
    main()
