"""What a reference of networks has in its file, and the file itself."""

import json
import struct

import torch


def named(network, buffers):
    source = network.named_buffers() if buffers else network.named_parameters()
    return {n: t.detach().clone() for n, t in source if not n.endswith("num_batches_tracked")}


def save_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name in sorted(tensors):
        t = tensors[name]
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [offset, offset + 4 * t.numel()]}
        offset += 4 * t.numel()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            out.write(tensors[name].detach().contiguous().numpy().astype("<f4").tobytes())


def count(network):
    return sum(p.numel() for p in network.parameters())


def record(tensors, name, case, network, n=3, shape=None):
    """Adds to the tensors what a test asks of a case: weights, n inputs (of that shape, where the role's own is not
    meant), outputs in evaluation and in training, buffers after that, and the gradients of the outputs' summed squares.
    All in the network's precision."""
    facts = case["facts"]
    tensors |= {f"{name}/weight/{w}": t for w, t in named(network, False).items()}
    tensors |= {f"{name}/buffer/{b}": t for b, t in named(network, True).items()}
    shape = shape or ([facts["latent_size"]] if case["role"] == "generator" else facts["sample_shape"])
    inputs = [torch.randn(n, *shape).to(next(network.parameters()).dtype)]
    tensors[f"{name}/input"] = inputs[0].clone()
    if facts["classes"]:
        inputs.append(torch.randint(facts["classes"], (n,)))
        tensors[f"{name}/label"] = inputs[1].float()
    network.eval()
    tensors |= {f"{name}/eval/{o}": t for o, t in network(*inputs).items()}
    network.train()
    inputs[0].requires_grad_()
    outputs = network(*inputs)
    tensors |= {f"{name}/{o}": t for o, t in outputs.items()}
    tensors |= {f"{name}/after/{b}": t for b, t in named(network, True).items()}
    names, parameters = zip(*network.named_parameters())
    found = torch.autograd.grad(sum(t.square().sum() for t in outputs.values()), [inputs[0], *parameters])
    tensors[f"{name}/gradient"] = found[0]
    tensors |= {f"{name}/gradient_of/{w}": t for w, t in zip(names, found[1:])}
